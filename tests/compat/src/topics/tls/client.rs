//! The exporters' `tls` keys, before a server that takes clients with a certificate and without.

use anyhow::Result;

use super::{Authority, quoted};
use crate::{
    configs, front,
    observation::Case,
    side::{Binaries, Setup},
    trial::{self, Trial},
};

pub(super) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let (right, other) = (Authority::new("right")?, Authority::new("other")?);
    let fronts = vec![front::Kind::Tls(right.server()?)];
    let mut files = right.files();
    files.push(("other-ca.pem".to_owned(), other.authority_pem.clone()));
    files.push(("other-key.pem".to_owned(), other.key_pem.clone()));
    files.push(("no-pem.pem".to_owned(), "no certificate".to_owned()));
    let pems = [
        ("{CA}", quoted(&right.authority_pem)),
        ("{CERT}", quoted(&right.certificate_pem)),
        ("{KEY}", quoted(&right.key_pem)),
    ];
    let trials = [("http", HTTP), ("grpc", GRPC)].into_iter().flat_map(|(protocol, exporter)| {
        let trial = |(name, host, keys): &(&str, &str, &str)| {
            let keys = pems.iter().fold((*keys).to_owned(), |keys, (mark, pem)| keys.replace(mark, pem));
            let exporter = exporter.replace("{HOST}", host).replace("{KEYS}", &keys);
            let setup = Setup {
                files: files.clone(),
                fronts: fronts.clone(),
                ..Setup::of(&[configs::relay_with("", "", &exporter)])
            };
            Trial { name: format!("client-{protocol}-{name}"), setup }
        };
        ROWS.iter().map(trial).collect::<Vec<_>>()
    });
    trial::run(binaries, trials.collect(), &["content-type"]).await
}

const HTTP: &str = "otlp_http:
    endpoint: \"https://{HOST}:${env:TLS_PORT}\"
    timeout: 2s
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
    tls: {KEYS}";

const GRPC: &str = "otlp_grpc:
    endpoint: \"{HOST}:${env:TLS_PORT}\"
    timeout: 2s
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}
    tls: {KEYS}";

/// The name, the host, and the keys.
const ROWS: &[(&str, &str, &str)] = &[
    ("ca-file", "localhost", "{ca_file: ca.pem}"),
    ("ca-file-by-address", "127.0.0.1", "{ca_file: ca.pem}"),
    ("ca-pem", "localhost", "{ca_pem: {CA}}"),
    ("ca-both", "localhost", "{ca_file: ca.pem, ca_pem: {CA}}"),
    ("ca-none", "localhost", "{}"),
    ("null", "localhost", ""),
    ("ca-other", "localhost", "{ca_file: other-ca.pem}"),
    ("ca-missing", "localhost", "{ca_file: nowhere.pem}"),
    ("ca-no-pem", "localhost", "{ca_file: no-pem.pem}"),
    ("ca-pem-bad", "localhost", "{ca_pem: x}"),
    ("ca-and-system", "localhost", "{ca_file: ca.pem, include_system_ca_certs_pool: true}"),
    ("skip-verify", "localhost", "{insecure_skip_verify: true}"),
    ("skip-verify-name", "127.0.0.1", "{insecure_skip_verify: true, server_name_override: other.example}"),
    ("insecure", "localhost", "{insecure: true}"),
    ("insecure-skip-verify", "localhost", "{insecure: true, insecure_skip_verify: true}"),
    ("insecure-name", "127.0.0.1", "{insecure: true, server_name_override: collector.test}"),
    (
        "insecure-certificate-missing",
        "localhost",
        "{insecure: true, cert_file: nowhere.pem, key_file: key.pem}",
    ),
    ("insecure-ca", "localhost", "{insecure: true, ca_file: ca.pem}"),
    ("name-override", "127.0.0.1", "{ca_file: ca.pem, server_name_override: collector.test}"),
    ("name-override-wrong", "localhost", "{ca_file: ca.pem, server_name_override: other.example}"),
    ("name-override-port", "localhost", "{ca_file: ca.pem, server_name_override: \"localhost:1\"}"),
    ("certificate", "localhost", "{ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem}"),
    ("certificate-pem", "localhost", "{ca_file: ca.pem, cert_pem: {CERT}, key_pem: {KEY}}"),
    ("certificate-mixed", "localhost", "{ca_file: ca.pem, cert_file: cert.pem, key_pem: {KEY}}"),
    (
        "certificate-both",
        "localhost",
        "{ca_file: ca.pem, cert_file: cert.pem, cert_pem: {CERT}, key_file: key.pem}",
    ),
    ("certificate-no-key", "localhost", "{ca_file: ca.pem, cert_file: cert.pem}"),
    ("key-no-certificate", "localhost", "{ca_file: ca.pem, key_file: key.pem}"),
    ("key-of-another", "localhost", "{ca_file: ca.pem, cert_file: cert.pem, key_file: other-key.pem}"),
    ("key-missing", "localhost", "{ca_file: ca.pem, cert_file: cert.pem, key_file: nowhere.pem}"),
    ("min-1.3", "localhost", "{ca_file: ca.pem, min_version: \"1.3\"}"),
    ("min-1.0", "localhost", "{ca_file: ca.pem, min_version: \"1.0\"}"),
    ("min-number", "localhost", "{ca_file: ca.pem, min_version: 1.3}"),
    ("min-bad", "localhost", "{ca_file: ca.pem, min_version: \"1.4\"}"),
    ("max-1.2", "localhost", "{ca_file: ca.pem, max_version: \"1.2\"}"),
    ("max-1.1", "localhost", "{ca_file: ca.pem, max_version: \"1.1\"}"),
    ("max-empty", "localhost", "{ca_file: ca.pem, max_version: \"\"}"),
    ("max-1.1-min-1.2", "localhost", "{ca_file: ca.pem, min_version: \"1.2\", max_version: \"1.1\"}"),
    ("max-below-min", "localhost", "{ca_file: ca.pem, min_version: \"1.3\", max_version: \"1.2\"}"),
    (
        "cipher-suites",
        "localhost",
        "{ca_file: ca.pem, max_version: \"1.2\", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "cipher-suites-rsa",
        "localhost",
        "{ca_file: ca.pem, max_version: \"1.2\", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    ("cipher-suites-1.3", "localhost", "{ca_file: ca.pem, cipher_suites: [TLS_AES_128_GCM_SHA256]}"),
    ("cipher-suites-unknown", "localhost", "{ca_file: ca.pem, cipher_suites: [NOBODY]}"),
    (
        "cipher-suites-insecure",
        "localhost",
        "{ca_file: ca.pem, cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "cipher-suites-insecure-included",
        "localhost",
        "{ca_file: ca.pem, include_insecure_cipher_suites: true, cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "cipher-suites-insecure-alone",
        "localhost",
        "{ca_file: ca.pem, max_version: \"1.2\", include_insecure_cipher_suites: true, cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    ("cipher-suites-lower-case", "localhost", "{ca_file: ca.pem, cipher_suites: [tls_aes_128_gcm_sha256]}"),
    ("cipher-suites-of-insecure", "localhost", "{insecure: true, cipher_suites: [NOBODY]}"),
    ("cipher-suites-empty", "localhost", "{ca_file: ca.pem, cipher_suites: []}"),
    ("curves", "localhost", "{ca_file: ca.pem, curve_preferences: [P256]}"),
    ("curves-two", "localhost", "{ca_file: ca.pem, curve_preferences: [X25519MLKEM768, P384]}"),
    ("curves-text", "localhost", "{ca_file: ca.pem, curve_preferences: \"P384,P256\"}"),
    ("curves-p521", "localhost", "{ca_file: ca.pem, curve_preferences: [P521]}"),
    ("curves-unknown", "localhost", "{ca_file: ca.pem, curve_preferences: [NOBODY]}"),
    ("reload", "localhost", "{ca_file: ca.pem, reload_interval: 1s}"),
    ("reload-number", "localhost", "{ca_file: ca.pem, reload_interval: 5}"),
    ("unknown-key", "localhost", "{ca_fil: ca.pem}"),
];

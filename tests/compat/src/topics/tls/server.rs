//! The receiver's `tls` keys, before clients with other certificates and versions.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, join, stream};
use rustls::{
    ClientConfig, SupportedProtocolVersion,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Authority, provider, quoted};
use crate::{
    configs,
    http1::{self, Request},
    observation::{Case, Observation},
    payload::{self, SPAN},
    side::{Binaries, Kind, Setup, Side},
    trial,
};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the files of a certificate are old at most, if `reload_interval` is 1s.
const RELOAD: Duration = Duration::from_millis(1700);
const AT_ONCE: usize = 4;

/// What a client of HTTP/2 begins with: a fixed text, and settings that change nothing.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(super) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let parties = Parties { right: Authority::new("right")?, other: Authority::new("other")? };
    let cases = stream::iter(ROWS).map(|(name, keys)| compared(binaries, &parties, name, keys));
    cases.buffered(AT_ONCE).try_collect().await
}

struct Parties {
    right: Authority,
    other: Authority,
}

async fn compared(binaries: &Binaries, parties: &Parties, name: &str, keys: &str) -> Result<Case> {
    let (collector, spanloom) = join!(
        tried(Kind::Collector, binaries, parties, name, keys),
        tried(Kind::Spanloom, binaries, parties, name, keys)
    );
    Ok(Case { name: format!("server-{name}"), collector: collector?, spanloom: spanloom? })
}

/// Starts a side, and has each client speak to it.
async fn tried(
    kind: Kind,
    binaries: &Binaries,
    parties: &Parties,
    name: &str,
    keys: &str,
) -> Result<Observation> {
    let Parties { right, other } = parties;
    let keys = keys
        .replace("{CA}", &quoted(&right.authority_pem))
        .replace("{CERT}", &quoted(&right.certificate_pem))
        .replace("{KEY}", &quoted(&right.key_pem));
    let tls = format!(", tls: {keys}");
    let mut files = right.files();
    files.push(("other-key.pem".to_owned(), other.key_pem.clone()));
    files.push(("no-pem.pem".to_owned(), "no certificate".to_owned()));
    let setup = Setup { files, ..Setup::of(&[configs::relay_with(&tls, &tls, configs::DIRECT)]) };
    let mut side = match trial::started(kind, binaries, &setup).await? {
        Ok(side) => side,
        Err(seen) => return Ok(seen),
    };
    if name.starts_with("reload") {
        for (file, pem) in [("cert.pem", &other.certificate_pem), ("key.pem", &other.key_pem)] {
            std::fs::write(side.folder.path().join(file), pem)?;
        }
        sleep(RELOAD).await;
    }
    let mut seen = Observation::default().with("start", "starts");
    let request = Request::post("/v1/traces", "application/json", payload::span(SPAN)).bytes();
    seen = seen.with("without TLS", trial::status(http1::exchange(side.at.http, &request, false).await));
    for client in clients(parties)? {
        seen = seen.with(&format!("{} to http", client.name), client.posts(&side, &request).await);
        seen = seen.with(&format!("{} to grpc", client.name), client.calls(side.at.grpc).await);
    }
    side.stop().await;
    Ok(seen)
}

struct Client {
    name: &'static str,
    config: Arc<ClientConfig>,
}

fn clients(Parties { right, other }: &Parties) -> Result<Vec<Client>> {
    let both: &[&'static SupportedProtocolVersion] = &[&TLS13, &TLS12];
    let rows: [(_, &Authority, Option<&Authority>, &[&'static SupportedProtocolVersion]); 6] = [
        ("a client", right, None, both),
        ("a client with TLS 1.2", right, None, &[&TLS12]),
        ("a client with TLS 1.3", right, None, &[&TLS13]),
        ("a client with a certificate", right, Some(right), both),
        ("a client with a certificate of another", right, Some(other), both),
        ("a client that trusts another", other, None, both),
    ];
    let client = |(name, trusts, shows, versions): (_, &Authority, Option<&Authority>, _)| -> Result<Client> {
        let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
        let builder = builder.with_root_certificates(trusts.roots()?);
        let mut config = match shows {
            Some(shows) => builder.with_client_auth_cert(shows.chain(), shows.private_key())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Client { name, config: Arc::new(config) })
    };
    rows.into_iter().map(client).collect()
}

impl Client {
    /// Returns what was agreed on, and the status of a request over HTTP/1.1.
    async fn posts(&self, side: &Side, request: &[u8]) -> String {
        let agreed = match self.connect(side.at.http).await {
            Ok(stream) => agreed(&stream),
            Err(_) => return "no handshake".to_owned(),
        };
        // A server that wants a certificate says so after the handshake of TLS 1.3.
        let mut plain = ClientConfig::clone(&self.config);
        plain.alpn_protocols = vec![b"http/1.1".to_vec()];
        let plain = Client { name: self.name, config: Arc::new(plain) };
        let answer = match plain.connect(side.at.http).await {
            Ok(stream) => http1::exchange_on(stream, request, false).await,
            Err(error) => Err(error),
        };
        format!("{agreed}, {}", answer.map_or_else(|_| "no answer".to_owned(), |a| a.status.to_string()))
    }

    /// Returns what was agreed on, and whether the server goes on with HTTP/2.
    async fn calls(&self, to: SocketAddr) -> String {
        let Ok(mut stream) = self.connect(to).await else { return "no handshake".to_owned() };
        let agreed = agreed(&stream);
        let _ = stream.write_all(PREFACE).await;
        let first = timeout(HANDSHAKE_TIMEOUT, stream.read_u8()).await;
        format!("{agreed}, {}", if matches!(first, Ok(Ok(_))) { "goes on" } else { "no answer" })
    }

    async fn connect(&self, to: SocketAddr) -> Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(to).await?;
        let connector = TlsConnector::from(self.config.clone());
        let name = ServerName::try_from("localhost")?;
        let handshake = timeout(HANDSHAKE_TIMEOUT, connector.connect(name, stream)).await;
        Ok(handshake.context("no handshake in time")??)
    }
}

fn agreed(stream: &TlsStream<TcpStream>) -> String {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
    let alpn = session.alpn_protocol().unwrap_or(b"nothing").escape_ascii();
    format!("{version}, {alpn} by ALPN")
}

const ROWS: &[(&str, &str)] = &[
    ("files", "{cert_file: cert.pem, key_file: key.pem}"),
    ("pems", "{cert_pem: {CERT}, key_pem: {KEY}}"),
    ("mixed", "{cert_file: cert.pem, key_pem: {KEY}}"),
    ("both", "{cert_file: cert.pem, cert_pem: {CERT}, key_file: key.pem}"),
    ("client-ca", "{cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem}"),
    (
        "client-ca-reload",
        "{cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem, client_ca_file_reload: true}",
    ),
    ("client-ca-missing", "{cert_file: cert.pem, key_file: key.pem, client_ca_file: nowhere.pem}"),
    ("client-ca-no-pem", "{cert_file: cert.pem, key_file: key.pem, client_ca_file: no-pem.pem}"),
    ("ca-file", "{cert_file: cert.pem, key_file: key.pem, ca_file: ca.pem}"),
    ("ca-pem", "{cert_file: cert.pem, key_file: key.pem, ca_pem: {CA}}"),
    ("min-1.3", "{cert_file: cert.pem, key_file: key.pem, min_version: \"1.3\"}"),
    ("min-1.2", "{cert_file: cert.pem, key_file: key.pem, min_version: \"1.2\"}"),
    ("min-1.0", "{cert_file: cert.pem, key_file: key.pem, min_version: \"1.0\"}"),
    ("min-bad", "{cert_file: cert.pem, key_file: key.pem, min_version: \"2\"}"),
    ("max-1.2", "{cert_file: cert.pem, key_file: key.pem, max_version: \"1.2\"}"),
    ("max-1.1", "{cert_file: cert.pem, key_file: key.pem, max_version: \"1.1\"}"),
    (
        "max-1.1-min-1.0",
        "{cert_file: cert.pem, key_file: key.pem, min_version: \"1.0\", max_version: \"1.1\"}",
    ),
    ("max-below-min", "{cert_file: cert.pem, key_file: key.pem, min_version: \"1.3\", max_version: \"1.2\"}"),
    (
        "cipher-suites",
        "{cert_file: cert.pem, key_file: key.pem, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]}",
    ),
    (
        "cipher-suites-cbc",
        "{cert_file: cert.pem, key_file: key.pem, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]}",
    ),
    (
        "cipher-suites-rsa",
        "{cert_file: cert.pem, key_file: key.pem, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]}",
    ),
    (
        "cipher-suites-chacha",
        "{cert_file: cert.pem, key_file: key.pem, cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]}",
    ),
    ("cipher-suites-unknown", "{cert_file: cert.pem, key_file: key.pem, cipher_suites: [NOBODY]}"),
    ("curves", "{cert_file: cert.pem, key_file: key.pem, curve_preferences: [P256]}"),
    ("curves-p521", "{cert_file: cert.pem, key_file: key.pem, curve_preferences: [P521]}"),
    ("curves-unknown", "{cert_file: cert.pem, key_file: key.pem, curve_preferences: [NOBODY]}"),
    ("reload", "{cert_file: cert.pem, key_file: key.pem, reload_interval: 1s}"),
    ("reload-off", "{cert_file: cert.pem, key_file: key.pem}"),
    ("system-pool", "{cert_file: cert.pem, key_file: key.pem, include_system_ca_certs_pool: true}"),
    ("no-key", "{cert_file: cert.pem}"),
    ("no-certificate", "{key_file: key.pem}"),
    ("empty", "{}"),
    ("null", ""),
    ("key-of-another", "{cert_file: cert.pem, key_file: other-key.pem}"),
    ("file-missing", "{cert_file: nowhere.pem, key_file: key.pem}"),
    ("file-no-pem", "{cert_file: no-pem.pem, key_file: key.pem}"),
    ("insecure", "{cert_file: cert.pem, key_file: key.pem, insecure: true}"),
    ("unknown-key", "{cert_fil: cert.pem}"),
];

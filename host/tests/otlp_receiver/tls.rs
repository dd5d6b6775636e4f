//! TLS and mTLS of the receiver.

use std::{path::Path, time::Duration};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value as Json, json};
use spanloom::tls::server::{ServerTls, ServerTlsConfig};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use crate::support::{Subject, traces};

/// A certificate authority, and a folder with the certificate that it signed for `localhost`.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Authority { issuer, folder: tempfile::tempdir().unwrap() };
        authority.write("ca.pem", &authority.issuer.pem());
        authority.renew();
        authority
    }

    fn sign(&self) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer: &Issuer<'_, _> = &self.issuer;
        let certificate = params.signed_by(&key, issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }

    fn renew(&self) {
        let Signed { certificate, key } = self.sign();
        self.write("cert.pem", &certificate);
        self.write("key.pem", &key);
    }

    fn write(&self, name: &str, pem: &str) {
        std::fs::write(self.path(name), pem).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, more: Json) -> Json {
        let mut config = json!({ "cert_file": self.path("cert.pem"), "key_file": self.path("key.pem") });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    }

    async fn serve(&self, more: Json) -> Subject {
        let tls = json!({ "tls": self.config(more) });
        Subject::start(json!({ "protocols": { "grpc": tls, "http": tls } })).await
    }

    async fn grpc(&self, subject: &Subject, identity: Option<Signed>) -> anyhow::Result<()> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.issuer.pem()));
        if let Some(Signed { certificate, key }) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let url = format!("https://localhost:{}", subject.grpc.unwrap().port());
        let channel = Channel::from_shared(url)?.tls_config(tls)?.connect().await?;
        TraceServiceClient::new(channel).export(traces()).await?;
        Ok(())
    }

    async fn http(&self, subject: &Subject, identity: Option<Signed>) -> reqwest::Result<reqwest::Response> {
        let root = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes())?;
        let mut client = reqwest::Client::builder().tls_certs_only([root]);
        if let Some(Signed { certificate, key }) = identity {
            client = client.identity(reqwest::Identity::from_pem(format!("{key}{certificate}").as_bytes())?);
        }
        let url = format!("https://localhost:{}/v1/traces", subject.http.unwrap().port());
        let request = client.build()?.post(url).header("content-type", "application/x-protobuf");
        request.body(traces().encode_to_vec()).send().await
    }
}

/// Scenario: clients connect over TLS to both ports.
/// Guarantees: both are served, and HTTP negotiates HTTP/2 by ALPN.
#[tokio::test]
async fn both_protocols_are_served_over_tls() {
    let authority = Authority::new();
    let subject = authority.serve(json!({})).await;
    authority.grpc(&subject, None).await.unwrap();
    let response = authority.http(&subject, None).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), reqwest::Version::HTTP_2, "by ALPN");
    assert_eq!(subject.pipeline.received().len(), 2);
}

/// Scenario: the receiver demands clients' certificates of one authority.
/// Guarantees: clients without a certificate, or with one of another authority, are refused.
#[tokio::test]
async fn a_client_must_show_a_certificate_of_the_right_authority() {
    let authority = Authority::new();
    let subject = authority.serve(json!({ "client_ca_file": authority.path("ca.pem") })).await;
    authority.grpc(&subject, Some(authority.sign())).await.unwrap();
    assert_eq!(authority.http(&subject, Some(authority.sign())).await.unwrap().status(), 200);
    assert!(authority.grpc(&subject, None).await.is_err());
    assert!(authority.http(&subject, None).await.is_err());
    assert!(authority.http(&subject, Some(Authority::new().sign())).await.is_err());
    assert_eq!(subject.pipeline.received().len(), 2);
}

/// Scenario: the certificate's files change, first to a broken one and then to a new one.
/// Guarantees: the broken file changes nothing; new connections get the new certificate.
#[tokio::test]
async fn a_renewed_certificate_is_used() {
    let authority = Authority::new();
    let subject = authority.serve(json!({ "reload_interval": "1s" })).await;
    let other = Authority::new();
    assert!(other.http(&subject, None).await.is_err());
    let Signed { certificate, key } = other.sign();
    authority.write("cert.pem", "half a certif");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(authority.http(&subject, None).await.unwrap().status(), 200, "a broken file changes nothing");
    authority.write("cert.pem", &certificate);
    authority.write("key.pem", &key);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(other.http(&subject, None).await.unwrap().status(), 200);
}

/// Scenario: the minimum version is TLS 1.3, and a client has at most 1.2.
/// Guarantees: this client is refused, and a newer one is served.
#[tokio::test]
async fn versions_below_the_minimum_are_refused() {
    let authority = Authority::new();
    let subject = authority.serve(json!({ "min_version": "1.3" })).await;
    assert_eq!(authority.http(&subject, None).await.unwrap().status(), 200);
    let root = reqwest::Certificate::from_pem(authority.issuer.pem().as_bytes()).unwrap();
    let old =
        reqwest::Client::builder().tls_certs_only([root]).tls_version_max(reqwest::tls::Version::TLS_1_2);
    let url = format!("https://localhost:{}/v1/traces", subject.http.unwrap().port());
    assert!(old.build().unwrap().post(url).send().await.is_err());
}

async fn load(config: Json) -> String {
    let config: ServerTlsConfig = serde_json::from_value(config).unwrap();
    if let Err(refused) = config.validate() {
        return refused.to_string();
    }
    ServerTls::load(config).await.err().map(|error| format!("{error:#}")).unwrap_or_default()
}

/// Scenario: the TLS config has missing files, files of the wrong kind, and contradictory values.
/// Guarantees: each error names the key, and the file if there is one.
#[tokio::test]
async fn what_is_wrong_is_named_with_its_key_and_file() {
    let authority = Authority::new();
    let file = |name: &str| authority.path(name).to_str().unwrap().to_owned();
    let nowhere = Path::new("/nowhere/at/all");
    let pipe = authority.path("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let no_file = |key: &str| format!("tls.{key}: cannot read {}: it is not a file", pipe.display());
    let cases = [
        (json!({ "cert_file": pipe }), no_file("cert_file")),
        (json!({ "key_file": pipe }), no_file("key_file")),
        (json!({ "client_ca_file": pipe }), no_file("client_ca_file")),
        (json!({ "cert_file": nowhere }), "cert_file: cannot read /nowhere/at/all".to_owned()),
        (json!({ "key_file": nowhere }), "key_file: cannot read /nowhere/at/all".to_owned()),
        (json!({ "client_ca_file": nowhere }), "client_ca_file: cannot read /nowhere/at/all".to_owned()),
        (
            json!({ "cert_file": file("key.pem") }),
            format!("cert_file: {}: no certificate in PEM", file("key.pem")),
        ),
        (
            json!({ "key_file": file("cert.pem") }),
            format!("key_file: {}: no private key in PEM", file("cert.pem")),
        ),
        (
            json!({ "min_version": "1.3", "max_version": "1.2" }),
            "min_version: is above max_version".to_owned(),
        ),
        (json!({ "cert_file": null }), "tls.cert_file: give it or cert_pem".to_owned()),
        (json!({ "key_pem": "x" }), "tls.key_file: give it or key_pem".to_owned()),
    ];
    for (more, expected) in cases {
        let message = load(authority.config(more.clone())).await;
        assert!(message.contains(&expected), "{more}: {message:?}");
    }
    assert_eq!(load(authority.config(json!({}))).await, "");
}

//! TLS of the exporters over both protocols, with a certificate authority made for the test.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use serde_json::{Value, json};
use spanloom::{
    component::{ExportError, Exported, Exporter},
    exporter::otlp_http::OtlpHttpFactory,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    data::{build, grpc, http, span_batch},
    grpc_destination::{Destination, Service},
    http_destination::{self, answer},
};

struct Authority(CertifiedIssuer<'static, KeyPair>);

struct Identity {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Identity { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// Makes a server for `localhost`. If `clients` is given, clients need a certificate of that authority.
fn acceptor(authority: &Authority, clients: Option<&Authority>) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(server(&authority.issue("localhost"), clients)))
}

fn server(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![cert], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Has a certificate for clients that ask for this name, and none for others.
#[derive(Debug)]
struct OnlyUnder(&'static str, Arc<CertifiedKey>);

impl ResolvesServerCert for OnlyUnder {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (hello.server_name() == Some(self.0)).then(|| self.1.clone())
    }
}

/// Makes a server's certificate that is its own authority.
fn self_signed(valid_until_year: i32) -> Identity {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(valid_until_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap();
    Identity { cert: cert.pem(), key: key.serialize_pem() }
}

async fn grpc_server(acceptor: TlsAcceptor) -> SocketAddr {
    let (listener, address) = listen().await;
    let incoming = futures::stream::unfold((listener, acceptor), async |(listener, acceptor)| {
        let stream = next(&listener, &acceptor).await;
        Some((Ok(stream), (listener, acceptor)))
    });
    Destination::serve(address, Service::default(), incoming).address
}

async fn http_server(acceptor: TlsAcceptor) -> SocketAddr {
    let (listener, address) = listen().await;
    // HTTP/2 has no `host` header.
    let told = move |headers: HeaderMap| async move {
        let host = headers.get("host").map(|host| host.to_str().unwrap().to_owned());
        let port = format!(":{}", address.port());
        match host.is_none_or(|host| [format!("127.0.0.1{port}"), format!("localhost{port}")].contains(&host))
        {
            true => StatusCode::OK,
            false => StatusCode::MISDIRECTED_REQUEST,
        }
    };
    let to = |location: String| {
        post(move || async move { (StatusCode::TEMPORARY_REDIRECT, [("location", location)]) })
    };
    let router = Router::new()
        .route("/v1/traces", post(told))
        .route("/moved", to("/v1/traces".to_owned()))
        .route("/to-localhost", to(format!("https://localhost:{}/v1/traces", address.port())))
        .route("/to-plain", to(format!("http://localhost:{}/v1/traces", address.port())));
    tokio::spawn(async move {
        loop {
            let stream = TokioIo::new(next(&listener, &acceptor).await);
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(stream, service).await;
            });
        }
    });
    address
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Returns the next client that passes the handshake.
async fn next(listener: &TcpListener, acceptor: &TlsAcceptor) -> TlsStream<TcpStream> {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        if let Ok(stream) = acceptor.accept(socket).await {
            return stream;
        }
    }
}

/// Makes both exporters, each with a server of its own, which it calls by the name `host`.
async fn exporters(acceptor: TlsAcceptor, host: &str, tls: Value) -> [Arc<dyn Exporter>; 2] {
    let grpc_port = grpc_server(acceptor.clone()).await.port();
    let http_port = http_server(acceptor).await.port();
    [
        grpc(json!({"endpoint": format!("{host}:{grpc_port}"), "tls": tls})),
        http(json!({"endpoint": format!("https://{host}:{http_port}"), "tls": tls})),
    ]
}

async fn succeeds(acceptor: TlsAcceptor, host: &str, tls: Value) {
    for exporter in exporters(acceptor, host, tls.clone()).await {
        assert_eq!(exporter.export(&span_batch(1)).await, Ok(Exported::default()), "{tls}");
    }
}

async fn fails(acceptor: TlsAcceptor, host: &str, tls: Value) {
    for exporter in exporters(acceptor, host, tls).await {
        let error = exporter.export(&span_batch(1)).await.unwrap_err();
        assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
    }
}

/// Scenario: the server's certificate is of an authority that the client trusts, or does not trust.
/// Guarantees: only the trusted one is accepted, unless `insecure_skip_verify` is set.
#[tokio::test]
async fn the_servers_certificate_must_be_of_an_authority_that_is_trusted() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority, None);
    succeeds(acceptor.clone(), "localhost", json!({"ca_pem": authority.pem()})).await;
    fails(acceptor.clone(), "localhost", json!({"ca_pem": Authority::new().pem()})).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    succeeds(acceptor.clone(), "localhost", json!({"ca_file": file, "min_version": "1.3"})).await;
    succeeds(acceptor, "localhost", json!({"insecure_skip_verify": true})).await;
}

/// Scenario: a client without an authority has `insecure`, and other keys that would let it trust the server.
/// Guarantees: the other keys have no effect, as in the Collector: an `https` server is not trusted.
#[tokio::test]
async fn beside_insecure_no_other_key_has_an_effect() {
    let port = http_server(acceptor(&Authority::new(), None)).await.port();
    let tls = json!({"insecure": true, "insecure_skip_verify": true, "cipher_suites": ["NOBODY"]});
    let config = json!({"endpoint": format!("https://localhost:{port}"), "tls": tls});
    match build(&OtlpHttpFactory, config) {
        Ok(built) => assert!(built.exporter.export(&span_batch(1)).await.is_err()),
        // The machine that runs this test may trust nobody.
        Err(error) => assert!(error.to_string().contains("no certificate authorities"), "{error}"),
    }
}

/// Scenario: a client allows suites and curves that the server does not have in common with it, or has.
/// Guarantees: they reach each other only if both have one.
#[tokio::test]
async fn only_the_suites_and_curves_of_the_config_are_offered() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority, None);
    let with = |more: Value| {
        let mut tls = json!({"ca_pem": authority.pem(), "max_version": "1.2"});
        tls.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        tls
    };
    let suites =
        |of: &str| with(json!({"cipher_suites": [format!("TLS_ECDHE_{of}_WITH_AES_128_GCM_SHA256")]}));
    succeeds(acceptor.clone(), "localhost", suites("ECDSA")).await;
    fails(acceptor.clone(), "localhost", suites("RSA")).await;
    succeeds(acceptor, "localhost", with(json!({"curve_preferences": ["P384"]}))).await;
}

/// Scenario: the server's certificate has the name that the client asks for, or another name.
/// Guarantees: only the name asked for is accepted, which `server_name_override` can replace.
#[tokio::test]
async fn the_servers_certificate_must_have_the_name_asked_for() {
    let authority = Authority::new();
    let acceptor = acceptor(&authority, None);
    fails(acceptor.clone(), "127.0.0.1", json!({"ca_pem": authority.pem()})).await;
    let renamed = json!({"ca_pem": authority.pem(), "server_name_override": "localhost"});
    succeeds(acceptor.clone(), "127.0.0.1", renamed).await;
    let renamed = json!({"ca_pem": authority.pem(), "server_name_override": "example.com"});
    fails(acceptor, "localhost", renamed).await;
}

/// Scenario: a server has its certificate only for clients that ask for the overridden name.
/// Guarantees: the client asks for that name, and sends the endpoint's host in the request.
#[tokio::test]
async fn the_name_that_is_checked_is_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let Identity { cert, key } = authority.issue("inner.test");
    let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = CertifiedKey::from_der(vec![cert], key, &ring::default_provider()).unwrap();
    let mut config = server(&authority.issue("localhost"), None);
    config.cert_resolver = Arc::new(OnlyUnder("inner.test", Arc::new(key)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let tls = json!({"ca_pem": authority.pem(), "server_name_override": "inner.test"});
    succeeds(acceptor.clone(), "127.0.0.1", tls.clone()).await;
    succeeds(acceptor.clone(), "localhost", tls).await;
    fails(acceptor, "localhost", json!({"ca_pem": authority.pem()})).await;
}

/// Scenario: the certificate is its own authority, as `openssl req -x509` makes it.
/// Guarantees: a client that is given this certificate accepts it, if its name and time are right.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_as_itself() {
    let of = |identity: &Identity| TlsAcceptor::from(Arc::new(server(identity, None)));
    let own = self_signed(2200);
    succeeds(of(&own), "localhost", json!({"ca_pem": own.cert})).await;
    fails(of(&own), "127.0.0.1", json!({"ca_pem": own.cert})).await;
    fails(of(&own), "localhost", json!({"ca_pem": self_signed(2200).cert})).await;
    let expired = self_signed(2001);
    fails(of(&expired), "localhost", json!({"ca_pem": expired.cert})).await;
}

/// Scenario: certificate files change, for clients with a short and a long `reload_interval`.
/// Guarantees: the files are read again after the interval; a file that cannot be read changes nothing.
#[tokio::test]
async fn certificates_are_read_again_when_it_is_time() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |ca: &str, own: &Identity| {
        std::fs::write(path("ca.pem"), ca).unwrap();
        std::fs::write(path("cert.pem"), &own.cert).unwrap();
        std::fs::write(path("key.pem"), &own.key).unwrap();
    };
    write(&Authority::new().pem(), &Authority::new().issue("spanloom"));
    let files = |interval: &str| json!({"ca_file": path("ca.pem"), "cert_file": path("cert.pem"), "key_file": path("key.pem"), "reload_interval": interval});
    let acceptor = acceptor(&authority, Some(&clients));
    let reading = exporters(acceptor.clone(), "localhost", files("1s")).await;
    let staying = exporters(acceptor, "localhost", files("1h")).await;
    for exporter in reading.iter().chain(&staying) {
        exporter.export(&span_batch(1)).await.unwrap_err();
    }
    write(&authority.pem(), &clients.issue("spanloom"));
    for exporter in &reading {
        while exporter.export(&span_batch(1)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // A file that cannot be read, here a pipe without a writer, leaves the certificate that was read before.
    std::fs::remove_file(path("ca.pem")).unwrap();
    mknodat(CWD, path("ca.pem"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    for exporter in &reading {
        assert_eq!(exporter.export(&span_batch(1)).await, Ok(Exported::default()));
    }
    for exporter in &staying {
        exporter.export(&span_batch(1)).await.unwrap_err();
    }
}

/// Scenario: a destination without TLS redirects to one with TLS.
/// Guarantees: the redirect is followed, and the certificate is checked as `tls` says.
#[tokio::test]
async fn a_redirect_to_tls_is_followed_to_a_server_that_is_trusted() {
    let authority = Authority::new();
    let port = http_server(acceptor(&authority, None)).await.port();
    let location = format!("https://localhost:{port}/v1/traces");
    let script = (0..2).map(|_| answer(307, &[("location", &location)], ""));
    let plain = http_destination::Destination::start(script).await;
    let exporter = |authority: &Authority| {
        http(json!({"endpoint": plain.endpoint(), "tls": {"ca_pem": authority.pem()}}))
    };
    assert_eq!(exporter(&authority).export(&span_batch(1)).await, Ok(Exported::default()));
    let error = exporter(&Authority::new()).export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
}

/// Scenario: a destination with TLS redirects to a path of its own, to another name, and to an address without
/// TLS; with and without a name that its certificate must have.
/// Guarantees: no redirect leads out of TLS, or past the name.
#[tokio::test]
async fn no_redirect_leads_past_what_tls_demands() {
    let authority = Authority::new();
    let port = http_server(acceptor(&authority, None)).await.port();
    let by_host = json!({"ca_pem": authority.pem()});
    let by_name = json!({"ca_pem": authority.pem(), "server_name_override": "localhost"});
    for (host, path, tls, expected) in [
        ("localhost", "moved", &by_host, "ok"),
        ("localhost", "to-localhost", &by_host, "ok"),
        ("localhost", "to-plain", &by_host, "not encrypted"),
        ("127.0.0.1", "moved", &by_name, "ok"),
        ("127.0.0.1", "to-localhost", &by_name, "server_name_override"),
    ] {
        let exporter = http(json!({"traces_endpoint": format!("https://{host}:{port}/{path}"), "tls": tls}));
        match exporter.export(&span_batch(1)).await {
            Ok(_) => assert_eq!(expected, "ok", "{path}"),
            Err(ExportError::Permanent { message, .. }) => assert!(message.contains(expected), "{message}"),
            Err(error) => panic!("{path}: {error:?}"),
        }
    }
}

/// Scenario: the server demands a client's certificate.
/// Guarantees: a client with a certificate succeeds, and one without fails.
#[tokio::test]
async fn a_client_shows_its_certificate_when_asked() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let acceptor = acceptor(&authority, Some(&clients));
    let Identity { cert, key } = clients.issue("spanloom");
    let identified = json!({"ca_pem": authority.pem(), "cert_pem": cert, "key_pem": key});
    succeeds(acceptor.clone(), "localhost", identified).await;
    fails(acceptor, "localhost", json!({"ca_pem": authority.pem()})).await;
}

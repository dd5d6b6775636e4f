//! Tests the client against servers on this machine: requests, answers and refusals.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect},
    routing::{any, get},
};
use bytes::Bytes;
use reqwest::dns::{Name, Resolve, Resolving};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::config::Node;

/// Starts a server, and returns its origin.
pub(in crate::plugin) async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// Answers with the request's headers.
async fn echo(headers: HeaderMap) -> String {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()));
    Value::Object(headers.collect()).to_string()
}

async fn mirror() -> String {
    serve(Router::new().fallback(any(echo))).await
}

fn client(grants: Value) -> HttpClient {
    limited(grants, HttpLimits { timeout: Duration::from_secs(5), ..HttpLimits::default() })
}

fn limited(grants: Value, limits: HttpLimits) -> HttpClient {
    let grants: Vec<HttpGrantConfig> = Node::from_json(grants).read().unwrap();
    HttpClient::new("webhook", &grants, limits, &Telemetry::new()).unwrap()
}

fn get_of(url: &str) -> HttpRequest {
    HttpRequest { method: "GET".to_owned(), url: url.to_owned(), ..HttpRequest::default() }
}

fn with_headers(url: &str, headers: &[(&str, &str)]) -> HttpRequest {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HttpRequest { headers, ..get_of(url) }
}

/// Returns the headers that arrived at a mirror.
async fn arrived(client: &HttpClient, request: HttpRequest) -> Value {
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status, StatusCode::OK);
    serde_json::from_slice(&response.body).unwrap()
}

/// Scenario: requests go to a granted origin, to another port, scheme and host.
/// Guarantees: only the granted origin is reached, and the error says how to grant another.
#[tokio::test]
async fn only_granted_origins_are_reached() {
    let (granted, other) = (mirror().await, mirror().await);
    let client = client(json!([granted]));
    assert!(client.send(get_of(&format!("{granted}/any/path?q"))).await.is_ok());
    let error = client.send(get_of(&format!("{other}/secret?key=1"))).await.unwrap_err();
    let said = format!("{other} is not granted; to grant it, write `grants: {{ http: [{other}] }}`");
    assert_eq!(error, HttpError::Denied(said));
    for near in [granted.replace("http:", "https:"), granted.replace("127.0.0.1", "localhost")] {
        assert!(matches!(client.send(get_of(&near)).await, Err(HttpError::Denied(_))), "{near}");
    }
}

/// Scenario: a plugin writes headers that the grant sets and that frame messages.
/// Guarantees: the host's headers win, and the plugin frames no message.
#[tokio::test]
async fn the_hosts_headers_win() {
    let origin = mirror().await;
    let auth = json!([{ "origin": origin, "auth": { "headers": { "X-Key": "hush" } } }]);
    let request = with_headers(
        &origin,
        &[
            ("x-key", "mine"),
            ("authorization", "Bearer mine"),
            ("host", "elsewhere"),
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("connection", "upgrade"),
            ("x-mine", "kept"),
        ],
    );
    let headers = arrived(&client(auth), request).await;
    assert_eq!((&headers["x-key"], &headers["x-mine"]), (&json!("hush"), &json!("kept")));
    assert_eq!(headers["host"], origin.trim_start_matches("http://"));
    for absent in ["authorization", "content-length", "transfer-encoding", "connection", "accept-encoding"] {
        assert_eq!(headers[absent], Value::Null, "{absent}");
    }
}

/// Scenario: a grant has a token in the config or in a file.
/// Guarantees: it replaces the plugin's; without a grant's token, the plugin's is sent.
#[tokio::test]
async fn a_bearer_token_comes_from_the_config_or_a_file() {
    let origin = mirror().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-file\n").unwrap();
    for (auth, expected) in [
        (json!({ "bearer": "hush" }), "Bearer hush"),
        (json!({ "bearer_file": file.path() }), "Bearer from-file"),
    ] {
        let client = client(json!([{ "origin": origin, "auth": auth }]));
        let headers = arrived(&client, with_headers(&origin, &[("Authorization", "mine")])).await;
        assert_eq!(headers["authorization"], expected);
    }
    let own = arrived(&client(json!([origin])), with_headers(&origin, &[("Authorization", "mine")])).await;
    assert_eq!(own["authorization"], "mine");
}

/// Scenario: a server redirects to another granted origin.
/// Guarantees: the plugin gets the redirect, and no credentials go on.
#[tokio::test]
async fn a_redirect_is_an_answer() {
    let elsewhere = mirror().await;
    let to = elsewhere.clone();
    let redirecting = serve(Router::new().route("/", get(async move || Redirect::temporary(&to)))).await;
    let response = client(json!([redirecting, elsewhere])).send(get_of(&redirecting)).await.unwrap();
    assert_eq!(response.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(response.headers[header::LOCATION], elsewhere);
}

/// Scenario: an answer is compressed.
/// Guarantees: the plugin gets its bytes unchanged.
#[tokio::test]
async fn bytes_come_as_they_were_sent() {
    let gzip = async || ([(header::CONTENT_ENCODING, "gzip")], "not unpacked").into_response();
    let origin = serve(Router::new().route("/", get(gzip))).await;
    let response = client(json!([origin])).send(get_of(&origin)).await.unwrap();
    assert_eq!(response.body, "not unpacked");
}

/// Scenario: answers above the limit announce their length, or do not.
/// Guarantees: both are refused, and an answer at the limit is not.
#[tokio::test]
async fn an_answer_above_the_limit_is_refused() {
    let endless = async || {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[0; 64]));
        Body::from_stream(futures::stream::repeat_with(chunk))
    };
    let routes = Router::new()
        .route("/announced", get(async || vec![0; 1001]))
        .route("/endless", get(endless))
        .route("/fits", get(async || vec![0; 1000]));
    let origin = serve(routes).await;
    let client = limited(json!([origin]), HttpLimits { max_response_bytes: 1000, ..HttpLimits::default() });
    for path in ["announced", "endless"] {
        let error = client.send(get_of(&format!("{origin}/{path}"))).await.unwrap_err();
        assert_eq!(error, HttpError::TooLarge, "{path}");
    }
    assert_eq!(client.send(get_of(&format!("{origin}/fits"))).await.unwrap().body.len(), 1000);
}

/// Scenario: one request waits for an answer, and another for a free slot.
/// Guarantees: both end at their own time limit, the second while it waits.
#[tokio::test]
async fn time_is_limited() {
    let silent = async || futures::future::pending::<()>().await;
    let origin = serve(Router::new().route("/silent", get(silent)).route("/", get(async || ()))).await;
    let grants = json!([{ "origin": origin, "timeout": "300ms" }]);
    let client = limited(grants, HttpLimits { concurrent: 1, ..HttpLimits::default() });
    let patient =
        HttpRequest { timeout: Some(Duration::from_secs(60)), ..get_of(&format!("{origin}/silent")) };
    let hasty = HttpRequest { timeout: Some(Duration::from_millis(20)), ..get_of(&origin) };
    let (patient, hasty) = tokio::join!(client.send(patient), client.send(hasty));
    assert_eq!((patient.unwrap_err(), hasty.unwrap_err()), (HttpError::Timeout, HttpError::Timeout));
    assert!(client.send(get_of(&origin)).await.is_ok());
}

/// Scenario: requests have wrong methods, URLs, headers or sizes.
/// Guarantees: each is refused before it is sent, and no password is shown.
#[tokio::test]
async fn a_wrong_request_is_refused_before_it_leaves() {
    let origin = mirror().await;
    let client = limited(json!([origin]), HttpLimits { max_request_bytes: 10, ..HttpLimits::default() });
    let request = |change: fn(&mut HttpRequest)| {
        let mut request = get_of(&origin);
        change(&mut request);
        request
    };
    let many = vec![("x".to_owned(), "y".to_owned()); 257];
    for (request, said) in [
        (get_of(&origin.replace("127", "me:pw@127")), "a user or a password"),
        (get_of("nowhere"), "URL is wrong"),
        (get_of("ftp://a"), "http://"),
        (get_of("data:,x"), "http://"),
        (request(|request| request.method = "TRACE".to_owned()), "TRACE"),
        (request(|request| request.method = "connect".to_owned()), "connect"),
        (request(|request| request.method = "A B".to_owned()), "method"),
        (request(|request| request.method.clear()), "method"),
        (request(|request| request.body = Bytes::from_static(&[0; 11])), "10 bytes"),
        (request(|request| request.url.push_str(&"x".repeat(300_000))), "head"),
        (HttpRequest { headers: many, ..get_of(&origin) }, "256 headers"),
        (with_headers(&origin, &[("a b", "c")]), "name of a header"),
        (with_headers(&origin, &[("a", "b\r\nc: d")]), "the header a"),
    ] {
        let error = client.send(request).await.unwrap_err();
        assert!(matches!(&error, HttpError::Invalid(text) if text.contains(said)), "{error:?} says {said}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}

/// Scenario: nothing listens at the origin.
/// Guarantees: the error names the origin and shows no secret.
#[tokio::test]
async fn who_does_not_listen_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(json!([{ "origin": origin, "auth": { "bearer": "hush" } }]));
    let error = client.send(get_of(&format!("{origin}/path?key=hush"))).await.unwrap_err();
    assert!(matches!(&error, HttpError::Unreachable(text) if text.starts_with(&origin)), "{error:?}");
    assert!(!error.to_string().contains("hush"), "{error}");
}

/// Scenario: a name leads to a metadata service, and a URL has its address.
/// Guarantees: both are denied, and the error says how to permit them.
#[tokio::test]
async fn link_local_addresses_are_denied() {
    struct ToMetadata;
    impl Resolve for ToMetadata {
        fn resolve(&self, _name: Name) -> Resolving {
            Box::pin(async { Err(super::address::LinkLocal.into()) })
        }
    }
    let rebound = reqwest::Client::builder()
        .tls_backend_preconfigured(crate::tls::client::trust_nobody().unwrap())
        .dns_resolver(Arc::new(ToMetadata))
        .build()
        .unwrap();
    let origin = Origin::parse("http://rebound.example").unwrap();
    let error = HttpError::of(&origin, rebound.get(origin.as_str()).send().await.unwrap_err());
    assert_eq!(error, HttpError::link_local(&origin));

    let metadata = "http://169.254.169.254";
    let error = client(json!([metadata])).send(get_of(&format!("{metadata}/latest"))).await.unwrap_err();
    assert!(
        matches!(&error, HttpError::Denied(text) if text.contains("allow_link_local: true")),
        "{error:?}"
    );
}

/// Scenario: the origin is a name.
/// Guarantees: the system's resolver finds its address.
#[tokio::test]
async fn the_systems_resolver_answers_for_names() {
    let origin = mirror().await.replace("127.0.0.1", "localhost");
    assert!(client(json!([origin])).send(get_of(&origin)).await.is_ok());
}

/// Starts a TLS server that answers each connection's request. Returns its origin and its certificate.
async fn serve_tls() -> (String, String) {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecure").await;
        }
    });
    (format!("https://{address}"), signed.cert.pem())
}

/// Scenario: grants trust the server's authority, another one, or any.
/// Guarantees: only a trusted server is reached.
#[tokio::test]
async fn tls_trusts_whom_the_grant_names() {
    let (origin, ca_pem) = serve_tls().await;
    for tls in [json!({ "ca_pem": ca_pem }), json!({ "insecure_skip_verify": true })] {
        let client = client(json!([{ "origin": origin, "tls": tls }]));
        assert_eq!(client.send(get_of(&origin)).await.unwrap().body, "secure");
    }
    let (_, another) = serve_tls().await;
    let client = client(json!([{ "origin": origin, "tls": { "ca_pem": another } }]));
    assert!(matches!(client.send(get_of(&origin)).await, Err(HttpError::Unreachable(_))));
}

/// Scenario: five grants have three kinds of connection settings.
/// Guarantees: there are three clients.
#[tokio::test]
async fn grants_that_connect_alike_share_a_pool() {
    let tls = json!({ "insecure_skip_verify": true });
    let grants: Vec<HttpGrantConfig> = Node::from_json(json!([
        { "origin": "https://a", "tls": tls },
        { "origin": "https://b", "tls": tls },
        { "origin": "https://c", "tls": tls, "allow_link_local": true },
        "http://d",
        { "origin": "http://e", "tls": tls },
    ]))
    .read()
    .unwrap();
    let mut clients = Clients::default();
    for grant in &grants {
        clients.of(grant).unwrap();
    }
    assert_eq!(clients.len(), 3);
}

/// Scenario: one request is answered, and one is denied.
/// Guarantees: metrics count each by origin and outcome.
#[tokio::test]
async fn requests_are_counted_by_what_became_of_them() {
    let origin = serve(Router::new().route("/", get(async || StatusCode::NOT_FOUND))).await;
    let telemetry = Telemetry::new();
    let grants: Vec<HttpGrantConfig> = Node::from_json(json!([origin])).read().unwrap();
    let client = HttpClient::new("webhook/a", &grants, HttpLimits::default(), &telemetry).unwrap();
    let _ = client.send(get_of(&origin)).await;
    let _ = client.send(get_of("http://not.granted")).await;
    let text = telemetry.render();
    for line in [
        format!(
            r#"spanloom_plugin_http_requests{{component="webhook/a",origin="{origin}",outcome="4xx"}} 1"#
        ),
        r#"spanloom_plugin_http_requests{component="webhook/a",origin="other",outcome="denied"} 1"#
            .to_owned(),
        format!(
            r#"spanloom_plugin_http_duration_seconds_count{{component="webhook/a",origin="{origin}"}} 1"#
        ),
        "# TYPE spanloom_plugin_http_duration_seconds histogram".to_owned(),
    ] {
        assert!(text.contains(&line), "no `{line}` in:\n{text}");
    }
}

//! The HTTP server of the OTLP receiver: methods, paths, content types, encodings, bad requests, CORS.

use anyhow::Result;

use crate::{
    compression, configs,
    http1::Request,
    observation::Case,
    pair::{Input, Pair},
    payload::{self, SPAN},
    side::Binaries,
};

type Inputs = Vec<(String, Input)>;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay()).await?;
    let inputs = [methods(), paths(), content_types(), encodings()?, raw()].concat();
    let mut cases = pair.cases(inputs, &[]).await;
    cases.push(pair.stop("exit").await);
    cases.extend(limits(binaries).await?);
    cases.extend(headers(binaries).await?);
    cases.extend(cors(binaries).await?);
    Ok(cases)
}

fn methods() -> Inputs {
    let methods = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW", "post"];
    let input = |method: &&str| {
        let request = Request::new(method, "/v1/traces").header("Content-Type", JSON);
        (format!("method-{method}"), Input::Http(request))
    };
    methods.iter().map(input).collect()
}

fn paths() -> Inputs {
    let paths = [
        "/",
        "/v1",
        "/v1/",
        "/v1/traces/",
        "/v1/traces?x=1",
        "//v1/traces",
        "/v1//traces",
        "/v1/./traces",
        "/x/../v1/traces?x=1",
        "/x//y",
        "/v1/%74races",
        "/v1%2ftraces",
        "/V1/traces",
        "/v1/Traces",
        "/v1/profiles",
        "/v1development/profiles",
        "/metrics",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "http://other.example/v1/traces",
    ];
    let input =
        |path: &&str| (format!("path-{path}"), Input::Http(Request::post(path, JSON, payload::span(SPAN))));
    paths.iter().map(input).collect()
}

fn content_types() -> Inputs {
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=utf-16",
        "Application/JSON",
        "application/x-protobuf",
        "application/x-protobuf; v=1",
        "application/protobuf",
        "application/vnd.google.protobuf",
        "application/octet-stream",
        "text/plain",
        "text/json",
        "application/grpc",
        "application/grpc-web",
        "application/x-www-form-urlencoded",
        "json",
        "",
        "application/json, application/json",
        " application/json ",
        "application/json;",
        "application/json; x",
    ];
    let body = |name: &str| {
        if name.contains("json") { payload::span(SPAN).into_bytes() } else { payload::one_span() }
    };
    let input = |name: &&str| {
        let request = Request::post("/v1/traces", name, body(&name.to_ascii_lowercase()));
        (format!("type-{name}"), Input::Http(request))
    };
    let mut inputs: Inputs = types.iter().map(input).collect();
    let mut none = Request::new("POST", "/v1/traces");
    none.body = payload::one_span();
    inputs.push(("type-missing".to_owned(), Input::Http(none.clone())));
    let twice = none.header("Content-Type", JSON).header("Content-Type", PROTOBUF);
    inputs.push(("type-twice".to_owned(), Input::Http(twice)));
    inputs.push((
        "type-json-with-protobuf".to_owned(),
        Input::Http(Request::post("/v1/traces", JSON, payload::one_span())),
    ));
    inputs.push((
        "type-protobuf-with-json".to_owned(),
        Input::Http(Request::post("/v1/traces", PROTOBUF, payload::span(SPAN))),
    ));
    inputs
}

fn encodings() -> Result<Inputs> {
    let mut inputs = Inputs::new();
    let body = payload::one_span();
    let mut add = |name: String, coding: &str, body: Vec<u8>| {
        let request = Request::post("/v1/traces", PROTOBUF, body).header("Content-Encoding", coding);
        inputs.push((format!("encoding-{name}"), Input::Http(request)));
    };
    for coding in ["gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed", "lz4", "identity", "none"]
    {
        let packed = compression::deflate(coding, &body)?;
        add(format!("{coding}-plain-body"), coding, body.clone());
        add(format!("{coding}-empty"), coding, Vec::new());
        add(format!("{coding}-cut"), coding, packed.get(..packed.len() / 2).unwrap_or_default().to_vec());
        add(format!("{coding}-and-rest"), coding, [packed.as_slice(), b"rest"].concat());
        add(format!("{coding}-twice"), coding, [packed.as_slice(), packed.as_slice()].concat());
        add(format!("{coding}-of-nothing"), coding, compression::deflate(coding, &[])?);
        add(coding.to_owned(), coding, packed);
    }
    let gzip = compression::deflate("gzip", &body)?;
    for coding in ["GZIP", "gzip, identity", "x-gzip", "br", "compress", "", " gzip "] {
        add(format!("named-{coding}"), coding, gzip.clone());
    }
    add("snappy-framed-as-snappy".to_owned(), "snappy", compression::deflate("x-snappy-framed", &body)?);
    let twice = compression::deflate("gzip", &gzip)?;
    add("gzip-of-gzip".to_owned(), "gzip, gzip", twice.clone());
    let two_lines = Request::post("/v1/traces", PROTOBUF, twice)
        .header("Content-Encoding", "gzip")
        .header("Content-Encoding", "gzip");
    inputs.push(("encoding-gzip-of-gzip-in-two-lines".to_owned(), Input::Http(two_lines)));
    Ok(inputs)
}

/// Requests that a client would not write.
fn raw() -> Inputs {
    let body = payload::span(SPAN);
    let length = body.len();
    let post =
        |headers: &str, body: &str| format!("POST /v1/traces HTTP/1.1\r\n{headers}\r\n{body}").into_bytes();
    let json = "Content-Type: application/json\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", length);
    let rows = vec![
        ("no-host", post(&format!("{json}Content-Length: {length}\r\n"), &body)),
        ("host-twice", post(&format!("Host: a\r\nHost: b\r\n{json}Content-Length: {length}\r\n"), &body)),
        ("chunked", post(&format!("Host: a\r\n{json}Transfer-Encoding: chunked\r\n"), &chunks)),
        ("chunk-bad-size", post(&format!("Host: a\r\n{json}Transfer-Encoding: chunked\r\n"), "zz\r\n")),
        (
            "chunked-and-length",
            post(&format!("Host: a\r\n{json}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), &chunks),
        ),
        ("length-not-a-number", post(&format!("Host: a\r\n{json}Content-Length: x\r\n"), &body)),
        ("length-negative", post(&format!("Host: a\r\n{json}Content-Length: -1\r\n"), &body)),
        (
            "length-twice",
            post(&format!("Host: a\r\n{json}Content-Length: {length}\r\nContent-Length: 3\r\n"), &body),
        ),
        ("no-length", post(&format!("Host: a\r\n{json}"), "")),
        (
            "expect-continue",
            post(&format!("Host: a\r\n{json}Expect: 100-continue\r\nContent-Length: {length}\r\n"), &body),
        ),
        ("expect-other", post(&format!("Host: a\r\n{json}Expect: x\r\nContent-Length: {length}\r\n"), &body)),
        (
            "http-1.0",
            format!("POST /v1/traces HTTP/1.0\r\n{json}Content-Length: {length}\r\n\r\n{body}").into_bytes(),
        ),
        (
            "http-3.0",
            format!("POST /v1/traces HTTP/3.0\r\n{json}Content-Length: {length}\r\n\r\n{body}").into_bytes(),
        ),
        (
            "folded-header",
            post(&format!("Host: a\r\nX: a\r\n b\r\n{json}Content-Length: {length}\r\n"), &body),
        ),
        (
            "bare-line-feeds",
            post(&format!("Host: a\r\n{json}Content-Length: {length}\r\n"), &body)
                .into_iter()
                .filter(|byte| *byte != b'\r')
                .collect(),
        ),
        ("not-http", b"hello\r\n\r\n".to_vec()),
        (
            "header-30k",
            post(
                &format!("Host: a\r\nX: {}\r\n{json}Content-Length: {length}\r\n", "x".repeat(30_000)),
                &body,
            ),
        ),
        (
            "header-600k",
            post(
                &format!("Host: a\r\nX: {}\r\n{json}Content-Length: {length}\r\n", "x".repeat(600_000)),
                &body,
            ),
        ),
        (
            "headers-150",
            post(&format!("Host: a\r\n{}{json}Content-Length: {length}\r\n", "X: y\r\n".repeat(150)), &body),
        ),
    ];
    rows.into_iter().map(|(name, bytes)| (format!("raw-{name}"), Input::Raw(bytes))).collect()
}

/// The limit of a body, and of what it is inflated to.
async fn limits(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair =
        Pair::start(binaries, &configs::relay_with("", ", max_request_body_size: 1000", configs::DIRECT))
            .await?;
    let large =
        payload::protobuf("Traces", &payload::span_with(&format!(r#""traceState":"{}""#, "x".repeat(2000))));
    let mut inputs =
        vec![("limit-over".to_owned(), Input::Http(Request::post("/v1/traces", PROTOBUF, large.clone())))];
    for coding in ["gzip", "zstd", "zlib", "deflate", "snappy", "x-snappy-framed", "lz4"] {
        let request = Request::post("/v1/traces", PROTOBUF, compression::deflate(coding, &large)?);
        inputs.push((
            format!("limit-over-in-{coding}"),
            Input::Http(request.header("Content-Encoding", coding)),
        ));
    }
    inputs.push((
        "limit-over-as-json".to_owned(),
        Input::Http(Request::post("/v1/traces", JSON, " ".repeat(2000))),
    ));
    let cases = pair.cases(inputs, &[]).await;
    pair.stop("").await;
    Ok(cases)
}

/// `response_headers`, and fewer encodings than all.
async fn headers(binaries: &Binaries) -> Result<Vec<Case>> {
    let keys = ", compression_algorithms: [\"\", gzip], traces_url_path: /traces";
    let pair = Pair::start(binaries, &configs::relay_with("", keys, configs::DIRECT)).await?;
    let body = payload::one_span();
    let mut inputs = vec![
        ("path-configured".to_owned(), Input::Http(Request::post("/traces", PROTOBUF, body.clone()))),
        (
            "path-default-replaced".to_owned(),
            Input::Http(Request::post("/v1/traces", PROTOBUF, body.clone())),
        ),
    ];
    for coding in ["gzip", "zstd"] {
        let request = Request::post("/traces", PROTOBUF, compression::deflate(coding, &body)?);
        inputs
            .push((format!("algorithms-{coding}"), Input::Http(request.header("Content-Encoding", coding))));
    }
    let cases = pair.cases(inputs, &[]).await;
    pair.stop("").await;
    Ok(cases)
}

async fn cors(binaries: &Binaries) -> Result<Vec<Case>> {
    let configs = [
        ("one", "allowed_origins: [\"https://a.example\"], allowed_headers: [X-A], max_age: 60"),
        ("any", "allowed_origins: [\"*\"]"),
        ("wild", "allowed_origins: [\"https://*.example\"], allowed_headers: [\"*\"]"),
        ("none", "allowed_origins: []"),
    ];
    let mut cases = Vec::new();
    for (name, cors) in configs {
        let pair =
            Pair::start(binaries, &configs::relay_with("", &format!(", cors: {{{cors}}}"), configs::DIRECT))
                .await?;
        cases.extend(pair.cases(cors_inputs(name), &[]).await);
        pair.stop("").await;
    }
    Ok(cases)
}

fn cors_inputs(name: &str) -> Inputs {
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/v1/traces")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "POST")
    };
    let post = |origin: &str| Request::post("/v1/traces", JSON, payload::span(SPAN)).header("Origin", origin);
    let (a, other) = ("https://a.example", "https://evil.test");
    let rows = [
        ("preflight", preflight(a)),
        ("preflight-header", preflight(a).header("Access-Control-Request-Headers", "content-type,x-a")),
        ("preflight-header-other", preflight(a).header("Access-Control-Request-Headers", "x-b")),
        ("preflight-origin-other", preflight(other)),
        ("preflight-no-method", Request::new("OPTIONS", "/v1/traces").header("Origin", a)),
        (
            "preflight-get",
            Request::new("OPTIONS", "/v1/traces")
                .header("Origin", a)
                .header("Access-Control-Request-Method", "GET"),
        ),
        (
            "preflight-path-unknown",
            Request::new("OPTIONS", "/x").header("Origin", a).header("Access-Control-Request-Method", "POST"),
        ),
        ("post", post(a)),
        ("post-origin-other", post(other)),
        ("post-origin-null", post("null")),
        ("post-origin-upper-case", post("HTTPS://A.EXAMPLE")),
        ("get", Request::new("GET", "/v1/traces").header("Origin", a)),
    ];
    rows.into_iter().map(|(row, request)| (format!("cors-{name}-{row}"), Input::Http(request))).collect()
}

//! The gRPC server of the OTLP receiver: methods, headers, compression, frames, limits.

use anyhow::Result;

use crate::{
    configs,
    grpc::{Call, frame},
    observation::Case,
    pair::{Input, Pair},
    payload,
    side::Binaries,
};

type Calls = Vec<(String, Input)>;

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay()).await?;
    let mut cases = pair.cases([paths(), headers(), frames(), compressed()?].concat(), &[]).await;
    cases.push(pair.stop("exit").await);
    let small = configs::relay_with(", max_recv_msg_size_mib: 1", "", configs::DIRECT);
    let pair = Pair::start(binaries, &small).await?;
    cases.extend(pair.cases(limits()?, &[]).await);
    pair.stop("").await;
    let pair =
        Pair::start(binaries, &configs::relay_with(", include_metadata: true", "", configs::DIRECT)).await?;
    cases.extend(pair.cases(metadata(), &[]).await);
    pair.stop("").await;
    Ok(cases)
}

fn right() -> Call {
    Call::new(&payload::grpc_path("Traces"), &payload::one_span())
}

fn named(group: &str, calls: Vec<(&str, Call)>) -> Calls {
    calls.into_iter().map(|(name, call)| (format!("{group}-{name}"), Input::Grpc(call))).collect()
}

fn paths() -> Calls {
    let paths = [
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Other",
        "/opentelemetry.proto.collector.trace.v1.TraceService",
        "/opentelemetry.proto.collector.trace.v1.traceservice/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export/",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export?x=1",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/v1/traces",
        "/",
    ];
    paths.map(|path| (format!("path-{path}"), Input::Grpc(Call::new(path, &payload::one_span())))).to_vec()
}

fn headers() -> Calls {
    let with = |name: &str, value: &str| right().header(name, value);
    let put = Call { method: "PUT", ..right() };
    let get = Call { method: "GET", ..right() };
    named(
        "header",
        vec![
            ("method-put", put),
            ("method-get", get),
            ("type-missing", right().without("content-type")),
            ("type-proto", with("content-type", "application/grpc+proto")),
            ("type-json", with("content-type", "application/grpc+json")),
            ("type-unknown-codec", with("content-type", "application/grpc+x")),
            ("type-parameter", with("content-type", "application/grpc;x=y")),
            ("type-upper-case", with("content-type", "Application/GRPC")),
            ("type-plain", with("content-type", "application/json")),
            ("type-web", with("content-type", "application/grpc-web")),
            ("te-missing", right().without("te")),
            ("te-other", with("te", "gzip")),
            ("timeout", with("grpc-timeout", "5S")),
            ("timeout-zero", with("grpc-timeout", "0n")),
            ("timeout-short", with("grpc-timeout", "1n")),
            ("timeout-no-unit", with("grpc-timeout", "5")),
            ("timeout-bad-unit", with("grpc-timeout", "5x")),
            ("timeout-nine-digits", with("grpc-timeout", "123456789S")),
            ("timeout-negative", with("grpc-timeout", "-5S")),
            ("timeout-empty", with("grpc-timeout", "")),
            ("timeout-largest", with("grpc-timeout", "99999999H")),
            ("accept-gzip", with("grpc-accept-encoding", "gzip")),
            ("accept-unknown", with("grpc-accept-encoding", "x")),
            ("binary-bad", with("x-bin", "%%%")),
            ("reserved", with("grpc-x", "y")),
            ("large-10k", with("x", &"x".repeat(10_000))),
            ("content-encoding", with("content-encoding", "gzip")),
        ],
    )
}

fn frames() -> Calls {
    let body = |body: Vec<u8>| Call { body, ..right() };
    let message = payload::one_span();
    let whole = frame(0, &message);
    let length = |length: u32| [&[0][..], &length.to_be_bytes()[..], message.as_slice()].concat();
    named(
        "frame",
        vec![
            ("none", body(Vec::new())),
            ("one-byte", body(vec![0])),
            ("prefix-only", body(vec![0, 0, 0, 0, 9])),
            ("empty-message", body(frame(0, &[]))),
            ("cut", body(whole.get(..whole.len() - 4).unwrap_or_default().to_vec())),
            ("length-too-large", body(length(u32::MAX))),
            ("length-too-small", body(length(3))),
            ("two", body([whole.clone(), whole.clone()].concat())),
            ("rest", body([whole.as_slice(), b"xx"].concat())),
            ("flag-two", body(frame(2, &message))),
            ("flag-255", body(frame(255, &message))),
            ("flag-without-encoding", body(frame(1, &message))),
            ("flag-with-identity", body(frame(1, &message)).header("grpc-encoding", "identity")),
            ("malformed", body(frame(0, b"\xff\xff"))),
            ("json", body(frame(0, b"{}"))),
        ],
    )
}

fn compressed() -> Result<Calls> {
    let (path, message) = (payload::grpc_path("Traces"), payload::one_span());
    let mut calls = Calls::new();
    for coding in ["gzip", "zstd", "snappy", "deflate", "identity"] {
        let call = Call::compressed(&path, coding, &message)?;
        let plain = Call { body: frame(0, &message), ..call.clone() };
        let broken = Call { body: frame(1, b"not compressed"), ..call.clone() };
        let of_nothing = Call::compressed(&path, coding, &[])?;
        let calls_of = [("", call), ("-flag-zero", plain), ("-broken", broken), ("-of-nothing", of_nothing)];
        calls.extend(calls_of.map(|(what, call)| (format!("coding-{coding}{what}"), Input::Grpc(call))));
    }
    for unknown in ["x", "GZIP", ""] {
        let call = Call { body: frame(1, &message), ..right() }.header("grpc-encoding", unknown);
        calls.push((format!("coding-unknown-{unknown}"), Input::Grpc(call)));
    }
    Ok(calls)
}

fn limits() -> Result<Calls> {
    let path = payload::grpc_path("Traces");
    let large = payload::protobuf(
        "Traces",
        &payload::span_with(&format!(r#""traceState":"{}""#, "x".repeat(2 << 20))),
    );
    let mut calls = vec![("limit-over".to_owned(), Input::Grpc(Call::new(&path, &large)))];
    for coding in ["gzip", "zstd", "snappy"] {
        calls
            .push((format!("limit-over-in-{coding}"), Input::Grpc(Call::compressed(&path, coding, &large)?)));
    }
    Ok(calls)
}

fn metadata() -> Calls {
    named(
        "metadata",
        vec![("header", right().header("x-tenant", "a")), ("authority", right().header("host", "x"))],
    )
}

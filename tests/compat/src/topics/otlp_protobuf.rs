//! OTLP as protobuf: what writers of other versions and broken writers send. Each body goes over HTTP, and the
//! same bytes go over gRPC.

use anyhow::Result;

use crate::{
    configs,
    encode::{bytes_field, fixed32_field, fixed64_field, tag, varint, varint_field},
    grpc::Call,
    http1::Request,
    observation::Case,
    pair::{Input, Pair},
    payload,
    side::Binaries,
};

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay()).await?;
    let mut cases = pair.cases(inputs(), &[]).await;
    cases.push(pair.stop("exit").await);
    Ok(cases)
}

/// An input: its name, `Traces`, `Metrics` or `Logs`, and the body.
type Row = (String, &'static str, Vec<u8>);

fn inputs() -> Vec<(String, Input)> {
    let tables = [bodies(), libraries(), spans(), ids(), texts(), values(), metrics(), logs()];
    let mut inputs = Vec::new();
    for (name, message, body) in tables.into_iter().flatten() {
        let call = Call::new(&payload::grpc_path(message), &body);
        let request = Request::post(&payload::http_path(message), "application/x-protobuf", body);
        inputs.push((format!("http-{name}"), Input::Http(request)));
        inputs.push((format!("grpc-{name}"), Input::Grpc(call)));
    }
    inputs
}

/// Wraps the fields of a message that lies at these field numbers, the outermost first.
fn nested(path: &[u32], fields: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(fields.to_vec(), |inner, number| bytes_field(*number, &inner))
}

/// Returns a request whose one span has the fields of a right span, and these after them.
fn span_and(extra: &[u8]) -> Vec<u8> {
    nested(&[1, 2, 2], &[payload_span(), extra.to_vec()].concat())
}

fn payload_span() -> Vec<u8> {
    crate::encode::message(
        "Span",
        &serde_json::json!({"traceId": payload::TRACE_ID, "spanId": "b7ad6b7169203331", "name": "n"}),
    )
}

fn rows(group: &str, message: &'static str, rows: Vec<(&str, Vec<u8>)>) -> Vec<Row> {
    rows.into_iter().map(|(name, body)| (format!("{group}-{name}"), message, body)).collect()
}

fn bodies() -> Vec<Row> {
    let right = payload::one_span();
    let cut = right.get(..right.len() - 3).unwrap_or_default().to_vec();
    rows(
        "body",
        "Traces",
        vec![
            ("right", right.clone()),
            ("empty", Vec::new()),
            ("cut", cut),
            ("zeros", vec![0; 8]),
            ("json", b"{}".to_vec()),
            ("field-zero", [tag(0, 2), vec![0]].concat()),
            ("wire-type-7", tag(1, 7)),
            ("wire-type-wrong", varint_field(1, 5)),
            ("unknown-field", [right.clone(), bytes_field(99, b"x")].concat()),
            ("unknown-group", [right.clone(), tag(99, 3), varint_field(1, 1), tag(99, 4)].concat()),
            ("group-end-alone", [right.clone(), tag(99, 4)].concat()),
            ("length-too-large", [tag(1, 2), varint(1 << 40)].concat()),
            ("length-negative", [tag(1, 2), varint(u64::MAX)].concat()),
            ("varint-too-long", [tag(9, 0), vec![0xff; 11]].concat()),
            ("tag-too-large", vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01]),
            ("two-requests", [right.clone(), right].concat()),
            ("empty-resource-spans", bytes_field(1, &[])),
            ("empty-scope-spans", nested(&[1, 2], &[])),
            ("empty-span", nested(&[1, 2, 2], &[])),
            ("resource-twice", {
                let resource = |key: &str| nested(&[1, 1], &bytes_field(1, key.as_bytes()));
                bytes_field(1, &[resource("a"), resource("b"), nested(&[2, 2], &payload_span())].concat())
            }),
        ],
    )
}

/// The messages of instrumentation libraries, which scopes replaced.
fn libraries() -> Vec<Row> {
    let library =
        |items: Vec<u8>| nested(&[1, 1000], &[bytes_field(1, &bytes_field(1, b"old")), items].concat());
    let gauge = [bytes_field(1, b"m"), nested(&[5, 1], &fixed64_field(6, 5))].concat();
    let both = {
        let span = || bytes_field(2, &payload_span());
        bytes_field(1, &[bytes_field(2, &span()), bytes_field(1000, &span())].concat())
    };
    [
        rows(
            "library",
            "Traces",
            vec![("spans", library(bytes_field(2, &payload_span()))), ("and-scope", both)],
        ),
        rows("library", "Metrics", vec![("metrics", library(bytes_field(2, &gauge)))]),
        rows(
            "library",
            "Logs",
            vec![("logs", library(bytes_field(2, &nested(&[5], &bytes_field(1, b"x")))))],
        ),
    ]
    .concat()
}

fn spans() -> Vec<Row> {
    rows(
        "span",
        "Traces",
        vec![
            ("kind-out-of-range", span_and(&varint_field(6, 99))),
            ("kind-negative", span_and(&varint_field(6, u64::MAX))),
            ("kind-huge", span_and(&varint_field(6, 1 << 40))),
            ("name-twice", span_and(&bytes_field(5, b"second"))),
            ("name-as-number", span_and(&varint_field(5, 5))),
            ("time-as-varint", span_and(&varint_field(7, 5))),
            ("time-zero", span_and(&fixed64_field(7, 0))),
            ("flags", span_and(&fixed32_field(16, 257))),
            ("flags-as-varint", span_and(&varint_field(16, 257))),
            (
                "status-deprecated",
                span_and(&bytes_field(15, &[varint_field(1, 2), varint_field(3, 1)].concat())),
            ),
            (
                "status-twice",
                span_and(
                    &[bytes_field(15, &varint_field(3, 2)), bytes_field(15, &bytes_field(2, b"m"))].concat(),
                ),
            ),
            ("unknown-field", span_and(&bytes_field(77, b"x"))),
            (
                "dropped-counts",
                span_and(&[varint_field(10, 1), varint_field(12, 2), varint_field(14, 3)].concat()),
            ),
            ("event-empty", span_and(&bytes_field(11, &[]))),
            ("link-empty", span_and(&bytes_field(13, &[]))),
            ("attribute-empty", span_and(&bytes_field(9, &[]))),
        ],
    )
}

fn ids() -> Vec<Row> {
    let span = |trace: &[u8], span: &[u8]| {
        nested(&[1, 2, 2], &[bytes_field(1, trace), bytes_field(2, span), bytes_field(5, b"n")].concat())
    };
    rows(
        "id",
        "Traces",
        vec![
            ("empty", span(&[], &[])),
            ("zeros", span(&[0; 16], &[0; 8])),
            ("short-trace", span(&[1; 8], &[1; 8])),
            ("long-trace", span(&[1; 17], &[1; 8])),
            ("short-span", span(&[1; 16], &[1; 4])),
            ("long-span", span(&[1; 16], &[1; 9])),
            ("short-parent", span_and(&bytes_field(4, &[1; 4]))),
            ("short-link", span_and(&bytes_field(13, &bytes_field(1, &[1; 4])))),
            ("short-beside-right", {
                let bad = nested(&[2], &[bytes_field(1, &[1; 8]), bytes_field(5, b"bad")].concat());
                nested(&[1, 2], &[bad, bytes_field(2, &payload_span())].concat())
            }),
        ],
    )
}

fn texts() -> Vec<Row> {
    let bad = b"a\xffb";
    let attribute = |key: &[u8], value: &[u8]| {
        span_and(&bytes_field(9, &[bytes_field(1, key), bytes_field(2, &bytes_field(1, value))].concat()))
    };
    rows(
        "text",
        "Traces",
        vec![
            ("name-not-utf8", span_and(&bytes_field(5, bad))),
            ("key-not-utf8", attribute(bad, b"x")),
            ("value-not-utf8", attribute(b"k", bad)),
            ("state-not-utf8", span_and(&bytes_field(3, bad))),
            ("nul", attribute(b"k", b"a\0b")),
            ("surrogate", attribute(b"k", b"\xed\xa0\x80")),
            ("overlong", attribute(b"k", b"\xc0\x80")),
            ("empty-key", attribute(b"", b"x")),
        ],
    )
}

fn values() -> Vec<Row> {
    let value =
        |value: Vec<u8>| span_and(&bytes_field(9, &[bytes_field(1, b"k"), bytes_field(2, &value)].concat()));
    let deep = |levels: usize| {
        (0..levels).fold(varint_field(3, 1), |inner, _| bytes_field(5, &bytes_field(1, &inner)))
    };
    rows(
        "value",
        "Traces",
        vec![
            ("none", value(Vec::new())),
            ("bool-two", value(varint_field(2, 2))),
            ("int-negative", value(varint_field(3, u64::MAX))),
            ("int-then-text", value([varint_field(3, 1), bytes_field(1, b"x")].concat())),
            ("text-then-int", value([bytes_field(1, b"x"), varint_field(3, 1)].concat())),
            ("double-nan", value(fixed64_field(4, f64::NAN.to_bits()))),
            ("bytes", value(bytes_field(7, b"\xff\0"))),
            (
                "array-twice",
                value(
                    [
                        bytes_field(5, &bytes_field(1, &varint_field(3, 1))),
                        bytes_field(5, &bytes_field(1, &varint_field(3, 2))),
                    ]
                    .concat(),
                ),
            ),
            ("unknown-field", value(varint_field(9, 1))),
            ("deep-47", value(deep(47))),
            ("deep-50", value(deep(50))),
            ("deep-200", value(deep(200))),
            ("deep-5000", value(deep(5000))),
        ],
    )
}

fn metrics() -> Vec<Row> {
    let metric = |fields: Vec<u8>| nested(&[1, 2, 2], &[bytes_field(1, b"m"), fields].concat());
    let point = |fields: Vec<u8>| metric(nested(&[5, 1], &fields));
    let histogram =
        |fields: Vec<u8>| metric(bytes_field(9, &[bytes_field(1, &fields), varint_field(2, 2)].concat()));
    rows(
        "metric",
        "Metrics",
        vec![
            ("no-data", metric(Vec::new())),
            (
                "gauge-then-sum",
                metric(
                    [nested(&[5, 1], &fixed64_field(6, 1)), nested(&[7, 1], &fixed64_field(6, 2))].concat(),
                ),
            ),
            ("int-gauge-of-0.4", metric(nested(&[4, 1], &fixed64_field(4, 1)))),
            ("point-no-value", point(Vec::new())),
            (
                "point-labels-of-0.8",
                point(
                    [
                        fixed64_field(6, 1),
                        bytes_field(1, &[bytes_field(1, b"k"), bytes_field(2, b"v")].concat()),
                    ]
                    .concat(),
                ),
            ),
            (
                "buckets-packed",
                histogram(bytes_field(6, &[1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat())),
            ),
            (
                "buckets-unpacked",
                histogram(
                    [fixed64_field(6, 1), fixed64_field(6, 2), fixed64_field(7, 1.5_f64.to_bits())].concat(),
                ),
            ),
            ("buckets-odd-length", histogram(bytes_field(6, &[0; 9]))),
            ("buckets-as-varint", histogram(varint_field(6, 1))),
            ("sum-zero", histogram(fixed64_field(5, 0))),
            (
                "exponential-buckets-unpacked",
                metric(nested(&[10, 1, 8], &[varint_field(2, 1), varint_field(2, 2)].concat())),
            ),
            (
                "exemplar-short-id",
                point([fixed64_field(6, 1), bytes_field(5, &bytes_field(5, &[1; 4]))].concat()),
            ),
        ],
    )
}

fn logs() -> Vec<Row> {
    let record = |fields: Vec<u8>| nested(&[1, 2, 2], &fields);
    rows(
        "log",
        "Logs",
        vec![
            ("empty", record(Vec::new())),
            ("name-of-0.15", record(bytes_field(4, b"n"))),
            ("severity-out-of-range", record(varint_field(2, 99))),
            ("short-ids", record([bytes_field(9, &[1; 4]), bytes_field(10, &[1; 3])].concat())),
            ("body-not-utf8", record(bytes_field(5, &bytes_field(1, b"\xff")))),
            ("flags", record(fixed32_field(8, 1))),
        ],
    )
}

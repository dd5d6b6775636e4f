//! Documents that the SDKs could send, on their way to the exporter `awsxray`.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::document::{contains, documents, flat, kept, spans};

/// The seconds of a time with microseconds.
fn time() -> impl Strategy<Value = Value> {
    (1_500_000_000_u64..1_900_000_000, 0_u32..1_000_000).prop_map(|(seconds, micros)| {
        json!(format!("{seconds}.{micros:06}").parse::<f64>().expect("a number"))
    })
}

fn text() -> impl Strategy<Value = String> {
    select(vec!["a", "GET", "ü 漢", "a \"b\" \\ c", "x'y", "https://shop.example/a?b=1", "1.5"])
        .prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_.:/%&#=+@-]{0,20}"
}

/// A part that is there or not.
fn part(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![1 => Just(Value::Null), 1 => strategy].boxed()
}

/// An object of parts. Those that are null are left out.
fn object(parts: Vec<(&'static str, BoxedStrategy<Value>)>) -> impl Strategy<Value = Value> {
    let (keys, values): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    values.prop_map(move |values| {
        let fields = keys.iter().map(|key| (*key).to_owned()).zip(values);
        Value::Object(fields.filter(|(_, value)| !value.is_null()).collect())
    })
}

fn json_text() -> BoxedStrategy<Value> {
    part(text().prop_map(Value::from))
}

fn flag() -> BoxedStrategy<Value> {
    part(any::<bool>().prop_map(Value::from))
}

fn http() -> impl Strategy<Value = Value> {
    let request = object(vec![("method", json_text()), ("url", json_text()), ("user_agent", json_text())]);
    let client = (any::<bool>(), any::<bool>()).prop_map(|(has, forwarded)| {
        if has { json!({"client_ip": "203.0.113.7", "x_forwarded_for": forwarded}) } else { json!({}) }
    });
    let response = object(vec![
        ("status", (100_u32..600).prop_map(Value::from).boxed()),
        ("content_length", part((1_u32..9).prop_map(Value::from))),
    ]);
    (request, client, response).prop_map(|(mut request, client, response)| {
        request.as_object_mut().expect("an object").extend(client.as_object().expect("an object").clone());
        json!({"request": request, "response": response})
    })
}

fn frame() -> impl Strategy<Value = Value> {
    ("[a-z/]{1,9}\\.[a-z]{1,4}", 1_u32..9999, "[a-zA-Z][a-zA-Z.]{0,12}")
        .prop_map(|(path, line, label)| json!({"path": path, "line": line, "label": label}))
}

fn exception() -> impl Strategy<Value = Value> {
    let id = "[0-9a-f]{16}".prop_map(Value::from);
    object(vec![
        ("id", id.clone().boxed()),
        ("type", json_text()),
        ("message", json_text()),
        ("remote", flag()),
        ("truncated", part((1_u32..99).prop_map(Value::from))),
        ("skipped", part((1_u32..99).prop_map(Value::from))),
        ("cause", part(id)),
        ("stack", part(vec(frame(), 1..4).prop_map(Value::from))),
    ])
}

fn annotations() -> impl Strategy<Value = Value> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    btree_map("[A-Za-z0-9_]{1,9}", value, 1..4).prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
}

fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(Value::from),
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    let value = leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    });
    let namespace = btree_map("[a-z]{1,5}", value, 1..3);
    btree_map(select(vec!["default", "debug", "Shop"]).prop_map(str::to_owned), namespace, 1..3)
        .prop_map(|map| json!(map))
}

fn aws_call() -> impl Strategy<Value = Value> {
    object(vec![
        ("operation", json_text()),
        ("region", json_text()),
        ("request_id", json_text()),
        ("account_id", json_text()),
        ("queue_url", json_text()),
        ("table_name", json_text()),
        ("retries", part((0_u32..9).prop_map(Value::from))),
    ])
}

/// The fields that segments and subsegments share.
fn shared() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let cause = object(vec![
        ("working_directory", json_text()),
        ("exceptions", vec(exception(), 1..3).prop_map(Value::from).boxed()),
    ]);
    vec![
        ("name", name().prop_map(Value::from).boxed()),
        ("id", "[0-9a-f]{15}[1-9a-f]".prop_map(Value::from).boxed()),
        ("start_time", time().boxed()),
        ("end_time", part(time())),
        ("http", part(http())),
        ("error", flag()),
        ("fault", flag()),
        ("throttle", flag()),
        ("cause", part(cause)),
        ("annotations", part(annotations())),
        ("metadata", part(metadata())),
    ]
}

fn subsegment() -> impl Strategy<Value = Value> {
    let sql = object(vec![
        ("url", json_text()),
        ("database_type", select(vec!["mysql", "PostgreSQL", "oracle"]).prop_map(Value::from).boxed()),
        ("sanitized_query", json_text()),
        ("user", json_text()),
    ]);
    let namespace = select(vec!["aws", "remote", "local"]).prop_map(Value::from);
    let own = vec![("namespace", part(namespace)), ("aws", part(aws_call())), ("sql", part(sql))];
    let one = object(shared().into_iter().chain(own).collect());
    one.prop_recursive(3, 6, 3, |inner| {
        let own = vec![("subsegments", vec(inner, 1..3).prop_map(Value::from).boxed())];
        object(shared().into_iter().chain(own).collect())
    })
}

fn segment() -> impl Strategy<Value = Value> {
    let sdk = select(vec!["Python", "Java", "Go", "Node.js", ".NET"])
        .prop_map(|language| json!({"xray": {"sdk": format!("X-Ray for {language}"), "sdk_version": "1.2"}}));
    let trace_id = "1-[0-9a-f]{7}[1-9a-f]-[0-9a-f]{24}".prop_map(Value::from);
    let own = vec![
        ("trace_id", trace_id.boxed()),
        ("parent_id", part("[1-9a-f][0-9a-f]{15}".prop_map(Value::from))),
        ("user", json_text()),
        (
            "origin",
            part(
                select(vec!["AWS::EC2::Instance", "AWS::Lambda::Function", "AWS::New"]).prop_map(Value::from),
            ),
        ),
        ("resource_arn", json_text()),
        ("service", part(json_text().prop_map(|version| json!({"version": version})))),
        ("aws", sdk.boxed()),
        ("subsegments", part(vec(subsegment(), 1..3).prop_map(Value::from))),
    ];
    object(shared().into_iter().chain(own).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any segment that an SDK could send goes through the receiver and the exporter. Guarantees: each
    /// document that comes out has all that went in, but for what the README lists.
    #[test]
    fn what_goes_in_comes_out(segment in segment()) {
        let expected = flat(&segment);
        let sent = documents(&spans(&segment.to_string()));
        prop_assert_eq!(sent.len(), expected.len());
        for (sent, expected) in sent.iter().zip(expected) {
            contains(sent, &kept(expected), "");
        }
    }
}

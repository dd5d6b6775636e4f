//! Documents of any span are JSON that X-Ray accepts.

#![expect(clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fmt;
use std::sync::LazyLock;

use jsonschema::Validator;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};
use spanloom_plugin::testing;

const MAX_DOCUMENT_BYTES: usize = 64_000;

/// Keys with a meaning, and some without.
const KEYS: &[&str] = &[
    "",
    "a",
    "a-b",
    "a_b",
    "a.b",
    "aws.xray.inprogress",
    "aws.xray.error",
    "aws.xray.fault",
    "aws.xray.throttle",
    "aws.xray.x_forwarded_for",
    "aws.xray.retries",
    "aws.xray.cause.working_directory",
    "http.response_content_length",
    "http.method",
    "http.url",
    "url.full",
    "url.path",
    "url.query",
    "http.host",
    "http.target",
    "http.scheme",
    "http.user_agent",
    "http.client_ip",
    "client.address",
    "net.peer.ip",
    "net.peer.name",
    "net.peer.port",
    "server.address",
    "server.port",
    "http.status_code",
    "http.status_text",
    "message.type",
    "messaging.message_payload_size_bytes",
    "rpc.system",
    "rpc.method",
    "rpc.service",
    "aws.operation",
    "aws.account_id",
    "aws.region",
    "aws.request_id",
    "aws.queue_url",
    "messaging.url",
    "aws.table_name",
    "aws.dynamodb.table_names",
    "aws.service",
    "aws.span.kind",
    "aws.local.service",
    "aws.remote.service",
    "aws.remote.operation",
    "peer.service",
    "enduser.id",
    "aws.xray.annotations",
    "aws.xray.metadata.",
    "aws.xray.metadata.default",
    "aws.xray.metadata.DEFAULT",
    "aws.xray.metadata.debug",
    "db.system",
    "db.name",
    "db.statement",
    "db.user",
    "db.connection_string",
    "otel.resource.service.name",
];

const RESOURCE_KEYS: &[&str] = &[
    "",
    "service.name",
    "aws.xray.resource_arn",
    "aws.xray.origin",
    "service.version",
    "service.instance.id",
    "service.namespace",
    "cloud.provider",
    "cloud.platform",
    "cloud.account.id",
    "cloud.availability_zone",
    "host.id",
    "host.type",
    "host.image.id",
    "container.name",
    "container.id",
    "aws.ecs.task.arn",
    "aws.ecs.task.family",
    "aws.ecs.cluster.arn",
    "aws.ecs.container.arn",
    "aws.ecs.launchtype",
    "k8s.cluster.name",
    "k8s.pod.name",
    "aws.log.group.arns",
    "aws.log.group.names",
    "telemetry.sdk.name",
    "telemetry.sdk.language",
    "telemetry.sdk.version",
];

const TEXTS: &[&str] = &[
    "LOCAL_ROOT",
    "RECEIVED",
    "aws-api",
    "aws",
    "aws_ecs",
    "aws_elastic_beanstalk",
    "mysql",
    "java",
    "python",
    "nodejs",
    "dotnet",
    "go",
    "{\"a\":1}",
    "{\"a\":{\"b\":[1e400]}}",
    "[\"a\",\"b\"]",
    "10.0.0.1",
    "7",
    "",
    "https://u@h:1/?q#f",
    "AWS.SDK.S3",
    "AWS::S3",
    "\u{0}\u{1}\"\\",
    "Caused by: ",
    "Caused by: a:\n",
    "Traceback\n  File \"a\", line 1, in b\n    c\nd: e\n",
    "x\n\tat a.b(c:1)\n",
    "x\n    at a (b:1:2)\n",
];

/// Letters and numbers that are newer than the Unicode version of the schema's engine, which takes them for
/// neither. Our version is newer.
static NEWER: LazyLock<BTreeSet<char>> = LazyLock::new(|| {
    let known = jsonschema::validator_for(&json!({"pattern": "^\\P{Cn}$"})).expect("a schema");
    let every = (0..=u32::from(char::MAX)).filter_map(char::from_u32);
    every.filter(|c| c.is_alphanumeric() && !known.is_valid(&json!(c.to_string()))).collect()
});

fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        6 => select(TEXTS).prop_map(str::to_owned),
        3 => any::<String>(),
        1 => (select(TEXTS), 1..3_000_usize).prop_map(|(text, times)| text.repeat(times)),
        1 => (any::<char>(), 1..20_000_usize).prop_map(|(c, times)| c.to_string().repeat(times)),
    ];
    text.prop_map(|text| text.replace(|c| NEWER.contains(&c), "x"))
}

/// Generates an `AnyValue`.
fn value() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        8 => text().prop_map(|text| json!({"stringValue": text})),
        2 => any::<i64>().prop_map(|int| json!({"intValue": int.to_string()})),
        1 => any::<bool>().prop_map(|bool| json!({"boolValue": bool})),
        1 => any::<f64>().prop_filter("a number", |double| double.is_finite()).prop_map(|double| json!({"doubleValue": double})),
        1 => select(&["NaN", "Infinity", "-Infinity"][..]).prop_map(|text| json!({"doubleValue": text})),
        1 => vec(any::<u8>(), 0..9).prop_map(|bytes| json!({"bytesValue": "AAAA".repeat(bytes.len())})),
        1 => Just(json!({})),
    ];
    plain.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|values| json!({"arrayValue": {"values": values}})),
            attributes(&["a", "b", "c"], inner).prop_map(|values| json!({"kvlistValue": {"values": values}})),
        ]
    })
}

fn attributes(
    keys: &'static [&'static str],
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Value> {
    let key = prop_oneof![8 => select(keys).prop_map(str::to_owned), 1 => any::<String>()];
    vec((key, value), 0..14).prop_map(|pairs| {
        pairs.into_iter().map(|(key, value)| json!({"key": key, "value": value})).collect::<Value>()
    })
}

fn event() -> impl Strategy<Value = Value> {
    let name = select(&["exception", "HTTP request failure", "message"][..]);
    let keys = &[
        "exception.type",
        "exception.message",
        "exception.stacktrace",
        "http.response.status_code",
        "aws.http.error_message",
        "message.type",
        "messaging.message_payload_size_bytes",
    ];
    (name, attributes(keys, value()), any::<u64>()).prop_map(|(name, attributes, time)| {
        json!({"name": name, "attributes": attributes, "timeUnixNano": time.to_string()})
    })
}

fn id(bytes: usize) -> impl Strategy<Value = String> {
    prop_oneof![1 => Just(String::new()), 9 => vec(any::<u8>(), bytes)
        .prop_map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())]
}

fn link() -> impl Strategy<Value = Value> {
    (id(16), id(8), attributes(KEYS, value())).prop_map(
        |(trace, span, attributes)| json!({"traceId": trace, "spanId": span, "attributes": attributes}),
    )
}

fn span() -> impl Strategy<Value = Value> {
    let ids = (id(16), id(8), id(8));
    let rest = (vec(event(), 0..4), vec(link(), 0..4), 0..3_u8, text(), any::<(u64, u64)>());
    (ids, text(), 0..6_u8, attributes(KEYS, value()), rest).prop_map(
        |((trace, span, parent), name, kind, attributes, (events, links, code, message, (start, end)))| {
            json!({
                "traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "kind": kind,
                "attributes": attributes, "events": events, "links": links,
                "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(),
                "status": {"code": code, "message": message},
            })
        },
    )
}

fn request() -> impl Strategy<Value = Value> {
    let resource = (attributes(RESOURCE_KEYS, value()), vec(span(), 1..4));
    vec(resource, 1..3).prop_map(|resources| {
        let resource = |(attributes, spans)| json!({"resource": {"attributes": attributes}, "scopeSpans": [{"spans": spans}]});
        json!({"resourceSpans": resources.into_iter().map(resource).collect::<Value>()})
    })
}

fn config() -> impl Strategy<Value = Value> {
    (any::<(bool, bool)>(), vec(select(KEYS), 0..6), vec(text(), 0..3)).prop_map(|((all, dot), indexed, groups)| {
        json!({"index_all_attributes": all, "allow_dot": dot, "indexed_attributes": indexed, "aws_log_groups": groups})
    })
}

/// JSON in which no object, down to a given level, has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Unique, D::Error> {
        struct Top(u8);
        impl<'de> Visitor<'de> for Top {
            type Value = Unique;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                let mut keys = BTreeSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    assert!(keys.insert(key.clone()), "{key:?} twice");
                    if self.0 < 2 && matches!(key.as_str(), "metadata" | "default" | "annotations" | "aws") {
                        map.next_value_seed(Seed(self.0 + 1))?;
                    } else {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(Unique)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unique, A::Error> {
                while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                Ok(Unique)
            }
        }
        struct Seed(u8);
        impl<'de> serde::de::DeserializeSeed<'de> for Seed {
            type Value = Unique;
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Unique, D::Error> {
                deserializer.deserialize_map(Top(self.0))
            }
        }
        deserializer.deserialize_map(Top(0))
    }
}

/// Made once, because making it takes longer than checking a document.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("segment-document.schema.json")).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

fn check(document: &str) {
    assert!(document.len() <= MAX_DOCUMENT_BYTES, "{} bytes: {document:.2000}", document.len());
    serde_json::from_str::<Unique>(document).unwrap_or_else(|error| panic!("{error}: {document:.2000}"));
    let value: Value = serde_json::from_str(document).expect("JSON");
    let errors: Vec<String> =
        SCHEMA.iter_errors(&value).map(|error| format!("{}: {error:.200}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Scenario: any trace under any config. Guarantees: each document is JSON without duplicate keys, no
    /// longer than X-Ray accepts, and of the documented form. The same trace makes the same documents.
    #[test]
    fn no_trace_makes_a_document_that_x_ray_could_not_take(request in request(), config in config()) {
        let spans = testing::from_json(&request.to_string()).expect("OTLP");
        let documents = spanloom_xray::documents(&config.to_string(), &spans).expect("a config");
        for document in &documents {
            check(document);
        }
        prop_assert_eq!(documents, spanloom_xray::documents(&config.to_string(), &spans).expect("a config"));
    }
}

/// Scenario: every text that a document may have, as long and as costly to escape as possible. Guarantees:
/// the cut document is short enough.
#[test]
fn a_span_of_nothing_but_long_texts_still_fits() {
    let long = "\u{1}".repeat(5_000);
    let list: Vec<Value> = (0..100).map(|at| json!({"stringValue": format!("{at}{long:.900}")})).collect();
    let attribute = |key: &&str| json!({"key": key, "value": {"stringValue": long}});
    let mut resource: Vec<Value> = RESOURCE_KEYS.iter().map(attribute).collect();
    resource.retain(|attribute| {
        let key = attribute["key"].as_str().expect("a key");
        !key.starts_with("cloud.p") && key != "aws.log.group.arns"
    });
    resource.push(json!({"key": "cloud.platform", "value": {"stringValue": "aws_ecs"}}));
    resource.push(json!({"key": "aws.log.group.arns", "value": {"arrayValue": {"values": list}}}));
    let mut attributes: Vec<Value> = KEYS.iter().map(attribute).collect();
    attributes.retain(|attribute| {
        attribute["key"] != "db.system" && attribute["key"] != "aws.dynamodb.table_names"
    });
    attributes.push(json!({"key": "db.system", "value": {"stringValue": "mysql"}}));
    attributes.push(json!({"key": "aws.dynamodb.table_names", "value": {"arrayValue": {"values": list}}}));
    let exception: Vec<Value> =
        ["exception.type", "exception.message", "exception.stacktrace"].iter().map(attribute).collect();
    let events = vec![json!({"name": "exception", "attributes": exception}); 20];
    let link = json!({"traceId": "01".repeat(16), "spanId": "01".repeat(8), "attributes": attributes});
    let span = json!({
        "traceId": "01".repeat(16), "spanId": "01".repeat(8), "parentSpanId": "02".repeat(8), "name": long, "kind": 3,
        "attributes": attributes, "events": events, "links": vec![link; 20], "status": {"code": 2, "message": long},
    });
    let request =
        json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [span]}]}]});
    let spans = testing::from_json(&request.to_string()).expect("OTLP");
    let [document] = spanloom_xray::documents("{}", &spans).expect("a config").try_into().expect("one");
    check(&document);
    for kept in
        ["\"ecs\"", "\"ec2\"", "\"eks\"", "\"cloudwatch_logs\"", "\"table_names\"", "\"sql\"", "\"links\""]
    {
        assert!(document.contains(kept), "{kept} is gone");
    }
}

/// Scenario: spans named by every character, except those that the schema's engine does not know. Guarantees:
/// only the characters remain that the schema allows.
#[test]
fn no_character_of_a_name_is_one_that_x_ray_forbids() {
    let every = (0..=u32::from(char::MAX)).filter_map(char::from_u32);
    let every: Vec<char> = every.filter(|c| !NEWER.contains(c)).collect();
    let span = |chars: &[char]| {
        let name: String = chars.iter().collect();
        json!({"traceId": "01".repeat(16), "spanId": "01".repeat(8), "name": name, "kind": 1})
    };
    let spans: Vec<Value> = every.chunks(50).map(span).collect();
    let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let spans = testing::from_json(&request.to_string()).expect("OTLP");
    let documents = spanloom_xray::documents("{}", &spans).expect("a config");
    assert_eq!(documents.len(), every.len().div_ceil(50));
    documents.iter().for_each(|document| check(document));
}

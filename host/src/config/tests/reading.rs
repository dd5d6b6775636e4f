//! Reading YAML to nodes, and nodes to configs.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    config::{Config, Duration, Node, Secret, load::load, present, telemetry::Naming},
    service::check::check,
};

fn json(yaml: &str) -> Value {
    Node::parse("test.yaml", yaml).unwrap().read().unwrap()
}

/// Scenario: YAML has anchors, aliases and merge keys.
/// Guarantees: all are resolved, and a quoted `<<` is a plain key.
#[test]
fn anchors_and_merge_keys_are_resolved() {
    let yaml = "
base: &base { a: 1, b: 2, deep: { x: 1 } }
other: &other { b: 3, c: 4 }
one: { <<: *base, b: 5 }
both:
  <<: [*base, *other]
  deep: { y: 2 }
copy: *base
quoted: { \"<<\": 1 }
";
    let base = json!({"a": 1, "b": 2, "deep": {"x": 1}});
    assert_eq!(
        json(yaml),
        json!({
            "base": base,
            "other": {"b": 3, "c": 4},
            "one": {"a": 1, "b": 5, "deep": {"x": 1}},
            "both": {"a": 1, "b": 2, "c": 4, "deep": {"y": 2}},
            "copy": base,
            "quoted": {"<<": 1},
        })
    );
}

/// Scenario: scalars of every form are read.
/// Guarantees: each has the value that the Collector reads.
#[test]
fn scalars_are_what_the_collector_reads() {
    let yaml = "[1, 0x10, 1.5, true, yes, ~, '1', 2026-01-02, 1_000, !!str 5, \"a\\tb\", 12:30]";
    assert_eq!(
        json(yaml),
        json!([1, 16, 1.5, true, "yes", null, "1", "2026-01-02", 1000, "5", "a\tb", "12:30"])
    );
    assert_eq!(json("a: |\n  x\n  y\nb: >-\n  x\n  y\n"), json!({"a": "x\ny\n", "b": "x y"}));
}

/// Scenario: nine aliases in each of nine levels stand for more than a thousand million values.
/// Guarantees: the limit on values stops the reading.
#[test]
fn an_alias_bomb_is_refused() {
    let mut yaml = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let error = Node::parse("bomb.yaml", &yaml).unwrap_err().to_string();
    assert!(error.contains("more than 100000 values, aliases included"), "{error}");
}

/// Scenario: YAML nests too deep, in flow and in block style.
/// Guarantees: the limit on depth stops the reading.
#[test]
fn nesting_is_bounded() {
    let block: String = (0..200).map(|level| format!("{:level$}a:\n", "")).collect();
    for yaml in ["[".repeat(100), "- ".repeat(100_000), block, "{a: ".repeat(100)] {
        let error = Node::parse("deep.yaml", &yaml).unwrap_err().to_string();
        assert!(error.contains("nested more than 64 deep"), "{error}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Everything {
    text: String,
    number: u16,
    real: f64,
    flag: bool,
    list: Vec<String>,
    map: BTreeMap<String, u64>,
    maybe: Option<String>,
    #[serde(default, deserialize_with = "present")]
    given: Option<Inner>,
    choice: Choice,
    wait: Duration,
    secret: Secret,
    inner: Inner,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Inner {
    size: u64,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    None,
    Sized(u64),
}

/// Scenario: a key has no value where one is needed, in a struct and in a list, and a word is in capitals.
/// Guarantees: the key means its default, the item is an error, and the word is known.
#[test]
fn a_key_without_a_value_has_its_default() {
    let parse = |yaml| Node::parse("test.yaml", yaml).unwrap();
    assert_eq!(parse("size:").read::<Inner>().unwrap(), Inner::default());
    assert_eq!(parse("None").read::<Choice>().unwrap(), Choice::None);
    let missing = parse("text: ~").read::<Everything>().unwrap_err().to_string();
    assert!(missing.contains("the key `text` is missing"), "{missing}");
    assert!(parse("- 1\n-").read::<Vec<u64>>().is_err());
}

/// Scenario: a struct of every type is read from YAML that relies on the Collector's leniency.
/// Guarantees: every field has the value that the Collector reads.
#[test]
fn a_struct_is_read_as_leniently_as_the_collector_does() {
    let yaml = "
text: 1.10
number: 1e3
real: 5
flag: true
list: a, b
map: { 8080: 1 }
maybe:
given:
choice: { sized: 5 }
wait: 1m30s
secret: 0123
inner:
";
    let read: Everything = Node::parse("test.yaml", yaml).unwrap().read().unwrap();
    assert_eq!(
        read,
        Everything {
            text: "1.10".to_owned(),
            number: 1000,
            real: 5.0,
            flag: true,
            list: vec!["a".to_owned(), "b".to_owned()],
            map: BTreeMap::from([("8080".to_owned(), 1)]),
            maybe: None,
            given: Some(Inner::default()),
            choice: Choice::Sized(5),
            wait: Duration::from_secs(90),
            secret: Secret("0123".to_owned()),
            inner: Inner::default(),
        }
    );
}

/// Scenario: configs are built from JSON.
/// Guarantees: they are read like YAML, and errors name the keys.
#[test]
fn a_config_from_json_reads_alike() {
    let node = Node::from_json(json!({"size": 5}));
    assert_eq!(node.read::<Inner>().unwrap(), Inner { size: 5 });
    let error = Node::from_json(json!({"a": {"b": "5"}})).read::<BTreeMap<String, BTreeMap<String, u8>>>();
    assert_eq!(
        error.unwrap_err().to_string(),
        "error: expected a whole number, found the text `5`\n --> a › b\n  = write it without quotes"
    );
}

#[track_caller]
fn fails<T: for<'de> Deserialize<'de> + std::fmt::Debug>(yaml: &str, expected: &str) {
    let error = Node::parse("test.yaml", yaml).unwrap().read::<T>().unwrap_err().to_string();
    assert_eq!(error, expected.trim_matches('\n'), "\n{error}\n");
}

/// Scenario: serde's own errors occur: an unknown variant, a missing field, a wrong length, a wrong key.
/// Guarantees: each message is in plain words, with its place.
#[test]
fn what_serde_finds_is_said_in_plain_words() {
    fails::<BTreeMap<String, Choice>>(
        "a: nome",
        "
error: expected one of `none`, `sized`
 --> test.yaml:1:4  a
  |
1 | a: nome
  |    ^^^^ did you mean `none`?",
    );
    fails::<Vec<Everything>>(
        "- text: a",
        "
error: the key `number` is missing
 --> test.yaml:1:3  [0]
  |
1 | - text: a
  |   ^",
    );
    fails::<BTreeMap<String, (u8, u8)>>(
        "a: [1]",
        "
error: expected a tuple of size 2, found 1 items
 --> test.yaml:1:1  a
  |
1 | a: [1]
  | ^",
    );
    fails::<BTreeMap<u8, u8>>(
        "a: 1",
        "
error: expected a whole number, found the text `a`
 --> test.yaml:1:1  a
  |
1 | a: 1
  | ^",
    );
}

/// Scenario: two configs are read that users of the Collector could write.
/// Guarantees: both are valid and give no warning, and the metrics' addresses are right.
#[test]
fn configs_of_collector_users_are_right() {
    let gateway = "
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
      http:
        endpoint: 0.0.0.0:4318
exporters:
  debug:
    verbosity: detailed
  otlp:
    endpoint: ${env:BACKEND:-otelcol:4317}
    sending_queue: { queue_size: 5000 }
    headers:
      x-team: shop
extensions:
  health_check:
    endpoint: 0.0.0.0:13133
service:
  extensions: [health_check]
  telemetry:
    logs:
      level: INFO
      encoding: json
    metrics:
      readers:
        - pull:
            exporter:
              prometheus:
                host: 0.0.0.0
                port: 8889
    resource:
      service.name: gateway
      host.name:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debug, otlp]
    metrics:
      receivers: [otlp]
      exporters: [otlp]
    logs/audit:
      receivers: [otlp]
      exporters: [otlp]
";
    let anchored = "
x-queue: &queue
  num_consumers: 4
  queue_size: 100
exporters:
  otlp/a: { endpoint: 'a:4317', sending_queue: *queue }
  otlp/b:
    endpoint: b:4317
    sending_queue:
      <<: *queue
      queue_size: 200
receivers: { otlp: { protocols: { grpc: , http: } } }
service:
  telemetry: { metrics: { address: '0.0.0.0:8888', level: basic } }
  shutdown_timeout: 5s
  pipelines:
    traces: &pipeline
      receivers: [otlp]
      exporters: [otlp/a, otlp/b]
    traces/2: *pipeline
";
    let anchored = anchored.replace("x-queue: &queue\n  num_consumers: 4\n  queue_size: 100\n", "").replacen(
        "*queue",
        "&queue { num_consumers: 4, queue_size: 100 }",
        1,
    );
    for (yaml, addresses) in [(gateway, ["0.0.0.0:8889"]), (anchored.as_str(), ["0.0.0.0:8888"])] {
        let root = load(&[format!("yaml:{yaml}")], &[], &|_| None).unwrap().root;
        let (config, findings) = Config::read(&root);
        assert!(findings.is_empty(), "{findings:#?}");
        let warnings = check(&config, &super::registry()).unwrap();
        assert!(warnings.is_empty(), "{warnings:#?}");
        let readers = config.service.telemetry.metrics.readers();
        let served: Vec<String> = readers.into_iter().map(|reader| reader.address).collect();
        assert_eq!(served, addresses);
    }
}

/// Scenario: of three readers, one wants suffixes.
/// Guarantees: that one gets them.
#[test]
fn a_reader_says_how_names_are_written() {
    let yaml = "
service:
  telemetry:
    metrics:
      readers:
        - pull: {exporter: {prometheus: {port: 1}}}
        - pull: {exporter: {prometheus: {port: 2, without_type_suffix: false}}}
        - pull: {exporter: {prometheus: {port: 3, without_type_suffix: true, without_units: true}}}
";
    let root = load(&[format!("yaml:{yaml}")], &[], &|_| None).unwrap().root;
    let readers = Config::read(&root).0.service.telemetry.metrics.readers();
    let namings: Vec<Naming> = readers.iter().map(|reader| reader.naming).collect();
    assert_eq!(namings, [Naming::Plain, Naming::Suffixed, Naming::Plain]);
}

fn yaml_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b:",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&x ",
        "*x",
        "<<: ",
        "\"",
        "'",
        "|\n",
        ">",
        "---\n",
        "...",
        "#",
        "!!str ",
        "? ",
        "${",
        "}",
        "$$",
        "${env:A:-",
        "\t",
        "é",
        "%TAG",
        "receivers:\n  ",
        "service:\n  pipelines:\n",
        "otlp:",
        "5",
        "\u{0}",
        "\\",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Scenario: any text is loaded as a config.
    /// Guarantees: the text is read, or refused with a message that can be shown.
    #[test]
    fn no_text_makes_the_loader_panic(text in prop_oneof![yaml_like(), any::<String>()]) {
        match load(&[format!("yaml:{text}")], &[], &|_| Some(text.clone())) {
            Ok(loaded) => {
                let (config, findings) = Config::read(&loaded.root);
                for finding in findings.iter().chain(&loaded.warnings) {
                    prop_assert!(!finding.warning(true).is_empty());
                }
                if let Err(error) = check(&config, &super::registry()) {
                    prop_assert!(!error.render(true).is_empty());
                }
            }
            Err(error) => prop_assert!(!error.render(true).is_empty()),
        }
    }
}

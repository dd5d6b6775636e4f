//! What references become.

use serde_json::{Value, json};

use super::{Files, env};
use crate::config::{
    ConfigError, Node,
    load::{Loaded, load},
};

fn expanded(yaml: &str) -> Result<Loaded, ConfigError> {
    load(&[format!("yaml:{yaml}")], &[], &env)
}

fn value(yaml: &str) -> Node {
    expanded(&format!("v: {yaml}")).unwrap().root.get("v").unwrap().clone()
}

#[test]
fn a_reference_alone_means_what_its_text_means_as_yaml() {
    let cases = [
        ("${env:PORT}", json!(4317)),
        ("${PORT}", json!(4317)),
        ("\"${env:PORT}\"", json!(4317)),
        ("${env:${NAME}}", json!(4317)),
        ("${env:TRUE}", json!(true)),
        ("${env:HOST}", json!("backend")),
        ("${env:MAP}", json!({"a": 1, "b": ["x", "y"]})),
        ("${env:EMPTY}", json!(null)),
        ("${env:EMPTY:-5}", json!(null)),
        ("${env:NONE:-5}", json!(5)),
        ("${NONE:-5}", json!(5)),
        ("${NONE:-}", json!(null)),
        ("${NONE:-a:-b}", json!("a:-b")),
        ("'${NONE:-[1, 2]}'", json!([1, 2])),
        ("'${NONE:-{a: b}}'", json!({"a": "b"})),
        ("${NONE:-${PORT}}", json!(4317)),
        ("${NONE:-${HOST}:${PORT}}", json!("backend:4317")),
        ("${env:NONE:-${env:NONE2:-deep}}", json!("deep")),
        ("'${yaml:[1, ${PORT}]}'", json!([1, 4317])),
        ("${env:BROKEN}", json!("{a")),
    ];
    for (yaml, expected) in cases {
        assert_eq!(value(yaml).read::<Value>().unwrap(), expected, "{yaml}");
    }
}

#[test]
fn a_reference_in_other_text_is_text() {
    let cases = [
        ("${HOST}:${PORT}", "backend:4317"),
        ("'${PORT} '", "4317 "),
        ("x${PORT}", "x4317"),
        ("$${PORT}", "${PORT}"),
        ("$$$${PORT}", "$${PORT}"),
        ("$$${PORT}", "$4317"),
        ("a$b", "a$b"),
        ("$1.50", "$1.50"),
        ("['a${NONE:-x}']", "ax"),
        ("${HOST}/${env:EMPTY}", "backend/"),
    ];
    for (yaml, expected) in cases {
        let node = value(yaml);
        let item = node.items().first().unwrap_or(&node);
        assert_eq!(item.read::<Value>().unwrap(), json!(expected), "{yaml}");
    }
}

/// A password of digits, or one that happens to be YAML, is still the password.
#[test]
fn a_field_that_wants_text_gets_the_variable_to_the_letter() {
    let cases = [
        ("${env:DIGITS}", "0123"),
        ("${env:TRUE}", "true"),
        ("${env:EMPTY}", ""),
        ("${env:MAP}", "{a: 1, b: [x, y]}"),
        ("${env:COMMA}", "a: b"),
        ("${env:DOLLARS}", "pa$$word${HOST}"),
        ("'${yaml:${env:DOLLARS}}'", "pa$$word${HOST}"),
        ("<${env:DOLLARS}>", "<pa$$word${HOST}>"),
    ];
    for (yaml, expected) in cases {
        assert_eq!(value(yaml).read::<String>().unwrap(), expected, "{yaml}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_nothing_and_a_warning() {
    let loaded = expanded("v: ${env:NONE}\nw: ${NONE:-${OTHER}}").unwrap();
    assert!(loaded.root.get("v").unwrap().is_null());
    let messages: Vec<&str> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        messages,
        ["the environment variable `NONE` is not set", "the environment variable `OTHER` is not set"]
    );
    assert_eq!(loaded.warnings[0].at.as_ref().unwrap().to_string(), "yaml::1:4");
}

/// As if the key were not there; where text is due, it is the empty text.
#[test]
fn a_variable_that_stands_for_nothing_leaves_numbers_and_switches_at_their_defaults() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Config {
        size: u16,
        share: f64,
        on: bool,
        wait: crate::config::Duration,
        name: String,
        list: Vec<u8>,
    }
    impl Default for Config {
        fn default() -> Config {
            let wait = crate::config::Duration::from_secs(5);
            Config { size: 7, share: 0.5, on: true, wait, name: "n".to_owned(), list: vec![1] }
        }
    }
    let keys = ["size", "share", "on", "wait"].map(|key| format!("{key}: ${{env:NONE}}\n")).concat();
    let config = expanded(&format!("{keys}name: ${{env:NONE}}\nlist: ['${{EMPTY}}', 2]")).unwrap().root;
    let expected = Config { name: String::new(), list: vec![2], ..Config::default() };
    assert_eq!(config.read::<Config>().unwrap(), expected);
    let error = Node::parse("a.yaml", "size:\non: ").unwrap().read::<Config>().unwrap_err();
    assert_eq!(error.findings().len(), 2, "{error}");
}

#[test]
fn keys_are_not_expanded() {
    let root = expanded("${HOST}: 1").unwrap().root;
    assert!(root.get("${HOST}").is_some());
}

/// The file's own nodes keep their places; paths in it are relative to it.
#[test]
fn a_file_is_read_beside_the_config_that_names_it() {
    let files = Files::new(&[
        (
            "otel.yaml",
            "exporters: ${file:exporters.yaml}\ntoken: ${file:token}\nauth: Bearer ${file:token}\n",
        ),
        ("exporters.yaml", "otlp:\n  endpoint: ${env:HOST}:${file:token}\n"),
        ("token", "007$$\n"),
    ]);
    let root = load(&[files.path("otel.yaml")], &[], &env).unwrap().root;
    let endpoint = root.nearest(["exporters", "otlp", "endpoint"]);
    assert_eq!(endpoint.read::<String>().unwrap(), "backend:007$$");
    assert_eq!(files.strip(&endpoint.at().unwrap().to_string()), "exporters.yaml:2:13");
    assert_eq!(root.get("token").unwrap().read::<String>().unwrap(), "007$$");
    assert_eq!(root.get("auth").unwrap().read::<String>().unwrap(), "Bearer 007$$");
}

#[test]
fn a_file_of_broken_yaml_is_shown_where_it_breaks() {
    let files = Files::new(&[("otel.yaml", "exporters: ${file:more.yaml}\n"), ("more.yaml", "a: 1\nb: [\n")]);
    let error = load(&[files.path("otel.yaml")], &[], &env).unwrap_err();
    assert!(files.strip(&error.to_string()).contains("--> more.yaml:3:1"), "{error}");
}

/// A file that names itself, in breadth and in depth, and text that grows.
#[test]
fn references_without_end_are_refused() {
    let files = Files::new(&[("otel.yaml", "a: ${file:otel.yaml}\nb: ${file:otel.yaml}\n")]);
    let error = load(&[files.path("otel.yaml")], &[], &env).unwrap_err();
    assert!(error.to_string().contains("references may nest 16 deep"), "{error}");
    let big = |_: &str| Some("x".repeat(4 << 20));
    let config = format!("yaml:v: {}", "${X} ".repeat(5));
    let error = load(&[config], &[], &big).unwrap_err();
    assert!(error.to_string().contains("references stand for more than 16777216 bytes"), "{error}");
}

#[test]
fn deep_trees_cannot_be_made_deeper_by_references() {
    let deep = |levels: usize, inside: &str| format!("{}{inside}{}", "[".repeat(levels), "]".repeat(levels));
    let env = |_: &str| Some(deep(50, "1"));
    let error = load(&[format!("yaml:v: {}", deep(50, "'${X}'"))], &[], &env).unwrap_err();
    assert!(error.to_string().contains("deep"), "{error}");
}

//! The values that references become.

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

/// Scenario: values are single references of each kind, also nested and with defaults.
/// Guarantees: each value is what the reference's text means as YAML.
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

/// Scenario: references stand within other text, and `$` stands single or doubled.
/// Guarantees: each value is text.
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

/// Scenario: fields of type text hold references to digits, to YAML and to text with `$`, as passwords may
/// be.
/// Guarantees: each field gets the variable's text unchanged.
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

/// Scenario: two variables are not set, one of them in a default.
/// Guarantees: the value is nothing, and each variable gets a warning.
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

/// Scenario: numbers, switches and texts are references to variables that are not set or empty.
/// Guarantees: numbers and switches keep their defaults, as they do without any value; the text is empty;
/// and a list loses the item.
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
    let config = Node::parse("a.yaml", "size:\non: \nname:").unwrap();
    assert_eq!(config.read::<Config>().unwrap(), Config::default());
}

/// Scenario: a key looks like a reference.
/// Guarantees: the key stays as it is.
#[test]
fn keys_are_not_expanded() {
    let root = expanded("${HOST}: 1").unwrap().root;
    assert!(root.get("${HOST}").is_some());
}

/// Scenario: a config names files, and one of these names another.
/// Guarantees: each is read, and values keep their places in their own files.
#[test]
fn a_file_may_name_another() {
    let files = Files::new(&[
        (
            "otel.yaml",
            "exporters: ${file:HERE/exporters.yaml}\ntoken: ${file:HERE/token}\nauth: Bearer ${file:HERE/token}\n",
        ),
        ("exporters.yaml", "otlp:\n  endpoint: ${env:HOST}:${file:HERE/token}\n"),
        ("token", "007$$\n"),
    ]);
    let root = load(&[files.path("otel.yaml")], &[], &env).unwrap().root;
    let endpoint = root.nearest(["exporters", "otlp", "endpoint"]);
    assert_eq!(endpoint.read::<String>().unwrap(), "backend:007$$");
    assert_eq!(files.strip(&endpoint.at().unwrap().to_string()), "exporters.yaml:2:13");
    assert_eq!(root.get("token").unwrap().read::<String>().unwrap(), "007$$");
    assert_eq!(root.get("auth").unwrap().read::<String>().unwrap(), "Bearer 007$$");
}

/// Scenario: a config names a file by a relative path. There is one beside the config, and another one in the
/// working directory, which is the folder of this crate.
/// Guarantees: the file in the working directory is read, as in the Collector.
#[test]
fn a_relative_path_starts_from_the_working_directory() {
    let files = Files::new(&[("otel.yaml", "text: ${file:Cargo.toml}\n"), ("Cargo.toml", "beside")]);
    let root = load(&[files.path("otel.yaml")], &[], &env).unwrap().root;
    assert!(root.get("text").unwrap().read::<String>().unwrap().starts_with("[package]"));
}

/// Scenario: a config names a file of broken YAML.
/// Guarantees: the error points into that file.
#[test]
fn a_file_of_broken_yaml_is_shown_where_it_breaks() {
    let files =
        Files::new(&[("otel.yaml", "exporters: ${file:HERE/more.yaml}\n"), ("more.yaml", "a: 1\nb: [\n")]);
    let error = load(&[files.path("otel.yaml")], &[], &env).unwrap_err();
    assert!(files.strip(&error.to_string()).contains("--> more.yaml:3:1"), "{error}");
}

/// Scenario: a config refers to a pipe to which nobody writes; opening it would wait for good.
/// Guarantees: the pipe is refused at once.
#[test]
fn a_pipe_is_no_file_to_refer_to() {
    let files = Files::new(&[("otel.yaml", "token: ${file:HERE/pipe}\n")]);
    let pipe = files.path("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let error = load(&[files.path("otel.yaml")], &[], &env).unwrap_err();
    assert!(error.to_string().contains(&format!("cannot read {pipe}: it is not a file")), "{error}");
}

/// Scenario: a file names itself twice, and another config multiplies a large variable.
/// Guarantees: the limits on nesting and on bytes stop both.
#[test]
fn references_without_end_are_refused() {
    let files = Files::new(&[("otel.yaml", "a: ${file:HERE/otel.yaml}\nb: ${file:HERE/otel.yaml}\n")]);
    let error = load(&[files.path("otel.yaml")], &[], &env).unwrap_err();
    assert!(error.to_string().contains("references may nest 16 deep"), "{error}");
    let big = |_: &str| Some("x".repeat(4 << 20));
    let config = format!("yaml:v: {}", "${X} ".repeat(5));
    let error = load(&[config], &[], &big).unwrap_err();
    assert!(error.to_string().contains("references stand for more than 16777216 bytes"), "{error}");
}

/// Scenario: a deep tree holds a reference to another deep tree.
/// Guarantees: the limit on depth applies to the whole.
#[test]
fn deep_trees_cannot_be_made_deeper_by_references() {
    let deep = |levels: usize, inside: &str| format!("{}{inside}{}", "[".repeat(levels), "]".repeat(levels));
    let env = |_: &str| Some(deep(50, "1"));
    let error = load(&[format!("yaml:v: {}", deep(50, "'${X}'"))], &[], &env).unwrap_err();
    assert!(error.to_string().contains("deep"), "{error}");
}

//! Tests which configs plugins' schemas refuse, and with which messages.

use super::*;

const SCHEMA: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": false,
    "required": ["url"],
    "properties": {
        "url": { "type": "string", "pattern": "^https?://", "description": "Where to send to." },
        "keys": { "type": "array", "items": { "type": "string" }, "maxItems": 3, "default": [] },
        "mode": { "enum": ["mask", "remove", "hash"], "default": "mask" },
        "share": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
        "retries": { "type": "integer", "minimum": 0, "maximum": 10 },
        "enabled": { "type": "boolean" },
        "token": { "type": "string", "minLength": 4 },
        "tls": { "$ref": "#/$defs/tls" },
        "auth": { "oneOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": false, "properties": { "user": { "type": "string" } } }
        ] },
        "rules": { "type": "array", "items": {
            "type": "object", "required": ["key"], "properties": { "key": { "type": "string" } }
        } }
    },
    "$defs": { "tls": {
        "type": "object",
        "additionalProperties": false,
        "properties": { "ca_file": { "type": "string" }, "insecure": { "type": "boolean" } }
    } }
}"##;

fn read(schema: &str, config: &str) -> Result<Value, String> {
    let node = Node::parse("otel.yaml", config).unwrap();
    ConfigSchema::new(schema).unwrap().read(&node, &["sending_queue"]).map_err(|error| error.to_string())
}

/// Checks the message for a config. The config has no `url`; this adds it as the first line.
#[track_caller]
fn refuses(config: &str, expected: &str) {
    let shown = read(SCHEMA, &format!("url: http://a\n{config}")).unwrap_err();
    assert_eq!(shown, expected.trim_matches('\n'), "\n{shown}\n");
}

/// Scenario: a valid config is read.
/// Guarantees: it becomes JSON of the same content.
#[test]
fn a_right_config_is_handed_on_as_json() {
    let config = "url: http://a\nkeys: [card, ssn]\nshare: 0.5\ntls: { insecure: true }\nauth: { user: me }";
    assert_eq!(
        read(SCHEMA, config).unwrap(),
        json!({"url": "http://a", "keys": ["card", "ssn"], "share": 0.5, "tls": {"insecure": true}, "auth": {"user": "me"}})
    );
    assert_eq!(read("true", "").unwrap(), json!({}));
}

/// Scenario: variables hold texts that look like maps and lists.
/// Guarantees: where text is expected, they are text.
#[test]
fn a_variable_is_text_where_text_is_due() {
    let env = |name: &str| Some(if name == "TOKEN" { "{a: b}" } else { "[x, y]" }.to_owned());
    let yaml = "yaml:url: http://a\ntoken: ${env:TOKEN}\nkeys: ['${LIST}', a]\nauth: ${LIST}".to_owned();
    let loaded = crate::config::load::load(&[yaml], &[], &env).unwrap();
    assert_eq!(
        ConfigSchema::new(SCHEMA).unwrap().read(&loaded.root, &[]).unwrap(),
        json!({"url": "http://a", "token": "{a: b}", "keys": ["[x, y]", "a"], "auth": "[x, y]"})
    );
}

/// Scenario: a config has numbers where text is expected, text where a list is expected, a list of `name` and
/// `value` where a map is expected, and keys without values.
/// Guarantees: they become text, lists of words, maps, and empty maps or lists, or are left out, as for built-in
/// components.
#[test]
fn a_config_is_read_as_leniently_as_any_other() {
    let config = "url: http://a\nkeys: [007, x]\ntoken: 0123\ntls:\nrules:\nauth: 5";
    assert_eq!(
        read(SCHEMA, config).unwrap(),
        json!({"url": "http://a", "keys": ["007", "x"], "token": "0123", "tls": {}, "rules": [], "auth": "5"})
    );
    let whole = read(SCHEMA, "url: http://a\nretries: 1e1\nshare: 1.0").unwrap();
    assert_eq!((whole["retries"].to_string(), whole["share"].to_string()), ("10".to_owned(), "1".to_owned()));
    let config = "url: http://a\nkeys: 'card, ssn'\nretries:\nshare: ~\nenabled:\nmode:\ntls: {insecure: }";
    assert_eq!(read(SCHEMA, config).unwrap(), json!({"url": "http://a", "keys": ["card", "ssn"], "tls": {}}));
    let config = "url: http://a\ntls: [{name: ca_file, value: 007}]";
    assert_eq!(read(SCHEMA, config).unwrap(), json!({"url": "http://a", "tls": {"ca_file": "007"}}));
    assert!(read(SCHEMA, "url: http://a\ntls: [{key: ca_file}]").unwrap_err().contains("found a list"));
    assert_eq!(read(SCHEMA, "url: http://a\nmode: ''").unwrap(), json!({"url": "http://a"}));
    assert!(read(SCHEMA, "url:").unwrap_err().contains("`url`"));
}

/// Scenario: a config has misspelled keys.
/// Guarantees: each message names the key, the nearest known one and all known ones.
#[test]
fn unknown_keys_are_named_with_the_nearest_right_one() {
    refuses(
        "key: [card]\ntls: { ca_fle: x }\nsending_que: {}",
        "
error: unknown key `ca_fle`
 --> otel.yaml:3:8  tls
  |
3 | tls: { ca_fle: x }
  |        ^^^^^^ did you mean `ca_file`?
  = known keys: ca_file, insecure

error: unknown key `key`
 --> otel.yaml:2:1
  |
2 | key: [card]
  | ^^^ did you mean `keys`?
  = known keys: auth, enabled, keys, mode, retries, rules, share, tls, token, url, sending_queue

error: unknown key `sending_que`
 --> otel.yaml:4:1
  |
4 | sending_que: {}
  | ^^^^^^^^^^^ did you mean `sending_queue`?
  = known keys: auth, enabled, keys, mode, retries, rules, share, tls, token, url, sending_queue",
    );
}

/// Scenario: values have another type than the schema's.
/// Guarantees: the message says what was expected and what was found.
#[test]
fn a_wrong_type_says_what_was_expected() {
    refuses(
        "keys: 5",
        "
error: expected a list of texts, found `5`
 --> otel.yaml:2:7  keys
  |
2 | keys: 5
  |       ^",
    );
    refuses(
        "retries: \"5\"",
        r#"
error: expected a whole number, 0 to 10, found the text `5`
 --> otel.yaml:2:10  retries
  |
2 | retries: "5"
  |          ^^^ write it without quotes"#,
    );
    refuses(
        "enabled: yes",
        "
error: expected `true` or `false`, found the text `yes`
 --> otel.yaml:2:10  enabled
  |
2 | enabled: yes
  |          ^^^ write `true`",
    );
    refuses(
        "tls: [a]",
        "
error: expected a map of keys, found a list
 --> otel.yaml:2:1  tls
  |
2 | tls: [a]
  | ^^^",
    );
}

/// Scenario: values are out of their range, choices or length.
/// Guarantees: the message shows the bounds, and hides a secret.
#[test]
fn what_is_out_of_its_range_or_choices_is_shown_with_them() {
    refuses(
        "retries: 11",
        "
error: expected a whole number, 0 to 10, found `11`
 --> otel.yaml:2:10  retries
  |
2 | retries: 11
  |          ^^",
    );
    refuses(
        "share: 0",
        "
error: expected a number, above 0 and up to 1, found `0`
 --> otel.yaml:2:8  share
  |
2 | share: 0
  |        ^",
    );
    refuses(
        "mode: masc",
        "
error: expected one of `mask`, `remove`, `hash`, found the text `masc`
 --> otel.yaml:2:7  mode
  |
2 | mode: masc
  |       ^^^^ did you mean `mask`?",
    );
    refuses(
        "keys: [a, b, c, d]",
        "
error: expected up to 3 items, found 4
 --> otel.yaml:2:1  keys
  |
2 | keys: [a, b, c, d]
  | ^^^^",
    );
    refuses(
        "token: abc",
        "
error: expected text of at least 4 characters, found text (a secret)
 --> otel.yaml:2:8  token
  |
2 | token: [REDACTED]
  |        ^^^^^^^^^^",
    );
}

/// Scenario: required keys are missing.
/// Guarantees: the message names the key and what it takes.
#[test]
fn a_missing_key_is_named_with_what_it_takes() {
    let shown = read(SCHEMA, "keys: []").unwrap_err();
    assert_eq!(
        shown,
        "\
error: the key `url` is missing
 --> otel.yaml:1:1
  |
1 | keys: []
  | ^ give it text that matches `^https?://`
  = Where to send to."
    );
    refuses(
        "rules:\n  - name: a",
        "
error: the key `key` is missing
 --> otel.yaml:3:5  rules › [0]
  |
3 |   - name: a
  |     ^ give it text",
    );
}

/// Scenario: a value is wrong, and its key has a description.
/// Guarantees: the description stands below the message.
#[test]
fn a_description_stands_below() {
    let shown = read(SCHEMA, "url: ftp://a").unwrap_err();
    assert_eq!(
        shown,
        "\
error: expected text that matches `^https?://`, found the text `ftp://a`
 --> otel.yaml:1:6  url
  |
1 | url: ftp://a
  |      ^^^^^^^
  = Where to send to."
    );
}

/// Scenario: a value has several allowed forms and fits none.
/// Guarantees: the message is about the nearest form.
#[test]
fn of_several_forms_the_nearest_is_spoken_of() {
    refuses(
        "auth: { usr: me }",
        "
error: unknown key `usr`
 --> otel.yaml:2:9  auth
  |
2 | auth: { usr: me }
  |         ^^^ did you mean `user`?
  = known keys: user",
    );
    refuses(
        "auth: [me]",
        "
error: expected text or a map of keys, found a list
 --> otel.yaml:2:1  auth
  |
2 | auth: [me]
  | ^^^^",
    );
}

/// Scenario: a value from a variable is wrong.
/// Guarantees: the message does not show the value, which may be a secret.
#[test]
fn the_value_of_a_reference_is_not_shown() {
    let root =
        crate::config::load::load(&["yaml:{url: http://a, token: '${env:T}'}".to_owned()], &[], &|_| {
            Some("abc".to_owned())
        });
    let error = ConfigSchema::new(SCHEMA).unwrap().read(&root.unwrap().root, &[]).unwrap_err().to_string();
    assert!(error.contains("found text (the value of the reference)") && !error.contains("abc"), "{error}");
}

/// Scenario: a config has deprecated keys at the top, below a reference and in a list, and another key.
/// Guarantees: there is a warning for each deprecated key that asks for something, with its author's
/// description.
#[test]
fn deprecated_keys_are_warned_of() {
    let schema = r##"{"properties": {
        "fine": {"type": "boolean"},
        "old": {"deprecated": true, "description": "No effect: it is new.\nMore."},
        "unsaid": {"deprecated": true},
        "tls": {"$ref": "#/$defs/tls"},
        "list": {"items": {"$ref": "#/$defs/tls"}}
    }, "$defs": {"tls": {"properties": {"old": {"deprecated": true, "description": "Without TLS."}}}}}"##;
    let node =
        Node::parse("otel.yaml", "fine: true\nold: 1\ntls: { old: 2 }\nlist: [{}, { old: 3 }]").unwrap();
    let found = ConfigSchema::new(schema).unwrap().deprecated(&node);
    let found: Vec<(&str, String, Option<&str>)> = found
        .iter()
        .map(|found| (found.message.as_str(), found.path.to_string(), found.help.as_deref()))
        .collect();
    let expected = [
        ("`old` is better left out", "old", "No effect: it is new."),
        ("`old` is better left out", "tls › old", "Without TLS."),
        ("`old` is better left out", "list › [1] › old", "Without TLS."),
    ];
    assert_eq!(found, expected.map(|(message, path, help)| (message, path.to_owned(), Some(help))));
    let unsaid = Node::parse("otel.yaml", "unsaid: 1\nold: {}").unwrap();
    assert_eq!(ConfigSchema::new(schema).unwrap().deprecated(&unsaid)[0].help, None);
}

/// Scenario: schemas are not JSON, not valid, endless or too large.
/// Guarantees: each is refused as the plugin's mistake.
#[test]
fn a_schema_that_is_wrong_is_the_plugins_mistake() {
    let doubled = |n: usize| {
        let defs: Vec<String> = (0..n)
            .map(|i| {
                format!(
                    r##""d{i}": {{"anyOf": [{{"$ref": "#/$defs/d{0}"}}, {{"$ref": "#/$defs/d{0}"}}]}}"##,
                    i + 1
                )
            })
            .collect();
        format!(r##"{{"$ref": "#/$defs/d0", "$defs": {{ {}, "d{n}": {{}} }} }}"##, defs.join(", "))
    };
    assert!(ConfigSchema::new(&doubled(8)).is_ok());
    let doubled = doubled(15);
    let cases = [
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            r#"{"type": "text"}"#,
            "\"text\" is not valid under any of the schemas listed in the 'anyOf' keyword (at `/type`)",
        ),
        (r#"{"pattern": "("}"#, "\"(\" is not a \"regex\" (at `/pattern`)"),
        (r#"{"$ref": "https://example.com/a"}"#, "its `$ref` leads nowhere: https://example.com/a"),
        (r##"{"$ref": "#"}"##, "a `$ref` leads back to itself, or through too many others"),
        (
            r##"{"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}"##,
            "a `$ref` leads back to itself, or through too many others",
        ),
        (&doubled, "more than 2000 schemas hold for one value"),
    ];
    for (schema, expected) in cases {
        let error = ConfigSchema::new(schema).unwrap_err().to_string();
        assert_eq!(error, format!("its config schema is wrong, which is the plugin's mistake: {expected}"));
    }
}

/// Scenario: a schema is recursive, and each step enters a part of the config.
/// Guarantees: the schema is valid and its outline ends.
#[test]
fn a_recursive_schema_is_followed_into_the_config() {
    let schema = r##"{"type": "object", "additionalProperties": {"$ref": "#"}}"##;
    assert!(read(schema, "a: { b: { c: {} } }").is_ok());
    assert!(read(schema, "a: { b: { c: 1 } }").is_err());
    assert!(outline(&serde_json::from_str(r##"{"properties": {"a": {"$ref": "#"}}}"##).unwrap()).len() < 10);
}

/// Scenario: a plugin refuses a config with paths to its parts, and with wrong paths.
/// Guarantees: the finding is at the part, or at the whole config with the path in its text.
#[test]
fn a_plugins_own_refusal_stands_where_its_path_leads() {
    let node =
        Node::parse("otel.yaml", "keys: [a, b]\ntls: { ca_file: x }\nmap: { a.b: 1, a: { c: 2 } }").unwrap();
    let cases = [
        ("keys[1]", "otel.yaml:1:11", None),
        ("tls.ca_file", "otel.yaml:2:17", None),
        ("map.a.b", "otel.yaml:3:13", None),
        ("map.a.c", "otel.yaml:3:24", None),
        ("", "otel.yaml:1:1", None),
        ("keys[7].x", "otel.yaml:1:1", Some("it is about `keys[7].x`")),
        ("nowhere", "otel.yaml:1:1", Some("it is about `nowhere`")),
        ("[[[", "otel.yaml:1:1", Some("it is about `[[[`")),
    ];
    for (path, place, help) in cases {
        let finding = refusal(&node, path, "no");
        assert_eq!(finding.at.unwrap().to_string(), place, "{path}");
        assert_eq!(finding.help.as_deref(), help, "{path}");
    }
}

/// Scenario: a schema's outline is made.
/// Guarantees: it lists each key with its type, its default and whether it is required.
#[test]
fn an_outline_lists_keys_with_types_and_defaults() {
    let keys = ConfigSchema::new(SCHEMA).unwrap().outline();
    let lines: Vec<String> = keys
        .iter()
        .map(|key| {
            let required = if key.required { "!" } else { "" };
            format!("{}{required}: {} = {}", key.key, key.takes, key.default.as_deref().unwrap_or("-"))
        })
        .collect();
    assert_eq!(
        lines,
        [
            "auth: text or a map of keys = -",
            "enabled: `true` or `false` = -",
            "keys: a list of texts = []",
            "mode: one of `mask`, `remove`, `hash` = mask",
            "retries: a whole number, 0 to 10 = -",
            "rules: a list of maps = -",
            "rules[].key!: text = -",
            "share: a number, above 0 and up to 1 = -",
            "tls: a map of keys = -",
            "tls.ca_file: text = -",
            "tls.insecure: `true` or `false` = -",
            "token: text of at least 4 characters = -",
            "url!: text that matches `^https?://` = -",
        ]
    );
}

//! Printing a config.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::config::{Node, load::load, print::print};

/// Scenario: a config with secrets of many kinds is printed.
/// Guarantees: each secret is `[REDACTED]`, and everything else means the same as before.
#[test]
fn secrets_are_left_out_and_the_rest_is_as_it_was() {
    let yaml = "\
receivers:
  otlp:
    protocols:
      grpc:
      http: { endpoint: '0.0.0.0:4318', include_metadata: true, cors: { allowed_origins: ['https://*.a.com'] } }
extensions:
  bearertokenauth:
    token: abc
    filename: /run/token
  basicauth: { htpasswd: { inline: 'a:b', file: ./htpasswd }, client_auth: { username: u, password: 5 } }
exporters:
  otlp_http:
    endpoint: https://user:pass@host:4318/a?b=c@d
    headers: { X-Scope: team, Authorization: Bearer abc }
    tls: { key_pem: abc, key_file: a.pem }
    api-key: ${NONE:-k}
    empty: { map: {}, list: [], secret: }
  file: { path: '$5 a', number: '0123', real: 1.50, yes: 'true', multi: \"a\\nb\" }
plugins:
  redact: { grants: { http: [{ origin: https://a, auth: { bearer: abc } }] } }
";
    let root = load(&[format!("yaml:{yaml}")], &[], &|_| None).unwrap().root;
    let expected = "\
receivers:
  otlp:
    protocols:
      grpc:
      http:
        endpoint: 0.0.0.0:4318
        include_metadata: true
        cors:
          allowed_origins:
            - https://*.a.com
extensions:
  bearertokenauth:
    token: \"[REDACTED]\"
    filename: /run/token
  basicauth:
    htpasswd:
      inline: \"[REDACTED]\"
      file: ./htpasswd
    client_auth:
      username: u
      password: \"[REDACTED]\"
exporters:
  otlp_http:
    endpoint: \"https://user:[REDACTED]@host:4318/a?b=[REDACTED]\"
    headers:
      X-Scope: \"[REDACTED]\"
      Authorization: \"[REDACTED]\"
    tls:
      key_pem: \"[REDACTED]\"
      key_file: a.pem
    api-key: \"[REDACTED]\"
    empty:
      map: {}
      list: []
      secret:
  file:
    path: $$5 a
    number: \"0123\"
    real: 1.50
    yes: \"true\"
    multi: \"a\\nb\"
plugins:
  redact:
    grants:
      http:
        -
          origin: https://a
          auth:
            bearer: \"[REDACTED]\"
";
    assert_eq!(print(&root), expected);
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![any::<String>(), "[a-z0-9:#$ .~-]{0,6}", Just("null".to_owned())];
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("([a-z0-9. ]|:[a-z0-9. ]){1,4}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Scenario: a config of any values is printed and read again.
    /// Guarantees: the values are the same.
    #[test]
    fn a_printed_config_reads_as_it_was(value in any_value()) {
        let root = json!({"v": value});
        let printed = print(&Node::from_json(root.clone()));
        let read = load(&[format!("yaml:{printed}")], &[], &|_| None).unwrap();
        prop_assert_eq!(read.root.read::<Value>().unwrap(), root, "{}", printed);
    }
}

//! Configs with plugins, and the errors about them.

use super::{Files, env, registry};
use crate::{
    component::Factory,
    config::{ConfigError, Finding},
    hash::Sha256,
    id::Kind,
    plugin::testing::Guest,
    service::{self, Opened},
};

const SCHEMA: &str = r#"{"type": "object", "additionalProperties": false, "properties": {
    "keys": {"type": "array", "items": {"type": "string"}}, "url": {"type": "string"} }}"#;

/// Opens a config called `otel.yaml`, in a folder with plugins of each role.
#[tokio::main(flavor = "current_thread")]
async fn open(config: &str) -> (Files, Result<Opened, ConfigError>) {
    let files = Files::new(&[("otel.yaml", config), ("empty.wasm", ""), ("text.wasm", "(component)")]);
    let write = |name: &str, guest: Guest| guest.write(files.path(name).as_ref());
    write("redact.wasm", Guest { schema: SCHEMA, ..Guest::default() });
    write("keep.wasm", Guest { role: "sampling", ..Guest::default() });
    write("send.wasm", Guest { role: "exporting", schema: SCHEMA, needs_http: true, ..Guest::default() });
    write("count.wasm", Guest { role: "connecting", ..Guest::default() });
    write("badschema.wasm", Guest { schema: r#"{"type": 5}"#, ..Guest::default() });
    let opened = service::open(&[files.path("otel.yaml")], &[], &env, &registry()).await;
    (files, opened)
}

/// Returns a config with these lines from line 1, and then one pipeline with this processor.
fn piped(lines: &str, processor: &str) -> String {
    format!(
        "{lines}\nreceivers: {{ otlp: }}\nexporters: {{ debug: }}\nservice: {{ pipelines: {{ traces: {{ receivers: [otlp], processors: [{processor}], exporters: [debug] }} }} }}\n"
    )
}

#[track_caller]
fn refuses(config: &str, expected: &str) {
    let (files, opened) = open(config);
    let shown = files.strip(&opened.map(drop).expect_err("the config is wrong").to_string());
    assert_eq!(shown, expected.trim_matches('\n'), "\n{shown}\n");
}

/// Scenario: a config names two plugins and uses them as processors.
/// Guarantees: each plugin's name is a component type.
#[test]
fn a_plugin_becomes_a_component_type() {
    let config = piped(
        "plugins: { redact: { path: ./redact.wasm }, keep: { path: keep.wasm } }\nprocessors: { redact/a: { keys: [x] }, keep: }",
        "redact/a, keep",
    );
    let (_, opened) = open(&config);
    let opened = opened.unwrap();
    assert!(opened.warnings.is_empty(), "{:?}", opened.warnings);
    let types = opened.registry.types(Kind::Processor);
    let types: Vec<_> = types.iter().map(|known| (known.name(), known.plugin())).collect();
    assert_eq!(types, [("keep", Some("tested 1.2.3")), ("redact", Some("tested 1.2.3"))]);
}

/// Scenario: a plugin has the name of a built-in exporter.
/// Guarantees: the plugin replaces the built-in exporter.
#[test]
fn a_plugin_takes_the_place_of_a_built_in_of_its_name() {
    let config =
        "plugins: { debug: { path: send.wasm, grants: { http: [https://a.example] } } }\nreceivers: { otlp: }
exporters: { debug: { url: x, sending_queue: { queue_size: 5 }, timeout: 1s } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }";
    let (_, opened) = open(config);
    let registry = opened.unwrap().registry;
    assert_eq!(registry.find(Kind::Exporter, "debug").and_then(Factory::plugin), Some("tested 1.2.3"));
    assert!(registry.types(Kind::Exporter).iter().filter(|known| known.name() == "debug").count() == 1);
}

/// Scenario: two components of a plugin have configs that the plugin's schema forbids.
/// Guarantees: each is an error at its place.
#[test]
fn a_components_config_is_held_against_its_plugins_schema() {
    refuses(
        &piped(
            "plugins: { redact: { path: redact.wasm } }\nprocessors:\n  redact: { keys: 5 }\n  redact/b: { key: [] }",
            "redact, redact/b",
        ),
        "
error: expected a list of texts, found `5`
 --> otel.yaml:3:19  processors › redact › keys
  |
3 |   redact: { keys: 5 }
  |                   ^

error: unknown key `key`
 --> otel.yaml:4:15  processors › redact/b
  |
4 |   redact/b: { key: [] }
  |               ^^^ did you mean `keys`?
  = known keys: keys, url",
    );
}

/// Scenario: an exporter is a plugin, and the keys of the host's queue stand beside the plugin's keys.
/// Guarantees: both are checked, and an error lists both.
#[test]
fn the_keys_of_the_queue_stand_beside_those_of_an_exporter_plugin() {
    refuses(
        "plugins: { send: { path: send.wasm, grants: { http: [https://a.example] } } }\nreceivers: { otlp: }
exporters:\n  send: { ulr: x, sending_queue: { queue_sise: 5 } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [send] } } }",
        "
error: unknown key `ulr`
 --> otel.yaml:4:11  exporters › send
  |
4 |   send: { ulr: x, sending_queue: { queue_sise: 5 } }
  |           ^^^ did you mean `url`?
  = known keys: keys, url, timeout, sending_queue, retry_on_failure

error: unknown key `queue_sise`
 --> otel.yaml:4:36  exporters › send › sending_queue
  |
4 |   send: { ulr: x, sending_queue: { queue_sise: 5 } }
  |                                    ^^^^^^^^^^ did you mean `queue_size`?
  = known keys: enabled, num_consumers, queue_size, sizer, max_mib, block_on_overflow, wait_for_result, batch, storage",
    );
}

/// Scenario: a plugin refuses a config that its schema allows.
/// Guarantees: the plugin's error stands at the value that the plugin names.
#[test]
fn what_the_plugin_refuses_stands_where_it_points_at() {
    refuses(
        &piped(
            "plugins: { redact: { path: redact.wasm } }\nprocessors: { redact: { keys: [a, b!] } }",
            "redact",
        ),
        "
error: no !
 --> otel.yaml:2:35  processors › redact › keys › [1]
  |
2 | processors: { redact: { keys: [a, b!] } }
  |                                   ^^",
    );
}

/// Scenario: plugins' files are missing, empty, no wasm, or have a wrong schema.
/// Guarantees: each is reported once, and not again at each component that uses it.
#[test]
fn a_file_that_is_no_plugin_is_named() {
    refuses(
        &piped(
            "plugins:\n  a: { path: missing.wasm }\n  b: { path: empty.wasm }\n  c: { path: text.wasm }\n  d: { path: badschema.wasm }\nprocessors: { a: , b: , c: , d: }",
            "a, b, c, d",
        ),
        "
error: cannot read missing.wasm: No such file or directory (os error 2)
 --> otel.yaml:2:14  plugins › a › path
  |
2 |   a: { path: missing.wasm }
  |              ^^^^^^^^^^^^

error: the plugin empty.wasm cannot be used: the file is empty
 --> otel.yaml:3:14  plugins › b › path
  |
3 |   b: { path: empty.wasm }
  |              ^^^^^^^^^^

error: the plugin text.wasm cannot be used: a text file, not a wasm component: build one with `spanloom plugin build`
 --> otel.yaml:4:14  plugins › c › path
  |
4 |   c: { path: text.wasm }
  |              ^^^^^^^^^

error: the plugin badschema.wasm cannot be used: its config schema is wrong, which is the plugin's mistake: 5 is not valid under any of the schemas listed in the 'anyOf' keyword (at `/type`)
 --> otel.yaml:5:14  plugins › d › path
  |
5 |   d: { path: badschema.wasm }
  |              ^^^^^^^^^^^^^^",
    );
}

/// Scenario: plugins are pinned to the right hash, to another hash, and to a text that is no hash.
/// Guarantees: only the right hash is accepted.
#[test]
fn a_pinned_plugin_is_no_other() {
    let hash = Sha256::of(&Guest { schema: SCHEMA, ..Guest::default() }.component());
    let pinned = |hash: &str| {
        piped(
            &format!(
                "plugins: {{ redact: {{ path: redact.wasm, sha256: {hash} }} }}\nprocessors: {{ redact: }}"
            ),
            "redact",
        )
    };
    assert!(open(&pinned(&hash.to_string())).1.is_ok());
    let other = "a".repeat(64);
    let (_, opened) = open(&pinned(&other));
    let error = opened.map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("redact.wasm is not the file that is pinned: its sha256 is {hash}")),
        "{error}"
    );
    assert_eq!(error.findings()[0].path.to_string(), "plugins › redact › sha256");
    refuses(
        &pinned("abc"),
        "
error: a sha256 is 64 hex digits, as `sha256sum` prints them
 --> otel.yaml:1:49  plugins › redact › sha256
  |
1 | plugins: { redact: { path: redact.wasm, sha256: abc } }
  |                                                 ^^^",
    );
}

/// Scenario: a plugin needs `http`, and the config does not grant it.
/// Guarantees: the error says what to write.
#[test]
fn what_a_plugin_cannot_do_without_must_be_granted() {
    refuses(
        "plugins:\n  send: { path: send.wasm }\nreceivers: { otlp: }\nexporters: { send: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [send] } } }",
        "
error: the plugin `send` needs `http` and is not granted it
 --> otel.yaml:2:3  plugins › send
  |
2 |   send: { path: send.wasm }
  |   ^^^^
  = to let it, write `grants: { http: [https://…] }`",
    );
}

/// Scenario: plugins' own keys are unknown, missing, or have wrong values.
/// Guarantees: each is an error at its place.
#[test]
fn a_plugins_own_part_is_checked_like_any_other() {
    refuses(
        &piped(
            "plugins:\n  redact:\n    path: redact.wasm\n    limit: {}\n    limits: { colour: 1 }\n    on_failure: ignore\n  empty: { path: \"\" }\n  a/b: { path: x }\n  none: {}",
            "",
        ),
        r#"
error: unknown key `limit`
 --> otel.yaml:4:5  plugins › redact
  |
4 |     limit: {}
  |     ^^^^^ did you mean `limits`?
  = known keys: path, sha256, limits, grants, on_failure, swap

error: unknown key `colour`
 --> otel.yaml:5:15  plugins › redact › limits
  |
5 |     limits: { colour: 1 }
  |               ^^^^^^
  = known keys: memory_mib, call_timeout, instances, table_elements, held_mib, max_calls, max_age, log_lines_per_second, metric_series, http_requests

error: expected one of `reject`, `pass`, `drop`
 --> otel.yaml:6:17  plugins › redact › on_failure
  |
6 |     on_failure: ignore
  |                 ^^^^^^

error: `path` is empty: name the plugin's file, as `./redact.wasm`
 --> otel.yaml:7:18  plugins › empty › path
  |
7 |   empty: { path: "" }
  |                  ^^^

error: `a/b` is not a valid plugin name: it becomes a component type, a word of letters, digits and `_`
 --> otel.yaml:8:3  plugins
  |
8 |   a/b: { path: x }
  |   ^^^

error: the key `path` is missing
 --> otel.yaml:9:3  plugins › none
  |
9 |   none: {}
  |   ^^^^"#,
    );
    refuses(
        &piped("plugins:\n  redact:\n    path: x\n    limits: { memory_mib: 0, call_timeout: 2h }", ""),
        "
error: `memory_mib` is from 1 to 1024, not 0
 --> otel.yaml:4:27  plugins › redact › limits › memory_mib
  |
4 |     limits: { memory_mib: 0, call_timeout: 2h }
  |                           ^

error: `call_timeout` is from 1ms to 1h, not 2h
 --> otel.yaml:4:44  plugins › redact › limits › call_timeout
  |
4 |     limits: { memory_mib: 0, call_timeout: 2h }
  |                                            ^^",
    );
}

/// Scenario: grants have wrong values.
/// Guarantees: each is an error at its place.
#[test]
fn a_wrong_grant_is_shown_where_it_stands() {
    refuses(
        &piped(
            "plugins:\n  redact:\n    path: x\n    grants:\n      http: [https://a.example, { origin: https://b.example, timeout: 0 }]\n      store: { max_mib: 5000 }",
            "",
        ),
        "
error: must be above zero
 --> otel.yaml:5:71  plugins › redact › grants › http › [1] › timeout
  |
5 | : https://b.example, timeout: 0 }]
  |                               ^

error: must be from 1 to 1024
 --> otel.yaml:6:25  plugins › redact › grants › store › max_mib
  |
6 |       store: { max_mib: 5000 }
  |                         ^^^^",
    );
    refuses(
        &piped("plugins:\n  redact:\n    path: x\n    grants: { http: [a.example], store: true }", ""),
        "
error: an origin begins with its scheme: write `https://host` or `https://host:port`
 --> otel.yaml:4:22  plugins › redact › grants › http › [0]
  |
4 |     grants: { http: [a.example], store: true }
  |                      ^^^^^^^^^",
    );
}

/// Scenario: plugins have names of other kinds, stand in the wrong section, or get the wrong signal.
/// Guarantees: each is an error at its place.
#[test]
fn a_plugin_is_of_its_role_its_signals_and_a_name_of_its_own() {
    refuses(
        "plugins:\n  otlp: { path: redact.wasm }\n  health_check: { path: redact.wasm }\n  keep: { path: keep.wasm }
receivers: { otlp: }\nprocessors:\n  otlp:\n  keeep:\n  keep:\nexporters:\n  debug:\n  keep:
service:\n  pipelines:\n    metrics: { receivers: [otlp], processors: [keep], exporters: [debug] }",
        "
error: the plugin `otlp` has the name of a receiver
 --> otel.yaml:2:3  plugins
  |
2 |   otlp: { path: redact.wasm }
  |   ^^^^ give it another name

error: the plugin `health_check` has the name of an extension
 --> otel.yaml:3:3  plugins
  |
3 |   health_check: { path: redact.wasm }
  |   ^^^^^^^^^^^^ give it another name

error: Spanloom has no processor `keeep`
 --> otel.yaml:8:3  processors
  |
8 |   keeep:
  |   ^^^^^ did you mean `keep`?
  = it has: health_check, keep, otlp

error: Spanloom has no exporter `keep`
  --> otel.yaml:12:3  exporters
   |
12 |   keep:
   |   ^^^^
   = the plugin `keep` is a processor: it belongs in `processors`

error: the processor `keep` takes traces, and the pipeline `metrics` carries metrics
  --> otel.yaml:15:48  service › pipelines › metrics › processors › [0]
   |
15 |     metrics: { receivers: [otlp], processors: [keep], exporters: [debug] }
   |                                                ^^^^",
    );
}

/// Scenario: no component uses a plugin.
/// Guarantees: a warning says that the plugin will not run.
#[test]
fn a_plugin_that_nothing_uses_is_a_warning() {
    let (files, opened) = open(&piped("plugins: { redact: { path: redact.wasm } }", ""));
    let warnings: Vec<String> =
        opened.unwrap().warnings.iter().map(|it: &Finding| it.warning(false)).collect();
    assert_eq!(
        files.strip(&warnings.join("\n")),
        "\
warning: no component is of the plugin `redact`
 --> otel.yaml:1:12  plugins
  |
1 | plugins: { redact: { path: redact.wasm } }
  |            ^^^^^^ it will not run"
    );
}

/// Scenario: a processor and a sampler have `on_failure: pass`. If the processor redacts, its failure would
/// let secrets through; a failing sampler only keeps more.
/// Guarantees: only the processor gets a warning.
#[test]
fn passing_by_a_processor_is_a_warning() {
    let config = piped(
        "plugins: { redact: { path: redact.wasm, on_failure: pass }, keep: { path: keep.wasm, on_failure: pass } }
processors: { redact: , keep: }",
        "redact, keep",
    );
    let (files, opened) = open(&config);
    let warnings: Vec<String> =
        opened.unwrap().warnings.iter().map(|it: &Finding| it.warning(false)).collect();
    let warning = files.strip(&warnings.join("\n"));
    assert_eq!(warnings.len(), 1, "{warning}");
    assert!(warning.contains("warning: what the plugin `redact` fails on goes on unprocessed"), "{warning}");
    assert!(warning.contains("write `reject` or `drop`"), "{warning}");
}

/// Returns a config whose connector is a plugin with these keys.
fn connected(plugin: &str, receiver: &str) -> String {
    format!(
        "plugins: {{ count: {{ path: count.wasm{plugin} }} }}
receivers: {{ otlp: }}
exporters: {{ debug: }}
connectors: {{ count/a: }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [count/a] }}
    {receiver}: {{ receivers: [count/a], exporters: [debug] }}
"
    )
}

/// Scenario: a connector is a plugin that says which signals it takes and emits.
/// Guarantees: the config may use it, and the wrong signal is an error.
#[test]
fn a_plugin_may_be_a_connector() {
    let (_, opened) = open(&connected("", "metrics"));
    let Opened { registry, warnings, .. } = opened.unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    let count = registry.find(Kind::Connector, "count").unwrap();
    assert_eq!((count.signals(), count.emits()), (&[wire::Signal::Traces][..], &[wire::Signal::Metrics][..]));
    refuses(
        &connected("", "logs"),
        "
error: no pipeline gets what the connector `count/a` makes of traces: it is a receiver of `logs`
 --> otel.yaml:7:46  service › pipelines › traces › exporters › [0]
  |
7 |     traces: { receivers: [otlp], exporters: [count/a] }
  |                                              ^^^^^^^

error: the connector `count/a` emits metrics, and the pipeline `logs` carries logs
 --> otel.yaml:8:25  service › pipelines › logs › receivers › [0]
  |
8 |     logs: { receivers: [count/a], exporters: [debug] }
  |                         ^^^^^^^",
    );
}

/// Scenario: a connector that is a plugin has `on_failure: pass`.
/// Guarantees: this is an error at the plugin.
#[test]
fn a_connector_passes_nothing_by() {
    let (files, opened) = open(&connected(", on_failure: pass", "metrics"));
    let shown = files.strip(&opened.map(drop).expect_err("the config is wrong").to_string());
    assert!(
        shown.contains("a connector has nothing to pass on") && shown.contains("plugins › count"),
        "{shown}"
    );
}

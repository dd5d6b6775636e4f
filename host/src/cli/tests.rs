//! Tests the commands, from their arguments to their outputs.

use clap::{CommandFactory as _, Parser as _};

use super::{Cli, Command, Exit, Terminal, components, plugin, print_config, sampling, validate};
use crate::{component::Registry, config::tests::registry, hash::Sha256, plugin::testing::Guest};

/// Runs a command, and returns its exit, output and error output.
fn run(arguments: &[&str]) -> (Exit, String, String) {
    run_with(&registry(), arguments)
}

#[tokio::main(flavor = "current_thread")]
async fn run_with(registry: &Registry, arguments: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
    let cli = Cli::try_parse_from(std::iter::once(&"spanloom").chain(arguments)).unwrap();
    let exit = match cli.command {
        Command::Validate(args) => validate::run(&args, registry, &mut terminal).await,
        Command::Components(args) => components::run(&args, registry, &mut terminal).await,
        Command::PrintConfig(args) => print_config::run(&args, &mut terminal),
        Command::Plugin(args) => plugin::run(&args, &mut terminal).await,
        Command::Sampling(args) => sampling::run(&args, registry, &mut terminal).await,
        Command::Run(_)
        | Command::Status(_)
        | Command::Reload(_)
        | Command::Generate(_)
        | Command::XrayDaemon(_) => {
            unreachable!("not a command about configs")
        }
    };
    (exit.unwrap(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const CONFIG: &str = "yaml:{
    receivers: {otlp: , zipkin: }, exporters: {debug: , debug/2: },
    service: {pipelines: {traces: {receivers: [otlp, zipkin], exporters: [debug]}}}
}";

/// Scenario: the help of every command is rendered.
/// Guarantees: each command and argument has a text, and each command an example.
#[test]
fn every_command_has_help_and_an_example() {
    let mut command = Cli::command();
    command.build();
    command.clone().debug_assert();
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = command.get_name();
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let help = below.get_after_help().map(ToString::to_string).unwrap_or_default();
            let usage = format!("spanloom {name} {}", below.get_name());
            assert!(below.get_about().is_some(), "{usage}");
            // The generator's examples show its signals.
            assert!(name == "generate" || (help.contains("Example") && help.contains(&usage)), "{usage}");
        }
        // The generator has its own help.
        if name != "generate" {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains(&format!("spanloom {name}")), "{name}");
        }
    }
}

/// Scenario: a valid config with a warning is validated.
/// Guarantees: the command succeeds with a summary, and shows the warning.
#[test]
fn a_right_config_is_summed_up_and_its_warnings_do_not_fail_it() {
    let (exit, out, err) = run(&["validate", "-c", CONFIG]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "ok: 1 pipeline, 2 receivers, 2 exporters\n"));
    assert!(err.starts_with("warning: the exporter `debug/2` is not in any pipeline\n"), "{err}");
}

/// Scenario: a wrong config is validated, and none.
/// Guarantees: the command exits with 2 and says what is wrong.
#[test]
fn a_wrong_config_is_an_error_of_usage() {
    let (exit, out, err) = run(&["validate", "-c", CONFIG, "--set", "exporters.debug/2.a=${x:y}"]);
    assert_eq!((exit, out.as_str()), (Exit::Wrong, ""));
    assert!(err.starts_with("error: `x:` is not a kind of reference\n --> --set "), "{err}");
    let (exit, _, err) = run(&["validate"]);
    assert_eq!((exit, err.as_str()), (Exit::Wrong, "error: no config is given; name one with `--config`\n"));
}

/// Scenario: the embedded config is printed, and the output is validated.
/// Guarantees: the output is a valid config without warnings.
#[test]
fn the_embedded_config_is_printed_and_right() {
    let (exit, printed, err) = run(&["print-config"]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let (exit, _, warnings) =
        run_with(&crate::builtin::registry(), &["validate", "-c", &format!("yaml:{printed}")]);
    assert_eq!((exit, warnings.as_str()), (Exit::Done, ""));
}

/// Scenario: several configs and a value with a secret are given.
/// Guarantees: they are printed merged, and the secret is redacted.
#[test]
fn a_config_is_printed_as_it_was_put_together() {
    let (exit, out, _) =
        run(&["print-config", "-c", "yaml:a: {b: 1}", "-c", "yaml:a: {c: x}", "--set", "a.x.token=t"]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "a:\n  b: 1\n  c: x\n  x:\n    token: \"[REDACTED]\"\n"));
}

/// Scenario: the components are listed, as a table and as JSON.
/// Guarantees: each type has its kind, aliases, signals and stability.
#[test]
fn components_are_listed_with_their_older_names() {
    let (_, out, _) = run(&["components"]);
    let expected = "\
KIND       TYPE          ALSO     SIGNALS                STABILITY
receiver   otlp          -        traces, metrics, logs  alpha
receiver   zipkin        -        traces                 alpha
exporter   otlp_grpc     otlp     traces, metrics, logs  alpha
exporter   debug         logging  traces, metrics, logs  alpha
exporter   xray          -        traces                 alpha
connector  forward       -        traces, metrics, logs  alpha
connector  count         -        traces to metrics      alpha
extension  health_check  -        -                      alpha
";
    assert_eq!(out, expected);
    let (_, out, _) = run(&["components", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        rows[3],
        serde_json::json!({
            "kind": "exporter", "type": "debug", "aliases": ["logging"],
            "signals": ["traces", "metrics", "logs"], "stability": "alpha",
        })
    );
}

/// Creates a folder with the processor `redact.wasm` and a file with this config.
fn with_plugin(config: &str) -> (tempfile::TempDir, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (wasm, yaml) = (path("redact.wasm"), path("otel.yaml"));
    Guest { schema: SCHEMA, ..Guest::default() }.write(wasm.as_ref());
    std::fs::write(&yaml, config).unwrap();
    (folder, wasm, yaml)
}

const SCHEMA: &str = r#"{"type": "object", "additionalProperties": false, "required": ["keys"], "properties": {
    "keys": {"type": "array", "items": {"type": "string"}, "description": "What to redact."},
    "share": {"type": "number", "minimum": 0, "default": 0.5} }}"#;

/// Scenario: a plugin is inspected, as text and as JSON.
/// Guarantees: both show its role, hash, interfaces and config keys.
#[test]
fn a_plugin_is_shown_on_a_card() {
    let (folder, wasm, _) = with_plugin("");
    let (exit, out, err) = run(&["plugin", "inspect", &wasm]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let hash = Sha256::of(&std::fs::read(&wasm).unwrap()).to_string();
    let shown = out.replace(&format!("{}/", folder.path().display()), "").replace(&hash, "HASH");
    let expected = "\
tested 1.2.3: processor
For tests.

file         redact.wasm, 4.6 KiB
sha256       HASH
signals      traces
concurrency  stateless
exports      spanloom:plugin@0.1.0: describe, processing
imports      spanloom:plugin@0.1.0: types, spans, batches

CONFIG KEY  TAKES                DEFAULT
keys        a list of texts      (required)  What to redact.
share       a number, 0 upwards  0.5
";
    assert_eq!(shown, expected, "\n{shown}");
    let (_, out, _) = run(&["plugin", "inspect", &wasm, "--format", "json"]);
    let card: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(card["role"], "processor");
    assert_eq!(card["sha256"], hash);
    assert_eq!(card["config_schema"]["required"][0], "keys");
    assert_eq!(card["config_keys"][1]["default"], "0.5");
}

/// Scenario: a file that is not a plugin is inspected and checked.
/// Guarantees: both commands exit with 2 and say what to do.
#[test]
fn a_file_that_is_no_plugin_is_refused_with_2() {
    let (_folder, _, yaml) = with_plugin("a: 1");
    for command in ["inspect", "check"] {
        let (exit, out, err) = run(&["plugin", command, &yaml]);
        assert_eq!((exit, out.as_str()), (Exit::Wrong, ""));
        let expected = "a text file, not a wasm component: build one with `spanloom plugin build`";
        assert_eq!(err, format!("error: {yaml}: {expected}\n"));
    }
}

/// Scenario: a plugin is checked alone, with a config that uses it, and with wrong ones.
/// Guarantees: only mistakes in the plugin's own part of the config fail the check.
#[test]
fn a_plugin_is_checked_against_its_part_of_a_config() {
    let config = "plugins: { redact: { path: redact.wasm } }\nprocessors: { redact: { keys: [a] }, redact/b: { keys: [b] }, other: }";
    let (_folder, wasm, yaml) = with_plugin(config);
    let (exit, out, err) = run(&["plugin", "check", &wasm]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert!(
        out.starts_with("ok: tested 1.2.3, a plugin for spanloom:plugin@0.1.0 with the role processor, "),
        "{out}"
    );
    let (exit, out, _) = run(&["plugin", "check", &wasm, "-c", &yaml]);
    assert_eq!(exit, Exit::Done);
    assert!(out.contains("; in the config as redact, with 2 components\n"), "{out}");
    let (exit, _, err) =
        run(&["plugin", "check", &wasm, "-c", &yaml, "--set", "processors::redact/b::keys=5"]);
    assert_eq!(exit, Exit::Wrong);
    assert!(err.starts_with("error: expected a list of texts, found `5`\n"), "{err}");
    let (exit, _, err) =
        run(&["plugin", "check", &wasm, "-c", &yaml, "--set", "plugins::redact::path=x.wasm"]);
    assert_eq!(exit, Exit::Wrong);
    assert!(err.starts_with("error: no plugin in the config has the file "), "{err}");
}

/// Scenario: a config with a plugin is given to `components` and `validate`.
/// Guarantees: both count the plugin's type.
#[test]
fn a_config_lists_its_plugins_among_the_components() {
    let config = "plugins: { redact: { path: redact.wasm } }\nprocessors: { redact: { keys: [a] } }\nreceivers: { otlp: }\nexporters: { debug: }
service: { pipelines: { traces: { receivers: [otlp], processors: [redact], exporters: [debug] } } }";
    let (_folder, _, yaml) = with_plugin(config);
    let (_, out, _) = run(&["components", "-c", &yaml]);
    assert!(out.contains("PLUGIN\n"), "{out}");
    assert!(
        out.contains("processor  redact        -        traces                 alpha      tested 1.2.3\n"),
        "{out}"
    );
    let (_, out, _) = run(&["validate", "-c", &yaml]);
    assert_eq!(out, "ok: 1 pipeline, 1 receiver, 1 processor, 1 exporter, 1 plugin\n");
}

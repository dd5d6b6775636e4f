//! The commands, from their arguments to what they print.

use clap::{CommandFactory as _, Parser as _};

use super::{Cli, Command, Exit, Terminal, components, plugin, print_config, validate};
use crate::{component::Registry, config::tests::registry};

/// The exit, what was printed, and what was complained of.
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
        Command::Run(_) | Command::Generate(_) => unreachable!("not a command about configs"),
    };
    (exit.unwrap(), String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

const CONFIG: &str = "yaml:{
    receivers: {otlp: , zipkin: }, exporters: {debug: , debug/2: },
    service: {pipelines: {traces: {receivers: [otlp, zipkin], exporters: [debug]}}}
}";

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
            // The generator's signals are in its own examples.
            assert!(name == "generate" || (help.contains("Example") && help.contains(&usage)), "{usage}");
        }
        // The generator's arguments and their help come with it.
        if name != "generate" {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains(&format!("spanloom {name}")), "{name}");
        }
    }
}

#[test]
fn a_right_config_is_summed_up_and_its_warnings_do_not_fail_it() {
    let (exit, out, err) = run(&["validate", "-c", CONFIG]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "ok: 1 pipeline, 2 receivers, 2 exporters\n"));
    assert!(err.starts_with("warning: the exporter `debug/2` is not in any pipeline\n"), "{err}");
}

#[test]
fn a_wrong_config_is_an_error_of_usage() {
    let (exit, out, err) = run(&["validate", "-c", CONFIG, "--set", "exporters.debug/2.a=${x:y}"]);
    assert_eq!((exit, out.as_str()), (Exit::Wrong, ""));
    assert!(err.starts_with("error: `x:` is not a kind of reference\n --> --set "), "{err}");
    let (exit, _, err) = run(&["validate"]);
    assert_eq!((exit, err.as_str()), (Exit::Wrong, "error: no config is given; name one with `--config`\n"));
}

/// The config that runs without `--config` is right, and can be had to start from.
#[test]
fn the_embedded_config_is_printed_and_right() {
    let (exit, printed, err) = run(&["print-config"]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let (exit, _, warnings) =
        run_with(&crate::builtin::registry(), &["validate", "-c", &format!("yaml:{printed}")]);
    assert_eq!((exit, warnings.as_str()), (Exit::Done, ""));
}

#[test]
fn a_config_is_printed_as_it_was_put_together() {
    let (exit, out, _) =
        run(&["print-config", "-c", "yaml:a: {b: 1}", "-c", "yaml:a: {c: x}", "--set", "a.x.token=t"]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "a:\n  b: 1\n  c: x\n  x:\n    token: \"[REDACTED]\"\n"));
}

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

//! The output of the commands and their exit codes: 0 for success, 1 for a failure at run time, 2 for wrong
//! usage or config.

use std::fs;

use spanloom_tests::command::{assert_snapshot, spanloom};

const CONFIG: &str = "\
receivers:
  otlp: {protocols: {grpc: , http: }}
exporters:
  otlp_http: {endpoint: \"http://backend:4318\", headers: {authorization: \"Bearer secret\"}}
  debug: {verbosity: normal}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http, debug]}
    logs: {receivers: [otlp], exporters: [otlp_http]}
";

/// Scenario: every command is called with `--help`.
/// Guarantees: the command exits with 0 and prints the help of its snapshot, which has an example.
#[tokio::test]
async fn every_command_explains_itself() {
    let of_plugins =
        ["new", "build", "inspect", "check", "test", "bench", "swap", "rollback", "pause", "resume"]
            .map(|name| format!("plugin {name}"));
    let commands = [
        "",
        "run",
        "status",
        "reload",
        "validate",
        "components",
        "print-config",
        "generate",
        "plugin",
        "xray-daemon",
    ];
    for command in commands.into_iter().chain(of_plugins.iter().map(String::as_str)) {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let ended = spanloom(&args).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
        assert!(ended.stdout.contains("Example"), "an example says more: {args:?}");
        let name = if command.is_empty() { "spanloom".to_owned() } else { command.replace(' ', "-") };
        assert_snapshot(&format!("help-{name}"), &ended.stdout);
    }
}

/// Scenario: `validate` reads a valid config.
/// Guarantees: the command exits with 0 and prints the summary of the snapshot.
#[tokio::test]
async fn a_right_config_is_summed_up() {
    let ended = spanloom(&["validate", "--config", &format!("yaml:{CONFIG}")]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_snapshot("validate", &ended.stdout);
}

/// Scenario: `print-config` reads a config with a secret.
/// Guarantees: the command prints the whole config without the secret.
#[tokio::test]
async fn the_config_is_printed_whole_and_without_secrets() {
    let ended = spanloom(&["print-config", "--config", &format!("yaml:{CONFIG}")]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stdout.contains("Bearer secret"));
    assert_snapshot("print-config", &ended.stdout);
}

/// Scenario: `components` is called.
/// Guarantees: the command lists the components of the snapshot.
#[tokio::test]
async fn the_components_are_listed() {
    let ended = spanloom(&["components"]).await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_snapshot("components", &ended.stdout);
}

/// Scenario: `validate` and `run` read a config with two mistakes.
/// Guarantees: both exit with 2 and report every mistake at once, with its place and a correction.
#[tokio::test]
async fn a_wrong_config_ends_with_2_and_says_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otel.yaml");
    let wrong = CONFIG.replace("verbosity", "verbositi").replace("[otlp_http]", "[otlp_htp]");
    fs::write(&path, wrong).unwrap();
    let path = path.to_str().unwrap();
    for command in ["validate", "run"] {
        let ended = spanloom(&[command, "--config", path]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{command}");
        assert_snapshot("wrong-config", &ended.stderr.replace(path, "otel.yaml"));
    }
}

/// Scenario: an unknown command, an unknown flag, and a config file that does not exist.
/// Guarantees: the command exits with 2 and prints an error.
#[tokio::test]
async fn wrong_usage_ends_with_2() {
    for args in [&["validat"][..], &["run", "--no-such-flag"], &["validate", "--config", "no-such-file.yaml"]]
    {
        let ended = spanloom(args).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ended.stderr.contains("error"), "{args:?}: {}", ended.stderr);
    }
}

/// Scenario: the port of a receiver or of the admin endpoint is taken.
/// Guarantees: `run` exits with 1 before it reports that it is ready, and the error names the address.
#[tokio::test]
async fn what_fails_at_run_time_ends_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (config, metrics) = (format!("yaml:{CONFIG}"), "service::telemetry::metrics::readers=[]");
    for key in ["receivers::otlp::protocols::grpc", "service::admin"] {
        let endpoint = format!("{key}::endpoint={address}");
        let ended = spanloom(&["run", "--config", &config, "--set", metrics, "--set", &endpoint]).await;
        assert_eq!(ended.code, 1, "{key}: {}", ended.stderr);
        assert!(ended.stderr.contains(&address), "{key}: {}", ended.stderr);
        assert!(!ended.stderr.contains(" ready "), "{key}: {}", ended.stderr);
    }
}

use std::ffi::OsString;

use clap::Parser as _;
use serde_json::{Value, json};

use super::{XrayDaemonArgs, config, in_the_form_of_clap, read};
use crate::cli::{Cli, Command};

/// Returns the arguments of a command line as the process reads it.
fn parsed(arguments: &[&str]) -> Result<XrayDaemonArgs, clap::Error> {
    let arguments = ["spanloom", "xray-daemon"].iter().chain(arguments).map(OsString::from);
    let cli = Cli::try_parse_from(in_the_form_of_clap(arguments))?;
    match cli.command {
        Command::XrayDaemon(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

/// Returns the config of Spanloom that a `cfg.yaml` and flags come to, or the error.
fn config_of(cfg: Option<&str>, flags: &[&str]) -> Result<Value, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cfg.yaml");
    // Without a text, the file is one that changes nothing, so that no file of the machine is read.
    std::fs::write(&path, cfg.unwrap_or("Version: 2")).expect("written");
    let mut args = parsed(flags).expect("flags");
    args.config = Some(path);
    let cfg = read(&args).map_err(|error| error.in_a_line())?;
    Ok(serde_json::from_str(&config::of(&cfg, args.admin.as_deref())).expect("JSON"))
}

/// Scenario: neither a file nor a flag says anything.
/// Guarantees: the config listens where the daemon does, and does what the daemon does.
#[test]
fn the_defaults_are_the_daemons() {
    let config = config_of(None, &[]).expect("a config");
    let expected = json!({
        "receivers": {"awsxray": {"endpoint": "127.0.0.1:2000", "proxy_server": {"endpoint": "127.0.0.1:2000"}}},
        "processors": {"batch": {"timeout": "1s", "send_batch_size": 50}},
        "exporters": {"awsxray": {"num_workers": 8, "telemetry": {"enabled": true, "include_metadata": true}}},
        "service": {
            "admin": {"socket": "none"},
            "telemetry": {
                "logs": {"level": "info", "output_paths": ["stdout"]},
                "metrics": {"level": "none"},
            },
            "pipelines": {
                "traces": {"receivers": ["awsxray"], "processors": ["batch"], "exporters": ["awsxray"]},
            },
        },
    });
    assert_eq!(config, expected);
    let config = config_of(None, &["--admin", "none"]).expect("a config");
    assert_eq!(config["service"]["admin"], json!({"endpoint": "none", "socket": "none"}));
}

/// Every key of the daemon's file that has an effect.
const FULL: &str = "
TotalBufferSizeMB: 24
Concurrency: 4
Region: us-west-2
Endpoint: https://vpce.example
Socket: {UDPAddress: '0.0.0.0:3000', TCPAddress: '0.0.0.0:3001'}
Logging: {LogRotation: false, LogLevel: warn, LogPath: /var/log/xray/xray.log}
LocalMode: true
ResourceARN: 'arn:aws:ec2:us-west-2:1:instance/i-1'
RoleARN: 'arn:aws:iam::1:role/a'
NoVerifySSL: true
ProxyAddress: ''
ProxyServer: {idleconntimeout: 30}
Version: 1
";

/// Scenario: a file with every key, and the same settings by flags.
/// Guarantees: each has its effect, and a flag counts more than the file.
#[test]
fn every_key_has_its_effect_and_a_flag_counts_more() {
    let config = config_of(Some(FULL), &[]).expect("a config");
    let receiver = &config["receivers"]["awsxray"];
    assert_eq!((&receiver["endpoint"], &receiver["queue_mib"]), (&json!("0.0.0.0:3000"), &json!(24)));
    let exporter = json!({
        "region": "us-west-2", "endpoint": "https://vpce.example", "role_arn": "arn:aws:iam::1:role/a",
        "resource_arn": "arn:aws:ec2:us-west-2:1:instance/i-1", "num_workers": 4, "local_mode": true,
        "no_verify_ssl": true, "telemetry": {"enabled": true, "include_metadata": true},
    });
    assert_eq!(config["exporters"]["awsxray"], exporter);
    let proxy = json!({
        "endpoint": "0.0.0.0:3001", "region": "us-west-2", "aws_endpoint": "https://vpce.example",
        "role_arn": "arn:aws:iam::1:role/a", "local_mode": true, "tls": {"insecure": true},
    });
    assert_eq!(receiver["proxy_server"], proxy);
    let logs = &config["service"]["telemetry"]["logs"];
    assert_eq!(*logs, json!({"level": "warn", "output_paths": ["/var/log/xray/xray.log"]}));

    let flags = [
        "-m",
        "32",
        "-region",
        "eu-west-1",
        "--bind=127.0.0.1:4000",
        "-t=127.0.0.1:4001",
        "-role-arn=arn:b",
        "-a",
        "arn:c",
        "-o=false",
        "-log-level",
        "dev",
        "-f",
        "x.log",
    ];
    let over = config_of(Some(FULL), &flags).expect("a config");
    let receiver = &over["receivers"]["awsxray"];
    assert_eq!((&receiver["endpoint"], &receiver["queue_mib"]), (&json!("127.0.0.1:4000"), &json!(32)));
    let exporter = &over["exporters"]["awsxray"];
    assert_eq!((&exporter["region"], &exporter["role_arn"]), (&json!("eu-west-1"), &json!("arn:b")));
    assert_eq!((&exporter["resource_arn"], exporter.get("local_mode")), (&json!("arn:c"), None));
    assert_eq!(receiver["proxy_server"]["endpoint"], "127.0.0.1:4001");
    let logs = &over["service"]["telemetry"]["logs"];
    assert_eq!(*logs, json!({"level": "debug", "output_paths": ["x.log"]}));
}

/// Scenario: files that the daemon does not take, settings that Spanloom does not have, and values that cannot work.
/// Guarantees: each is refused with the key, and with the flag if there is one.
#[test]
fn a_wrong_file_is_refused_with_the_key() {
    let check = |cfg: &str, flags: &[&str], expected: &str| {
        let error = config_of(Some(cfg), flags).expect_err(cfg);
        assert!(error.contains(expected), "{error}");
    };
    check("Region: us-west-2", &[], "Version: 2");
    check("Version: 3", &[], "must be 1 or 2");
    check("{Version: 2, Processor: {Region: us-west-2}}", &[], "Processor");
    check("{Version: 2, Socket: {UdpAddress: 'x:1'}}", &[], "UdpAddress");
    check("{Version: 2, TotalBufferSizeMB: 2}", &[], "3 MB");
    check("Version: 2", &["-m", "1"], "3 MB");
    check("Version: 2", &["-p", "http://proxy:8080"], "http://proxy:8080");
    check("Version: 2", &["-b", "nonsense"], "Socket.UDPAddress, --bind: \"nonsense\" is not host:port");
    check("{Version: 2, Socket: {TCPAddress: '127.0.0.1'}}", &[], "Socket.TCPAddress, --bind-tcp");
    check("Version: 2", &["-n", "us east"], "Region, --region: \"us east\" is no region");
    check("Version: 2", &["-r", "role"], "RoleARN, --role-arn");
    check("{Version: 2, Endpoint: nonsense}", &[], "Endpoint: \"nonsense\" is not a URL");
    check("Version: 2", &["--admin", "here"], "--admin: \"here\" is not host:port");
    let all =
        config_of(Some("{Version: 2, TotalBufferSizeMB: 1, Region: a b}"), &["-t", "x"]).expect_err("wrong");
    assert!(["3 MB", "--region", "--bind-tcp"].iter().all(|said| all.contains(said)), "{all}");
}

/// Scenario: flags in the forms of Go's library, and flags that the daemon does not have.
/// Guarantees: the daemon's are read, and the others are an error of usage.
#[test]
fn flags_may_have_one_dash() {
    for flags in [["-o", "-n", "x"], ["--local-mode", "--region", "x"], ["-local-mode=true", "-region", "x"]]
    {
        let args = parsed(&flags).expect("flags");
        assert_eq!((args.local_mode, args.region.as_deref()), (Some(true), Some("x")), "{flags:?}");
    }
    assert!(parsed(&["-v"]).expect("flags").version && parsed(&["-version"]).expect("flags").version);
    for wrong in [["-regions=x", "-o"], ["-log-level", "loud"], ["-m", "many"], ["-nus-east-1", "-o"]] {
        assert_eq!(parsed(&wrong).expect_err("refused").exit_code(), 2, "{wrong:?}");
    }
    let help = parsed(&["-help"]).expect_err("help");
    assert_eq!(help.exit_code(), 0);
    let other = ["spanloom", "run", "-config", "x"].map(OsString::from);
    assert_eq!(in_the_form_of_clap(other.clone()), other);
}

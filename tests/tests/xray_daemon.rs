//! `spanloom xray-daemon` between the AWS X-Ray SDK for Python and moto's X-Ray.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use spanloom_tests::{
    back_ends::Moto,
    command::{Ended, spanloom as command},
    otlp::client::http_client,
    spanloom::{binary, free_address},
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

/// The first start of a debug build compiles its plugins.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
const END_TIMEOUT: Duration = Duration::from_secs(60);

/// A running daemon, whose log is a file.
struct Daemon {
    child: Child,
    udp: SocketAddr,
    tcp: SocketAddr,
    folder: TempDir,
}

impl Daemon {
    /// Starts the daemon before moto, with a `cfg.yaml`, and returns when it is ready.
    async fn start(moto: &Moto) -> Daemon {
        let folder = TempDir::new().expect("a folder");
        let (udp, tcp, cfg) = (free_address(), free_address(), folder.path().join("cfg.yaml"));
        let endpoint = format!("http://{}", moto.address);
        let text = json!({"Version": 2, "Region": "us-east-1", "Endpoint": endpoint, "LocalMode": true});
        std::fs::write(&cfg, text.to_string()).expect("a config");
        let log = folder.path().join("xray.log");
        let mut command = Command::new(binary());
        // The flags in the forms that Go's library takes.
        command.arg("xray-daemon").arg("-c").arg(&cfg).arg("-log-file").arg(&log);
        command.args([format!("-b={udp}"), format!("--bind-tcp={tcp}")]);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "EXAMPLEKEY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut daemon = Daemon { child: command.spawn().expect("the spanloom binary"), udp, tcp, folder };
        let deadline = Instant::now() + READY_TIMEOUT;
        while !daemon.log().contains("ready") {
            let ended = daemon.child.try_wait().expect("its status");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}:\n{}", daemon.log());
            sleep(Duration::from_millis(20)).await;
        }
        daemon
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("xray.log")).unwrap_or_default()
    }

    /// Runs the application to its end, and returns the ids of its traces.
    async fn trace(&self, python: &Path, args: &[&str]) -> Vec<String> {
        let mut application = Command::new(python);
        application.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/xray/app.py")).args(args);
        application.env("AWS_XRAY_DAEMON_ADDRESS", self.udp.to_string()).kill_on_drop(true);
        let ended = timeout(END_TIMEOUT, application.output()).await.expect("it ends").expect("python");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{stderr}");
        String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect()
    }

    /// Ends the daemon as its service manager does, and returns its log.
    async fn end(mut self) -> String {
        let pid = Pid::from_raw(self.child.id().expect("it runs") as i32).expect("a process id");
        kill_process(pid, Signal::TERM).expect("it runs");
        let status = timeout(END_TIMEOUT, self.child.wait()).await.expect("it ends").expect("its status");
        assert!(status.success(), "{status}:\n{}", self.log());
        self.log()
    }
}

/// Returns the interpreter that moto is installed for, which has the X-Ray SDK: moto is tested with it.
fn python() -> PathBuf {
    PathBuf::from(env::var_os("SPANLOOM_MOTO").expect("moto is installed")).with_file_name("python")
}

async fn wait_for_documents(moto: &Moto, count: usize, daemon: &Daemon) -> Vec<Value> {
    let deadline = Instant::now() + END_TIMEOUT;
    loop {
        let documents = moto.documents().await;
        if documents.len() >= count {
            return documents;
        }
        assert!(
            Instant::now() < deadline,
            "{} of {count}: {documents:#?}\n{}",
            documents.len(),
            daemon.log()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

/// Scenario: an application with the X-Ray SDK serves a request that fails.
/// Guarantees: X-Ray has the segment and its subsegments with all that the SDK said of them, in the SDK's trace.
#[tokio::test]
async fn segments_of_the_x_ray_sdk_arrive_whole() {
    let Some(moto) = Moto::start().await else { return };
    let daemon = Daemon::start(&moto).await;
    let [trace_id] = daemon.trace(&python(), &[]).await.try_into().expect("one trace");
    let documents = wait_for_documents(&moto, 3, &daemon).await;
    let named = |name: &str| {
        let mut found = documents.iter().filter(|document| document["name"] == name);
        found.next().unwrap_or_else(|| panic!("no {name}: {documents:#?}"))
    };
    let (segment, call, pay) = (named("shop"), named("dynamodb"), named("pay"));
    assert!(documents.iter().all(|document| document["trace_id"] == trace_id.as_str()), "{documents:#?}");

    let http = json!({
        "request": {"method": "POST", "url": "http://shop.example/orders", "client_ip": "203.0.113.7"},
        "response": {"status": 500},
    });
    assert_eq!((segment.get("type"), &segment["http"]), (None, &http));
    assert_eq!((&segment["fault"], &segment["user"]), (&json!(true), &json!("u-7")));
    assert_eq!(segment["annotations"], json!({"items": 3, "tier": "gold"}));
    assert_eq!(segment["metadata"]["shop"], json!({"cart": {"books": [1, 2, {"title": null}]}}));
    assert_eq!(segment["aws"]["xray"]["sdk"], "X-Ray for Python");

    let expected = [&json!("subsegment"), &segment["id"], &json!("aws"), &json!("carts")];
    assert_eq!([&call["type"], &call["parent_id"], &call["namespace"], &call["aws"]["table_name"]], expected);
    let exception = &pay["cause"]["exceptions"][0];
    assert_eq!((&exception["type"], &exception["message"]), (&json!("ValueError"), &json!("no card")));
    assert!(exception["stack"][0]["label"].is_string(), "{exception:#}");

    // What the SDKs ask of X-Ray goes through the daemon, which signs it.
    let question = json!({"StartTime": 0, "EndTime": 4_000_000_000_u32}).to_string();
    let request = http_client().post(format!("http://{}/TraceSummaries", daemon.tcp)).body(question);
    let answer = request.send().await.expect("an answer").text().await.expect("text");
    assert!(answer.contains(&trace_id), "{answer}");

    let log = daemon.end().await;
    assert!(log.contains("received 3, delivered 3"), "{log}");
}

/// Scenario: the SDK sends bursts of a hundred segments, as fast as it can.
/// Guarantees: each segment arrives, once.
#[tokio::test]
async fn bursts_of_segments_arrive() {
    // The system keeps so many datagrams for a process that does not get to run for a while.
    const BURST: usize = 100;
    let Some(moto) = Moto::start().await else { return };
    let daemon = Daemon::start(&moto).await;
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        sent.extend(daemon.trace(&python(), &[&BURST.to_string()]).await);
        arrived = wait_for_documents(&moto, sent.len(), &daemon).await;
    }
    let ids = arrived.iter().map(|document| document["trace_id"].as_str().expect("an id").to_owned());
    let mut arrived: Vec<String> = ids.collect();
    sent.sort();
    arrived.sort();
    assert_eq!((sent.len(), &arrived), (5 * BURST, &sent));
    let log = daemon.end().await;
    assert!(log.contains("received 500, delivered 500"), "{log}");
}

/// Scenario: the help, the version, a config that is only printed, and files and flags that are wrong.
/// Guarantees: each is answered as the daemon's users expect, with the daemon's exit codes.
#[tokio::test]
async fn the_command_says_what_it_does_and_what_is_wrong() {
    let Ended { code, stdout, .. } = command(&["xray-daemon", "-help"]).await;
    assert_eq!(code, 0);
    for flag in
        ["-a, --resource-arn", "-o, --local-mode", "-m, --buffer-memory", "-v, --version", "--print-config"]
    {
        assert!(stdout.contains(flag), "{stdout}");
    }
    assert_eq!(command(&["xray-daemon", "-v"]).await.code, 0);
    let folder = TempDir::new().expect("a folder");
    let cfg = folder.path().join("cfg.yaml");
    let cfg = cfg.to_str().expect("UTF-8");
    std::fs::write(cfg, "Version: 2\nRegion: eu-west-1\n").expect("written");
    let printed = command(&["xray-daemon", "-c", cfg, "-m", "8", "-print-config"]).await;
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""));
    let spanloom = folder.path().join("spanloom.yaml");
    std::fs::write(&spanloom, &printed.stdout).expect("written");
    let spanloom = spanloom.to_str().expect("UTF-8");
    let validated = command(&["validate", "-c", spanloom]).await;
    assert_eq!((validated.code, validated.stderr.as_str()), (0, ""), "{}", printed.stdout);

    std::fs::write(cfg, "Version: 2\nProcessor: {Routine: 1}\n").expect("written");
    let wrong = command(&["xray-daemon", "-c", cfg]).await;
    assert!(wrong.code == 1 && wrong.stderr.contains("Processor"), "{wrong:?}");
    assert_eq!(command(&["xray-daemon", "-regions=x"]).await.code, 2);
}

/// Scenario: the commands of the examples are run for their configs.
/// Guarantees: the daemon takes the flags of each.
#[tokio::test]
async fn the_examples_start_it_with_flags_that_it_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("an example");
    let task: Value = serde_json::from_str(&read("task-definition.json")).expect("JSON");
    let of_task = task["containerDefinitions"][1]["command"].as_array().expect("a command").clone();
    let of_task: Vec<String> = of_task.iter().filter_map(|word| Some(word.as_str()?.to_owned())).collect();
    let of_line = |text: &str, start: &str| -> Vec<String> {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start)).expect("a command");
        line.trim_end_matches(']').replace([',', '"'], " ").split_whitespace().map(str::to_owned).collect()
    };
    let of_unit = of_line(&read("xray-daemon.service"), "ExecStart=/usr/bin/spanloom ");
    let of_pod = of_line(&read("daemonset.yaml"), "args: [");
    for args in [of_task, of_unit, of_pod] {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["--print-config"]).collect();
        let ended = command(&args).await;
        assert!(ended.code == 0 && args[0] == "xray-daemon", "{args:?}: {}", ended.stderr);
    }
}

//! Tests the commands that ask a running Spanloom, against a real endpoint: their requests, outputs and exit
//! codes.

use std::{io, net::SocketAddr, sync::Arc};

use clap::Parser as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    admin::tests::{Recorded, attempt, served},
    cli::{Cli, Exit, Terminal},
    control::status::{ReloadOutcome, Status},
    swap::attempt::Outcome,
};

/// Runs a command, and returns its exit, output and error output.
async fn run(address: &str, arguments: &[&str]) -> (Exit, String, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
    let arguments = [&["spanloom"], arguments, &["--admin", address]].concat();
    let cli = Cli::try_parse_from(arguments).unwrap();
    let exit = cli.execute(&mut terminal).await.unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Runs a command against an operator that answers with `recorded`. Returns its outputs, and the requests.
async fn asked(recorded: Recorded, arguments: &[&str]) -> ((Exit, String, String), Vec<String>) {
    let operator = Arc::new(recorded);
    let (address, _running) = served(operator.clone()).await;
    let printed = run(&address.to_string(), arguments).await;
    (printed, operator.asked())
}

fn done(text: &str) -> (Exit, String, String) {
    (Exit::Done, text.to_owned(), String::new())
}

fn fails(text: &str) -> (Exit, String, String) {
    (Exit::Failed, String::new(), text.to_owned())
}

/// Scenario: an operator asks for the status, as a table and as JSON.
/// Guarantees: both show the plugins, whichever way the address is written.
#[tokio::test]
async fn the_status_is_shown_as_a_table_and_as_json() {
    let (address, _running) = served(Arc::new(Recorded::new(None))).await;
    for address in [address.to_string(), format!("http://{address}"), format!("http://{address}/")] {
        let (exit, shown, err) = run(&address, &["status"]).await;
        assert_eq!((exit, err.as_str()), (Exit::Done, ""));
        assert!(shown.starts_with("Spanloom 0.1.0, up 2h 5m, config read 2h 5m ago; another "), "{shown}");
        assert!(shown.contains("\nredact  1.2.0    abababababab  3    1m ago     probation  "), "{shown}");
        let (_, shown, _) = run(&address, &["status", "--json"]).await;
        assert_eq!(serde_json::from_str::<Status>(&shown).unwrap().plugins[1].components.len(), 2);
    }
}

/// A writer that takes this many lines and then closes, as `head -n` does.
struct Head(usize, Vec<u8>);

impl io::Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        let lines = self.1.iter().filter(|byte| **byte == b'\n').count();
        if lines < self.0 { Ok(bytes.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Scenario: the status is watched, and the reader of the output closes it.
/// Guarantees: the command ends with a broken pipe, and each line is a status.
#[tokio::test]
async fn it_is_shown_again_and_again_until_no_one_reads_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (address, _running) = served(Arc::new(Recorded::new(None))).await;
    let (mut out, mut err) = (Head(2, Vec::new()), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
    let address = address.to_string();
    let cli = Cli::try_parse_from(["spanloom", "status", "--watch", "--json", "--admin", &address]).unwrap();
    let error = cli.execute(&mut terminal).await.unwrap_err();
    assert_eq!(error.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::BrokenPipe);
    for line in String::from_utf8(out.1).unwrap().lines() {
        serde_json::from_str::<Status>(line).unwrap();
    }
}

/// Scenario: an operator swaps and rolls back a plugin.
/// Guarantees: the request names the file by an absolute path, and the output says which version runs.
#[tokio::test]
async fn a_swap_says_what_runs_now_and_names_the_file_from_the_root() {
    let swapped = || Recorded::new(Some(attempt(Outcome::Swapped, None)));
    let expected = done("swapped: redact runs 1.3.0 cdcdcdcdcdcd now, after 123 ms\n");
    let here = std::env::current_dir().unwrap().join("new.wasm");
    let cases = [
        (&["plugin", "swap", "redact", "new.wasm"][..], format!("swap redact Some({here:?})")),
        (&["plugin", "swap", "redact"], "swap redact None".to_owned()),
        (&["plugin", "swap", "redact", "--allow-role-change"], "swap redact None [RoleChange]".to_owned()),
        (&["plugin", "rollback", "redact"], "rollback redact".to_owned()),
    ];
    for (arguments, request) in cases {
        assert_eq!(asked(swapped(), arguments).await, (expected.clone(), vec![request]));
    }
}

/// Scenario: swaps have different outcomes.
/// Guarantees: each outcome is one line, and an unwanted outcome exits with 1.
#[tokio::test]
async fn each_outcome_is_said_in_a_line_and_what_was_not_wanted_exits_with_1() {
    let cases = [
        (Outcome::Unchanged, None, done("unchanged: redact runs 1.3.0 cdcdcdcdcdcd already\n")),
        (
            Outcome::Shadowing,
            None,
            done("shadowing: redact runs 1.3.0 cdcdcdcdcdcd on copies; `spanloom status` compares\n"),
        ),
        (
            Outcome::Rejected,
            Some("no component"),
            fails("error: rejected, redact runs the same version as before: no component\n"),
        ),
        (
            Outcome::RolledBack,
            Some("it traps"),
            fails(
                "error: rolled back, redact ran 1.3.0 cdcdcdcdcdcd and runs the previous version again: it traps\n",
            ),
        ),
    ];
    for (outcome, why, expected) in cases {
        let recorded = Recorded::new(Some(attempt(outcome, why)));
        assert_eq!(asked(recorded, &["plugin", "swap", "redact"]).await.0, expected);
    }
    let (printed, _) = asked(Recorded::new(None), &["plugin", "rollback", "redact"]).await;
    assert_eq!(printed, fails("error: there is no version before\n"));
    let (printed, _) = asked(Recorded::new(None), &["plugin", "swap", "redcat/.."]).await;
    assert_eq!(printed, fails("error: no plugin redcat/..; there are: batch, redact\n"));
}

/// Scenario: an operator pauses and resumes a plugin.
/// Guarantees: the output says so, and shows the outcome of a change during the pause.
#[tokio::test]
async fn a_pause_and_its_end_are_said_with_what_came_of_them() {
    let swapped = || Recorded::new(Some(attempt(Outcome::Swapped, None)));
    let (printed, requests) = asked(swapped(), &["plugin", "pause", "redact"]).await;
    let expected = "paused: changes of its file wait for `spanloom plugin resume redact`\n";
    assert_eq!((printed, requests), (done(expected), vec!["pause redact".to_owned()]));
    let (printed, requests) = asked(swapped(), &["plugin", "resume", "redact"]).await;
    let expected = "resumed: changes of its file are acted on again\n\
                    swapped: redact runs 1.3.0 cdcdcdcdcdcd now, after 123 ms\n";
    assert_eq!((printed, requests), (done(expected), vec!["resume redact".to_owned()]));
    let (printed, _) = asked(Recorded::new(None), &["plugin", "resume", "redact"]).await;
    assert_eq!(printed, done("resumed: changes of its file are acted on again\n"));
}

/// Scenario: a reload is successful, changes nothing, or is rejected; or the changed file of a plugin is refused.
/// Guarantees: the output says what changed or what is wrong, and what was not wanted exits with 1.
#[tokio::test]
async fn a_reload_says_what_has_changed_or_what_is_wrong() {
    let cases = [
        (ReloadOutcome::Reloaded, done("reloaded: pipelines: traces\n")),
        (ReloadOutcome::Unchanged, done("unchanged: pipelines: traces\n")),
        (
            ReloadOutcome::Rejected,
            fails("error: rejected, and what ran before still runs: pipelines: traces\n"),
        ),
    ];
    for (outcome, expected) in cases {
        let mut recorded = Recorded::new(None);
        recorded.reload.outcome = outcome;
        assert_eq!(asked(recorded, &["reload"]).await, (expected, vec!["reload".to_owned()]));
    }
    let mut recorded = Recorded::new(None);
    recorded.reload.refused_plugins = vec!["redact".to_owned()];
    let ((exit, out, err), _) = asked(recorded, &["reload"]).await;
    assert_eq!((exit, out.as_str()), (Exit::Failed, "reloaded: pipelines: traces\n"));
    assert_eq!(err, "error: refused, and the previous version still runs: plugin redact\n");
}

const COMMANDS: [&[&str]; 4] =
    [&["status"], &["status", "--watch"], &["reload"], &["plugin", "pause", "redact"]];

/// Scenario: nothing listens at the address.
/// Guarantees: each command fails, and says what to try.
#[tokio::test]
async fn where_nothing_listens_it_is_said_what_to_try() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    for command in COMMANDS {
        let (exit, out, err) = run(&free, command).await;
        assert_eq!((exit, out.as_str()), (Exit::Failed, ""), "{command:?}");
        let expected = format!("error: nothing answers at http://{free}/ (Connection refused");
        assert!(err.starts_with(&expected) && err.contains("\nhelp: is Spanloom running there? "), "{err}");
    }
}

/// Starts a server that answers every connection with this text.
async fn stranger(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4_096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Scenario: a server that is not the admin endpoint answers.
/// Guarantees: each command fails and says so.
#[tokio::test]
async fn what_answers_and_is_not_the_endpoint_is_called_so() {
    let answers = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}", "HTTP 200 OK"),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP 302 Found",
        ),
    ];
    for (answer, what) in answers {
        let address = stranger(answer).await.to_string();
        for command in COMMANDS {
            let (exit, _, err) = run(&address, command).await;
            let expected = format!(
                "error: what answers at http://{address}/ is not Spanloom's admin endpoint: {what}\n"
            );
            assert!(exit == Exit::Failed && err.starts_with(&expected), "{command:?}: {err}");
        }
    }
}

/// Scenario: a change is sent to the address, to the socket, and with a token.
/// Guarantees: each way works, and without the socket's file the command says what to do.
#[tokio::test]
async fn a_change_goes_by_the_socket_or_with_the_token() {
    let operator = Arc::new(Recorded::new(None));
    let (address, served) = served(operator.clone()).await;
    let (address, socket) = (address.to_string(), served.socket());
    let (socket, token) = (socket.to_str().unwrap(), served.token_file());
    let with_token = ["plugin", "pause", "redact", "--admin-token-file", token.to_str().unwrap()];
    let cases = [
        (address.as_str(), &["plugin", "pause", "redact"][..]),
        (socket, &["plugin", "pause", "redact"]),
        (&format!("unix:{socket}"), &["plugin", "pause", "redact"]),
        (&address, &with_token),
    ];
    for (admin, command) in cases {
        let (exit, _, err) = run(admin, command).await;
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{admin} {command:?}");
        assert_eq!(operator.asked(), ["pause redact"]);
    }
    let (exit, shown, _) = run(socket, &["status"]).await;
    assert!(exit == Exit::Done && shown.contains("redact"), "{shown}");
    std::fs::remove_file(socket).unwrap();
    let (exit, _, err) = run(&address, &["reload"]).await;
    let expected = format!("error: the socket that takes changes, {socket}, cannot be opened (No such file");
    assert!(exit == Exit::Failed && err.starts_with(&expected), "{err}");
    assert_eq!(operator.asked(), [""; 0]);
}

/// Scenario: `--admin` is not an address.
/// Guarantees: the error names it.
#[tokio::test]
async fn an_address_that_is_none_is_named() {
    for address in ["", "http://", "unix://run/a.sock", "a b"] {
        let cli = Cli::try_parse_from(["spanloom", "status", "--admin", address]).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
        let error = cli.execute(&mut terminal).await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("--admin {address}")), "{error:#}");
    }
}

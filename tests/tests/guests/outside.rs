//! Plugins that call other servers or look for secrets.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::HeaderMap, routing::post};
use spanloom_tests::guests::{Guests, Remains, Setup};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

/// Scenario: a plugin sends an HTTP request and uses the store without grants.
/// Guarantees: both are denied, and the error tells what to write in the config.
#[tokio::test]
async fn a_host_that_is_not_granted_is_denied_and_the_plugin_is_told_what_to_write() {
    let setup = Setup { guest: "processor", task: "call-ungranted", ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    guests.send(0, 2).await.unwrap();
    let remains = guests.finish().await;
    let (http, store) = (remains.told("guest.http"), remains.told("guest.store"));
    assert!(http.keys().all(|answer| answer.contains("Denied") && answer.contains("grant")), "{http:?}");
    assert!(store.keys().all(|answer| answer.contains("Denied") && answer.ends_with("None")), "{store:?}");
}

/// Starts a server that accepts connections and never answers.
async fn silent_server() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("its address"));
    let server = tokio::spawn(async move {
        let mut connections = Vec::new();
        while let Ok(connection) = listener.accept().await {
            connections.push(connection);
        }
    });
    (origin, server)
}

/// Scenario: a plugin's request waits for a server that never answers; its limit is longer than the call's.
/// Guarantees: the request ends at its own time limit, the plugin is told, and the call succeeds.
#[tokio::test]
async fn a_server_that_never_answers_costs_the_request_and_not_the_call() {
    let (origin, server) = silent_server().await;
    let plugin = format!("grants: {{http: [\"{origin}\"]}}, limits: {{call_timeout: 200ms}}");
    let setup = Setup { guest: "processor", task: "call-slow-http", plugin: &plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let begun = Instant::now();
    guests.send_named(&[&format!("{origin}/")]).await.unwrap();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(450) && elapsed < Duration::from_secs(20), "after {elapsed:?}");
    let remains = guests.finish().await;
    assert_eq!(remains.told("guest.http").into_keys().collect::<Vec<_>>(), ["Err(HttpError::Timeout)"]);
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"ok\""]), 1.0);
    server.abort();
}

/// Scenario: one call waits for a server, which answers once another call has been answered.
/// Guarantees: both calls get their answers.
#[tokio::test]
async fn a_call_that_waits_for_a_server_does_not_keep_others_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("its address"));
    let plugin = format!("grants: {{http: [\"{origin}\"]}}, limits: {{instances: 2}}");
    let setup = Setup { guest: "processor", task: "call-patient-http", plugin: &plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let (waiting, denied) = (format!("{origin}/"), "http://127.0.0.1:1/".to_owned());
    let (waits, quick) = ([waiting.as_str()], [denied.as_str()]);
    let (slow, ()) = tokio::join!(guests.send_named(&waits), async {
        let (mut connection, _) = listener.accept().await.expect("the request");
        guests.send_named(&quick).await.expect("the quick call");
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("the answer");
    });
    slow.unwrap();
    let told = guests.finish().await.told("guest.http");
    assert!(told.keys().any(|answer| answer == "Ok(204)"), "{told:?}");
}

const SECRET: &str = "hunter2-is-a-token";

/// The values of `authorization` and `x-api-key` that the server has received.
type Seen = Arc<Mutex<Vec<String>>>;

/// Runs the guest that looks at everything, and also at the rest of a request to which the host added a
/// secret.
///
/// The server answers with `answer` of the secret that it received. Returns what the process left, and the
/// secrets.
async fn snoop(grant: &str, answer: fn(&str) -> String) -> Option<(Remains, Vec<String>)> {
    let seen = Seen::default();
    let answers = move |State(seen): State<Seen>, headers: HeaderMap| async move {
        let credential = headers.get("authorization").or(headers.get("x-api-key"));
        let credential = credential.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        seen.lock().unwrap().push(credential.clone());
        answer(&credential)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("its address"));
    let routes = Router::new().route("/", post(answers)).with_state(seen.clone());
    let server = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    let plugin =
        format!("grants: {{http: [{{origin: \"{origin}\", auth: {grant}}}]}}, limits: {{call_timeout: 20s}}");
    let guests =
        Guests::start(Setup { guest: "snoop", task: "snoop", plugin: &plugin, ..Setup::default() }).await?;
    guests.send_named(&[&format!("{origin}/")]).await.unwrap();
    let remains = guests.finish().await;
    server.abort();
    let seen = seen.lock().unwrap().clone();
    Some((remains, seen))
}

fn told(remains: &Remains, key: &str) -> String {
    remains.told(key).into_keys().next().expect("a span")
}

/// Scenario: a plugin looks for arguments, environment, folders, files, input, sockets and fine clocks.
/// Guarantees: there are none; only the granted request works.
#[tokio::test]
async fn nothing_reaches_a_plugin_unasked() {
    let Some((remains, _)) = snoop(&format!("{{bearer: {SECRET}}}"), |_| "nothing".to_owned()).await else {
        return;
    };
    for (key, nothing) in [
        ("snoop.arguments", "[]"),
        ("snoop.environment", "[]"),
        ("snoop.folder", "None"),
        ("snoop.files", "0"),
        ("snoop.input", "None"),
        ("snoop.sockets", ""),
        ("snoop.clocks", ""),
    ] {
        assert_eq!(told(&remains, key), nothing, "{key}");
    }
    assert!(told(&remains, "snoop.http").starts_with("200 nothing"), "it was granted this");
}

/// Scenario: the host adds a granted secret to a plugin's request, and the plugin searches its memory.
/// Guarantees: the server receives the secret; the plugin's memory and the host's log do not have it.
#[tokio::test]
async fn no_secret_is_in_a_plugins_memory() {
    for (grant, sent) in [
        (format!("{{bearer: {SECRET}}}"), format!("Bearer {SECRET}")),
        (format!("{{headers: {{x-api-key: {SECRET}}}}}"), SECRET.to_owned()),
    ] {
        let Some((remains, seen)) = snoop(&grant, |_| "nothing".to_owned()).await else { return };
        assert_eq!(seen, [sent], "the server has it");
        assert_eq!(told(&remains, "snoop.memory"), "0 secrets", "{grant}");
        assert!(!remains.output.contains(SECRET), "{}", remains.output);
    }
}

/// Scenario: a server sends the secret back to the plugin.
/// Guarantees: the plugin finds the secret, which shows that its search works.
#[tokio::test]
async fn a_secret_that_a_server_sends_back_is_found() {
    let Some((remains, _)) = snoop(&format!("{{bearer: {SECRET}}}"), str::to_owned).await else { return };
    assert_ne!(told(&remains, "snoop.memory"), "0 secrets");
}

//! Plugins that reach for the outside.

use std::time::{Duration, Instant};

use spanloom_tests::guests::{Guests, Setup};
use tokio::{net::TcpListener, time::sleep};

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

/// Takes connections, and says nothing.
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

/// The request ends at its own time limit, which is longer than the call's: the plugin is told, and goes on.
#[tokio::test]
async fn a_server_that_never_answers_costs_the_request_and_not_the_call() {
    let (origin, server) = silent_server().await;
    let plugin = format!("grants: {{http: [\"{origin}\"]}}, limits: {{call_timeout: 200ms}}");
    let setup = Setup { guest: "processor", task: "call-slow-http", plugin: &plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let begun = Instant::now();
    guests.send_named(&[&format!("{origin}/")]).await.unwrap();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(450) && elapsed < Duration::from_secs(3), "after {elapsed:?}");
    let remains = guests.finish().await;
    assert_eq!(remains.told("guest.http").into_keys().collect::<Vec<_>>(), ["Err(HttpError::Timeout)"]);
    assert_eq!(remains.metric("spanloom_plugin_calls", &["outcome=\"ok\""]), 1.0);
    server.abort();
}

/// While one call waits for the server, the others have the machine.
#[tokio::test]
async fn a_call_that_waits_for_a_server_does_not_keep_others_waiting() {
    let (origin, server) = silent_server().await;
    let plugin = format!("grants: {{http: [\"{origin}\"]}}, limits: {{instances: 2}}");
    let setup = Setup { guest: "processor", task: "call-slow-http", plugin: &plugin, ..Setup::default() };
    let Some(guests) = Guests::start(setup).await else { return };
    let (waiting, denied) = (format!("{origin}/"), "http://127.0.0.1:1/".to_owned());
    let (waits, quick) = ([waiting.as_str()], [denied.as_str()]);
    let begun = Instant::now();
    let (slow, fast) = tokio::join!(guests.send_named(&waits), async {
        sleep(Duration::from_millis(50)).await;
        guests.send_named(&quick).await.map(|_| begun.elapsed())
    });
    slow.unwrap();
    let fast = fast.unwrap();
    assert!(fast < Duration::from_millis(400), "after {fast:?}");
    guests.finish().await;
    server.abort();
}

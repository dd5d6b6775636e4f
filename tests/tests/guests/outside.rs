//! Plugins that reach for the outside.

use spanloom_tests::guests::{Guests, Setup};

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

//! The exporter `otlp_http` when the destination sends it elsewhere.

use serde_json::json;
use spanloom::component::{ExportError, Exported};

use crate::{
    data::{http, span_batch},
    http_destination::{Destination, answer},
};

/// Returns a destination that answers every request with a redirect.
async fn redirecting(status: u16, location: &str) -> Destination {
    Destination::start((0..20).map(|_| answer(status, &[("location", location)], "moved"))).await
}

/// Scenario: a merged batch, plain and compressed, is redirected with 307 and 308 on the same server, by an
/// address without a host.
/// Guarantees: the same body arrives at the new address, with the credentials.
#[tokio::test]
async fn the_whole_request_follows_a_redirect() {
    let mut merged = span_batch(2);
    merged.merge(span_batch(3)).unwrap();
    for (status, compression) in [(307, "none"), (308, "none"), (307, "gzip")] {
        let destination = Destination::start([answer(status, &[("location", "../moved?a=b")], "")]).await;
        let exporter = http(json!({
            "endpoint": destination.endpoint(),
            "compression": compression,
            "headers": {"x-scope-orgid": "team"},
            "auth": {"authenticator": "token"},
        }));
        assert_eq!(exporter.export(&merged).await, Ok(Exported::default()));
        let [first, second] = &destination.kept()[..] else { panic!("two requests were sent") };
        assert_eq!((first.path.as_str(), second.path.as_str()), ("/v1/traces", "/moved"));
        assert_eq!((&first.body, &first.headers), (&second.body, &second.headers));
        assert_eq!(second.header("authorization"), Some("Bearer sesame"));
        assert!(second.body.len() > 20 && second.header("x-scope-orgid") == Some("team"));
        if compression == "none" {
            assert_eq!(&second.body[..], &merged.chunks().concat()[..]);
        }
    }
}

/// Scenario: a destination sets a cookie and redirects to another host, which sets one too.
/// Guarantees: the other host gets no cookie, and its own is not kept.
#[tokio::test]
async fn cookies_stay_with_the_host_of_the_config() {
    let elsewhere = Destination::start([answer(200, &[("set-cookie", "theirs=1; Path=/")], "")]).await;
    let location = format!("http://localhost:{}/in", elsewhere.address.port());
    let headers = [("location", location.as_str()), ("set-cookie", "ours=1; Path=/")];
    let destination = Destination::start((0..2).map(|_| answer(307, &headers, ""))).await;
    let exporter = http(json!({"endpoint": destination.endpoint(), "cookies": {}}));
    for _ in 0..2 {
        assert_eq!(exporter.export(&span_batch(1)).await, Ok(Exported::default()));
    }
    let sent = |destination: &Destination| -> Vec<Option<String>> {
        destination.kept().iter().map(|kept| kept.header("cookie").map(str::to_owned)).collect()
    };
    assert_eq!(sent(&destination), [None, Some("ours=1".to_owned())]);
    assert_eq!(sent(&elsewhere), [None, None]);
}

/// Scenario: a redirect leads to another host, which first wants credentials.
/// Guarantees: the host gets the data and its type, and neither `headers` nor `auth`; the error says so.
#[tokio::test]
async fn credentials_do_not_follow_to_another_host() {
    let elsewhere = Destination::start([answer(401, &[], "")]).await;
    // The same machine by another name.
    let location = format!("http://localhost:{}/in", elsewhere.address.port());
    let destination = redirecting(308, &location).await;
    let exporter = http(json!({
        "endpoint": destination.endpoint(),
        "headers": {"x-api-key": "sesame"},
        "auth": {"authenticator": "token"},
    }));
    let error = exporter.export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Permanent { .. }), "{error:?}");
    let expected = format!("redirected to http://localhost:{} (without", elsewhere.address.port());
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(exporter.export(&span_batch(1)).await, Ok(Exported::default()));
    for kept in elsewhere.kept() {
        assert_eq!((kept.header("x-api-key"), kept.header("authorization")), (None, None));
        assert_eq!(kept.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(kept.header("content-encoding"), Some("gzip"));
    }
    assert_eq!(destination.kept()[0].header("x-api-key"), Some("sesame"));
}

/// Scenario: the destination answers with redirects that make a POST a GET.
/// Guarantees: none is followed, and the error names the new address: a GET would drop the data.
#[tokio::test]
async fn a_redirect_that_drops_the_data_is_not_followed() {
    let elsewhere = Destination::start([]).await;
    let location = format!("{}/in?key=sesame", elsewhere.endpoint());
    for status in [301, 302, 303] {
        let destination = redirecting(status, &location).await;
        let error = http(json!({"endpoint": destination.endpoint()})).export(&span_batch(1)).await;
        let Err(ExportError::Permanent { message, .. }) = error else { panic!("{error:?}") };
        assert!(message.contains(&elsewhere.endpoint()) && !message.contains("sesame"), "{message}");
    }
    assert!(elsewhere.kept().is_empty());
}

/// Scenario: a destination redirects to itself.
/// Guarantees: ten requests are made, and the failure is retryable.
#[tokio::test]
async fn a_ring_of_redirects_ends() {
    let destination = redirecting(307, "/v1/traces").await;
    let error = http(json!({"endpoint": destination.endpoint()})).export(&span_batch(1)).await.unwrap_err();
    assert!(matches!(error, ExportError::Retryable { .. }), "{error:?}");
    assert_eq!(destination.kept().len(), 10);
}

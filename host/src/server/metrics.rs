//! Serves `/metrics`: Spanloom's own metrics in the text exposition format.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, header};
use tokio::net::TcpListener;

use crate::{
    config::telemetry::Naming,
    running::Running,
    server::{self, ServerSettings, compressed},
    telemetry::Telemetry,
};

/// Serves `GET /metrics` until `running.stop`, with names as the reader writes them.
pub fn serve(listener: TcpListener, telemetry: Arc<Telemetry>, naming: Naming, running: &Running) {
    server::serve(listener, None, routes(telemetry, naming), ServerSettings::for_operators(), running);
}

fn routes(telemetry: Arc<Telemetry>, naming: Naming) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state((telemetry, naming))
}

async fn metrics(
    State((telemetry, naming)): State<(Arc<Telemetry>, Naming)>,
    headers: HeaderMap,
) -> Response {
    let text = telemetry.render_as(naming).into_bytes();
    let (body, is_compressed) = match compressed::accepts_gzip(&headers) {
        true => match compressed::gzip(text).await {
            Ok(body) => (body, true),
            Err(text) => (text, false),
        },
        false => (text, false),
    };
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    let mut answer = ([(header::CONTENT_TYPE, content_type)], body).into_response();
    if is_compressed {
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::{body::Body, http::Request};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    /// Scenario: a scraper that accepts gzip asks for the metrics, and one that does not.
    /// Guarantees: the first gets them compressed, and both get the same.
    #[tokio::test]
    async fn a_scrape_is_compressed_for_those_who_ask() {
        let routes = routes(Telemetry::new(), Naming::default());
        let scraped = async |accepts: &str| {
            let request = Request::get("/metrics").header("accept-encoding", accepts);
            let answer = routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let encoding = answer.headers().get("content-encoding").cloned();
            assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
            (encoding, answer.into_body().collect().await.unwrap().to_bytes())
        };
        let (encoding, compressed) = scraped("gzip").await;
        assert_eq!(encoding.unwrap(), "gzip");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
        assert!(text.contains("# TYPE "), "{text}");
        let (encoding, plain) = scraped("gzip;q=0").await;
        assert!(encoding.is_none() && plain.starts_with(b"# "));
    }
}

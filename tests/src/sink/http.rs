//! The HTTP side of the sink: `/v1/{traces,metrics,logs}`.

use std::{io::Read, sync::Arc};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State as Shared},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::{Answer, State, Transport};
use crate::otlp::{self, Signal};

pub(super) fn routes() -> Router<Arc<State>> {
    let routes = Signal::ALL.into_iter().fold(Router::new(), |routes, signal| {
        let handler = move |Shared(state): Shared<Arc<State>>, headers: HeaderMap, body: Bytes| async move {
            let body = decompress(&headers, body);
            let content_type = headers.get(header::CONTENT_TYPE).cloned();
            let answer = state.take(Transport::Http, signal, headers, body).await;
            let mut response = respond(&answer);
            if let Some(content_type) = content_type {
                response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            }
            response
        };
        routes.route(signal.http_path(), post(handler))
    });
    routes.layer(DefaultBodyLimit::disable())
}

fn respond(answer: &Answer) -> Response {
    match answer {
        Answer::Accept | Answer::After(_) => StatusCode::OK.into_response(),
        Answer::Partial { rejected } => otlp::partial_success(*rejected).into_response(),
        Answer::Refuse => StatusCode::BAD_REQUEST.into_response(),
        Answer::Unavailable { retry_after: None } => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Answer::Unavailable { retry_after: Some(delay) } => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, delay.as_secs().to_string())])
                .into_response()
        }
    }
}

fn decompress(headers: &HeaderMap, body: Bytes) -> Bytes {
    let mut plain = Vec::new();
    match headers.get(header::CONTENT_ENCODING).map(|encoding| encoding.as_bytes()) {
        None | Some(b"identity") => return body,
        Some(b"gzip") => flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).expect("gzip"),
        Some(b"zstd") => {
            plain = zstd::decode_all(&*body).expect("zstd");
            plain.len()
        }
        Some(other) => panic!("the sink got content-encoding {}", other.escape_ascii()),
    };
    plain.into()
}

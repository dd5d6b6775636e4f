//! A stub of X-Ray: takes segments, counts them and keeps nothing.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::IgnoredAny};
use tokio::{net::TcpListener, runtime};

use crate::process::LOOPBACK;

/// A running stub, with threads of its own.
pub(super) struct XRay {
    pub(super) address: SocketAddr,
    arrived: Arc<AtomicUsize>,
    _runtime: runtime::Runtime,
}

/// The body of a `PutTraceSegments`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put {
    trace_segment_documents: Vec<IgnoredAny>,
}

impl XRay {
    pub(super) fn start() -> anyhow::Result<XRay> {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((LOOPBACK, 0)))?;
        let (address, arrived) = (listener.local_addr()?, Arc::<AtomicUsize>::default());
        let counter = arrived.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = counter.clone();
                let service = service_fn(move |request| answer(request, counter.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(XRay { address, arrived, _runtime: runtime })
    }

    /// Returns how many segments have arrived.
    pub(super) fn arrived(&self) -> usize {
        self.arrived.load(Relaxed)
    }
}

async fn answer(
    request: Request<Incoming>,
    arrived: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_put = request.uri().path() == "/TraceSegments";
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    if !is_put {
        return Ok(Response::new(Full::from("{}")));
    }
    if let Ok(put) = serde_json::from_slice::<Put>(&body) {
        arrived.fetch_add(put.trace_segment_documents.len(), Relaxed);
    }
    Ok(Response::new(Full::from("{\"UnprocessedTraceSegments\":[]}")))
}

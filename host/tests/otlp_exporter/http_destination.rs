//! An axum server that keeps every request and answers by a script.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
};
use http::{HeaderMap, Response, Uri};
use tokio::net::TcpListener;

#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Clone, Default)]
struct Service(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    script: VecDeque<Response<String>>,
    kept: Vec<Kept>,
}

pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    service: Service,
}

impl Destination {
    /// Starts a server that answers by the script, then with an empty 200.
    pub(crate) async fn start(script: impl IntoIterator<Item = Response<String>>) -> Destination {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Inner { script: script.into_iter().collect(), kept: Vec::new() };
        let service = Service(Arc::new(Mutex::new(inner)));
        let router = router(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Destination { address, service }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn kept(&self) -> Vec<Kept> {
        self.service.0.lock().unwrap().kept.clone()
    }
}

impl Kept {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<String>) -> Response<String> {
    let builder = Response::builder().status(status);
    let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(body.into()).unwrap()
}

fn router(service: Service) -> Router {
    Router::new().fallback(keep).layer(DefaultBodyLimit::disable()).with_state(service)
}

async fn keep(State(service): State<Service>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let mut inner = service.0.lock().unwrap();
    inner.kept.push(Kept { path: uri.path().to_owned(), headers, body });
    inner.script.pop_front().unwrap_or_default().map(Body::from)
}

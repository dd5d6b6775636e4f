//! Requests over HTTP.

use std::{borrow::Cow, sync::Arc};

use axum::{body::Body, response::Response};
use http::{StatusCode, request::Parts};

use super::{exchange::Exchange, rejections::Rejections};
use crate::{
    pipeline::Metadata,
    plugin::{
        guest::interface::{Answer, Head, Header, Listener, Outgoing, Reply, Request, Route, Takes},
        pool::handler::outgoing_response,
    },
    receiver::http::{Doors, Protocol, Received, Refusal, unescaped},
    telemetry::Telemetry,
};

/// The name of the transport in metrics and in the log.
pub(super) const TRANSPORT: &str = "http";

/// The protocol of a plugin's listener.
pub(super) struct PluginHttp {
    listener: u32,
    routes: Arc<[Route]>,
    exchange: Arc<Exchange>,
    rejections: Rejections,
}

impl PluginHttp {
    pub(super) fn new(
        number: usize,
        listener: &Listener,
        exchange: Arc<Exchange>,
        telemetry: &Arc<Telemetry>,
    ) -> PluginHttp {
        let routes = match &listener.takes {
            Takes::Http(routes) => routes.as_slice().into(),
            _ => [].into(),
        };
        let rejections = Rejections::new(&exchange.pool().component, TRANSPORT, telemetry);
        PluginHttp { listener: number as u32, routes, exchange, rejections }
    }

    /// Returns whether a path is a route of its own, and so one of a fixed set.
    pub(super) fn fixed_paths(&self) -> impl Fn(&str) -> bool + Send + Sync + use<> {
        let paths: Vec<String> = self.routes.iter().map(|route| route.path.clone()).collect();
        move |path| paths.iter().any(|known| known == path)
    }

    /// Returns what [`Protocol::methods`] returns, for whoever does not hold the protocol.
    pub(super) fn methods_of(&self) -> impl Fn(&str) -> String + Clone + Send + Sync + use<> {
        let routes = self.routes.clone();
        move |path| methods(&routes, path)
    }

    /// Returns the routes of a path.
    fn routes<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Route> {
        routes_of(&self.routes, path)
    }
}

fn routes_of<'a>(routes: &'a [Route], path: &'a str) -> impl Iterator<Item = &'a Route> {
    routes.iter().filter(|route| is_at(&route.path, &unescaped(path)))
}

/// Returns the methods of a path's routes, separated by commas. Empty if one of the routes takes any.
fn methods(routes: &[Route], path: &str) -> String {
    let mut methods: Vec<&str> = routes_of(routes, path).map(|route| route.method.as_str()).collect();
    methods.sort_unstable();
    methods.dedup();
    if methods.first().is_some_and(|method| method.is_empty()) { String::new() } else { methods.join(", ") }
}

#[async_trait::async_trait]
impl Protocol for PluginHttp {
    type Accepted = Answer;
    type Entrance<'a> = &'a Doors;

    fn serves(&self, path: &str) -> bool {
        self.routes(path).next().is_some()
    }

    fn methods(&self, path: &str) -> Cow<'_, str> {
        methods(&self.routes, path).into()
    }

    fn entrance<'a>(&self, doors: &'a Doors, _: &str) -> Result<&'a Doors, Refusal> {
        Ok(doors)
    }

    async fn take<'a>(&self, request: Received<'a, &'a Doors>) -> Result<Answer, Refusal> {
        let Received { head, peer, entrance: doors, body, metadata, held, until, .. } = request;
        let peer = peer.ip().map(|ip| ip.to_string()).unwrap_or_default();
        let request =
            Request { listener: self.listener, peer: peer.clone(), head: Some(head_of(head)), body };
        match self.exchange.ask_one(request, held, until).await? {
            Reply::Taken(taken) => self.exchange.enter(taken, doors, metadata.as_ref()).await,
            Reply::Rejected { answer, reason } => {
                self.rejections.add(&reason, &peer);
                Ok(answer)
            }
        }
    }

    fn accepted(&self, _: &Parts, answer: Answer) -> Response {
        let Answer { status, headers, body } = answer;
        outgoing_response(Outgoing { status, headers, body }, false).unwrap_or_else(|| {
            let mut response = Response::new(Body::from("the plugin's answer is no HTTP\n"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

/// Returns whether a route leads to a path.
fn is_at(route: &str, path: &str) -> bool {
    match route.strip_suffix('*') {
        Some(above) => path.starts_with(above),
        None => route == path,
    }
}

/// Returns the head for a guest, which sees no secrets.
pub(super) fn head_of(head: &Parts) -> Head {
    let headers = head.headers.iter().filter(|(name, _)| !Metadata::is_secret(name.as_str()));
    Head {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers
            .filter_map(|(name, value)| {
                Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
            })
            .collect(),
    }
}

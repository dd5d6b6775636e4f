//! Answers the requests of one port: lets them in, reads their bodies within the limits, and leaves the rest
//! to the protocol.

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use http::{
    HeaderMap, HeaderValue, Version,
    header::{CONTENT_ENCODING, EXPECT, HOST},
    request::Parts,
};

use super::{Cause, Doors, Gate, HttpServerConfig, Protocol, Received, Refusal, head, path};
use crate::{
    memory,
    pipeline::Metadata,
    server::{
        Peer,
        request_body::{self, Budget, Encoding, Held, Paced},
    },
};

/// The service of one port that speaks one protocol.
pub struct HttpService<P> {
    protocol: P,
    gate: Gate,
    doors: Doors,
    budget: Arc<Budget>,
    encodings: Vec<Encoding>,
    limit_bytes: usize,
    read_timeout: Duration,
    include_metadata: bool,
}

impl<P: Protocol> HttpService<P> {
    pub fn new(
        protocol: P,
        gate: Gate,
        doors: Doors,
        budget: Arc<Budget>,
        config: &HttpServerConfig,
    ) -> HttpService<P> {
        HttpService {
            protocol,
            gate,
            doors,
            budget,
            encodings: config.encodings(),
            limit_bytes: config.limit_bytes(),
            read_timeout: config.read_timeout(),
            include_metadata: config.include_metadata,
        }
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Answers a request. Of the body of a request that is refused, up to twice the limit is read and dropped.
    pub async fn answer(self: Arc<Self>, request: Request) -> Response {
        let peer = Peer::of(&request);
        let held = self.budget.hold(peer.clone());
        let (head, body) = request.into_parts();
        let mut body = Paced::new(body, self.read_timeout, held.clone());
        if check_host(&head).is_ok()
            && !self.protocol.serves(head.uri.path())
            && let Some(elsewhere) = path::redirect(&head.uri)
        {
            drop(held);
            self.discard(&head, &mut body).await;
            return elsewhere;
        }
        let outcome = self.take(&head, &peer, &mut body, &held).await;
        // The bytes that are discarded below must not be held.
        drop(held);
        match outcome {
            Ok(accepted) => self.protocol.accepted(&head, accepted),
            Err(refusal) => {
                self.discard(&head, &mut body).await;
                self.protocol.refused(&head, &refusal)
            }
        }
    }

    async fn discard(&self, head: &Parts, body: &mut Paced) {
        // A client with `Expect` has not sent the body, and need not. A large head must not be kept so long.
        if !head.headers.contains_key(EXPECT) && head::large_bytes(&head.headers) == 0 {
            request_body::discard(body, self.limit_bytes.saturating_mul(2)).await;
        }
    }

    async fn take(
        &self,
        head: &Parts,
        peer: &Arc<Peer>,
        body: &mut Paced,
        held: &Arc<Held>,
    ) -> Result<P::Accepted, Refusal> {
        check_host(head)?;
        let path = head.uri.path();
        if !self.protocol.serves(path) {
            return Err(Refusal::not_found(format!("no path {path} here")));
        }
        self.protocol.check_method(&head.method, path)?;
        self.gate.admit(&head.headers, peer).await?;
        let entrance = self.protocol.entrance(&self.doors, path)?;
        self.protocol.check(head)?;
        let metadata = self.include_metadata.then(|| Arc::new(Metadata::of(&head.headers)));
        let encoding = self.encoding(&head.headers)?;
        memory::has_room(0)?;
        let _head_held = head::hold_large(&head.headers, &self.budget, peer)?;
        let limit_bytes = self.limit_bytes;
        let mut bytes = request_body::read(body, limit_bytes).await?;
        if let Some(encoding) = encoding {
            bytes = request_body::inflate(encoding, bytes, limit_bytes, held, body.until()).await?;
        }
        let until = body.until();
        let request = Received { head, peer, entrance, body: bytes, limit_bytes, metadata, held, until };
        self.protocol.take(request).await
    }

    fn encoding(&self, headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
        let mut lines = headers.get_all(CONTENT_ENCODING).iter().map(HeaderValue::to_str);
        let name = match (lines.next(), lines.next()) {
            (None | Some(Ok("" | "identity")), None) => return Ok(None),
            (Some(name), None) => name.unwrap_or_default(),
            // Several lines are a list, and no list is accepted.
            (_, Some(_)) => "",
        };
        let known = Encoding::from_name(name).filter(|encoding| self.encodings.contains(encoding));
        known.map(Some).ok_or_else(|| {
            let accepted: Vec<&str> = self.encodings.iter().map(|encoding| encoding.as_str()).collect();
            Refusal::unsupported_encoding(&accepted.join(", "))
        })
    }
}

/// Refuses a request of HTTP/1 that does not say for which host it is (RFC 9112, section 3.2), or names several:
/// a proxy might choose another of them.
fn check_host(head: &Parts) -> Result<(), Refusal> {
    let why = match (head.version, head.headers.get_all(HOST).iter().count()) {
        (Version::HTTP_11, 0) => "the header `Host` is missing",
        (Version::HTTP_10 | Version::HTTP_11, 2..) => "there are several headers `Host`",
        _ => return Ok(()),
    };
    Err(Refusal::new(Cause::Invalid, why))
}

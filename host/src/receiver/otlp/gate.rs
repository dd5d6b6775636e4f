//! Who is let in, and what an operator is told of those who are not.

use std::sync::Arc;

use http::HeaderMap;
use metrics::Counter;

use super::rejection::Rejection;
use crate::{
    component::auth::{self, Denied, ServerAuth},
    log_line::throttle::Throttle,
    pipeline::limiter::Limiter,
    server::Peer,
    telemetry::Telemetry,
};

/// The extensions that one protocol of a receiver names.
#[derive(Clone, Default)]
pub(super) struct Guards {
    pub(super) auth: Option<Arc<dyn ServerAuth>>,
    pub(super) limiters: Vec<Arc<Limiter>>,
}

/// Before one protocol of a receiver.
pub(super) struct Gate {
    receiver: String,
    transport: &'static str,
    guards: Guards,
    unauthenticated: TurnedAway,
    other_protocol: TurnedAway,
}

/// Requests that were turned away for one reason: all are counted, and one line in a while tells of them.
struct TurnedAway {
    count: Counter,
    throttle: Throttle,
}

impl Gate {
    pub(super) fn new(
        receiver: &str,
        transport: &'static str,
        guards: Guards,
        telemetry: &Telemetry,
    ) -> Gate {
        let turned_away = |reason| {
            let labels = [("receiver", receiver), ("transport", transport), ("reason", reason)];
            let count = telemetry.counter("spanloom_receiver_refused_requests", &labels);
            TurnedAway { count, throttle: Throttle::default() }
        };
        Gate {
            receiver: receiver.to_owned(),
            transport,
            guards,
            unauthenticated: turned_away("unauthenticated"),
            other_protocol: turned_away("other_protocol"),
        }
    }

    /// Lets the request in if there is memory for it, and its credentials are right, or none are asked for.
    pub(super) async fn admit(&self, headers: &HeaderMap, peer: &Peer) -> Result<(), Rejection> {
        for limiter in &self.guards.limiters {
            limiter.check().map_err(Rejection::no_room)?;
        }
        let Some(auth) = &self.guards.auth else { return Ok(()) };
        match auth::check(&**auth, headers).await {
            Ok(()) => Ok(()),
            Err(Denied::Unauthenticated(why)) => {
                if let Some(withheld) = self.unauthenticated.again() {
                    tracing::warn!(
                        receiver = self.receiver,
                        transport = self.transport,
                        peer = peer.name(),
                        "refused requests without valid credentials: {why} ({withheld} more before this one)"
                    );
                }
                Err(Rejection::unauthenticated(why, auth.challenge()))
            }
            Err(Denied::Busy) => Err(Rejection::no_room(Denied::Busy)),
        }
    }

    /// Notes a request of another protocol, whose sender has probably mistaken the port.
    pub(super) fn note_other_protocol(&self, peer: &Peer, advice: &str) {
        if let Some(withheld) = self.other_protocol.again() {
            tracing::warn!(
                receiver = self.receiver,
                transport = self.transport,
                peer = peer.name(),
                "refused requests of another protocol: {advice} ({withheld} more before this one)"
            );
        }
    }
}

impl TurnedAway {
    /// How many were withheld before, if a line may be written.
    fn again(&self) -> Option<u64> {
        self.count.increment(1);
        self.throttle.admit()
    }
}

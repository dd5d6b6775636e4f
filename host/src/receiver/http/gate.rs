//! Decides who is let in, and tells operators of those who are turned away.

use http::HeaderMap;
use metrics::Counter;

use super::{Guards, Refusal};
use crate::{
    component::auth::{self, Denied},
    log_line::throttle::Throttle,
    server::Peer,
    telemetry::Telemetry,
};

/// The entrance of one port of a receiver. It lets requests in, and counts and logs those that it turns away.
pub struct Gate {
    receiver: String,
    transport: &'static str,
    guards: Guards,
    unauthenticated: TurnedAway,
    other_protocol: TurnedAway,
}

/// The requests that were turned away for one reason. Each is counted, and a line of the log tells of them now
/// and then.
struct TurnedAway {
    count: Counter,
    throttle: Throttle,
}

impl Gate {
    /// Makes the gate of a receiver's port. `transport` (`http`, `grpc`) is a label of its metrics.
    pub fn new(receiver: &str, transport: &'static str, guards: Guards, telemetry: &Telemetry) -> Gate {
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

    /// Lets a request in if no limiter refuses it, and its credentials are right or none are asked for. Call
    /// this before the body is read.
    pub async fn admit(&self, headers: &HeaderMap, peer: &Peer) -> Result<(), Refusal> {
        for limiter in &self.guards.limiters {
            limiter.check().map_err(Refusal::no_room)?;
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
                Err(Refusal::unauthenticated(why, auth.challenge()))
            }
            Err(Denied::Busy) => Err(Refusal::no_room(Denied::Busy)),
        }
    }

    /// Notes a request of another protocol, whose sender has probably mistaken the port. `advice` says which
    /// protocol the port speaks.
    pub fn note_other_protocol(&self, peer: &Peer, advice: &str) {
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
    /// Counts one more. If a line may be logged now, returns how many requests passed without one.
    fn again(&self) -> Option<u64> {
        self.count.increment(1);
        self.throttle.admit()
    }
}

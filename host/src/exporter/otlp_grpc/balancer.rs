//! Spreads requests over the connections to a destination, as grpc-go's `round_robin` does.
//!
//! There is a line for each connection that is wanted. A request makes lines connect that have no connection,
//! and takes the next line that has one. A line that fails is left out and tried again after a pause. If no
//! line has a connection, a request waits for those that are being made, and fails when all have failed.
//! Nothing is done without requests.

mod line;
mod lines;

use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use self::lines::{Lines, Next};
use super::dial::{Dialer, Place, Sender};
use crate::{
    component::ExportError,
    exporter::otlp::{body::Chunks, with_causes},
};

/// How often a request is given to another connection, because the first ended before it took the request.
const RESENDS: usize = 2;
/// The time between attempts with `wait_for_ready`. Half of it is random.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(500);
/// A name is looked up again at the earliest after this time, as in grpc-go.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(30);
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks up the addresses of a name.
pub(super) type LookUp = Box<dyn Fn() -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The connections to one destination. They are made on first use, and again after a break.
pub(super) struct Balancer(Arc<Shared>);

pub(super) struct Settings {
    /// The number of connections to each place.
    pub(super) connections: usize,
    /// Keeps connecting until the timeout instead of failing at once.
    pub(super) wait_for_ready: bool,
}

struct Shared {
    dialer: Dialer,
    settings: Settings,
    /// `None` if the places never change.
    look_up: Option<LookUp>,
    look_up_pause: Duration,
    lines: Mutex<Lines>,
    /// Is notified when a line or the places have changed.
    changed: Notify,
}

impl Balancer {
    /// Connects to this place alone.
    pub(super) fn of_place(place: Place, dialer: Dialer, settings: Settings) -> Balancer {
        Balancer::new(dialer, settings, vec![place], None, LOOK_UP_PAUSE)
    }

    /// Connects to each address of a name.
    pub(super) fn of_name(look_up: LookUp, dialer: Dialer, settings: Settings) -> Balancer {
        Balancer::new(dialer, settings, Vec::new(), Some(look_up), LOOK_UP_PAUSE)
    }

    fn new(
        dialer: Dialer,
        settings: Settings,
        places: Vec<Place>,
        look_up: Option<LookUp>,
        look_up_pause: Duration,
    ) -> Balancer {
        let lines = Mutex::new(Lines::to(places, settings.connections));
        let changed = Notify::new();
        Balancer(Arc::new(Shared { dialer, settings, look_up, look_up_pause, lines, changed }))
    }

    /// Sends the request over the next connection, and returns the head of the answer.
    pub(super) async fn call(&self, mut request: Request<Chunks>) -> Result<Response<Incoming>, ExportError> {
        let mut resends = 0;
        loop {
            let mut sender = self.sender().await?;
            let mut failure = match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            match failure.take_message() {
                Some(unsent) if resends < RESENDS => request = unsent,
                _ => return Err(retryable(with_causes(failure.error()))),
            }
            resends += 1;
        }
    }

    async fn sender(&self) -> Result<Sender, ExportError> {
        let Balancer(shared) = self;
        loop {
            let mut changed = pin!(shared.changed.notified());
            // From here on, no change is missed.
            changed.as_mut().enable();
            match shared.next() {
                Next::Send(sender) => return Ok(sender),
                Next::Wait => changed.await,
                // The attempts go on while a request waits. Each request gives up by its own timeout.
                Next::Fail(_) if shared.settings.wait_for_ready => {
                    sleep(RECONNECT_INTERVAL.mul_f64(rand::random_range(0.5..=1.0))).await;
                }
                Next::Fail(error) => return Err(retryable(error)),
            }
        }
    }
}

impl Shared {
    fn next(self: &Arc<Shared>) -> Next {
        let now = Instant::now();
        let mut lines = self.lines();
        if self.look_up.is_some() && lines.begin_look_up(now, self.look_up_pause) {
            tokio::spawn(self.clone().look_up());
        }
        let (next, dials) = lines.next(now);
        drop(lines);
        for (number, place) in dials {
            tokio::spawn(self.clone().dial(number, place));
        }
        next
    }

    async fn dial(self: Arc<Shared>, number: u64, place: Place) {
        let outcome = self.dialer.open(&place).await;
        self.lines().connected(number, outcome, Instant::now());
        self.changed.notify_waiters();
    }

    async fn look_up(self: Arc<Shared>) {
        let Some(look_up) = &self.look_up else { return };
        let found = match timeout(LOOK_UP_TIMEOUT, look_up()).await {
            Ok(Ok(addresses)) if addresses.is_empty() => Err("the name has no address".to_owned()),
            Ok(found) => found.map_err(|error| with_causes(&error)),
            Err(_) => Err(format!("the name was not found within {LOOK_UP_TIMEOUT:?}")),
        };
        self.lines().looked_up(found, self.settings.connections, Instant::now());
        self.changed.notify_waiters();
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn retryable(message: String) -> ExportError {
    ExportError::retryable(message)
}

#[cfg(test)]
mod tests;

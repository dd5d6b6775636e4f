//! Runs one connection: its handshake, its requests, and its end.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::{either::Either, task::TaskTracker};
use tower::Service;

use super::{
    Peer, Server, ServerSettings, answers,
    listen::{self, Socket},
    metered::Metered,
    peer::Arriving,
};

/// The time that a peer without a request under way gets to react when the connection ends. While the server stops,
/// an upload has to make progress in each such time.
const GOODBYE: Duration = Duration::from_secs(2);
/// While the server stops, an upload goes on as long as this much of it comes within [`GOODBYE`]: a KiB a second, which
/// is less than the slowest lines have. A request of 20 KiB is then whole within the default `shutdown_timeout`; of a
/// slower one nothing would become, and its sender sends it again.
const PROGRESS_BYTES: u64 = 2 << 10;

/// An executor that runs HTTP/2 streams as tasks of the server, so that a drain waits for them.
#[derive(Clone, Debug)]
pub(super) struct Tracked(pub(super) TaskTracker);

/// The times at which the server ends a connection, whatever the peer does.
struct Lifetime {
    opened: Instant,
    first_request: Duration,
    idle: Option<Duration>,
    age: Option<Duration>,
    grace: Option<Duration>,
}

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

/// Serves the connection until it ends. A silent connection costs little more than its socket.
pub(super) async fn run(stream: Socket, peer: Arc<Peer>, server: Arc<Server>) {
    tokio::select! {
        () = server.running.stop.cancelled() => return,
        () = peer.closed() => return,
        first = timeout(server.settings.silence_timeout(), listen::readable(&stream)) => {
            if !matches!(first, Ok(Ok(()))) {
                return;
            }
        }
    }
    // Boxed, because otherwise the task of every silent connection would have room for all of `serve`.
    let serve = Box::pin(serve(stream, peer.clone(), server));
    tokio::select! {
        () = peer.closed() => {}
        () = serve => {}
    }
}

async fn serve(stream: Socket, peer: Arc<Peer>, server: Arc<Server>) {
    // An answer is one small write, which must not wait for the peer's delayed acknowledgement.
    if let Either::Left(stream) = &stream {
        let _ = stream.set_nodelay(true);
    }
    let stream = match &server.tls {
        None => Either::Left(stream),
        Some(tls) => {
            let handshake = timeout(server.settings.handshake_timeout, tls.accept(stream));
            match server.running.stop.run_until_cancelled(handshake).await {
                Some(Ok(Ok(stream))) => Either::Right(Box::new(stream)),
                Some(Ok(Err(error))) => return tracing::debug!(%error, "TLS handshake failed"),
                Some(Err(_)) | None => return tracing::debug!("TLS handshake did not end in time"),
            }
        }
    };
    let service = service_fn(|mut request: Request<Incoming>| {
        let open = peer.begin();
        request.extensions_mut().insert(peer.clone());
        let request = request.map(|body| Body::new(Arriving::new(body, &peer)));
        let answer = answer(server.clone(), peer.clone(), request);
        async move {
            let answer = answer.await;
            drop(open);
            Ok::<_, Infallible>(answer)
        }
    });
    let ServerSettings { connections, max_head_bytes, .. } = &server.settings;
    let stream = Metered::new(stream, peer.clone(), connections.clone(), *max_head_bytes);
    let stream = TokioIo::new(stream);
    let connection = server.http.serve_connection(stream, service);
    let lifetime = Lifetime::new(&server.settings);
    let mut connection = pin!(connection);
    let mut wake = lifetime.next(&peer);
    let mut closing = false;
    // What had come when the connection was last looked at.
    let mut seen_bytes = 0;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error, "connection ended");
                }
                return;
            }
            () = server.running.stop.cancelled(), if !closing => {
                closing = true;
                seen_bytes = peer.heard_bytes();
                wake = lifetime.close();
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                let fresh_bytes = peer.heard_bytes() - seen_bytes;
                seen_bytes += fresh_bytes;
                let is_silent = closing && (peer.open() == 0 || is_in_the_way(&server, &peer, fresh_bytes));
                if is_silent || lifetime.is_over() {
                    return;
                }
                if !closing && lifetime.is_due(&peer) {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                wake = if closing { lifetime.close() } else { lifetime.next(&peer) };
            }
        }
    }
}

/// Returns whether the server stops and waits only for uploads that do not come, or drip. Nobody can say whether they
/// will ever be whole, and the senders get no answer and send again.
fn is_in_the_way(server: &Server, peer: &Peer, fresh_bytes: u64) -> bool {
    server.running.stop.is_cancelled() && peer.is_waited_for() && fresh_bytes < PROGRESS_BYTES
}

/// Returns the router's answer. If turns are limited, the request first waits for its turn.
async fn answer(server: Arc<Server>, peer: Arc<Peer>, request: Request<Body>) -> Response<Body> {
    let mut router = server.router.clone();
    let Some(turns) = &server.turns else {
        let Ok(answer) = router.call(request).await;
        return answer;
    };
    let Some(turn) = turns.next().await else { return answers::busy() };
    let Ok(answer) = router.call(request).await;
    answers::until_read(answer, turn, peer)
}

impl Lifetime {
    fn new(settings: &ServerSettings) -> Lifetime {
        let keepalive = &settings.keepalive;
        Lifetime {
            opened: Instant::now(),
            first_request: settings.silence_timeout(),
            idle: keepalive.max_connection_idle,
            // Connections that were opened together must not all come back together.
            age: keepalive.max_connection_age.map(|age| age.mul_f64(rand::random_range(0.9..1.1))),
            grace: keepalive.max_connection_age_grace,
        }
    }

    /// Returns when to look again, or `None` if the connection may stay for ever.
    fn next(&self, peer: &Peer) -> Option<Instant> {
        let age = self.age.map(|age| self.opened + age);
        [self.idle_until(peer), age].into_iter().flatten().min()
    }

    fn is_due(&self, peer: &Peer) -> bool {
        self.next(peer).is_some_and(|due| due <= Instant::now())
    }

    /// Returns when the connection has been idle for too long, if nothing happens until then.
    fn idle_until(&self, peer: &Peer) -> Option<Instant> {
        if peer.open() > 0 {
            return self.idle.map(|idle| Instant::now() + idle);
        }
        match peer.last() {
            None => Some(self.opened + self.first_request),
            Some(last) => self.idle.map(|idle| last + idle),
        }
    }

    /// Returns when to look again at a connection that is told to end.
    fn close(&self) -> Option<Instant> {
        let goodbye = Instant::now() + GOODBYE;
        Some(self.end().map_or(goodbye, |end| end.min(goodbye)))
    }

    /// Returns the time at which the connection ends, whatever is under way.
    fn end(&self) -> Option<Instant> {
        Some(self.opened + self.age? + self.grace?)
    }

    fn is_over(&self) -> bool {
        self.end().is_some_and(|end| end <= Instant::now())
    }
}

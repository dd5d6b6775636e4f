//! One connection: its handshake, its requests, and when it must end.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Body;
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{either::Either, task::TaskTracker};
use tower::Service;

use super::{Server, ServerSettings};

/// What a peer without a request under way gets to answer the announcement that the connection ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// Runs HTTP/2 streams as tasks of the server, so that a drain waits for them.
#[derive(Clone, Debug)]
pub(super) struct Tracked(pub(super) TaskTracker);

/// What a connection is doing.
struct Activity {
    /// Requests whose answer is not yet made.
    open: AtomicU32,
    /// When the last one ended; `None` before the first.
    last: Mutex<Option<Instant>>,
}

struct OpenRequest(Arc<Activity>);

/// When the server ends a connection, whatever the peer does.
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

/// Serves the connection until it ends. One that says nothing costs little more than its socket.
pub(super) async fn run(stream: TcpStream, server: Arc<Server>) {
    tokio::select! {
        () = server.running.stop.cancelled() => return,
        first = timeout(server.settings.silence_timeout(), stream.readable()) => {
            if !matches!(first, Ok(Ok(()))) {
                return;
            }
        }
    }
    // Boxed: else every silent connection's task would have room for all of it.
    Box::pin(serve(stream, server)).await;
}

async fn serve(stream: TcpStream, server: Arc<Server>) {
    // An answer is one small write: it must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
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
    let activity = Arc::new(Activity { open: AtomicU32::new(0), last: Mutex::new(None) });
    let service = service_fn(|request: Request<Incoming>| {
        let open = activity.begin();
        let answer = server.router.clone().call(request.map(Body::new));
        async move {
            let answer: Result<_, Infallible> = answer.await;
            drop(open);
            answer
        }
    });
    let connection = server.http.serve_connection(TokioIo::new(stream), service);
    let lifetime = Lifetime::new(&server.settings);
    let mut connection = pin!(connection);
    let mut wake = lifetime.next(&activity);
    let mut closing = false;
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
                wake = lifetime.close();
                connection.as_mut().graceful_shutdown();
            }
            () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                let is_silent = closing && activity.open.load(Relaxed) == 0;
                if is_silent || lifetime.is_over() {
                    return;
                }
                if !closing && lifetime.is_due(&activity) {
                    closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                wake = if closing { lifetime.close() } else { lifetime.next(&activity) };
            }
        }
    }
}

impl Activity {
    fn begin(self: &Arc<Activity>) -> OpenRequest {
        self.open.fetch_add(1, Relaxed);
        OpenRequest(self.clone())
    }

    fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Instant::now());
        self.0.open.fetch_sub(1, Relaxed);
    }
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

    /// When to look again; `None` if the connection may stay for ever.
    fn next(&self, activity: &Activity) -> Option<Instant> {
        let age = self.age.map(|age| self.opened + age);
        [self.idle_until(activity), age].into_iter().flatten().min()
    }

    fn is_due(&self, activity: &Activity) -> bool {
        self.next(activity).is_some_and(|due| due <= Instant::now())
    }

    /// When the connection is idle for too long, if nothing happens until then.
    fn idle_until(&self, activity: &Activity) -> Option<Instant> {
        if activity.open.load(Relaxed) > 0 {
            return self.idle.map(|idle| Instant::now() + idle);
        }
        match activity.last() {
            None => Some(self.opened + self.first_request),
            Some(last) => self.idle.map(|idle| last + idle),
        }
    }

    /// When to look again at a connection that was told to end: is the peer done, or its time?
    fn close(&self) -> Option<Instant> {
        let goodbye = Instant::now() + GOODBYE;
        Some(self.end().map_or(goodbye, |end| end.min(goodbye)))
    }

    /// The last moment, whatever is still under way.
    fn end(&self) -> Option<Instant> {
        Some(self.opened + self.age? + self.grace?)
    }

    fn is_over(&self) -> bool {
        self.end().is_some_and(|end| end <= Instant::now())
    }
}

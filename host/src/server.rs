//! The HTTP server of every listener: HTTP/1.1 and HTTP/2 on one port, with or without TLS.
//!
//! The server knows nothing of what it serves. Everything that a peer could make it hold or wait for has a
//! limit here: connections, streams, windows, handshakes, headers, and how long a connection may live or stay
//! idle.

mod answers;
pub mod compressed;
mod connection;
mod connections;
pub mod cors;
pub mod hop;
mod listen;
mod measured;
mod metered;
pub mod metrics;
mod peer;
pub mod request_body;
pub mod streams;
mod unfinished;
pub mod unix;

use std::{io, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use http::HeaderMap;
use hyper_util::{rt::TokioTimer, server::conn::auto};

pub use connections::Connections;
pub use listen::{Listener, Transport, bind_each, has_port, listen, listen_on};
pub use measured::{Measures, measured};
pub use peer::Peer;

use self::{answers::Turns, connections::Member, listen::Socket, request_body::WAITING_OF_A_PEER_LIMIT};
use crate::{running::Running, tls::server::ServerTls};

/// Flow-control windows: the bytes that a peer may send before they are read. A request that waits for room
/// holds up to one stream window in addition to its budget. A connection window is large enough that other
/// requests go on while the most possible requests wait.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = (WAITING_OF_A_PEER_LIMIT as u32 + 8) * STREAM_WINDOW_BYTES;
/// Large frames cost a third to a half less CPU than the protocol's 16 KiB. (Measured with requests of 0.5
/// and 5 MB; frames above 1 MiB gain nothing more.)
const MAX_FRAME_BYTES: u32 = 1 << 20;
/// The send buffer can be small, because answers are small or are sent in pieces.
const MAX_SEND_BUFFER_BYTES: usize = 64 << 10;
/// The bytes of a body that is not being read that an HTTP/1.1 connection may hold.
const HTTP1_BUFFER_BYTES: usize = 128 << 10;
/// The most bytes of a head that senders of data may send over HTTP/1.1, as in the Collector.
const LARGEST_HEAD_BYTES: usize = 1 << 20;
/// The most bytes of the headers of a request over HTTP/2, of which a connection may have many at a time.
const HTTP2_HEAD_BYTES: u32 = 64 << 10;
/// The most headers of a request over HTTP/1.1. For each request, memory is taken for so many.
const MAX_HEADERS: usize = 512;

/// After an error that concerns the whole process, such as a lack of file descriptors, accepting pauses for
/// this long. The pause doubles each time.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(5);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The connections that share a limit with this listener's. When the limit is reached, silent connections
    /// are closed, and further ones wait in the kernel's queue.
    pub connections: Arc<Connections>,
    /// The number of requests that are worked on at a time, until their answers are read. `None` if answers
    /// are small.
    pub max_answers: Option<usize>,
    /// The time limit of a TLS handshake.
    pub handshake_timeout: Duration,
    /// The time limit of a request's head in HTTP/1.1, from the beginning of the request or the end of the
    /// previous one.
    pub read_header_timeout: Duration,
    /// A connection that has not sent one whole request head within this time is closed.
    pub first_request_timeout: Duration,
    /// The most bytes of a head over HTTP/1.1.
    pub max_head_bytes: usize,
    pub max_concurrent_streams: u32,
    pub keepalive: KeepaliveSettings,
}

/// The settings of the Collector's `keepalive.server_parameters`.
#[derive(Clone, Debug)]
pub struct KeepaliveSettings {
    /// An HTTP/2 peer that was silent for this long is pinged.
    pub time: Duration,
    /// A peer that does not answer a ping within this time is considered gone.
    pub timeout: Duration,
    /// A connection without a request is closed after this time; `None` means never. Clients connect again by
    /// themselves.
    pub max_connection_idle: Option<Duration>,
    /// A connection is told to end at this age, plus or minus a tenth; `None` means never.
    pub max_connection_age: Option<Duration>,
    /// The time that requests under way then get to finish; `None` means no limit.
    pub max_connection_age_grace: Option<Duration>,
}

impl Default for ServerSettings {
    fn default() -> ServerSettings {
        ServerSettings {
            connections: Connections::of_receivers(),
            max_answers: None,
            handshake_timeout: Duration::from_secs(10),
            read_header_timeout: Duration::from_secs(60),
            first_request_timeout: Duration::from_secs(120),
            max_head_bytes: LARGEST_HEAD_BYTES,
            max_concurrent_streams: 128,
            keepalive: KeepaliveSettings::default(),
        }
    }
}

impl ServerSettings {
    /// Settings for listeners that operators and scrapers use. Their requests are few, and the answers may be
    /// large.
    pub fn for_operators() -> ServerSettings {
        let mut settings = ServerSettings {
            connections: Connections::new(64),
            max_answers: Some(8),
            read_header_timeout: Duration::from_secs(10),
            first_request_timeout: Duration::from_secs(10),
            max_head_bytes: HTTP1_BUFFER_BYTES,
            max_concurrent_streams: 16,
            ..ServerSettings::default()
        };
        settings.keepalive.max_connection_idle = Some(Duration::from_secs(5 * 60));
        settings
    }

    /// The time after which a connection without a first request is closed.
    fn silence_timeout(&self) -> Duration {
        let idle = self.keepalive.max_connection_idle;
        idle.map_or(self.first_request_timeout, |idle| idle.min(self.first_request_timeout))
    }
}

impl Default for KeepaliveSettings {
    fn default() -> KeepaliveSettings {
        KeepaliveSettings {
            time: Duration::from_secs(2 * 60 * 60),
            timeout: Duration::from_secs(20),
            max_connection_idle: Some(Duration::from_secs(30 * 60)),
            max_connection_age: None,
            max_connection_age_grace: None,
        }
    }
}

/// The parts that the connections of one listener share.
struct Server {
    router: Router,
    tls: Option<ServerTls>,
    http: auto::Builder<connection::Tracked>,
    turns: Option<Arc<Turns>>,
    settings: ServerSettings,
    running: Running,
}

/// Serves the router on the listener until `running.stop`. After that no connection is accepted, and the
/// tasks end with the requests under way.
pub fn serve(
    listener: impl Into<Listener>,
    tls: Option<ServerTls>,
    router: Router,
    settings: ServerSettings,
    running: &Running,
) {
    let http = http_builder(&settings, running);
    let turns = settings.max_answers.map(Turns::new);
    let server = Server { router, tls, http, turns, settings, running: running.clone() };
    let (server, tasks) = (Arc::new(server), running.tasks.clone());
    let connections = server.settings.connections.clone();
    let accepting =
        accept_each(listener.into(), connections, running.clone(), move |stream, peer, member| {
            let connection = connection::run(stream, peer, server.clone());
            tasks.spawn(async move {
                connection.await;
                drop(member);
            });
        });
    running.tasks.spawn(running.listeners.track_future(accepting));
}

/// Adds these headers to every answer of the router.
pub fn with_headers(router: Router, headers: HeaderMap) -> Router {
    if headers.is_empty() {
        return router;
    }
    router.layer(axum::middleware::map_response(move |mut answer: Response| {
        for (name, value) in &headers {
            answer.headers_mut().insert(name, value.clone());
        }
        std::future::ready(answer)
    }))
}

fn http_builder(settings: &ServerSettings, running: &Running) -> auto::Builder<connection::Tracked> {
    let mut http = auto::Builder::new(connection::Tracked(running.tasks.clone()));
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.read_header_timeout)
        .max_buf_size(settings.max_head_bytes)
        .max_headers(MAX_HEADERS);
    http.http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
        .max_header_list_size(HTTP2_HEAD_BYTES)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .keep_alive_interval(settings.keepalive.time)
        .keep_alive_timeout(settings.keepalive.timeout);
    http
}

/// Accepts connections until `running.stop`, and hands each to `connected`, with its membership.
async fn accept_each(
    listener: Listener,
    connections: Arc<Connections>,
    running: Running,
    connected: impl Fn(Socket, Arc<Peer>, Member),
) {
    let mut pause = ACCEPT_PAUSE_MIN;
    loop {
        let next = async {
            let (stream, peer) = listener.accept().await?;
            let peer = Arc::new(peer);
            let member = connections.join(&peer).await;
            Ok::<_, io::Error>((stream, peer, member))
        };
        let accepted = tokio::select! {
            biased;
            () = running.stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, peer, member)) => {
                pause = ACCEPT_PAUSE_MIN;
                connected(stream, peer, member);
            }
            Err(error) if concerns_one_peer(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; trying again in {pause:?}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
            }
        }
    }
}

/// Returns whether only the connection that was to be accepted failed.
fn concerns_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests;

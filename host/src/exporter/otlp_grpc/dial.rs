//! Makes the connections of `otlp_grpc`: directly or through a proxy, with or without TLS.

use std::{fmt, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderValue, Uri};
use hyper::client::conn::http2;
use hyper_util::{
    client::legacy::connect::HttpConnector,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tower::ServiceExt as _;

use super::{
    config::OtlpGrpcConfig,
    target::{Address, Target},
    tunnel,
};
use crate::{
    config::ConfigError,
    exporter::otlp::{body::Chunks, proxy::Proxies, with_causes},
    files,
    tls::client::ClientTlsConfig,
};

/// The time limit for the socket, the proxy and the TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests over one connection. Clones share the connection, which ends with the last of them.
pub(super) type Sender = http2::SendRequest<Chunks>;

/// What a connection leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A host, whose addresses are tried until one answers.
    Host {
        host: String,
        port: u16,
    },
    Address(SocketAddr),
    Unix(PathBuf),
}

pub(super) struct Dialer {
    tcp: HttpConnector,
    tls: Option<Tls>,
    proxy: Option<Proxy>,
    http2: http2::Builder<TokioExecutor>,
}

struct Tls {
    connector: TlsConnector,
    /// The name that is sent to the server (SNI) and that its certificate must have.
    name: ServerName<'static>,
}

struct Proxy {
    place: Place,
    tls: Option<Tls>,
    auth: Option<HeaderValue>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Dialer {
    /// # Errors
    /// A certificate cannot be read, a name cannot be one of TLS, or the proxy of the target speaks an unknown
    /// protocol.
    pub(super) async fn new(
        config: &OtlpGrpcConfig,
        target: &Target,
        proxies: &Proxies,
    ) -> Result<Dialer, ConfigError> {
        let tls = if target.tls { Some(Tls::of_target(config, target).await?) } else { None };
        let proxy = match &target.address {
            Address::Tcp { host, port, .. } => {
                Proxy::of(proxies, &Place::Host { host: host.clone(), port: *port }).await?
            }
            Address::Unix(_) => None,
        };
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let (interval, patience, while_idle) = config.pings();
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_timeout(patience)
            .keep_alive_while_idle(while_idle);
        Ok(Dialer { tcp, tls, proxy, http2 })
    }

    pub(super) fn has_proxy(&self) -> bool {
        self.proxy.is_some()
    }

    /// Makes a connection. The error is told to the sender of a request, with the place.
    pub(super) async fn open(&self, place: &Place) -> Result<Sender, String> {
        let told = |error: &dyn std::error::Error| format!("{place}: {}", with_causes(error));
        let stream = match timeout(CONNECT_TIMEOUT, self.connect(place)).await {
            Ok(connected) => connected.map_err(|error| told(&error))?,
            Err(_) => return Err(format!("{place}: no connection within {CONNECT_TIMEOUT:?}")),
        };
        let made = self.http2.handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(|error| told(&error))?;
        // The task ends when no sender is left and the last answer has come.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a destination ended");
            }
        });
        Ok(sender)
    }

    async fn connect(&self, place: &Place) -> io::Result<Box<dyn Stream>> {
        let stream: Box<dyn Stream> = match &self.proxy {
            None => self.socket(place).await?,
            Some(proxy) => {
                let through = |error: io::Error| {
                    io::Error::other(format!("through the proxy {}: {}", proxy.place, with_causes(&error)))
                };
                let mut socket = self.socket(&proxy.place).await.map_err(through)?;
                if let Some(tls) = &proxy.tls {
                    socket = tls.over(socket).await.map_err(through)?;
                }
                let opened = tunnel::open(socket, &place.to_string(), proxy.auth.as_ref()).await;
                Box::new(opened.map_err(through)?)
            }
        };
        match &self.tls {
            None => Ok(stream),
            Some(tls) => tls.over(stream).await,
        }
    }

    async fn socket(&self, place: &Place) -> io::Result<Box<dyn Stream>> {
        let socket: Box<dyn Stream> = match place {
            Place::Host { .. } => {
                let uri = Uri::try_from(format!("http://{place}/")).map_err(io::Error::other)?;
                let connected = self.tcp.clone().oneshot(uri).await.map_err(io::Error::other)?;
                Box::new(connected.into_inner())
            }
            Place::Address(address) => {
                let socket = TcpStream::connect(address).await?;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
        };
        Ok(socket)
    }
}

impl Tls {
    async fn of_target(config: &OtlpGrpcConfig, target: &Target) -> Result<Tls, ConfigError> {
        let host = match &target.address {
            Address::Tcp { host, .. } => host.as_str(),
            Address::Unix(_) => "localhost",
        };
        let (key, name) = match config.tls.server_name_override() {
            Some(name) => ("tls::server_name_override", name),
            None => ("endpoint", host),
        };
        Tls::new(&config.tls, key, name, b"h2").await
    }

    /// `key` is the key that gives the name, for errors.
    async fn new(config: &ClientTlsConfig, key: &str, name: &str, alpn: &[u8]) -> Result<Tls, ConfigError> {
        let files = config.clone();
        let mut tls = files::in_time(move || files.client_config()).await??;
        tls.alpn_protocols = vec![alpn.to_vec()];
        let name =
            ServerName::try_from(name.to_owned()).map_err(|error| ConfigError::on(key, error.to_string()))?;
        Ok(Tls { connector: TlsConnector::from(Arc::new(tls)), name })
    }

    async fn over(&self, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(self.connector.connect(self.name.clone(), stream).await?))
    }
}

impl Proxy {
    /// Returns the proxy of a destination, if it has one. As in grpc-go, `HTTPS_PROXY` is for every
    /// destination, also for one without TLS.
    async fn of(proxies: &Proxies, place: &Place) -> Result<Option<Proxy>, ConfigError> {
        let destination = Uri::try_from(format!("https://{place}"));
        let Some(found) = destination.ok().and_then(|destination| proxies.intercept(&destination)) else {
            return Ok(None);
        };
        let uri = found.uri();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (tls, port) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => {
                let tls = Tls::new(&ClientTlsConfig::default(), "endpoint", &host, b"http/1.1").await?;
                (Some(tls), 443)
            }
            scheme => {
                let message = format!(
                    "endpoint: HTTPS_PROXY names a proxy of {}://, and only http:// and https:// are known for gRPC",
                    scheme.unwrap_or_default()
                );
                return Err(ConfigError::on("endpoint", message));
            }
        };
        let place = Place::Host { host, port: uri.port_u16().unwrap_or(port) };
        Ok(Some(Proxy { place, tls, auth: found.basic_auth().cloned() }))
    }
}

/// Writes the place as the authority of an address has it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host { host, port } => write!(f, "{host}:{port}"),
            Place::Address(address) => write!(f, "{address}"),
            Place::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

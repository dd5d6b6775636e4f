//! The connections of `otlp_grpc`.

use std::{io, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use super::config::{Address, KeepaliveConfig, OtlpGrpcConfig, Target};
use crate::{config::ConfigError, files};

/// The time limit for the socket and the TLS handshake together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time between attempts with `wait_for_ready`. Half of it is random.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(500);

/// Connects to the target, with TLS if the target asks for it.
struct Connector {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    wait_for_ready: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Returns channels that connect on first use, and again after a break.
pub(super) async fn connect(config: &OtlpGrpcConfig) -> Result<Vec<Channel>, ConfigError> {
    let connector = Arc::new(Connector::new(config).await?);
    let endpoint = endpoint(config, &connector.target)?;
    let channel = || {
        let connector = connector.clone();
        endpoint.connect_with_connector_lazy(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move { connector.connect().await.map(TokioIo::new) }
        }))
    };
    Ok((0..config.connections).map(|_| channel()).collect())
}

fn endpoint(config: &OtlpGrpcConfig, target: &Target) -> Result<Endpoint, ConfigError> {
    let wrong = |error: tonic::transport::Error| ConfigError::on("endpoint", error.to_string());
    let scheme = if target.tls { "https" } else { "http" };
    let origin = format!("{scheme}://{}", target.authority)
        .parse()
        .map_err(|error: http::uri::InvalidUri| ConfigError::on("endpoint", error.to_string()))?;
    // The scheme makes tonic leave TLS to the connector. The origin tells the destination what is asked for.
    let endpoint = Endpoint::from_shared(format!("http://{}", target.authority)).map_err(wrong)?;
    let endpoint =
        endpoint.origin(origin).user_agent(concat!("spanloom/", env!("CARGO_PKG_VERSION"))).map_err(wrong)?;
    let keepalive = config.keepalive.clone().unwrap_or_default();
    let KeepaliveConfig { time, timeout, permit_without_stream } = keepalive;
    Ok(endpoint
        .http2_keep_alive_interval(time.0)
        .keep_alive_timeout(timeout.0)
        .keep_alive_while_idle(permit_without_stream))
}

impl Connector {
    async fn new(config: &OtlpGrpcConfig) -> Result<Connector, ConfigError> {
        let target = config.target()?;
        let tls = if target.tls { Some(tls(config, &target).await?) } else { None };
        Ok(Connector { target, tls, wait_for_ready: config.wait_for_ready })
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        loop {
            let attempt = timeout(CONNECT_TIMEOUT, self.connect_once()).await;
            match attempt.unwrap_or_else(|elapsed| Err(elapsed.into())) {
                // The attempts go on while a call waits. Each call gives up by its own timeout.
                Err(_) if self.wait_for_ready => {
                    sleep(RECONNECT_INTERVAL.mul_f64(rand::random_range(0.5..=1.0))).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn connect_once(&self) -> io::Result<Box<dyn Stream>> {
        let socket: Box<dyn Stream> = match &self.target.address {
            Address::Tcp { host, port } => {
                let socket = TcpStream::connect((host.as_str(), *port))
                    .await
                    .map_err(|error| io::Error::new(error.kind(), format!("{host}:{port}: {error}")))?;
                socket.set_nodelay(true)?;
                Box::new(socket)
            }
            Address::Unix(path) => {
                let socket = UnixStream::connect(path)
                    .await
                    .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
                Box::new(socket)
            }
        };
        match &self.tls {
            None => Ok(socket),
            Some((tls, name)) => Ok(Box::new(tls.connect(name.clone(), socket).await?)),
        }
    }
}

/// Returns the TLS connector and the server name, which is sent to the server (SNI) and which its certificate
/// must have.
async fn tls(
    config: &OtlpGrpcConfig,
    target: &Target,
) -> Result<(TlsConnector, ServerName<'static>), ConfigError> {
    let files = config.tls.clone();
    let mut tls = files::in_time(move || files.client_config()).await??;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let host = match &target.address {
        Address::Tcp { host, .. } => host.as_str(),
        Address::Unix(_) => "localhost",
    };
    let (key, name) = match config.tls.server_name_override() {
        Some(name) => ("tls::server_name_override", name),
        None => ("endpoint", host),
    };
    let name =
        ServerName::try_from(name.to_owned()).map_err(|error| ConfigError::on(key, error.to_string()))?;
    Ok((TlsConnector::from(Arc::new(tls)), name))
}

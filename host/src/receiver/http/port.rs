//! Opens the port of a receiver.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use axum::Router;

use super::must;
use crate::{
    config::ConfigError,
    running::Running,
    server::{self, Measures, ServerSettings, Transport},
    telemetry::Telemetry,
    tls::server::{ServerTls, ServerTlsConfig},
};

/// A port of a receiver, ready to be opened.
pub struct Port<'a> {
    /// The id of the receiver.
    pub receiver: &'a str,
    /// The name of the protocol in the log: `http`, `grpc`.
    pub protocol: &'a str,
    /// The keys of the receiver that lead to the port's config, for errors: `protocols.http`. Empty if the
    /// receiver has one port.
    pub keys: &'a str,
    /// `host:port`, or the path of a Unix socket.
    pub endpoint: &'a str,
    /// The value of the key `transport`.
    pub transport: &'a str,
    pub tls: Option<&'a ServerTlsConfig>,
    pub router: Router,
    pub settings: ServerSettings,
    pub telemetry: &'a Arc<Telemetry>,
    pub measures: Measures,
}

impl Port<'_> {
    /// Binds each address of the endpoint, logs it, and serves it until `running.stop`. Returns the addresses
    /// once clients can connect; a Unix socket has none.
    ///
    /// # Errors
    /// A certificate cannot be read, or an address cannot be bound. The error names the receiver and the keys.
    pub async fn open(self, running: &Running) -> anyhow::Result<Vec<SocketAddr>> {
        let Port { receiver, protocol, keys, .. } = self;
        let place = || place(receiver, keys);
        let tls = match self.tls {
            Some(tls) => Some(ServerTls::load(tls.clone()).await.with_context(place)?),
            None => None,
        };
        let transport = Transport::from_name(self.transport).unwrap_or(Transport::Tcp);
        let listeners =
            server::listen_on(self.endpoint, transport, &running.sockets).await.with_context(place)?;
        let mut addresses = Vec::new();
        for listener in listeners {
            tracing::info!(receiver, protocol, address = %listener, tls = tls.is_some(), "listening");
            addresses.extend(listener.address().with_context(place)?);
            let router = server::measured(
                self.router.clone(),
                &self.measures,
                self.telemetry,
                &listener,
                tls.is_some(),
            );
            server::serve(listener, tls.clone(), router, self.settings.clone(), running);
        }
        Ok(addresses)
    }
}

/// Reads the files that the `tls` of a port names. `receiver` and `keys` are those of [`Port`].
///
/// # Errors
/// A file cannot be read. The error names the receiver and the keys.
pub async fn check_files(receiver: &str, keys: &str, tls: Option<&ServerTlsConfig>) -> anyhow::Result<()> {
    match tls {
        Some(tls) => tls.check_files().await.with_context(|| place(receiver, keys)),
        None => Ok(()),
    }
}

fn place(receiver: &str, keys: &str) -> String {
    if keys.is_empty() { receiver.to_owned() } else { format!("{receiver}: {keys}") }
}

/// Checks the keys `endpoint` and `transport` of a port. `None` stands for a default endpoint.
pub fn validate_place(endpoint: Option<&str>, transport: &str) -> Result<(), ConfigError> {
    let transport_is = Transport::from_name(transport);
    if transport_is == Some(Transport::Unix) {
        return must(endpoint.is_some_and(|path| !path.is_empty()), "endpoint", || {
            "endpoint: with `transport: unix`, give the socket's path, such as /run/otlp.sock".to_owned()
        });
    }
    ConfigError::all([
        must(endpoint.is_none_or(server::has_port), "endpoint", || {
            let endpoint = endpoint.unwrap_or_default();
            format!("endpoint: {endpoint:?} is not host:port")
        }),
        must(transport_is.is_some(), "transport", || {
            format!("transport: {transport:?} is not one we have; expected tcp, tcp4, tcp6 or unix")
        }),
    ])
}

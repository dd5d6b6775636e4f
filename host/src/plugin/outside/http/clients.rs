//! Holds the pools of connections: one for all grants with the same connection settings.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, redirect};

use super::{address::GlobalResolver, grant::HttpGrantConfig};
use crate::{
    config::ConfigError,
    exporter::otlp::with_causes,
    tls::client::{ClientTlsConfig, trust_nobody},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);
const POOL_MAX_IDLE_PER_HOST: usize = 32;

#[derive(Default)]
pub(super) struct Clients(Vec<(Connecting, Client)>);

/// The settings that distinguish connections.
#[derive(Clone, PartialEq)]
struct Connecting {
    /// The TLS settings; `None` for `http:`, which must not need the system's authorities.
    tls: Option<ClientTlsConfig>,
    allow_link_local: bool,
}

impl Clients {
    /// Returns the client for a grant.
    ///
    /// # Errors
    /// The files of `tls` cannot be read or used.
    pub(super) fn of(&mut self, grant: &HttpGrantConfig) -> Result<Client, ConfigError> {
        let connecting = Connecting {
            tls: grant.origin.is_https().then(|| grant.tls.clone()),
            allow_link_local: grant.allow_link_local,
        };
        if let Some((_, client)) = self.0.iter().find(|(known, _)| *known == connecting) {
            return Ok(client.clone());
        }
        let client = connecting.client()?;
        self.0.push((connecting, client.clone()));
        Ok(client)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Connecting {
    /// Builds a client. It follows no redirect, uses no proxy of the environment, keeps no cookies and
    /// decompresses nothing.
    fn client(&self) -> Result<Client, ConfigError> {
        let mut tls = self.tls.as_ref().map_or_else(trust_nobody, ClientTlsConfig::client_config)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST);
        if !self.allow_link_local {
            builder = builder.dns_resolver(Arc::new(GlobalResolver));
        }
        builder.build().map_err(|error| ConfigError::new(with_causes(&error)))
    }
}

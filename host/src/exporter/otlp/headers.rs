//! The headers that an exporter adds to each request: from its `headers` and from its authenticator.

use std::sync::Arc;

use http::HeaderMap;
use serde::Deserialize;

pub use crate::config::headers::{HeadersConfig, read};
use crate::{
    component::{Extensions, auth::ClientAuth},
    config::ConfigError,
};

/// The value of `auth`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The id of an authenticator extension.
    authenticator: String,
}

#[derive(Clone)]
pub struct Headers {
    fixed: HeaderMap,
    auth: Option<Arc<dyn ClientAuth>>,
}

impl Headers {
    pub fn new(
        headers: &HeadersConfig,
        auth: Option<&AuthConfig>,
        extensions: &Extensions,
    ) -> Result<Headers, ConfigError> {
        let auth = auth.map(|auth| auth.find(extensions)).transpose()?;
        Ok(Headers { fixed: read(headers)?, auth })
    }

    /// Adds the headers. The config's replace the transport's, and the authenticator's replace both.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.fixed {
            headers.insert(name, value.clone());
        }
        if let Some(auth) = &self.auth {
            auth.authorize(headers);
        }
    }
}

impl AuthConfig {
    fn find(&self, extensions: &Extensions) -> Result<Arc<dyn ClientAuth>, ConfigError> {
        extensions.client_auth.get(&self.authenticator).cloned().ok_or_else(|| {
            let known: Vec<&str> = extensions.client_auth.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!(
                "auth.authenticator: no running extension `{}` authenticates clients; those that do: {known}",
                self.authenticator
            );
            ConfigError::new(message)
        })
    }
}

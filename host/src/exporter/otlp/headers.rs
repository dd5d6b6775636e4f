//! What an exporter adds to each request: its `headers`, and what its authenticator says of it.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::{
    config::{ConfigError, Secret},
    extension::{Extensions, auth::ClientAuth},
};

/// `auth`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The id of an authenticator extension.
    authenticator: String,
}

/// The `headers` of an exporter's config.
pub type HeadersConfig = BTreeMap<String, Secret>;

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

    /// Later ones replace earlier ones: the transport's, the config's, the authenticator's.
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

/// The headers, each checked to be one.
pub fn read(headers: &HeadersConfig) -> Result<HeaderMap, ConfigError> {
    let mut map = HeaderMap::new();
    for (key, Secret(value)) in headers {
        let name = HeaderName::try_from(key.as_str())
            .map_err(|error| ConfigError::on("headers", format!("{key}: {error}")))?;
        let mut value = HeaderValue::try_from(value.as_str())
            .map_err(|error| ConfigError::on("headers", format!("{key}: {error}")))?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

//! The headers that an exporter adds to each request: from its `headers` and from its authenticator.

use std::sync::Arc;

use http::HeaderMap;
use serde::Deserialize;

pub use crate::config::headers::{HeadersConfig, read};
use crate::{
    component::{
        Extensions,
        auth::{ClientAuth, RequestSigner},
    },
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
    /// Returns the authenticator, if it signs requests.
    pub fn signer(&self, extensions: &Extensions) -> Option<Arc<dyn RequestSigner>> {
        extensions.signers.get(&self.authenticator).cloned()
    }

    fn find(&self, extensions: &Extensions) -> Result<Arc<dyn ClientAuth>, ConfigError> {
        let id = &self.authenticator;
        if extensions.signers.contains_key(id) {
            let message =
                format!("auth.authenticator: `{id}` signs requests over HTTP alone: use it with `otlp_http`");
            return Err(ConfigError::new(message));
        }
        extensions.client_auth.get(id).cloned().ok_or_else(|| {
            let known = extensions.client_auth.keys().chain(extensions.signers.keys());
            let known: Vec<&str> = known.map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let message = format!(
                "auth.authenticator: no running extension `{id}` authenticates clients; those that do: {known}"
            );
            ConfigError::new(message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::auth::{SignError, UnsignedRequest};

    struct Signer;

    #[async_trait::async_trait]
    impl RequestSigner for Signer {
        async fn sign(&self, _request: UnsignedRequest<'_>) -> Result<(), SignError> {
            Ok(())
        }
    }

    /// Scenario: an exporter that only adds headers has an authenticator that signs requests, and one that does not run.
    /// Guarantees: the message says which exporter to use, or which authenticators there are.
    #[test]
    fn a_signature_is_no_header() {
        let mut extensions = Extensions::default();
        extensions.signers.insert("sigv4auth".to_owned(), Arc::new(Signer));
        for (authenticator, said) in
            [("sigv4auth", "use it with `otlp_http`"), ("basicauth", "those that do: sigv4auth")]
        {
            let auth = AuthConfig { authenticator: authenticator.to_owned() };
            let outcome = Headers::new(&HeadersConfig::default(), Some(&auth), &extensions);
            let error = outcome.err().expect("an error").to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}

//! Applies a grant's `auth` to a request: adds the host's credentials, and removes the plugin's own.

use std::fmt;

use http::{HeaderMap, header};

use super::{error::HttpError, grant::AuthConfig, request::Outgoing};
use crate::{
    aws::Signer,
    component::auth::{ClientAuth, UnsignedRequest},
    config::ConfigError,
    exporter::otlp::headers,
    extension::auth::bearer_token::{BearerToken, BearerTokenConfig},
};

/// The credentials of a grant. They are made once. Their `Debug` shows no secret.
pub(super) enum Credentials {
    None,
    Headers(HeaderMap),
    Bearer(BearerToken),
    Aws { service: String, signer: Box<Signer> },
}

impl Credentials {
    /// Makes the credentials of a config that was validated.
    ///
    /// # Errors
    /// The token's file cannot be read. The keys of the error are below `auth`.
    pub(super) fn new(auth: Option<&AuthConfig>) -> Result<Credentials, ConfigError> {
        match auth {
            None => Ok(Credentials::None),
            Some(AuthConfig::Headers(config)) => headers::read(config).map(Credentials::Headers),
            Some(AuthConfig::Bearer(token)) => {
                bearer(BearerTokenConfig { token: Some(token.clone()), ..BearerTokenConfig::default() })
            }
            Some(AuthConfig::BearerFile(path)) => {
                bearer(BearerTokenConfig { filename: Some(path.clone()), ..BearerTokenConfig::default() })
                    .map_err(|error| error.below("bearer_file"))
            }
            Some(AuthConfig::Aws(config)) => Ok(Credentials::Aws {
                service: config.service.clone(),
                signer: Box::new(Signer::new(config.identity())),
            }),
        }
    }

    /// Adds the credentials. The host's headers replace the plugin's. With credentials of the host, the
    /// plugin's own `authorization` is removed, so that a request never mixes two identities.
    pub(super) async fn apply(&self, request: &mut Outgoing) -> Result<(), HttpError> {
        if matches!(self, Credentials::None) {
            return Ok(());
        }
        request.headers.remove(header::AUTHORIZATION);
        match self {
            Credentials::None => {}
            Credentials::Headers(headers) => {
                for (name, value) in headers {
                    request.headers.insert(name, value.clone());
                }
            }
            Credentials::Bearer(token) => token.authorize(&mut request.headers),
            Credentials::Aws { service, signer } => {
                let Outgoing { method, url, headers, body } = request;
                let body = std::slice::from_ref(&*body);
                let unsigned = UnsignedRequest { method, url, headers, body };
                signer.sign(service, None, unsigned).await?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::None => "None",
            _ => "[REDACTED]",
        })
    }
}

fn bearer(config: BearerTokenConfig) -> Result<Credentials, ConfigError> {
    BearerToken::new(&config).map(Credentials::Bearer)
}

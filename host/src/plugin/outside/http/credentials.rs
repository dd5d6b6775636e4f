//! What the host adds to a request by its grant's `auth`, and takes away of the plugin's own.

use std::fmt;

use http::{HeaderMap, header};

use super::{aws::AwsSigner, error::HttpError, grant::AuthConfig, request::Outgoing};
use crate::{
    component::auth::ClientAuth,
    config::ConfigError,
    exporter::otlp::headers,
    extension::auth::bearer_token::{BearerToken, BearerTokenConfig},
};

/// Made once for a grant. Its `Debug` shows no secret.
pub(super) enum Credentials {
    None,
    Headers(HeaderMap),
    Bearer(BearerToken),
    Aws(Box<AwsSigner>),
}

impl Credentials {
    /// Of a config that was validated.
    ///
    /// # Errors
    /// When the token's file cannot be read. Keys are below `auth`.
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
            Some(AuthConfig::Aws(config)) => Ok(Credentials::Aws(Box::new(AwsSigner::new(config)))),
        }
    }

    /// Later ones replace earlier ones: the plugin's, then the host's. With credentials of the host, the plugin's own
    /// `authorization` goes, so that what leaves is never a mixture of two identities.
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
            Credentials::Aws(signer) => signer.sign(request).await?,
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

//! The extensions that a request passes before it is read, by the keys `auth` and `middlewares`.

use std::sync::Arc;

use serde::Deserialize;

use crate::{
    component::{Extensions, auth::ServerAuth},
    config::{ConfigError, Unused},
    pipeline::limiter::Limiter,
};

/// The value of `auth`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// The id of an extension that authenticates.
    pub authenticator: String,
    #[serde(default)]
    pub request_params: Unused,
}

/// An item of `middlewares`: an extension that every request goes through, such as `memory_limiter`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MiddlewareConfig {
    /// The id of an extension under `service.extensions`.
    pub id: String,
}

/// The extensions that one port of a receiver names. The default has none: everyone is let in.
#[derive(Clone, Default)]
pub struct Guards {
    pub auth: Option<Arc<dyn ServerAuth>>,
    pub limiters: Vec<Arc<Limiter>>,
}

impl Guards {
    /// Looks up the extensions that a port's config names.
    ///
    /// # Errors
    /// Names the key of an extension that is not under `service.extensions`, or does something else.
    pub fn find(
        auth: Option<&AuthConfig>,
        middlewares: &[MiddlewareConfig],
        extensions: &Extensions,
    ) -> Result<Guards, ConfigError> {
        let mut guards = Guards::default();
        if let Some(AuthConfig { authenticator: id, .. }) = auth {
            let known = extensions.server_auth.get(id);
            let known = known.ok_or_else(|| missing("auth::authenticator", id, "authenticates requests"))?;
            guards.auth = Some(known.clone());
        }
        for (index, MiddlewareConfig { id }) in middlewares.iter().enumerate() {
            let known = extensions.limiters.get(id);
            let known =
                known.ok_or_else(|| missing(&format!("middlewares::{index}::id"), id, "limits requests"))?;
            guards.limiters.push(known.clone());
        }
        Ok(guards)
    }
}

fn missing(key: &str, id: &str, does: &str) -> ConfigError {
    ConfigError::on(key, format!("no extension {id:?} that {does} is under `service.extensions`"))
}

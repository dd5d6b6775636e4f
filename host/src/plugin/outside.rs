//! What the guests of one component reach outside, as its plugin's grants have it.

use std::sync::Arc;

use super::{
    Limits,
    config::GrantsConfig,
    http::{Http, HttpClient, HttpLimits},
};
use crate::{config::ConfigError, telemetry::Telemetry};

/// Shared by a component's guests.
#[derive(Clone)]
pub struct Outside {
    pub(super) http: Arc<dyn Http>,
}

impl Outside {
    /// # Errors
    /// When a grant cannot be used. Keys are below `grants`.
    pub fn new(
        component: &str,
        grants: &GrantsConfig,
        limits: &Limits,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Outside, ConfigError> {
        let http_limits = HttpLimits { concurrent: limits.http_requests, ..HttpLimits::default() };
        let http = HttpClient::new(component, &grants.http, http_limits, telemetry.clone())
            .map_err(|error| error.below("http"))?;
        Ok(Outside { http: Arc::new(http) })
    }

    /// Every request goes to `http`, whatever is granted: for who tries a plugin.
    pub fn to(http: Arc<dyn Http>) -> Outside {
        Outside { http }
    }
}

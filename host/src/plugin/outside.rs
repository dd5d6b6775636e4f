//! What the guests of one component reach outside, as its plugin's grants have it.

use std::sync::Arc;

use super::{
    Limits,
    config::GrantsConfig,
    http::{Http, HttpClient, HttpLimits},
    store::{KeyValues, StoreGrantConfig},
};
use crate::{config::ConfigError, telemetry::Telemetry};

const TRIAL_STORE_BYTES: usize = 1 << 20;

/// Shared by a component's guests.
#[derive(Clone)]
pub struct Outside {
    pub(super) http: Arc<dyn Http>,
    /// None if it is not granted.
    pub(super) store: Option<Arc<KeyValues>>,
    is_granted: bool,
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
        let store = grants.store.map(StoreGrantConfig::open).transpose();
        let store = store.map_err(|error| error.below("store"))?;
        let is_granted = !grants.http.is_empty() || store.is_some();
        Ok(Outside { http: Arc::new(http), store: store.map(Arc::new), is_granted })
    }

    /// For who tries a plugin: every request goes to `http`, and there is a store of its own.
    pub fn of_trial(http: Arc<dyn Http>) -> Outside {
        Outside { http, store: Some(Arc::new(KeyValues::new(TRIAL_STORE_BYTES))), is_granted: true }
    }

    /// Whether there is anything that its guests reach.
    pub(super) fn is_granted(&self) -> bool {
        self.is_granted
    }
}

//! What the guests of one component reach outside, as its plugin's grants have it.

mod grants;
pub mod http;
pub mod store;

use std::sync::Arc;

pub use grants::GrantsConfig;

use self::{
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
    /// What was granted.
    grants: Option<GrantsConfig>,
    http_requests: usize,
}

impl Outside {
    /// # Errors
    /// When a grant cannot be used. Keys are below `grants`.
    pub fn new(
        component: &str,
        grants: &GrantsConfig,
        http_requests: usize,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Outside, ConfigError> {
        let http_limits = HttpLimits { concurrent: http_requests, ..HttpLimits::default() };
        let http = HttpClient::new(component, &grants.http, http_limits, telemetry)
            .map_err(|error| error.below("http"))?;
        let store = grants.store.map(StoreGrantConfig::open).transpose();
        let store = store.map_err(|error| error.below("store"))?;
        Ok(Outside {
            http: Arc::new(http),
            store: store.map(Arc::new),
            grants: Some(grants.clone()),
            http_requests,
        })
    }

    /// For who tries a plugin: every request goes to `http`, and there is a store of its own.
    pub fn of_trial(http: Arc<dyn Http>) -> Outside {
        Outside {
            http,
            store: Some(Arc::new(KeyValues::new(TRIAL_STORE_BYTES))),
            grants: None,
            http_requests: 0,
        }
    }

    /// With these grants: what is there already, if they are the same. What the store holds stays, if it is as large.
    ///
    /// # Errors
    /// As [`Outside::new`].
    pub(super) fn with_grants(
        &self,
        component: &str,
        grants: &GrantsConfig,
        http_requests: usize,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Outside, ConfigError> {
        let Some(known) = &self.grants else {
            return Outside::new(component, grants, http_requests, telemetry);
        };
        if known == grants && self.http_requests == http_requests {
            return Ok(self.clone());
        }
        let mut outside = Outside::new(component, grants, http_requests, telemetry)?;
        if known.store == grants.store {
            outside.store.clone_from(&self.store);
        }
        Ok(outside)
    }

    /// Whether both are one.
    pub(super) fn is(&self, other: &Outside) -> bool {
        Arc::ptr_eq(&self.http, &other.http)
    }

    /// Whether there is anything that its guests reach.
    pub(super) fn is_granted(&self) -> bool {
        self.grants.as_ref().is_none_or(|grants| !grants.http.is_empty() || grants.store.is_some())
    }
}

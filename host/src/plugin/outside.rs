//! What the guests of one component can reach outside of the process, as their plugin's grants permit.

mod grants;
pub mod http;
pub mod store;

use std::sync::Arc;

pub use grants::GrantsConfig;

use self::{
    http::{Http, HttpClient, HttpLimits},
    store::{Full, KeyValues, StoreGrantConfig},
};
use crate::{config::ConfigError, files, telemetry::Telemetry};

const TRIAL_STORE_BYTES: usize = 1 << 20;

/// The ways out of a component's guests. Its guests share them.
#[derive(Clone)]
pub struct Outside {
    pub(super) http: Arc<dyn Http>,
    /// The store; `None` if it is not granted.
    pub(super) store: Option<Arc<KeyValues>>,
    /// The grants; `None` for a trial.
    grants: Option<GrantsConfig>,
    http_requests: usize,
}

/// Why a value was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotKept {
    Full,
    /// `store` is not granted; the text says how to grant it.
    Denied(String),
}

impl Outside {
    /// Creates the ways out of a component, and reads the files that the grants name on a thread that may
    /// block.
    ///
    /// # Errors
    /// A grant cannot be used. The keys of the error are below `grants`.
    pub async fn open(
        component: &str,
        grants: &GrantsConfig,
        http_requests: usize,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Outside, ConfigError> {
        if grants.http.is_empty() {
            return Outside::new(component, grants, http_requests, telemetry);
        }
        let (component, grants, telemetry) = (component.to_owned(), grants.clone(), telemetry.clone());
        files::in_time(move || Outside::new(&component, &grants, http_requests, &telemetry)).await?
    }

    /// As [`Outside::open`], but reads files on the calling thread, which may block.
    ///
    /// # Errors
    /// As for [`Outside::open`].
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

    /// Creates the ways out for a trial of a plugin: every request goes to `http`, and the store is the
    /// trial's own.
    pub fn of_trial(http: Arc<dyn Http>) -> Outside {
        Outside {
            http,
            store: Some(Arc::new(KeyValues::new(TRIAL_STORE_BYTES))),
            grants: None,
            http_requests: 0,
        }
    }

    /// Returns the ways out with these grants. If the grants are the same, they are this component's own. The
    /// content of the store stays if the store's size does.
    ///
    /// # Errors
    /// As for [`Outside::open`].
    pub(super) async fn with_grants(
        &self,
        component: &str,
        grants: &GrantsConfig,
        http_requests: usize,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Outside, ConfigError> {
        let Some(known) = &self.grants else {
            return Outside::open(component, grants, http_requests, telemetry).await;
        };
        if known == grants && self.http_requests == http_requests {
            return Ok(self.clone());
        }
        let mut outside = Outside::open(component, grants, http_requests, telemetry).await?;
        if known.store == grants.store {
            outside.store.clone_from(&self.store);
        }
        Ok(outside)
    }

    /// Returns true if both are the same.
    pub(super) fn is(&self, other: &Outside) -> bool {
        Arc::ptr_eq(&self.http, &other.http)
    }

    /// Returns true if guests can reach anything.
    pub(super) fn is_granted(&self) -> bool {
        self.grants.as_ref().is_none_or(|grants| !grants.http.is_empty() || grants.store.is_some())
    }
}

/// The store. Without the grant, reading finds nothing and only writing says why.
impl Outside {
    pub(super) fn kept(&self, key: &str) -> Option<Vec<u8>> {
        self.store.as_ref()?.get(key).map(Into::into)
    }

    pub(super) fn keep(&self, key: String, value: Vec<u8>) -> Result<(), NotKept> {
        let Some(store) = &self.store else {
            let why = "`store` is not granted; to grant it, write `grants: { store: true }`";
            return Err(NotKept::Denied(why.to_owned()));
        };
        store.set(key, value).map_err(|Full| NotKept::Full)
    }

    pub(super) fn forget(&self, key: &str) {
        if let Some(store) = &self.store {
            store.delete(key);
        }
    }

    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        self.store.as_ref().map(|store| store.keys(prefix)).unwrap_or_default()
    }
}

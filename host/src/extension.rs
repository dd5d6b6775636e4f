//! Extensions: what serves other components rather than a pipeline (authenticators, `health_check`).

pub mod auth;

use std::{collections::BTreeMap, sync::Arc};

use auth::{ClientAuth, ServerAuth};

/// The authenticators of a running service, by component id as a config writes it (`bearertokenauth/team`).
#[derive(Default)]
pub struct Extensions {
    pub server_auth: BTreeMap<String, Arc<dyn ServerAuth>>,
    pub client_auth: BTreeMap<String, Arc<dyn ClientAuth>>,
}

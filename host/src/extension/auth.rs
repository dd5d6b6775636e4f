//! Extensions that check a receiver's requests, and add an exporter's credentials, or sign its requests.

pub mod basic;
pub mod bearer_token;
pub mod sigv4;

use crate::component::auth::Unauthenticated;

const MISSING: Unauthenticated = Unauthenticated("no credentials");
const WRONG: Unauthenticated = Unauthenticated("wrong credentials");

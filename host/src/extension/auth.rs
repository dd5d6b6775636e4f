//! Extensions that check who may send to a receiver, and say who an exporter is.

pub mod basic;
pub mod bearer_token;

use crate::component::auth::Unauthenticated;

const MISSING: Unauthenticated = Unauthenticated("no credentials");
const WRONG: Unauthenticated = Unauthenticated("wrong credentials");

//! Who may send to a receiver, and what an exporter says of itself.

pub mod basic;
pub mod bearer_token;

use http::HeaderMap;

/// Checks a request that came in.
pub trait ServerAuth: Send + Sync {
    /// The error is shown to the sender (401 / UNAUTHENTICATED): it must not say what would have been right.
    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Unauthenticated>;
    /// The value for `WWW-Authenticate`.
    fn challenge(&self) -> &str;
}

/// Signs a request that goes out.
pub trait ClientAuth: Send + Sync {
    fn authorize(&self, headers: &mut HeaderMap);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unauthenticated(pub &'static str);

const MISSING: Unauthenticated = Unauthenticated("no credentials");
const WRONG: Unauthenticated = Unauthenticated("wrong credentials");

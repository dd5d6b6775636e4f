//! AWS, for every component that reaches it: credentials of the standard chain, signatures, the addresses of
//! services, and a proxy that signs.

pub mod credentials;
pub mod endpoint;
pub mod proxy;
pub mod signer;
#[cfg(test)]
mod tests;

pub use self::{
    credentials::{IdentitySettings, NO_REGION, RoleSettings, region},
    proxy::{ProxyConfig, ProxyServer, ProxySettings, SigningProxy},
    signer::Signer,
};

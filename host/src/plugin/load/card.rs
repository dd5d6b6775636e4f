//! What the bytes of a wasm component say of it, before anything is compiled: its role, the version of the interface
//! that it was built against, what it imports.

mod error;
mod read;

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

pub use error::CardError;

/// The package of `wit/`.
pub const PACKAGE: &str = "spanloom:plugin";
/// The versions of it that this host serves.
pub const SERVED_VERSIONS: [&str; 1] = ["0.1.0"];
/// A larger file is no plugin.
pub const SIZE_LIMIT_BYTES: usize = 256 << 20;

/// More functions are not compiled, nor more bytes of them. CPython has 14,000 and 7 MB.
pub const FUNCTIONS_LIMIT: usize = 50_000;
pub const CODE_LIMIT_BYTES: usize = 64 << 20;

/// A component's outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    pub size_bytes: usize,
    /// In the order of the file.
    pub imports: Vec<ExternName>,
    pub exports: Vec<ExternName>,
    /// What made it, as far as it says so.
    pub producers: Vec<Producer>,
}

/// What a plugin may be; the interface it exports says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Processor,
    Sampler,
    Exporter,
    Connector,
}

/// The name of an import or an export; of an interface it is `namespace:package/interface@version`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ExternName(String);

/// A line of a `producers` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `sdk` or `processed-by`.
    pub field: String,
    pub name: String,
    /// May be empty.
    pub version: String,
}

/// What a plugin may import from [`PACKAGE`].
const HOST_INTERFACES: [&str; 11] =
    ["types", "spans", "batches", "traces", "output", "log", "metrics", "clock", "schedule", "http", "store"];
/// What a plugin may export besides its role.
const OPTIONAL_INTERFACES: [&str; 5] = ["describe", "timer", "flush", "handover", "http-handler"];
/// Language runtimes import these; nothing is behind them but clocks, random numbers and granted HTTP.
const WASI_PACKAGES: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];
const WASI_VERSION: &str = "0.2.";

impl Card {
    /// Reads the sections of a component and no code. Never panics; linear in the size, which is bounded.
    pub fn read(bytes: &[u8]) -> Result<Card, CardError> {
        read::card(bytes)
    }

    /// Whether this host can run it at all, grants aside; decided before it is compiled.
    pub fn admit(&self) -> Result<Role, CardError> {
        self.serves_version()?;
        let unknown: Vec<String> =
            self.imports.iter().filter(|name| !name.is_served()).map(ExternName::to_string).collect();
        if !unknown.is_empty() {
            return Err(CardError::UnknownImports(unknown));
        }
        match self.roles().as_slice() {
            [] => Err(CardError::NoRole),
            [role] => Ok(*role),
            roles => Err(CardError::ManyRoles(roles.to_vec())),
        }
    }

    pub fn roles(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.exports(role.interface())).collect()
    }

    /// The versions of [`PACKAGE`] that it was built against: one, if it is sound. Empty: a name without a version.
    pub fn interface_versions(&self) -> BTreeSet<&str> {
        let names = self.imports.iter().chain(&self.exports);
        names
            .filter(|name| name.package() == PACKAGE)
            .map(|name| name.version().unwrap_or_default())
            .collect()
    }

    /// The optional interfaces that it exports.
    pub fn optional(&self) -> Vec<&'static str> {
        OPTIONAL_INTERFACES.into_iter().filter(|interface| self.exports(interface)).collect()
    }

    /// Whether it exports this interface of [`PACKAGE`], whichever version.
    pub fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| name.package() == PACKAGE && name.interface() == interface)
    }

    /// Whether it imports this interface of [`PACKAGE`], whichever version.
    pub fn imports(&self, interface: &str) -> bool {
        self.imports.iter().any(|name| name.package() == PACKAGE && name.interface() == interface)
    }

    /// Whether it imports anything of a WASI package, as `wasi:http`.
    pub fn imports_package(&self, package: &str) -> bool {
        self.imports.iter().any(|name| name.package() == package)
    }

    /// The languages it was written in: `Rust 1.95.0`.
    pub fn languages(&self) -> Vec<String> {
        let languages = self.producers.iter().filter(|producer| producer.field == "language");
        languages
            .map(|language| format!("{} {}", language.name, language.version).trim_end().to_owned())
            .collect()
    }

    fn serves_version(&self) -> Result<(), CardError> {
        let built: Vec<String> = self.interface_versions().into_iter().map(str::to_owned).collect();
        let is_served = |version: &String| SERVED_VERSIONS.contains(&version.as_str());
        if built.iter().all(is_served) { Ok(()) } else { Err(CardError::Version(built)) }
    }
}

impl Role {
    pub const ALL: [Role; 4] = [Role::Processor, Role::Sampler, Role::Exporter, Role::Connector];

    /// The interface of [`PACKAGE`] that a plugin of this role exports.
    pub fn interface(self) -> &'static str {
        match self {
            Role::Processor => "processing",
            Role::Sampler => "sampling",
            Role::Exporter => "exporting",
            Role::Connector => "connecting",
        }
    }
}

impl ExternName {
    /// `spanloom:plugin`; empty unless it is an interface's name.
    pub fn package(&self) -> &str {
        self.0.split_once('/').map_or("", |(package, _)| package)
    }

    /// `processing`; the whole name unless it is an interface's.
    pub fn interface(&self) -> &str {
        let name = self.0.split_once('/').map_or(self.0.as_str(), |(_, name)| name);
        name.split_once('@').map_or(name, |(name, _)| name)
    }

    /// `0.1.0`
    pub fn version(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, version)| version)
    }

    fn is_served(&self) -> bool {
        match self.package() {
            PACKAGE => HOST_INTERFACES.contains(&self.interface()),
            wasi => {
                WASI_PACKAGES.contains(&wasi)
                    && self.version().is_some_and(|version| version.starts_with(WASI_VERSION))
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Processor => "processor",
            Role::Sampler => "sampler",
            Role::Exporter => "exporter",
            Role::Connector => "connector",
        })
    }
}

impl fmt::Display for ExternName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;

//! Reads from the bytes of a wasm component, before anything is compiled: its role, the version of the
//! interface that it was built against, and its imports.

mod error;
mod read;

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

pub use error::CardError;

/// The package in `wit/`.
pub const PACKAGE: &str = "spanloom:plugin";
/// The size limit of a plugin's file.
pub const SIZE_LIMIT_BYTES: usize = 256 << 20;

/// The number of functions that are compiled at most. CPython has 14,000 functions, of 7 MB.
/// [`CODE_LIMIT_BYTES`] limits their bytes.
pub const FUNCTIONS_LIMIT: usize = 50_000;
pub const CODE_LIMIT_BYTES: usize = 64 << 20;

/// The memory that compiling takes for each function, and for each of its bytes.
const COMPILED_FUNCTION_BYTES: usize = 4 << 10;
const COMPILED_BYTE_BYTES: usize = 8;

/// The imports, exports and producers of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Card {
    pub size_bytes: usize,
    /// The imports, in the order of the file.
    pub imports: Vec<ExternName>,
    pub exports: Vec<ExternName>,
    /// The tools and languages that made the component, as far as it names them.
    pub producers: Vec<Producer>,
    #[serde(skip)]
    pub code: Code,
}

/// The amount of code to compile, including nested modules and components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code {
    pub functions: usize,
    pub bytes: usize,
}

/// The role of a plugin. The interface that the plugin exports decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Processor,
    Sampler,
    Exporter,
    Connector,
    Receiver,
}

/// An export that a plugin may have besides its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum Optional {
    Describe,
    Timer,
    Flush,
    Handover,
    HttpHandler,
}

/// The name of an import or an export. An interface's name is `namespace:package/interface@version`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ExternName(String);

/// An entry of a `producers` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `sdk` or `processed-by`.
    pub field: String,
    pub name: String,
    /// The version; it may be empty.
    pub version: String,
}

/// The WASI packages that a plugin may import, since language runtimes do. They give clocks, random numbers
/// and granted HTTP, and nothing else.
const WASI_PACKAGES: [&str; 7] =
    ["wasi:cli", "wasi:clocks", "wasi:filesystem", "wasi:http", "wasi:io", "wasi:random", "wasi:sockets"];
const WASI_VERSION: &str = "0.2.";

impl Card {
    /// Reads the sections of a component, but no code. Never panics, and takes time linear in the size, which
    /// is limited.
    pub fn read(bytes: &[u8]) -> Result<Card, CardError> {
        read::card(bytes)
    }

    pub fn roles(&self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.exports(role.interface())).collect()
    }

    /// Returns the versions of [`PACKAGE`] that the component was built against. A sound component has one. A
    /// name without a version counts as an empty version.
    pub fn interface_versions(&self) -> BTreeSet<&str> {
        let names = self.imports.iter().chain(&self.exports);
        names
            .filter(|name| name.package() == PACKAGE)
            .map(|name| name.version().unwrap_or_default())
            .collect()
    }

    /// Returns the optional interfaces that the component exports.
    pub fn optional(&self) -> Vec<&'static str> {
        Optional::ALL
            .map(Optional::interface)
            .into_iter()
            .filter(|interface| self.exports(interface))
            .collect()
    }

    /// Returns true if the component exports this interface of [`PACKAGE`], in any version.
    pub fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| name.package() == PACKAGE && name.interface() == interface)
    }

    /// Returns true if the component imports this interface of [`PACKAGE`], in any version.
    pub fn imports(&self, interface: &str) -> bool {
        self.imports.iter().any(|name| name.package() == PACKAGE && name.interface() == interface)
    }

    /// Returns true if the component imports anything of a WASI package, such as `wasi:http`.
    pub fn imports_package(&self, package: &str) -> bool {
        self.imports.iter().any(|name| name.package() == package)
    }

    /// Returns the languages that the component was written in, such as `Rust 1.95.0`.
    pub fn languages(&self) -> Vec<String> {
        let languages = self.producers.iter().filter(|producer| producer.field == "language");
        languages
            .map(|language| format!("{} {}", language.name, language.version).trim_end().to_owned())
            .collect()
    }
}

impl Code {
    /// Returns the approximate memory that compiling takes: for each function, however small, and for each
    /// byte.
    pub fn compiling_bytes(self) -> usize {
        let Code { functions, bytes } = self;
        functions
            .saturating_mul(COMPILED_FUNCTION_BYTES)
            .saturating_add(bytes.saturating_mul(COMPILED_BYTE_BYTES))
    }
}

impl Role {
    pub const ALL: [Role; 5] =
        [Role::Processor, Role::Sampler, Role::Exporter, Role::Connector, Role::Receiver];

    /// Returns the interface of [`PACKAGE`] that a plugin of this role exports.
    pub fn interface(self) -> &'static str {
        match self {
            Role::Processor => "processing",
            Role::Sampler => "sampling",
            Role::Exporter => "exporting",
            Role::Connector => "connecting",
            Role::Receiver => "receiving",
        }
    }
}

impl Optional {
    const ALL: [Optional; 5] =
        [Optional::Describe, Optional::Timer, Optional::Flush, Optional::Handover, Optional::HttpHandler];

    /// The interface's name, in every version that has it.
    fn interface(self) -> &'static str {
        match self {
            Optional::Describe => "describe",
            Optional::Timer => "timer",
            Optional::Flush => "flush",
            Optional::Handover => "handover",
            Optional::HttpHandler => "http-handler",
        }
    }
}

impl ExternName {
    /// Returns the package, such as `spanloom:plugin`; empty if this is not an interface's name.
    pub fn package(&self) -> &str {
        self.0.split_once('/').map_or("", |(package, _)| package)
    }

    /// Returns the interface, such as `processing`; the whole name if this is not an interface's name.
    pub fn interface(&self) -> &str {
        let name = self.0.split_once('/').map_or(self.0.as_str(), |(_, name)| name);
        name.split_once('@').map_or(name, |(name, _)| name)
    }

    /// Returns the version, such as `0.1.0`.
    pub fn version(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, version)| version)
    }

    /// Returns whether the host serves this import to a plugin that may import these interfaces of
    /// [`PACKAGE`].
    pub(in crate::plugin) fn is_served(&self, interfaces: &[&str]) -> bool {
        match self.package() {
            PACKAGE => interfaces.contains(&self.interface()),
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
            Role::Receiver => "receiver",
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

//! Why a file is no plugin that this host can run.

use super::{PACKAGE, Role, SERVED_VERSIONS, SIZE_LIMIT_BYTES};

/// Reads well after the file's name and a colon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    #[error("the file is empty")]
    Empty,
    #[error("the file has {0} bytes; a plugin may have {SIZE_LIMIT_BYTES}")]
    TooLarge(usize),
    #[error("a text file, not a wasm component: build one with `spanloom plugin build`")]
    Text,
    #[error("not WebAssembly: build a component with `spanloom plugin build`")]
    NotWasm,
    #[error(
        "a core module, not a component: make one with `wasm-tools component new` or `spanloom plugin build`"
    )]
    CoreModule,
    #[error("a wasm component of a binary version that is not known: build it with newer or older tools")]
    Encoding,
    #[error("the file is cut short: it ends at byte {0}, inside of a section")]
    CutShort(usize),
    #[error("the component is damaged at byte {offset}: {why}")]
    Damaged { offset: usize, why: String },
    #[error("the component has more than {0} imports, exports, modules or sections")]
    TooMany(usize),
    #[error(
        "built against {}; this Spanloom serves {}",
        .0.iter().map(|version| versioned(version)).collect::<Vec<_>>().join(" and "),
        SERVED_VERSIONS.join(" and ")
    )]
    Version(Vec<String>),
    #[error("it imports what Spanloom does not have: {}", .0.join(", "))]
    UnknownImports(Vec<String>),
    #[error(
        "it exports none of {}: a plugin is built for one of the worlds processor, sampler, exporter and connector",
        Role::ALL.map(|role| format!("{PACKAGE}/{}", role.interface())).join(", ")
    )]
    NoRole,
    #[error(
        "it exports {}: a plugin has one role",
        .0.iter().map(|role| role.interface()).collect::<Vec<_>>().join(" and ")
    )]
    ManyRoles(Vec<Role>),
}

fn versioned(version: &str) -> String {
    if version.is_empty() { format!("{PACKAGE} without a version") } else { format!("{PACKAGE}@{version}") }
}

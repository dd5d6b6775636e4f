//! Why this host cannot run a file as a plugin.

use super::{CODE_LIMIT_BYTES, FUNCTIONS_LIMIT, PACKAGE, Role, SIZE_LIMIT_BYTES};
use crate::plugin::load::text::one_line;

/// The length limit of an import's name in a message.
const NAME_LIMIT_BYTES: usize = 200;

/// Why a file is not a plugin. The message follows the file's name and a colon.
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
        "the component has {functions} functions, of {bytes} bytes; a plugin may have {FUNCTIONS_LIMIT}, of {CODE_LIMIT_BYTES}: \
         compiling more takes too much memory"
    )]
    TooMuchCode { functions: usize, bytes: usize },
    #[error("the component has components within components, more than {0} deep")]
    TooDeep(usize),
    #[error(
        "built against {}; this Spanloom serves {}",
        .built.iter().map(|version| versioned(version)).collect::<Vec<_>>().join(" and "),
        .served.join(" and ")
    )]
    Version { built: Vec<String>, served: Vec<&'static str> },
    #[error("it imports what Spanloom does not have: {}", listed(.0))]
    UnknownImports(Vec<String>),
    #[error(
        "it exports none of {}: a plugin is built for one of the worlds processor, sampler, exporter, connector and \
         receiver",
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

/// Returns the first names as text, as many as people read.
fn listed(names: &[String]) -> String {
    const NAMED: usize = 10;
    let shown: Vec<_> = names.iter().take(NAMED).map(|name| one_line(name, NAME_LIMIT_BYTES)).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

//! The order of modules: each imports only modules that stand before it in its list, so that no ring can
//! arise.

use super::{Source, paths, rules::is_test};

/// The modules of the host, lowest first.
const HOST: Order = Order {
    inside: &[],
    modules: &[
        "cpu",
        "files",
        "memory",
        "hash",
        "id",
        "log_line",
        "receipt",
        "config",
        "running",
        "telemetry",
        "pipeline",
        "component",
        "sending",
        "tls",
        "server",
        "aws",
        "receiver",
        "exporter",
        "extension",
        "connector",
        "processor",
        "sampling",
        "plugin",
        "builtin",
        "service",
        "swap",
        "control",
        "admin",
        "cli",
    ],
};

/// The rooms of the plugin module, from `outside` (what a guest may reach) to the types of component that
/// plugins are.
const PLUGIN: Order = Order {
    inside: &["plugin"],
    modules: &["outside", "config", "load", "guest", "pool", "stage", "builtin", "factory"],
};

/// The rooms of the receivers: what serves HTTP, gRPC, datagrams and frames knows none of the protocols.
const RECEIVER: Order =
    Order { inside: &["receiver"], modules: &["http", "grpc", "datagrams", "frames", "otlp"] };

const HOST_FOLDER: &str = "host/src";

/// The order of the modules that are children of one module.
pub(super) struct Order {
    /// The path of the parent module; empty for the crate.
    inside: &'static [&'static str],
    /// The children. Each imports only children that stand before it.
    modules: &'static [&'static str],
}

/// Returns the imports of a file of the host that do not go to an earlier module.
pub(super) fn host_modules(source: &Source) -> Vec<(usize, String)> {
    upward(source, &HOST)
}

/// Returns the imports of a file of the plugin module that do not go to an earlier room.
pub(super) fn plugin_rooms(source: &Source) -> Vec<(usize, String)> {
    upward(source, &PLUGIN)
}

/// Returns the imports of a file of the receiver module that do not go to an earlier room.
pub(super) fn receiver_rooms(source: &Source) -> Vec<(usize, String)> {
    upward(source, &RECEIVER)
}

fn upward(source: &Source, order: &Order) -> Vec<(usize, String)> {
    let Some(module) = module_of(source) else { return Vec::new() };
    let Some(own) = child(&module, order) else { return Vec::new() };
    let Some(rank) = order.rank(own) else {
        return vec![(1, format!("`{own}` has no place in the order: {}", order.shown()))];
    };
    let imports = paths::imports(&source.text, &module);
    let wrong = imports.into_iter().filter_map(|(line, path)| {
        // A path that ends at the parent does not say which of its children is meant.
        let parent = (!path.is_empty() && path == order.inside).then_some("");
        let name = child(&path, order).or(parent).filter(|name| *name != own)?;
        let shown = path.join("::");
        match order.rank(name) {
            Some(other) if other < rank => None,
            Some(_) => {
                Some((line, format!("`{own}` imports `{shown}`, and comes before it: {}", order.shown())))
            }
            None => Some((line, format!("`{shown}` is in no module of the order: {}", order.shown()))),
        }
    });
    wrong.collect()
}

/// Returns the child of the order's parent that a path leads into.
fn child<'a>(path: &'a [String], order: &Order) -> Option<&'a str> {
    let (inside, below) = path.split_at_checked(order.inside.len())?;
    if inside == order.inside { below.first().map(String::as_str) } else { None }
}

/// Returns the path of the module in a file of the host. Returns `None` for other files, tests and the roots
/// of the crate.
fn module_of(source: &Source) -> Option<Vec<String>> {
    let name = source.path.strip_prefix(HOST_FOLDER)?.strip_prefix('/')?.strip_suffix(".rs")?;
    let module: Vec<String> = name.split('/').map(str::to_owned).collect();
    let is_for_tests = is_test(source) || module.last().is_some_and(|name| name == "testing");
    (!is_for_tests && !matches!(name, "lib" | "main")).then_some(module)
}

impl Order {
    fn rank(&self, module: &str) -> Option<usize> {
        self.modules.iter().position(|known| *known == module)
    }

    fn shown(&self) -> String {
        self.modules.join(" < ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is wrong with a file that imports a name.
    fn wrong(path: &str, import: &str) -> Option<String> {
        let source = Source { path: path.to_owned(), text: format!("\nuse {import};") };
        let mut found = upward(&source, &HOST);
        found.pop().map(|(line, what)| format!("{line}: {}", what.split(": ").next().unwrap_or_default()))
    }

    /// Scenario: modules import earlier modules, later modules, themselves, and names that no module has.
    /// Guarantees: only imports of earlier modules are allowed; the message names both modules and the line.
    #[test]
    fn a_module_imports_only_what_stands_before_it() {
        assert_eq!(wrong("host/src/service/graph.rs", "crate::plugin::Live"), None);
        assert_eq!(wrong("host/src/service/graph.rs", "super::retire::retire"), None);
        assert_eq!(wrong("host/src/main.rs", "crate::cli::Cli"), None);
        assert_eq!(wrong("host/src/tls/tests.rs", "crate::cli::Cli"), None);
        let upward = "2: `tls` imports `admin::listen`, and comes before it";
        assert_eq!(wrong("host/src/tls/server.rs", "crate::{hash, admin::listen}").as_deref(), Some(upward));
        let unknown = "2: `Live` is in no module of the order";
        assert_eq!(wrong("host/src/tls.rs", "super::Live").as_deref(), Some(unknown));
        let homeless = "1: `cellar` has no place in the order";
        assert_eq!(wrong("host/src/cellar/wine.rs", "std::fmt").as_deref(), Some(homeless));
    }

    /// Scenario: a room of the plugin module imports an earlier room, a later room, and the module itself. The
    /// rooms of the receiver module import each other.
    /// Guarantees: only an import from an earlier room is allowed.
    #[test]
    fn rooms_have_an_order_of_their_own() {
        let wrong = |import| {
            let text = format!("use crate::plugin::{import};");
            plugin_rooms(&Source { path: "host/src/plugin/guest/failure.rs".to_owned(), text }).len()
        };
        assert_eq!((wrong("load::text::one_line"), wrong("pool::Pool")), (0, 1));
        assert_eq!((wrong("Plugin"), wrong("{self}")), (1, 1));
        let wrong = |path: &str, import| {
            let text = format!("use crate::receiver::{import};");
            receiver_rooms(&Source { path: path.to_owned(), text }).len()
        };
        assert_eq!(wrong("host/src/receiver/otlp/grpc.rs", "http::Gate"), 0);
        assert_eq!(wrong("host/src/receiver/http/gate.rs", "otlp::config"), 1);
    }
}

//! The rules of `cargo xtask tidy`. Each is a sentence of the design that a reader may rely on.

use super::{Rule, Source, order};

pub const RULES: &[Rule] = &[
    Rule {
        name: "only receivers, exporters and the generator name tonic",
        check: |source| {
            let may = ["receiver", "exporter", "server", "tls", "cli/generate"];
            except(source, &may, |source| words(source, &["tonic::"]))
        },
    },
    Rule { name: "the host's modules import in one order", check: order::host_modules },
    Rule { name: "the rooms of the plugins import in one order", check: order::plugin_rooms },
    Rule { name: "the rooms of the receivers import in one order", check: order::receiver_rooms },
    Rule {
        name: "exporters know nothing of receivers",
        check: |source| within(source, "host/src/exporter", |source| words(source, &["crate::receiver"])),
    },
    Rule {
        name: "only the plugin module names wasmtime",
        check: |source| except(source, &["plugin"], |source| words(source, &["wasmtime::"])),
    },
    Rule {
        name: "only the watch of files names notify",
        check: |source| except(source, &["swap/watch"], |source| words(source, &["notify::"])),
    },
    Rule {
        name: "only the room of a version names what is generated from the interface",
        check: |source| {
            if is_versions_room(source) {
                return Vec::new();
            }
            except(source, &[], |source| words(source, &["bindgen!", "spanloom::plugin::", "bindings::"]))
        },
    },
    Rule {
        name: "only main.rs exits the process",
        check: |source| {
            if source.path.ends_with("/main.rs") {
                return Vec::new();
            }
            rust(source, |source| words(source, &["process::exit(", "process::abort("]))
        },
    },
    Rule {
        name: "no queue is without a bound",
        check: |source| {
            rust(source, |source| {
                words(source, &["unbounded_channel", "mpsc::unbounded", "channel::unbounded"])
            })
        },
    },
    Rule {
        name: "the wire crate does no I/O",
        check: |source| within(source, "wire/src", |source| words(source, &["std::net", "std::fs", "tokio"])),
    },
    Rule { name: "modules are foo.rs and foo/, never mod.rs", check: no_mod_rs },
    Rule { name: "a source file has at most 600 lines, one of tests 1,000", check: short },
    Rule { name: "no file names a place of one machine", check: no_machine_places },
    Rule { name: "no lock file or script names a package registry's host", check: no_registry_hosts },
];

const LINES_LIMIT: usize = 600;
/// The limit for tests is higher, because tables of cases are long.
const TEST_LINES_LIMIT: usize = 1_000;

/// The path of this file, which contains the words that its rules forbid.
const OWN_PATH: &str = "xtask/src/tidy/rules.rs";

/// Returns the lines that contain one of the words, except comment lines.
fn words(source: &Source, words: &[&str]) -> Vec<(usize, String)> {
    let lines = source.text.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter_map(|(number, line)| {
        let word = words.iter().find(|word| line.contains(**word))?;
        Some((number + 1, format!("names `{word}`")))
    })
    .collect()
}

type Check = fn(&Source) -> Vec<(usize, String)>;

fn rust(source: &Source, check: Check) -> Vec<(usize, String)> {
    if source.path.ends_with(".rs") && source.path != OWN_PATH { check(source) } else { Vec::new() }
}

/// Runs `check` if the file belongs to the module at `path` or to a module below it.
fn within(source: &Source, path: &str, check: Check) -> Vec<(usize, String)> {
    let below = source.path.strip_prefix(path).is_some_and(|rest| rest.starts_with(['/', '.']));
    if below { rust(source, check) } else { Vec::new() }
}

/// Returns true for a module of tests beside the code, and for a test program.
pub(super) fn is_test(source: &Source) -> bool {
    source.path.split(['/', '.']).any(|part| part == "tests")
}

/// Runs `check` if the file belongs to the host, except for tests and the modules named.
fn except(source: &Source, modules: &[&str], check: Check) -> Vec<(usize, String)> {
    let Some(module) = source.path.strip_prefix("host/src/") else { return Vec::new() };
    let excepted = |name: &str| module.strip_prefix(name).is_some_and(|rest| rest.starts_with(['/', '.']));
    if is_test(source) || modules.iter().any(|name| excepted(name)) {
        Vec::new()
    } else {
        rust(source, check)
    }
}

/// `plugin/guest/v0_1.rs` and what is below it.
fn is_versions_room(source: &Source) -> bool {
    let version = source.path.strip_prefix("host/src/plugin/guest/v");
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

fn no_mod_rs(source: &Source) -> Vec<(usize, String)> {
    if source.path.ends_with("/mod.rs") {
        vec![(1, "rename it to its folder's name".to_owned())]
    } else {
        Vec::new()
    }
}

fn short(source: &Source) -> Vec<(usize, String)> {
    let lines = source.text.lines().count();
    let limit = if is_test(source) { TEST_LINES_LIMIT } else { LINES_LIMIT };
    if source.path.ends_with(".rs") && lines > limit {
        vec![(lines, format!("{lines} lines: split it"))]
    } else {
        Vec::new()
    }
}

fn no_machine_places(source: &Source) -> Vec<(usize, String)> {
    if source.path == OWN_PATH { Vec::new() } else { words(source, &["/tmp/", "/work/", "/root/", "/home/"]) }
}

fn no_registry_hosts(source: &Source) -> Vec<(usize, String)> {
    let hosts = ["registry.npmjs.org", "pypi.org", "pythonhosted.org", "index.crates.io", "static.crates.io"];
    if source.path == OWN_PATH { Vec::new() } else { words(source, &hosts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<&'static str> {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        RULES.iter().filter(|rule| !(rule.check)(&source).is_empty()).map(|rule| rule.name).collect()
    }

    /// Scenario: each rule is shown one file that violates it.
    /// Guarantees: that rule, and no other, reports the file.
    #[test]
    fn every_rule_catches_what_it_forbids() {
        let cases = [
            ("host/src/pipeline.rs", "use tonic::Status;"),
            ("host/src/pipeline.rs", "use crate::{config::Node, service::Service};"),
            ("host/src/plugin/load/card.rs", "use crate::plugin::{config::Share, pool::Pool};"),
            ("host/src/receiver/http/gate.rs", "use crate::receiver::otlp::OtlpFactory;"),
            ("host/src/exporter/debug.rs", "use crate::receiver::Receiver;"),
            ("host/src/service.rs", "use wasmtime::Engine;"),
            ("host/src/swap/control.rs", "use notify::Watcher;"),
            ("host/src/plugin/pool.rs", "wasmtime::component::bindgen!({})"),
            ("host/src/cli/run.rs", "std::process::exit(1)"),
            ("host/src/sending.rs", "let (a, b) = mpsc::unbounded_channel();"),
            ("wire/src/index.rs", "use tokio::io::AsyncRead;"),
            ("host/src/cli/mod.rs", ""),
            ("host/src/cli/long.rs", &"\n".repeat(LINES_LIMIT + 1)),
            ("README.md", "cd /home/me/spanloom"),
            ("tests/clients/node/package-lock.json", "https://registry.npmjs.org/x"),
        ];
        for ((path, text), rule) in std::iter::zip(cases, RULES) {
            assert_eq!(broken(path, text), [rule.name], "{path}: {text:.60}");
        }
        assert_eq!(cases.len(), RULES.len());
    }

    /// Scenario: every rule is shown files that come close to a violation.
    /// Guarantees: no rule reports any of them.
    #[test]
    fn what_the_rules_allow_passes() {
        for (path, text) in [
            ("host/src/receiver/otlp/grpc.rs", "use tonic::Status;"),
            ("host/src/cli/generate/client.rs", "use tonic::Status;"),
            ("host/src/main.rs", "std::process::exit(code)"),
            ("host/src/plugin/pool.rs", "use wasmtime::Engine;"),
            ("host/src/plugin/guest/v0_1/bindings.rs", "wasmtime::component::bindgen!({})"),
            ("host/src/swap/watch/folders.rs", "use notify::Watcher;"),
            ("host/src/sending/tests/fake.rs", "use tonic::Status;"),
            ("host/src/config/tests.rs", &"\n".repeat(LINES_LIMIT + 1)),
            ("host/src/pipeline.rs", "// tonic is not named here"),
            ("host/src/receiver.rs", "use crate::pipeline::Ingest;"),
        ] {
            assert_eq!(broken(path, text), Vec::<&str>::new(), "{path}: {text}");
        }
    }
}

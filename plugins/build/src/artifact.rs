use std::path::PathBuf;

use serde::Deserialize;
use wasmparser::{Parser, Payload};

/// A line of cargo's output with `--message-format json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// Returns the packages that were compiled to core modules, with the paths of the modules.
pub(crate) fn modules(messages: &[u8]) -> Vec<(String, PathBuf)> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let artifacts = messages.filter(|message| message.reason == "compiler-artifact");
    let modules = artifacts.filter_map(|Message { package_id, filenames, .. }| {
        let is_module = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "wasm");
        Some((package_name(&package_id).to_owned(), filenames.into_iter().find(is_module)?))
    });
    modules.collect()
}

/// The prefix of the functions that the host calls.
const EXPORT: &str = "spanloom:plugin/";

/// Returns whether the module exports anything that the host calls. Also returns true for a module that
/// cannot be read, so that the encoder reports the error.
pub(crate) fn is_plugin(module: &[u8]) -> bool {
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Err(_) => return true,
            Ok(Payload::ExportSection(exports)) => {
                return exports.into_iter().any(|export| match export {
                    Ok(export) => export.name.starts_with(EXPORT) && export.name.contains('#'),
                    Err(_) => true,
                });
            }
            Ok(_) => {}
        }
    }
    false
}

/// Returns the name in cargo's package id specifications `path+file:///a/redactor#0.1.0` and
/// `path+file:///a/b#redactor@0.1.0`.
fn package_name(id: &str) -> &str {
    let (source, fragment) = id.split_once('#').unwrap_or(("", id));
    match fragment.split_once('@') {
        Some((name, _)) => name,
        None => source.rsplit('/').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_among_what_cargo_says() {
        let said = br#"{"reason":"compiler-artifact","package_id":"registry+https://x#serde@1.0.0","filenames":["/t/libserde.rlib"]}
{"reason":"compiler-artifact","package_id":"path+file:///w/redactor#0.1.0","filenames":["/t/libredactor.rlib","/t/redactor.wasm"]}
{"reason":"compiler-artifact","package_id":"path+file:///w/dir#my-plugin@0.1.0","filenames":["/t/my_plugin.wasm"]}
not json
{"reason":"build-finished","success":true}"#;
        let found = modules(said);
        let named = |name: &str, path: &str| (name.to_owned(), PathBuf::from(path));
        assert_eq!(found, [named("redactor", "/t/redactor.wasm"), named("my-plugin", "/t/my_plugin.wasm")]);
    }

    /// Returns a module with one export of this name.
    fn exporting(name: &str) -> Vec<u8> {
        let name_len = name.len() as u8;
        let sections: &[&[u8]] = &[
            b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07",
            &[name_len + 4, 1, name_len],
            name.as_bytes(),
            b"\0\0\x0a\x04\x01\x02\0\x0b",
        ];
        sections.concat()
    }

    /// A module that is not a plugin, and a module that cannot become a component, give different errors.
    #[test]
    fn the_cause_of_an_error_is_not_guessed() {
        let error = |module: &[u8]| crate::encode(module).expect_err("no component").to_string();
        assert!(error(b"\0asm\x01\0\0\0").contains("exports nothing that the host calls"));
        assert!(error(&exporting("main")).contains("exports nothing that the host calls"));
        let damaged = error(b"\0asm\x01\0\0\0\x07\xff");
        assert!(damaged.starts_with("no component can be made of the module: "), "{damaged}");
    }
}

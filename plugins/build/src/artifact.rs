use std::path::PathBuf;

use serde::Deserialize;

/// A line of what cargo says with `--message-format json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The packages that became core modules, and the modules.
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

/// Of `path+file:///a/redactor#0.1.0` and `path+file:///a/b#redactor@0.1.0` (cargo's package id specifications).
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
}

//! The keys that a README of a built-in component has in its tables.

use std::{fs, path::Path};

pub(crate) struct Readme {
    /// The type that its first line names.
    pub(crate) component: String,
    /// As they are written in a config, `telemetry.enabled`.
    pub(crate) documented: Vec<String>,
    text: String,
}

/// Of every folder in `plugins/` with a README and a schema.
pub(crate) fn all() -> Vec<Readme> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let folders = fs::read_dir(plugins).expect("a folder").map(|entry| entry.expect("an entry").path());
    let with_schema = folders.filter(|folder| folder.join("config.schema.json").exists());
    let readmes: Vec<Readme> = with_schema
        .map(|folder| read(fs::read_to_string(folder.join("README.md")).expect("a README")))
        .collect();
    assert!(readmes.len() >= 5, "only {} were found", readmes.len());
    readmes
}

fn read(text: String) -> Readme {
    let component = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a title").to_owned();
    let mut documented = Vec::new();
    let mut is_of_keys = false;
    for line in text.lines() {
        if !line.starts_with('|') {
            is_of_keys = false;
        }
        let Some(row) = line.strip_prefix("| ") else { continue };
        let cell = row.split(" | ").next().unwrap_or_default();
        if cell == "key" {
            is_of_keys = true;
        } else if is_of_keys {
            documented.extend(keys(cell));
        }
    }
    assert!(!documented.is_empty(), "the README of {component} has no table of keys");
    Readme { component, documented, text }
}

/// Of `` `exemplars.enabled`, `.max_per_data_point` ``.
fn keys(cell: &str) -> Vec<String> {
    let mut folder = "";
    let mut keys = Vec::new();
    for key in cell.split('`').skip(1).step_by(2) {
        match key.strip_prefix('.') {
            Some(key) => keys.push(format!("{folder}.{key}")),
            None => {
                folder = key.rsplit_once('.').map_or("", |(folder, _)| folder);
                keys.push(key.to_owned());
            }
        }
    }
    keys
}

impl Readme {
    /// The key, or a key that it is below, is named: in a table, or in the text between backticks.
    pub(crate) fn mentions(&self, path: &str) -> bool {
        super::tree::prefixes(path).any(|path| {
            self.documented.iter().any(|key| key == path) || self.text.contains(&format!("`{path}`"))
        })
    }
}

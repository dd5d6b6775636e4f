//! Reads the keys from the tables in the READMEs of the built-in components.

use std::{fs, path::Path};

pub(crate) struct Readme {
    /// The component type that the README's first line names.
    pub(crate) component: String,
    /// The keys in the tables, as a config writes them: `telemetry.enabled`.
    pub(crate) documented: Vec<String>,
    text: String,
}

/// Reads the README of every folder in `plugins/` that has a schema.
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

/// Reads the keys of a cell such as `` `exemplars.enabled`, `.max_per_data_point` ``.
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
    /// Returns whether the first sentence says that the component is of this section, such as `exporters`.
    pub(crate) fn is_of(&self, section: &str) -> bool {
        let first =
            self.text.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default();
        let kind = section.trim_end_matches('s');
        first.split(|c: char| !c.is_alphabetic()).take(3).any(|word| word.eq_ignore_ascii_case(kind))
    }

    /// Returns whether the key, or a key above it, is named in a table or between backticks in the text.
    pub(crate) fn mentions(&self, path: &str) -> bool {
        super::tree::prefixes(path).any(|path| {
            self.documented.iter().any(|key| key == path) || self.text.contains(&format!("`{path}`"))
        })
    }
}

//! The languages that a plugin can begin in.
//!
//! To add a language, add its folder to `host/templates` and its row to [`LANGUAGES`]. The folder holds `all`, and
//! a folder for each role. In paths and texts, `{{name}}` and the like stand for what the plugin is called. A
//! file's ending `.in` keeps the clone's tools away from it, and is left out.

use crate::{cli::plugin::embedded::TEMPLATES, plugin::Role};

/// A language with templates.
#[derive(Debug)]
pub(in crate::cli::plugin) struct Language {
    /// The word after `--lang`.
    pub(super) word: &'static str,
    /// The folders of templates, of which a later one's file replaces an earlier one's.
    pub(super) folders: &'static [&'static str],
    pub(super) brings: Brings,
    /// What runs in the new folder before `spanloom plugin build`.
    pub(super) first: &'static [&'static str],
}

/// What a project gets beside its templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brings {
    /// The SDK for Rust.
    Sdk,
    /// The plugin interface, from which the language's tools make bindings.
    Interface,
}

pub(in crate::cli::plugin) static LANGUAGES: [Language; 8] = [
    Language { word: "rust", folders: &["rust"], brings: Brings::Sdk, first: &["cargo test"] },
    Language {
        word: "javascript",
        folders: &["js", "javascript"],
        brings: Brings::Interface,
        first: &["npm install", "npm test"],
    },
    Language {
        word: "typescript",
        folders: &["js", "typescript"],
        brings: Brings::Interface,
        first: &["npm install", "npm test"],
    },
    Language {
        word: "python",
        folders: &["python"],
        brings: Brings::Interface,
        first: &[
            "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt",
            ".venv/bin/python -m unittest",
        ],
    },
    Language { word: "go", folders: &["go"], brings: Brings::Interface, first: &["go test ."] },
    Language {
        word: "java",
        folders: &["js", "java"],
        brings: Brings::Interface,
        first: &["npm install", "mvn test"],
    },
    Language {
        word: "c",
        folders: &["native", "c"],
        brings: Brings::Interface,
        first: &["python3 -m venv .venv && .venv/bin/pip install -r requirements.txt", "make test"],
    },
    Language {
        word: "cpp",
        folders: &["native", "cpp"],
        brings: Brings::Interface,
        first: &["python3 -m venv .venv && .venv/bin/pip install -r requirements.txt", "make test"],
    },
];

impl Language {
    pub(super) fn of(word: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|language| language.word == word)
    }

    /// Returns the roles that the language has templates for.
    pub(super) fn roles(&self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(|role| self.has(*role))
    }

    pub(super) fn has(&self, role: Role) -> bool {
        let mut folders = self.folders.iter().map(|folder| format!("{folder}/{role}/"));
        folders.any(|folder| TEMPLATES.iter().any(|(path, _)| path.starts_with(&folder)))
    }

    /// Returns the templates for a role, with their paths in the project. Later ones replace earlier ones.
    pub(super) fn templates(&self, role: Role) -> Vec<(&'static str, &'static str)> {
        let fixture = if role == Role::Receiver { "shared/receiver/" } else { "shared/spans/" };
        let mut places = vec![fixture.to_owned(), format!("shared/{role}/")];
        for folder in self.folders {
            places.extend([format!("{folder}/all/"), format!("{folder}/{role}/")]);
        }
        let below = |place: &String| {
            let place = place.clone();
            TEMPLATES.iter().filter_map(move |(path, text)| {
                let path = path.strip_prefix(place.as_str())?;
                Some((path.strip_suffix(".in").unwrap_or(path), *text))
            })
        };
        places.iter().flat_map(below).collect()
    }
}

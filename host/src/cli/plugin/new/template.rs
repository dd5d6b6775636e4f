//! Makes the files of a new plugin's folder.

use std::path::Path;

use super::{
    language::{Brings, Language},
    role::{RoleTexts, interface_version},
};
use crate::{
    cli::plugin::embedded::{INTERFACES, SDK},
    plugin::Role,
};

/// The names that are put into the files.
pub(super) struct Template<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    pub(super) language: &'static Language,
    /// A folder of the SDK to use, instead of the one that the binary brings.
    pub(super) sdk: Option<&'a Path>,
}

/// The folder of the SDK in a new plugin's.
const OWN_SDK: &str = "sdk";
/// The folder of the interface's package in a new plugin's.
const OWN_INTERFACE: &str = "wit/deps/spanloom";

impl Template<'_> {
    /// Returns the files with their paths in the folder.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let templates = self.language.templates(self.role);
        let mut files: Vec<(String, String)> =
            templates.iter().map(|(path, text)| (self.fill(path), self.fill(text))).collect();
        let at = |folder: &str, path: &str| format!("{folder}/{path}");
        match self.language.brings {
            Brings::Sdk if self.sdk.is_none() => {
                files.extend(SDK.iter().map(|(path, text)| (at(OWN_SDK, path), (*text).to_owned())));
            }
            Brings::Sdk => {}
            Brings::Interface => {
                let version = format!("{}/", interface_version(self.role));
                let of_version = |(path, text): &(&str, &str)| {
                    Some((at(OWN_INTERFACE, path.strip_prefix(&version)?), (*text).to_owned()))
                };
                files.extend(INTERFACES.iter().filter_map(of_version));
            }
        }
        files
    }

    fn fill(&self, text: &str) -> String {
        let texts = RoleTexts::of(self.role);
        let sdk = match self.sdk {
            Some(given) => given.display().to_string(),
            None => format!("{OWN_SDK}/plugins/sdk"),
        };
        text.replace("{{name}}", self.name)
            .replace("{{id}}", &self.name.replace('-', "_"))
            .replace("{{type}}", &camel_case(self.name))
            .replace("{{role}}", &self.role.to_string())
            .replace("{{export}}", self.role.interface())
            .replace("{{interface}}", interface_version(self.role))
            .replace("{{spanloom}}", env!("CARGO_PKG_VERSION"))
            .replace("{{summary}}", texts.summary)
            .replace("{{receives}}", texts.receives)
            .replace("{{fixture_is}}", texts.fixture_is)
            .replace("{{send}}", &texts.send(""))
            // The escapes of a TOML string are the same as Rust's.
            .replace("{{sdk}}", &format!("{sdk:?}"))
    }
}

/// Returns the name in camel case: `tag-team` becomes `TagTeam`.
fn camel_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

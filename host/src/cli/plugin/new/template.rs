//! What a new plugin's folder holds.

use std::path::Path;

use crate::plugin::Role;

/// Whose names are put into the files.
pub(super) struct Template<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    /// The SDK's folder.
    pub(super) sdk: &'a Path,
}

/// What is the same for each role.
const CARGO: &str = include_str!("../template/rust/Cargo.toml.in");
const README: &str = include_str!("../template/rust/README.md.in");
const IGNORED: &str = "/target\n/*.wasm\n";
/// Two requests' worth of spans to test with.
const FIXTURE: &str = include_str!("../template/shop.json");

/// What is not.
struct Sources {
    summary: &'static str,
    library: &'static str,
    tests: &'static str,
    config: &'static str,
}

const PROCESSOR: Sources = Sources {
    summary: "Sets an attribute on every span",
    library: include_str!("../template/rust/processor.rs.in"),
    tests: include_str!("../template/rust/processor_tests.rs.in"),
    config: include_str!("../template/rust/processor.yaml.in"),
};

const SAMPLER: Sources = Sources {
    summary: "Keeps traces with an error and slow ones",
    library: include_str!("../template/rust/sampler.rs.in"),
    tests: include_str!("../template/rust/sampler_tests.rs.in"),
    config: include_str!("../template/rust/sampler.yaml.in"),
};

const EXPORTER: Sources = Sources {
    summary: "Posts a JSON line for each span",
    library: include_str!("../template/rust/exporter.rs.in"),
    tests: include_str!("../template/rust/exporter_tests.rs.in"),
    config: include_str!("../template/rust/exporter.yaml.in"),
};

impl Template<'_> {
    /// Paths in the folder, and what is in them.
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let sources = match self.role {
            Role::Processor => PROCESSOR,
            Role::Sampler => SAMPLER,
            Role::Exporter => EXPORTER,
        };
        let fill = |text: &str| self.fill(text, sources.summary);
        vec![
            ("Cargo.toml", fill(CARGO)),
            ("README.md", fill(README)),
            (".gitignore", IGNORED.to_owned()),
            ("spanloom.yaml", fill(sources.config)),
            ("src/lib.rs", fill(sources.library)),
            ("src/tests.rs", fill(sources.tests)),
            ("fixtures/shop.json", FIXTURE.to_owned()),
        ]
    }

    fn fill(&self, text: &str, summary: &str) -> String {
        // A TOML string: its escapes are Rust's.
        let sdk = format!("{:?}", self.sdk.display().to_string());
        text.replace("{{name}}", self.name)
            .replace("{{id}}", &self.name.replace('-', "_"))
            .replace("{{type}}", &camel_case(self.name))
            .replace("{{role}}", &self.role.to_string())
            .replace("{{summary}}", summary)
            .replace("{{sdk}}", &sdk)
    }
}

/// `tag-team` is `TagTeam`.
fn camel_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

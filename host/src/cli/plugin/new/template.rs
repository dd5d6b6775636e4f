//! Makes the files of a new plugin's folder.

use std::path::Path;

use crate::plugin::Role;

/// The names that are put into the files.
pub(super) struct Template<'a> {
    pub(super) name: &'a str,
    pub(super) role: Role,
    /// The folder of the SDK.
    pub(super) sdk: &'a Path,
}

/// The files that are the same for each role.
const CARGO: &str = include_str!("../template/rust/Cargo.toml.in");
const README: &str = include_str!("../template/rust/README.md.in");
const IGNORED: &str = "/target\n/*.wasm\n";
/// The spans of two requests, to test with.
const SPANS: (&str, &str) = ("fixtures/shop.json", include_str!("../template/shop.json"));
/// The body of a request, to test a receiver with.
const EVENTS: (&str, &str) = ("fixtures/events.json", include_str!("../template/events.json"));

/// The command that sends spans to a running Spanloom.
const SEND_SPANS: &str = "spanloom generate traces --rate 2";
/// The command that sends the fixture to a new receiver.
const SEND_EVENTS: &str = "curl --data @{{folder}}fixtures/events.json localhost:8088/events";

/// The texts that differ by role.
struct Sources {
    summary: &'static str,
    library: &'static str,
    tests: &'static str,
    config: &'static str,
    /// The path and the content of the file to test with.
    fixture: (&'static str, &'static str),
    /// What the fixture holds.
    fixture_is: &'static str,
    /// What the config of `spanloom.yaml` receives.
    receives: &'static str,
    /// The command that sends something to receive.
    send: &'static str,
}

const PROCESSOR: Sources = Sources {
    summary: "Sets an attribute on every span",
    library: include_str!("../template/rust/processor.rs.in"),
    tests: include_str!("../template/rust/processor_tests.rs.in"),
    config: include_str!("../template/rust/processor.yaml.in"),
    fixture: SPANS,
    fixture_is: "spans",
    receives: "OTLP in on 4317 and 4318",
    send: SEND_SPANS,
};

const SAMPLER: Sources = Sources {
    summary: "Keeps traces with an error and slow ones",
    library: include_str!("../template/rust/sampler.rs.in"),
    tests: include_str!("../template/rust/sampler_tests.rs.in"),
    config: include_str!("../template/rust/sampler.yaml.in"),
    fixture: SPANS,
    fixture_is: "spans",
    receives: "OTLP in on 4317 and 4318",
    send: SEND_SPANS,
};

const EXPORTER: Sources = Sources {
    summary: "Posts a JSON line for each span",
    library: include_str!("../template/rust/exporter.rs.in"),
    tests: include_str!("../template/rust/exporter_tests.rs.in"),
    config: include_str!("../template/rust/exporter.yaml.in"),
    fixture: SPANS,
    fixture_is: "spans",
    receives: "OTLP in on 4317 and 4318",
    send: SEND_SPANS,
};

const CONNECTOR: Sources = Sources {
    summary: "Counts spans by service",
    library: include_str!("../template/rust/connector.rs.in"),
    tests: include_str!("../template/rust/connector_tests.rs.in"),
    config: include_str!("../template/rust/connector.yaml.in"),
    fixture: SPANS,
    fixture_is: "spans",
    receives: "OTLP in on 4317 and 4318",
    send: SEND_SPANS,
};

const RECEIVER: Sources = Sources {
    summary: "Takes JSON events over HTTP, each as a log record",
    library: include_str!("../template/rust/receiver.rs.in"),
    tests: include_str!("../template/rust/receiver_tests.rs.in"),
    config: include_str!("../template/rust/receiver.yaml.in"),
    fixture: EVENTS,
    fixture_is: "a request",
    receives: "events in on 8088",
    send: SEND_EVENTS,
};

fn sources(role: Role) -> Sources {
    match role {
        Role::Processor => PROCESSOR,
        Role::Sampler => SAMPLER,
        Role::Exporter => EXPORTER,
        Role::Connector => CONNECTOR,
        Role::Receiver => RECEIVER,
    }
}

/// Returns the command that sends something to a new plugin's Spanloom. `folder` is the way to the plugin's folder, with
/// a slash at its end, or empty in the folder itself.
pub(super) fn sending(role: Role, folder: &str) -> String {
    sources(role).send.replace("{{folder}}", folder)
}

impl Template<'_> {
    /// Returns the files with their paths in the folder.
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        let sources = sources(self.role);
        let (fixture, content) = sources.fixture;
        let fill = |text: &str| self.fill(text, &sources);
        vec![
            ("Cargo.toml", fill(CARGO)),
            ("README.md", fill(README)),
            (".gitignore", IGNORED.to_owned()),
            ("spanloom.yaml", fill(sources.config)),
            ("src/lib.rs", fill(sources.library)),
            ("src/tests.rs", fill(sources.tests)),
            (fixture, content.to_owned()),
        ]
    }

    fn fill(&self, text: &str, sources: &Sources) -> String {
        // The escapes of a TOML string are the same as Rust's.
        let quoted = |path: &Path| format!("{:?}", path.display().to_string());
        text.replace("{{name}}", self.name)
            .replace("{{id}}", &self.name.replace('-', "_"))
            .replace("{{type}}", &camel_case(self.name))
            .replace("{{role}}", &self.role.to_string())
            .replace("{{summary}}", sources.summary)
            .replace("{{receives}}", sources.receives)
            .replace("{{send}}", &sending(self.role, ""))
            .replace("{{fixture_is}}", sources.fixture_is)
            .replace("{{sdk}}", &quoted(self.sdk))
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

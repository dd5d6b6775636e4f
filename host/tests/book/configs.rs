//! Configs that pages show are configs that this program accepts.
//!
//! A block of YAML with receivers, pipelines and where they lead is a whole config: it must be accepted as it stands, without a
//! warning. Any other block is a part of a config. It is completed with [`REST`]. If a block is less than a section, a word
//! after the fence's language says where it stands (```` ```yaml processors ````): below this section of a config, or, if
//! the word is `helm`, in the values of the chart. A config of the Collector's that Spanloom does not run is `collector`, and one
//! with a plugin that does not exist a `sketch`; these must be YAML.

use std::{env, fs, path::Path};

use spanloom::{builtin, config::Node, service::open};
use tempfile::TempDir;

use crate::{
    assert_none,
    pages::{self, Block, root},
};

/// What completes a part of a config. Components that nothing uses give warnings only.
const REST: &str = "
receivers:
  otlp: {protocols: {grpc: , http: }}
exporters:
  awsxray: {region: us-east-1}
  debug:
  nop:
  otlp_grpc: {endpoint: \"127.0.0.1:14317\", tls: {insecure: true}}
  prometheus: {endpoint: \"127.0.0.1:8889\"}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [nop]}
";

/// The plugins that pages name, and the plugin that stands for each: one of this clone, or, without a `/`, one in the
/// folder that `SPANLOOM_PLUGINS` names.
const PLUGINS: [(&str, &str); 6] = [
    ("redact.wasm", "tests/interface/0.1.0/redactor.wasm"),
    ("redactor.wasm", "tests/interface/0.1.0/redactor.wasm"),
    ("keep-errors.wasm", "rust-keep-errors.wasm"),
    ("keep_errors.wasm", "rust-keep-errors.wasm"),
    ("webhook.wasm", "rust-webhook.wasm"),
    ("webhook-receiver.wasm", "rust-webhook-receiver.wasm"),
];

/// Scenario: every YAML block of every page.
/// Guarantees: a whole config is accepted without a warning, and a part is accepted in a whole one.
#[tokio::test]
async fn every_config_is_accepted() {
    let mut complaints = Vec::new();
    let mut checked = 0;
    for page in pages::all() {
        for block in page.blocks().into_iter().filter(|block| block.language == "yaml") {
            checked += 1;
            if let Err(complaint) = check(&block).await {
                complaints.push(format!("{}:{}:\n{complaint}", page.path, block.line));
            }
        }
    }
    assert!(checked > 30, "{checked}");
    assert_none(&complaints);
}

/// Scenario: blocks with a mistake, each of another kind; the last is a whole config with an exporter that nothing uses.
/// Guarantees: each is refused.
#[tokio::test]
async fn a_mistake_is_found() {
    let with_unused = "receivers:\n  otlp: {protocols: {grpc: }}\nexporters: {nop: , debug: }\nservice:\n  pipelines:\n    logs: {receivers: [otlp], exporters: [nop]}\n";
    for (part_of, text) in [
        ("", "exporters:\n  debug: { verbositi: normal }\n"),
        ("processors", "batch: { timeuot: 1s }\n"),
        ("helm", "imige: {}\n"),
        ("helm", "config:\n  exporters: { nop: , no_such: }\n"),
        ("", with_unused),
    ] {
        let block = Block {
            line: 1,
            language: "yaml".to_owned(),
            part_of: part_of.to_owned(),
            text: text.to_owned(),
        };
        assert!(check(&block).await.is_err(), "{text}");
    }
}

async fn check(block: &Block) -> Result<(), String> {
    let chart = fs::read_to_string(root().join("deploy/helm/spanloom/values.yaml")).unwrap();
    let (rest, text) = match block.part_of.as_str() {
        "" if is_whole(&block.text) => (None, block.text.clone()),
        "" => (Some(REST.to_owned()), block.text.clone()),
        "collector" | "sketch" => {
            return Node::parse("page.yaml", &block.text).map(drop).map_err(|error| error.to_string());
        }
        "helm" => (Some(config_of_values(&chart, &chart)?), config_of_values(&block.text, &chart)?),
        section => (Some(REST.to_owned()), format!("{section}:\n{}", indented(&block.text))),
    };
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = with_plugins(&text, &folder) else { return Ok(()) };
    let path = folder.path().join("page.yaml");
    fs::write(&path, &text).unwrap();
    let configs = rest.iter().map(|rest| format!("yaml:{rest}")).chain([format!("file:{}", path.display())]);
    let configs: Vec<String> = configs.collect();
    let secrets = |name: &str| name.ends_with("TOKEN").then(|| "sesame".to_owned());
    match open(&configs, &[], &secrets, &builtin::registry()).await {
        Err(error) => Err(error.to_string()),
        Ok(opened) if rest.is_none() && !opened.warnings.is_empty() => Err(format!("{:?}", opened.warnings)),
        Ok(_) => Ok(()),
    }
}

/// Returns whether a block has receivers, exporters and pipelines.
fn is_whole(text: &str) -> bool {
    let has_section = |section: &str| text.lines().any(|line| line.starts_with(section));
    ["receivers:", "exporters:", "service:"].into_iter().all(has_section) && text.contains("pipelines:")
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Puts the plugins that the config names beside it, and returns the config with their paths there. Returns `None` if a
/// plugin has not been built.
fn with_plugins(config: &str, folder: &TempDir) -> Option<String> {
    let mut config = config.to_owned();
    for (name, stand_in) in PLUGINS {
        let is_name = |word: &&str| word.rsplit('/').next() == Some(name);
        let words = config.split([' ', '"', '\'', ',', '\n']).filter(is_name);
        let paths: Vec<String> = words.map(str::to_owned).collect();
        if paths.is_empty() {
            continue;
        }
        let file = match stand_in.contains('/') {
            true => root().join(stand_in),
            false => Path::new(&env::var_os("SPANLOOM_PLUGINS")?).join(stand_in),
        };
        fs::copy(&file, folder.path().join(name)).ok()?;
        for path in paths {
            config = config.replace(&path, name);
        }
    }
    Some(config)
}

/// Returns the config in values of the Helm chart. The other keys have to be values of the chart.
fn config_of_values(values: &str, chart: &str) -> Result<String, String> {
    let mut config = String::new();
    let mut is_in_config = false;
    for line in values.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some(of_config) = line.strip_prefix("  ") {
            if is_in_config {
                config += &format!("{of_config}\n");
            }
            continue;
        }
        let key = line.split(':').next().unwrap_or_default();
        is_in_config = key == "config";
        if !chart.lines().any(|known| known.starts_with(&format!("{key}:"))) {
            return Err(format!("the chart has no value `{key}`"));
        }
    }
    Ok(config)
}

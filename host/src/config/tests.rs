//! Configs as users write them, and the errors that users get.

mod connectors;
mod errors;
mod expanding;
mod loading;
mod plugins;
mod printing;
mod reading;
mod secrets;

use std::sync::Arc;

use serde::Deserialize;
use wire::Signal;

use super::{ConfigError, Node};
use crate::{
    component::{
        BuildContext, BuiltExporter, BuiltExtension, Connector, ConnectorFactory, ExporterFactory,
        ExtensionFactory, Factory, Receiver, ReceiverFactory, Registry,
    },
    connector::forward::ForwardFactory,
    pipeline::Ingest,
    service::{self, Opened},
};

const ALL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// Component types that accept any config. Only `otlp_grpc` checks its config, as the real exporter does.
struct Fake {
    names: &'static [&'static str],
    signals: &'static [Signal],
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OtlpConfig {
    endpoint: String,
    headers: std::collections::BTreeMap<String, String>,
    sending_queue: QueueConfig,
    timeout: super::Duration,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct QueueConfig {
    enabled: bool,
    num_consumers: u16,
    queue_size: u32,
}

impl Factory for Fake {
    fn name(&self) -> &str {
        self.names[0]
    }

    fn aliases(&self) -> &[&str] {
        &self.names[1..]
    }

    fn signals(&self) -> &[Signal] {
        self.signals
    }

    fn emits(&self) -> &[Signal] {
        if self.names == ["count"] { &[Signal::Metrics] } else { &[] }
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        if self.names[0] != "otlp_grpc" {
            return Ok(());
        }
        let validate = |config: &OtlpConfig| match config.endpoint.is_empty() {
            true => Err(ConfigError::on("endpoint", "`endpoint` is empty: say where to, as `host:4317`")),
            false => Ok(()),
        };
        config.read_valid(validate).map(drop)
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for Fake {
    async fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<Arc<dyn Receiver>, ConfigError> {
        Err(ConfigError::new("a fake is not built"))
    }
}

#[async_trait::async_trait]
impl ExporterFactory for Fake {
    async fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        Err(ConfigError::new("a fake is not built"))
    }
}

#[async_trait::async_trait]
impl ConnectorFactory for Fake {
    async fn build(
        &self,
        _: &Node,
        _: &BuildContext<'_>,
        _: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError> {
        Err(ConfigError::new("a fake is not built"))
    }
}

impl ExtensionFactory for Fake {
    fn build(&self, _: &Node) -> Result<BuiltExtension, ConfigError> {
        Err(ConfigError::new("a fake is not built"))
    }
}

pub(crate) fn registry() -> Registry {
    Registry {
        processors: Vec::new(),
        receivers: vec![
            Arc::new(Fake { names: &["otlp"], signals: ALL }),
            Arc::new(Fake { names: &["zipkin"], signals: &[Signal::Traces] }),
        ],
        exporters: vec![
            Arc::new(Fake { names: &["otlp_grpc", "otlp"], signals: ALL }),
            Arc::new(Fake { names: &["debug", "logging"], signals: ALL }),
            Arc::new(Fake { names: &["xray"], signals: &[Signal::Traces] }),
        ],
        connectors: vec![
            Arc::new(ForwardFactory),
            Arc::new(Fake { names: &["count"], signals: &[Signal::Traces] }),
        ],
        extensions: vec![Arc::new(Fake { names: &["health_check"], signals: &[] })],
    }
}

/// A folder of files. Messages name its files as if the folder were the working folder. In the files, `HERE`
/// is the folder.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Files {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let text = text.replace("HERE", &folder.path().display().to_string());
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Files(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Removes the folder's random name from a message.
    fn strip(&self, shown: &str) -> String {
        shown.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn env(name: &str) -> Option<String> {
    let variables = [
        ("PORT", "4317"),
        ("HOST", "backend"),
        ("NAME", "PORT"),
        ("EMPTY", ""),
        ("DIGITS", "0123"),
        ("MAP", "{a: 1, b: [x, y]}"),
        ("COMMA", "a: b"),
        ("DOLLARS", "pa$$word${HOST}"),
        ("TRUE", "true"),
        ("BROKEN", "{a"),
    ];
    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

/// Opens a config that is a single file called `otel.yaml`.
#[tokio::main(flavor = "current_thread")]
async fn open(text: &str) -> (Files, Result<Opened, ConfigError>) {
    let files = Files::new(&[("otel.yaml", text)]);
    let opened = service::open(&[files.path("otel.yaml")], &[], &env, &registry()).await;
    (files, opened)
}

#[track_caller]
fn refuses(text: &str, expected: &str) {
    let (files, opened) = open(text);
    let shown = files.strip(&opened.map(drop).expect_err("the config is wrong").to_string());
    assert_eq!(shown, expected.trim_matches('\n'), "\n{shown}\n");
}

#[track_caller]
fn warns(text: &str, expected: &str) {
    let (files, opened) = open(text);
    let warnings = opened.unwrap().warnings;
    let shown: Vec<String> = warnings.iter().map(|warning| warning.warning(false)).collect();
    let shown = files.strip(&shown.join("\n\n"));
    assert_eq!(shown, expected.trim_matches('\n'), "\n{shown}\n");
}

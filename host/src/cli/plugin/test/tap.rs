//! Catches the log lines of plugins instead of writing them.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock},
};

use serde::Serialize;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// The lines of all plugins of this process.
#[derive(Clone, Debug, Default)]
pub(super) struct LogTap(Arc<Mutex<Vec<LogLine>>>);

/// A line that a plugin wrote, or that the host wrote about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LogLine {
    /// The level, such as `INFO`.
    pub(super) level: &'static str,
    pub(super) message: String,
    /// The guest's frames, the innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) backtrace: Vec<String>,
}

const LINE_LIMIT: usize = 1000;
const HOST: &str = "spanloom";

impl LogTap {
    /// Returns the tap of this process. It catches all lines from the first call on.
    pub(super) fn install() -> LogTap {
        static TAP: OnceLock<LogTap> = OnceLock::new();
        let install = || {
            let tap = LogTap::default();
            let ours = Targets::new().with_target(HOST, Level::DEBUG);
            // This fails if another subscriber is installed already. Then no lines are caught.
            let _ = Registry::default().with(tap.clone().with_filter(ours)).try_init();
            tap
        };
        TAP.get_or_init(install).clone()
    }

    /// Returns the lines since the last call, at most a thousand.
    pub(super) fn drain(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl<S: Subscriber> Layer<S> for LogTap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut lines = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if fields.is_of_plugin && lines.len() < LINE_LIMIT {
            let level = event.metadata().level().as_str();
            let frames = fields.backtrace.split(" < ").filter(|frame| !frame.is_empty());
            let backtrace = frames.map(str::to_owned).collect();
            lines.push(LogLine { level, message: fields.message, backtrace });
        }
    }
}

#[derive(Default)]
struct Fields {
    is_of_plugin: bool,
    message: String,
    backtrace: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "plugin" => self.is_of_plugin = true,
            "backtrace" => value.clone_into(&mut self.backtrace),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: lines are logged for a plugin and for nothing in particular.
    /// Guarantees: only the plugin's lines are caught, each with its backtrace, and once.
    #[test]
    fn lines_of_plugins_are_caught_and_others_are_not() {
        let tap = LogTap::default();
        let subscriber = Registry::default().with(tap.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(component = "a", plugin = "p", "hello {}", 1);
            tracing::warn!(plugin = "p", backtrace = Some("inner < outer"), "it trapped");
            tracing::info!("something else");
        });
        let line = |level, message: &str, backtrace: &[&str]| LogLine {
            level,
            message: message.to_owned(),
            backtrace: backtrace.iter().map(|frame| (*frame).to_owned()).collect(),
        };
        let expected = [line("INFO", "hello 1", &[]), line("WARN", "it trapped", &["inner", "outer"])];
        assert_eq!(tap.drain(), expected);
        assert_eq!(tap.drain(), []);
    }
}

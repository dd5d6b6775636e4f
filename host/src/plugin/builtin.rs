//! The plugins that the binary brings: components as any other, against the same interface. `plugins: NAME: path: …`
//! puts a file in the place of one.

mod awsxray;
mod span_metrics;

use serde_json::Value;
use tokio::time::Duration;
use wire::Signal;

use super::{config::LimitsConfig, outside::GrantsConfig};
use crate::{config::ConfigError, id::Kind};

/// One of them.
pub struct Builtin {
    pub kind: Kind,
    name: &'static str,
    aliases: &'static [&'static str],
    /// What its `describe` and `emits` say; known here without compiling it.
    pub(super) signals: &'static [Signal],
    pub(super) emits: &'static [Signal],
    pub(super) component: &'static [u8],
    /// Of one instance.
    memory_mib: u32,
    /// Of batches that one instance holds.
    held_mib: u32,
    /// What the host reads of a component's config itself: what it may reach is in there.
    pub(super) adapt: Option<Adapt>,
}

/// Takes the config as its schema has it, and the region that the machine is in if it was asked for.
pub(super) type Adapt = fn(Value, Option<&str>) -> Result<Adapted, ConfigError>;

/// What becomes of a component's config.
pub(super) struct Adapted {
    /// What the plugin gets.
    pub(super) config: Value,
    pub(super) grants: GrantsConfig,
    /// Of its queue, unless the config says it there.
    pub(super) num_consumers: Option<usize>,
    /// Of one attempt, unless the config says it by the host's own key.
    pub(super) timeout: Option<Duration>,
    /// Whose region is to be asked for, since the config names none.
    pub(super) lacks_region: Option<awsxray::LacksRegion>,
}

impl Adapted {
    /// Of a plugin whose config says nothing to the host.
    pub(super) fn plain(config: Value, grants: GrantsConfig) -> Adapted {
        Adapted { config, grants, num_consumers: None, timeout: None, lacks_region: None }
    }
}

const TRACES: &[Signal] = &[Signal::Traces];
const METRICS: &[Signal] = &[Signal::Metrics];
const ALL_SIGNALS: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

macro_rules! component {
    ($name:literal) => {
        include_bytes!(concat!(env!("SPANLOOM_BUILTINS"), "/builtin-", $name, ".wasm"))
    };
}

pub static BUILTINS: [Builtin; 5] = [
    Builtin {
        kind: Kind::Processor,
        name: "batch",
        aliases: &[],
        signals: ALL_SIGNALS,
        emits: &[],
        component: component!("batch"),
        memory_mib: 64,
        held_mib: 1024,
        adapt: None,
    },
    Builtin {
        kind: Kind::Exporter,
        name: "awsxray",
        aliases: &[],
        signals: TRACES,
        emits: &[],
        component: component!("xray"),
        memory_mib: 256,
        held_mib: 256,
        adapt: Some(awsxray::adapt),
    },
    Builtin {
        kind: Kind::Exporter,
        name: "prometheus",
        aliases: &[],
        signals: METRICS,
        emits: &[],
        component: component!("prometheus"),
        memory_mib: 1024,
        held_mib: 256,
        adapt: None,
    },
    Builtin {
        kind: Kind::Connector,
        name: "span_metrics",
        aliases: &["spanmetrics"],
        signals: TRACES,
        emits: METRICS,
        component: component!("span-metrics"),
        memory_mib: 512,
        held_mib: 256,
        adapt: Some(span_metrics::adapt),
    },
    Builtin {
        kind: Kind::Connector,
        name: "service_graph",
        aliases: &["servicegraph"],
        signals: TRACES,
        emits: METRICS,
        component: component!("service-graph"),
        memory_mib: 512,
        held_mib: 256,
        adapt: None,
    },
];

impl Builtin {
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Older spellings.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// By its name or an older spelling.
    pub fn find(name: &str) -> Option<&'static Builtin> {
        BUILTINS.iter().find(|known| known.is_called(name))
    }

    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// Wider than a plugin's that the user brings: what is embedded is trusted with memory and time.
    pub(super) fn limits(&self) -> LimitsConfig {
        let call_timeout = crate::config::Duration::from_secs(10);
        LimitsConfig {
            memory_mib: self.memory_mib,
            held_mib: self.held_mib,
            call_timeout,
            ..LimitsConfig::default()
        }
    }
}

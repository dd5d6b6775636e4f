//! The plugins that the binary embeds. They are components like any other, against the same interface.
//! `plugins: NAME: path: …` replaces one by a file.

mod awsxray;
mod entry;
mod proxy_server;
mod span_metrics;
mod xray_sampler;

pub(super) use self::{
    entry::BuiltinConfig,
    proxy_server::{KEY as PROXY_SERVER, ProxyServerConfig},
};
use serde_json::Value;
use tokio::time::Duration;
use wire::Signal;

use super::{config::LimitsConfig, outside::GrantsConfig};
use crate::{config::ConfigError, id::Kind};

/// A built-in plugin.
pub struct Builtin {
    pub kind: Kind,
    name: &'static str,
    aliases: &'static [&'static str],
    /// The signals that its `describe` and `emits` return, known without compiling it. Of a receiver, `signals` are
    /// those that it makes, and `emits` is empty.
    pub(super) signals: &'static [Signal],
    pub(super) emits: &'static [Signal],
    pub(super) component: &'static [u8],
    /// The memory of one instance.
    memory_mib: u32,
    /// The batches that one instance may hold.
    held_mib: u32,
    /// Reads the host's part of a component's config, from which its grants follow.
    pub(super) adapt: Option<Adapt>,
}

/// Adapts a config that the schema has accepted. The second argument is the machine's region, if it was asked
/// for.
pub(super) type Adapt = fn(Value, Option<&str>) -> Result<Adapted, ConfigError>;

/// A component's config, split into the plugin's part and the host's.
pub(super) struct Adapted {
    /// The config that the plugin gets.
    pub(super) config: Value,
    pub(super) grants: GrantsConfig,
    /// The workers of its queue, unless the config sets them there.
    pub(super) num_consumers: Option<usize>,
    /// The time limit of one attempt, unless the config sets the host's own key.
    pub(super) timeout: Option<Duration>,
    /// Set if the config names no region, so that the machine must be asked.
    pub(super) lacks_region: Option<awsxray::LacksRegion>,
}

impl Adapted {
    /// Returns the config of a plugin that has no part for the host.
    pub(super) fn plain(config: Value, grants: GrantsConfig) -> Adapted {
        Adapted { config, grants, num_consumers: None, timeout: None, lacks_region: None }
    }
}

const TRACES: &[Signal] = &[Signal::Traces];
const METRICS: &[Signal] = &[Signal::Metrics];
const TRACES_AND_LOGS: &[Signal] = &[Signal::Traces, Signal::Logs];
const ALL_SIGNALS: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

macro_rules! component {
    ($name:literal) => {
        include_bytes!(concat!(env!("SPANLOOM_BUILTINS"), "/builtin-", $name, ".wasm"))
    };
}

pub static BUILTINS: [Builtin; 10] = [
    Builtin {
        kind: Kind::Receiver,
        name: "awsxray",
        aliases: &["aws_xray"],
        signals: TRACES,
        emits: &[],
        component: component!("xray-receiver"),
        memory_mib: 256,
        held_mib: 256,
        adapt: None,
    },
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
        kind: Kind::Processor,
        name: "probabilistic_sampler",
        aliases: &[],
        signals: TRACES_AND_LOGS,
        emits: &[],
        component: component!("probabilistic-sampler"),
        memory_mib: 256,
        held_mib: 256,
        adapt: None,
    },
    Builtin {
        kind: Kind::Processor,
        name: "tail_sampling_policies",
        aliases: &[],
        signals: TRACES,
        emits: &[],
        component: component!("tail-policies"),
        memory_mib: 256,
        held_mib: 256,
        adapt: None,
    },
    Builtin {
        kind: Kind::Processor,
        name: "adaptive_sampler",
        aliases: &[],
        signals: TRACES,
        emits: &[],
        component: component!("adaptive-sampler"),
        memory_mib: 128,
        held_mib: 256,
        adapt: None,
    },
    Builtin {
        kind: Kind::Processor,
        name: "xray_sampler",
        aliases: &[],
        signals: TRACES,
        emits: &[],
        component: component!("xray-sampler"),
        memory_mib: 128,
        held_mib: 256,
        adapt: Some(xray_sampler::adapt),
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

    /// Returns older spellings of the name.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }

    /// Returns whether there is a built-in plugin of this name or older spelling.
    pub fn is_known(name: &str) -> bool {
        BUILTINS.iter().any(|known| known.is_called(name))
    }

    /// Returns the built-in plugin of this kind, and of this name or older spelling. Two of different kinds may have
    /// one name.
    pub fn find(kind: Kind, name: &str) -> Option<&'static Builtin> {
        BUILTINS.iter().find(|known| known.kind == kind && known.is_called(name))
    }

    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }

    /// Returns the limits. They are wider than those of a user's plugin, since an embedded plugin is trusted
    /// with memory and time.
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

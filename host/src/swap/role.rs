//! Compares two versions of a plugin: whether the next one has the role and the signals of the previous one.

use std::fmt;

use wire::Signal;

use crate::{
    component::Factory as _,
    plugin::{Role as Kind, factory::PluginType},
};

/// The role of a plugin, and the signals that it takes and emits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Role<'a> {
    kind: Kind,
    takes: &'a [Signal],
    emits: &'a [Signal],
}

impl Role<'_> {
    pub(super) fn of(plugin: &PluginType) -> Role<'_> {
        Role { kind: plugin.plugin().role, takes: plugin.signals(), emits: plugin.emits() }
    }

    /// Returns a description of the difference if the next version would treat other data than this one. This
    /// catches a file that was put in place by mistake, such as a sampler instead of a redactor. Additional
    /// signals are not a difference.
    pub(super) fn difference(&self, next: &Role<'_>) -> Option<String> {
        let keeps = |old: &[Signal], new: &[Signal]| old.iter().all(|signal| new.contains(signal));
        let is_alike =
            self.kind == next.kind && keeps(self.takes, next.takes) && keeps(self.emits, next.emits);
        (!is_alike).then(|| format!("it is {next}, and the one that runs is {self}"))
    }
}

/// Writes the role and the signals: `a connector of traces that emits metrics`.
impl fmt::Display for Role<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |signals: &[Signal]| signals.iter().map(|signal| signal.name()).collect::<Vec<_>>().join(", ");
        let article = if self.kind == Kind::Exporter { "an" } else { "a" };
        write!(f, "{article} {} of {}", self.kind, list(self.takes))?;
        if self.emits.is_empty() { Ok(()) } else { write!(f, " that emits {}", list(self.emits)) }
    }
}

#[cfg(test)]
mod tests {
    use Signal::{Logs, Metrics, Traces};

    use super::*;

    const fn role<'a>(kind: Kind, takes: &'a [Signal], emits: &'a [Signal]) -> Role<'a> {
        Role { kind, takes, emits }
    }

    /// Scenario: a version is compared with versions of other roles and with other signals.
    /// Guarantees: another role or a missing signal is a difference, and an additional signal is not.
    #[test]
    fn a_version_of_another_role_or_without_a_signal_differs_and_one_with_more_signals_does_not() {
        let all = &[Traces, Metrics, Logs];
        let processor = role(Kind::Processor, &[Traces, Logs], &[]);
        let connector = role(Kind::Connector, &[Traces], &[Metrics]);
        for (old, new) in [
            (processor, role(Kind::Processor, &[Logs, Traces], &[])),
            (processor, role(Kind::Processor, all, &[])),
            (connector, role(Kind::Connector, all, &[Logs, Metrics])),
        ] {
            assert_eq!(old.difference(&new), None, "{old}, {new}");
        }
        for (old, new, why) in [
            (
                processor,
                role(Kind::Sampler, &[Traces], &[]),
                "it is a sampler of traces, and the one that runs is a processor of traces, logs",
            ),
            (
                processor,
                role(Kind::Processor, &[Traces], &[]),
                "it is a processor of traces, and the one that runs is a processor of traces, logs",
            ),
            (
                connector,
                role(Kind::Connector, &[Traces], &[Logs]),
                "it is a connector of traces that emits logs, and the one that runs is a connector of traces that \
                 emits metrics",
            ),
            (
                connector,
                role(Kind::Exporter, &[Traces], &[]),
                "it is an exporter of traces, and the one that runs is a connector of traces that emits metrics",
            ),
        ] {
            assert_eq!(old.difference(&new).as_deref(), Some(why));
        }
    }
}

//! What a reload changed, for the log and for tests.

use std::fmt;

use super::graph::Graph;
use crate::id::Kind;

/// Lists the parts of the service by what a reload did with them. A part is named by its kind and id:
/// `exporter otlp`, `pipeline traces`. Every list but `kept` is empty if nothing changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Parts that stayed as they were, with their connections, queues and state.
    pub kept: Vec<String>,
    /// Parts that stayed as they were, but lead to other parts now.
    pub rewired: Vec<String>,
    /// Plugins that were changed in place, while batches passed.
    pub changed: Vec<String>,
    /// Parts that were built again. The earlier parts drain.
    pub rebuilt: Vec<String>,
    pub started: Vec<String>,
    pub closed: Vec<String>,
}

/// Names a list of [`Changes`].
#[derive(Clone, Copy)]
pub(super) enum What {
    Kept,
    Rewired,
    Changed,
    Rebuilt,
    Started,
    Closed,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        let Changes { kept: _, rewired, changed, rebuilt, started, closed } = self;
        [rewired, changed, rebuilt, started, closed].into_iter().all(Vec::is_empty)
    }

    /// Adds a part to a list, once even if several pipelines use it.
    pub(super) fn note(&mut self, what: What, kind: impl fmt::Display, id: impl fmt::Display) {
        let (list, name) = (self.list(what), format!("{kind} {id}"));
        if !list.contains(&name) {
            list.push(name);
        }
    }

    /// Compares the parts of two graphs, and notes what became of each.
    pub(super) fn compare(&mut self, before: &Graph, next: &Graph) {
        for (id, one) in &next.exporters {
            let what = fate(before.exporters.get(id).map(|known| known.is(one)));
            self.note_unless_changed(what, Kind::Exporter, id);
        }
        for one in next.connectors() {
            let known = before.connectors().find(|known| known.id == one.id);
            let what = match known {
                Some(known) if known.is(one) && leads_elsewhere(before, next, &one.id) => What::Rewired,
                known => fate(known.map(|known| known.is(one))),
            };
            self.note_unless_changed(what, Kind::Connector, &one.id);
        }
        for one in next.chains() {
            let known = before.chains().find(|known| known.id == one.id);
            let what = match known {
                Some(known) if known.is(one) && ends_elsewhere(before, next, &one.config.exporters) => {
                    What::Rewired
                }
                known => fate(known.map(|known| known.is(one))),
            };
            self.note(what, "pipeline", &one.id);
        }
        for (id, one) in &next.receivers {
            let what = match before.receivers.get(id) {
                Some(known) if known.is(one) && leads_elsewhere(before, next, id) => What::Rewired,
                known => fate(known.map(|known| known.is(one))),
            };
            self.note_unless_changed(what, Kind::Receiver, id);
        }
        self.closed(before, next);
    }

    fn closed(&mut self, before: &Graph, next: &Graph) {
        for id in before.receivers.keys().filter(|id| !next.receivers.contains_key(id)) {
            self.note(What::Closed, Kind::Receiver, id);
        }
        for chain in before.chains().filter(|chain| !next.chains().any(|one| one.id == chain.id)) {
            self.note(What::Closed, "pipeline", &chain.id);
        }
        for known in before.connectors().filter(|known| !next.connectors().any(|one| one.id == known.id)) {
            self.note(What::Closed, Kind::Connector, &known.id);
        }
        for id in before.exporters.keys().filter(|id| !next.exporters.contains_key(id)) {
            self.note(What::Closed, Kind::Exporter, id);
        }
    }

    fn note_unless_changed(&mut self, what: What, kind: Kind, id: impl fmt::Display) {
        if !self.changed.contains(&format!("{kind} {id}")) {
            self.note(what, kind, id);
        }
    }

    fn list(&mut self, what: What) -> &mut Vec<String> {
        match what {
            What::Kept => &mut self.kept,
            What::Rewired => &mut self.rewired,
            What::Changed => &mut self.changed,
            What::Rebuilt => &mut self.rebuilt,
            What::Started => &mut self.started,
            What::Closed => &mut self.closed,
        }
    }
}

/// Returns the list for a part. `is_known` tells whether the part is the same as before; `None` if there was
/// none before.
fn fate(is_known: Option<bool>) -> What {
    match is_known {
        Some(true) => What::Kept,
        Some(false) => What::Rebuilt,
        None => What::Started,
    }
}

/// Returns true if a receiver or a connector leads into other pipelines than before.
fn leads_elsewhere(before: &Graph, next: &Graph, id: &crate::id::ComponentId) -> bool {
    let of = |graph: &Graph| -> Vec<super::graph::Chain> {
        graph.chains().filter(|chain| chain.config.receivers.contains(id)).cloned().collect()
    };
    let (before, next) = (of(before), of(next));
    before.len() != next.len() || !next.iter().all(|one| before.iter().any(|known| known.is(one)))
}

/// Returns true if an exporter or a connector at the end of a pipeline is not the same as before.
fn ends_elsewhere(before: &Graph, next: &Graph, exporters: &[crate::id::ComponentId]) -> bool {
    exporters.iter().any(|id| {
        let exporter = (next.exporters.get(id))
            .is_some_and(|one| before.exporters.get(id).is_none_or(|known| !known.is(one)));
        let connector = (next.connectors().find(|one| one.id == *id)).is_some_and(|one| {
            before.connectors().find(|known| known.id == *id).is_none_or(|known| !known.is(one))
        });
        exporter || connector
    })
}

/// Writes the changes in one line: `started: exporter otlp; closed: exporter debug, pipeline logs`.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("rewired", &self.rewired),
            ("changed in place", &self.changed),
            ("built anew", &self.rebuilt),
            ("started", &self.started),
            ("closed", &self.closed),
        ];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let lists: Vec<String> = lists.map(|(what, names)| format!("{what}: {}", names.join(", "))).collect();
        f.write_str(&lists.join("; "))
    }
}

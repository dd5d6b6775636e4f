//! Checks connectors: each must be an exporter of one pipeline and a receiver of another, and must be able to
//! make the second pipeline's signal of the first's.

use wire::Signal;

use super::{Check, at_key};
use crate::{
    component::ConnectorFactory,
    config::{Node, PipelineId},
    id::{ComponentId, Kind},
    service::flow,
};

/// A place where a pipeline names a connector.
struct Use<'a> {
    pipeline: &'a PipelineId,
    place: &'a Node,
}

/// All places where pipelines name a connector.
struct Uses<'a> {
    id: &'a ComponentId,
    as_exporter: Vec<Use<'a>>,
    as_receiver: Vec<Use<'a>>,
}

impl<'a> Check<'a> {
    pub(super) fn connectors(&mut self) {
        self.ambiguous();
        for id in self.config.connectors.keys() {
            let uses = Uses {
                id,
                as_exporter: self.uses(Kind::Exporter, id),
                as_receiver: self.uses(Kind::Receiver, id),
            };
            match self.registry.connector(&id.component_type) {
                None => {}
                Some(_) if uses.as_receiver.is_empty() || uses.as_exporter.is_empty() => {
                    self.one_sided(&uses)
                }
                Some(connector) => self.fits(connector, &uses),
            }
        }
        if let Err(cycle) = flow::waves(self.config) {
            let place = self.config.root.nearest(["service", "pipelines"]);
            self.errors.push(place.finding(cycle.to_string()));
        }
    }

    /// Reports an id that two sections define, since a pipeline that names it could mean either.
    fn ambiguous(&mut self) {
        let Some(section) = self.config.root.get(Kind::Connector.section()) else { return };
        for entry in section.entries() {
            let Ok(id) = entry.key.parse::<ComponentId>() else { continue };
            for kind in [Kind::Receiver, Kind::Exporter] {
                if self.config.components(kind).contains_key(&id) {
                    let message = format!("`{id}` is a connector and {}", kind.with_article());
                    let label = "a pipeline that names it could mean either";
                    self.errors.push(at_key(entry, section, message).label(label));
                }
            }
        }
    }

    fn uses(&self, kind: Kind, connector: &ComponentId) -> Vec<Use<'a>> {
        let pipelines = self.config.service.pipelines.iter();
        let uses = pipelines.filter_map(|(pipeline, named)| {
            let ids = if kind == Kind::Exporter { &named.exporters } else { &named.receivers };
            let index = ids.iter().position(|id| id == connector)?;
            let list = self.pipeline_node(pipeline)?.get(kind.section())?;
            Some(Use { pipeline, place: list.items().get(index).unwrap_or(list) })
        });
        uses.collect()
    }

    /// Reports a connector that is only an exporter or only a receiver of pipelines. A connector that no
    /// pipeline names is not an error.
    fn one_sided(&mut self, uses: &Uses<'_>) {
        let id = uses.id;
        for Use { pipeline, place } in &uses.as_exporter {
            let message =
                format!("the connector `{id}` is an exporter of `{pipeline}` and a receiver of none");
            self.errors.push(place.finding(message).label("what goes in here comes out nowhere"));
        }
        for Use { pipeline, place } in &uses.as_receiver {
            let message =
                format!("the connector `{id}` is a receiver of `{pipeline}` and an exporter of none");
            self.errors.push(place.finding(message).label("nothing will come out here"));
        }
    }

    /// Checks that the connector takes or emits the signal of each pipeline, and that a pipeline on its other
    /// side matches.
    fn fits(&mut self, connector: &dyn ConnectorFactory, uses: &Uses<'_>) {
        let id = uses.id;
        let among = |uses: &[Use<'_>], fits: &dyn Fn(Signal) -> bool| {
            uses.iter().any(|other| fits(other.pipeline.signal))
        };
        for Use { pipeline, place } in &uses.as_exporter {
            let signal = pipeline.signal;
            if !connector.signals().contains(&signal) {
                let taken = words(connector.signals());
                self.errors.push(place.finding(format!(
                    "the connector `{id}` takes {taken}, and the pipeline `{pipeline}` carries {signal}"
                )));
            } else if !among(&uses.as_receiver, &|to| connector.connects(signal, to)) {
                self.errors.push(place.finding(format!(
                    "no pipeline gets what the connector `{id}` makes of {signal}: it is a receiver of {}",
                    names(&uses.as_receiver)
                )));
            }
        }
        for Use { pipeline, place } in &uses.as_receiver {
            let signal = pipeline.signal;
            if !connector.emits().contains(&signal) {
                let emitted = words(connector.emits());
                self.errors.push(place.finding(format!(
                    "the connector `{id}` emits {emitted}, and the pipeline `{pipeline}` carries {signal}"
                )));
            } else if !among(&uses.as_exporter, &|from| connector.connects(from, signal)) {
                self.errors.push(place.finding(format!(
                    "the connector `{id}` gets no data to make {signal} of: it is an exporter of {}",
                    names(&uses.as_exporter)
                )));
            }
        }
    }
}

fn words(signals: &[Signal]) -> String {
    let words: Vec<&str> = signals.iter().map(|signal| signal.name()).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" and ") }
}

/// Writes the pipelines: `` `traces` and `traces/2` ``.
fn names(uses: &[Use<'_>]) -> String {
    uses.iter().map(|named| format!("`{}`", named.pipeline)).collect::<Vec<_>>().join(" and ")
}

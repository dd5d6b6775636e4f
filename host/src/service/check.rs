//! Checks a config against the components that this binary has, and reports all mistakes, not only the first.

mod connectors;
mod deciding;
mod references;

use crate::{
    component::Registry,
    config::{
        Config, ConfigError, Finding, Node, PipelineConfig, PipelineId,
        collector::{self, Component, State},
        nearest::did_you_mean,
        node::Entry,
        telemetry::TelemetryConfig,
    },
    id::{ComponentId, Kind},
    service::samplers,
};

/// Checks a config. `Ok` holds warnings: components that are defined and not used, keys without effect, names
/// that will be removed.
pub fn check(config: &Config, registry: &Registry) -> Result<Vec<Finding>, ConfigError> {
    let mut check = Check { config, registry, errors: Vec::new(), warnings: Vec::new() };
    for kind in Kind::ALL {
        check.section(kind);
    }
    check.plugins();
    check.service();
    check.references();
    check.connectors();
    check.samplers();
    let Check { errors, warnings, .. } = check;
    ConfigError::from_findings(errors).map(|()| warnings)
}

struct Check<'a> {
    config: &'a Config,
    registry: &'a Registry,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl<'a> Check<'a> {
    fn section(&mut self, kind: Kind) {
        let Some(section) = self.config.root.get(kind.section()) else { return };
        for entry in section.entries() {
            let Ok(id) = entry.key.parse::<ComponentId>() else { continue };
            if self.registry.find(kind, &id.component_type).is_none() {
                self.unknown_type(kind, &id, entry);
                continue;
            }
            if id.component_type == "logging" && kind == Kind::Exporter {
                self.warnings.push(
                    at_key(entry, section, format!("the {kind} `{id}` is called `debug` today"))
                        .help("`logging` still works, but will be removed"),
                );
            }
            let is_used = self.is_used(kind, &id);
            if let Err(error) = self.registry.check(kind, &id.component_type, &entry.node) {
                // A component that will not run needs no destination. Often its endpoint is a variable that
                // is not set.
                let (doubts, errors): (Vec<Finding>, Vec<Finding>) = error
                    .into_findings()
                    .into_iter()
                    .partition(|finding| !is_used && is_of_endpoint(finding));
                self.warnings.extend(doubts);
                self.errors.extend(errors);
            }
            if let Some(known) = self.registry.find(kind, &id.component_type) {
                self.warnings.extend(known.doubts(&entry.node));
            }
            if !is_used {
                let place = if kind == Kind::Extension { "service.extensions" } else { "any pipeline" };
                self.warnings.push(
                    at_key(entry, section, format!("the {kind} `{id}` is not in {place}"))
                        .label("it will not run"),
                );
            }
        }
    }

    fn unknown_type(&mut self, kind: Kind, id: &ComponentId, entry: &Entry) {
        let at = |message: String| Finding::new(message).at(entry.key_at.clone(), self.section_path(kind));
        let is = Kind::ALL.into_iter().find(|other| self.registry.find(*other, &id.component_type).is_some());
        let lacking = format!("Spanloom has no {kind} `{}`", id.component_type);
        let finding = match (collector::component(kind, &id.component_type), is) {
            (_, None) if self.config.plugin_node(&id.component_type).is_some() => {
                // The plugin could not be loaded, which has been reported already.
                return;
            }
            (_, Some(is)) => {
                let plugin =
                    if self.config.plugin_node(&id.component_type).is_some() { "the plugin " } else { "" };
                at(lacking).help(format!(
                    "{plugin}`{}` is {}: it belongs in `{}`",
                    id.component_type,
                    is.with_article(),
                    is.section()
                ))
            }
            (Some(Component { state: State::Accepted, advice }), None) => {
                let message = format!("the {kind} `{id}` does nothing in Spanloom");
                self.warnings.push(match advice {
                    Some(advice) => at(message).help(advice),
                    None => at(message),
                });
                return;
            }
            (Some(Component { state, advice }), None) => {
                let finding = match state {
                    State::Removed => at(format!("{lacking}; the Collector has removed it too")),
                    _ => at(format!("{lacking}, a type of the Collector's")),
                };
                finding.help(advice.unwrap_or(match kind {
                    Kind::Receiver | Kind::Extension => "nothing in Spanloom does its job",
                    _ => "nothing in Spanloom does its job; a plugin may: `spanloom plugin new`",
                }))
            }
            (None, None) => self.unheard_of(kind, id, at(lacking)),
        };
        self.errors.push(finding);
    }

    /// Describes a type that neither Spanloom nor the Collector has.
    fn unheard_of(&self, kind: Kind, id: &ComponentId, mut finding: Finding) -> Finding {
        if let Some(is) = collector::kind_of(&id.component_type) {
            return finding.help(format!(
                "`{}` is {} of the Collector's, which Spanloom does not have",
                id.component_type,
                is.with_article()
            ));
        }
        let types = self.registry.types(kind);
        let names = types
            .iter()
            .flat_map(|known| std::iter::once(known.name()).chain(known.aliases().iter().copied()));
        let names: Vec<&str> = names.collect();
        finding.label = did_you_mean(&id.component_type, names.iter().copied());
        match names.as_slice() {
            [] => finding.help(format!("it has no {kind}s of its own; `plugins` adds some")),
            names => finding.help(format!("it has: {}", names.join(", "))),
        }
    }

    fn section_path(&self, kind: Kind) -> crate::config::KeyPath {
        self.config.root.get(kind.section()).map(|node| node.path().clone()).unwrap_or_default()
    }

    fn is_used(&self, kind: Kind, id: &ComponentId) -> bool {
        let service = &self.config.service;
        let in_any = |role: fn(&PipelineConfig) -> &[ComponentId]| {
            service.pipelines.values().any(|pipeline| role(pipeline).contains(id))
        };
        match kind {
            Kind::Receiver => in_any(|pipeline| &pipeline.receivers),
            Kind::Processor => {
                let mut pipelines = service.pipelines.values();
                pipelines.any(|pipeline| samplers::all(self.config, self.registry, pipeline).contains(id))
            }
            Kind::Exporter => in_any(|pipeline| &pipeline.exporters),
            Kind::Connector => {
                in_any(|pipeline| &pipeline.receivers) || in_any(|pipeline| &pipeline.exporters)
            }
            Kind::Extension => service.extensions.contains(id),
        }
    }

    /// Checks the names of plugins. A plugin may have the name of a component of its own kind, and then replaces it. It
    /// may not have the name of an extension, or of a receiver that is no plugin: a config of the Collector means that one.
    fn plugins(&mut self) {
        let Some(section) = self.config.root.get("plugins") else { return };
        for entry in section.entries() {
            let name = entry.key.as_str();
            for kind in [Kind::Receiver, Kind::Extension] {
                if self.registry.find(kind, name).is_some_and(|known| known.plugin().is_none()) {
                    let message = format!("the plugin `{name}` has the name of {}", kind.with_article());
                    self.errors.push(at_key(entry, section, message).label("give it another name"));
                }
            }
            let is_named =
                |kind: &Kind| self.config.components(*kind).keys().any(|id| id.component_type == name);
            if !Kind::ALL.iter().any(is_named) {
                self.warnings.push(
                    at_key(entry, section, format!("no component is of the plugin `{name}`"))
                        .label("it will not run"),
                );
            }
        }
    }

    fn service(&mut self) {
        let service = &self.config.service;
        let root = &self.config.root;
        let place = root.nearest(["service", "extensions"]);
        for (index, id) in service.extensions.iter().enumerate() {
            self.reference(Kind::Extension, id, place.items().get(index).unwrap_or(place));
        }
        if let Some(telemetry) = root.get("service").and_then(|service| service.get("telemetry")) {
            self.warnings.extend(telemetry.unused::<TelemetryConfig>());
        }
        let pipelines = root.get("service").and_then(|service| service.get("pipelines"));
        // A pipeline that could not be read has been reported already.
        if pipelines.is_none_or(|pipelines| pipelines.is_null() || pipelines.is_empty_map()) {
            let message = "there is no pipeline in `service::pipelines`";
            let finding = match root.get("service") {
                Some(service) => service.nearest(["pipelines"]).finding(message),
                None => Finding::new(message),
            };
            self.errors.push(finding.help(
                "write one: `service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } }`",
            ));
        }
        for (id, pipeline) in &service.pipelines {
            self.pipeline(id, pipeline);
        }
    }

    fn pipeline_node(&self, id: &PipelineId) -> Option<&'a Node> {
        let pipelines = self.config.root.nearest(["service", "pipelines"]);
        let entry = pipelines.entries().iter().find(|entry| entry.key.parse().as_ref() == Ok(id));
        entry.map(|entry| &entry.node)
    }

    fn pipeline(&mut self, id: &PipelineId, pipeline: &PipelineConfig) {
        let Some(node) = self.pipeline_node(id) else { return };
        let roles = [
            (Kind::Receiver, &pipeline.receivers),
            (Kind::Processor, &pipeline.processors),
            (Kind::Exporter, &pipeline.exporters),
        ];
        for (kind, ids) in roles {
            if ids.is_empty() && kind != Kind::Processor {
                self.errors.push(node.finding(format!("the pipeline `{id}` has no {kind}")));
            }
            let list = node.get(kind.section()).unwrap_or(node);
            for (index, component) in ids.iter().enumerate() {
                let place = list.items().get(index).unwrap_or(list);
                self.reference(kind, component, place);
                self.takes_signal(kind, component, id, place);
                if ids.iter().take(index).any(|earlier| earlier == component) {
                    self.twice(kind, component, place);
                }
            }
        }
    }

    /// Notes that a pipeline names a component for the second time. As in the Collector, a second receiver or
    /// exporter of the name is the first one, and a processor cannot process what it has processed.
    fn twice(&mut self, kind: Kind, id: &ComponentId, place: &Node) {
        let finding = place.finding(format!("the {kind} `{id}` is here twice"));
        match kind {
            Kind::Processor => self.errors.push(finding),
            _ => self.warnings.push(finding.label("it counts once")),
        }
    }

    /// Checks that a component that is named is defined. A connector may be named as a receiver or as an
    /// exporter.
    fn reference(&mut self, kind: Kind, id: &ComponentId, place: &Node) {
        let as_connector = matches!(kind, Kind::Receiver | Kind::Exporter);
        let defined = self.config.components(kind);
        if defined.contains_key(id) || (as_connector && self.config.connectors.contains_key(id)) {
            return;
        }
        let section = kind.section();
        let names: Vec<String> = defined.keys().map(ComponentId::to_string).collect();
        let mut finding = place.finding(format!("the {kind} `{id}` is not defined in `{section}`"));
        finding.label = did_you_mean(&id.to_string(), names.iter().map(String::as_str));
        self.errors.push(match names.as_slice() {
            [] => finding.help(format!("`{section}` defines none")),
            names => finding.help(format!("defined there: {}", names.join(", "))),
        });
    }

    fn takes_signal(&mut self, kind: Kind, id: &ComponentId, pipeline: &PipelineId, place: &Node) {
        let Some(known) = self.registry.find(kind, &id.component_type) else { return };
        if !self.config.components(kind).contains_key(id) || known.signals().contains(&pipeline.signal) {
            return;
        }
        let signals: Vec<String> = known.signals().iter().map(ToString::to_string).collect();
        self.errors.push(place.finding(format!(
            "the {kind} `{id}` takes {}, and the pipeline `{pipeline}` carries {}",
            signals.join(" and "),
            pipeline.signal
        )));
    }
}

/// Returns true if the finding is about the value of an endpoint, or about its absence.
fn is_of_endpoint(finding: &Finding) -> bool {
    let at_key = finding.path.keys().last().is_some_and(|key| key.ends_with("endpoint"));
    finding.is_of_value && (at_key || finding.message.starts_with("endpoint: "))
}

fn at_key(entry: &Entry, section: &Node, message: String) -> Finding {
    Finding::new(message).at(entry.key_at.clone(), section.path().clone())
}

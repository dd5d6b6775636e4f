//! Checks the samplers that stand behind other processors: each must be defined, and be a sampler.

use super::Check;
use crate::{
    component::Sampler,
    config::{Finding, Node},
    id::{ComponentId, Kind},
    service::samplers,
};

impl Check<'_> {
    pub(super) fn samplers(&mut self) {
        let config = self.config;
        for (id, node) in &config.processors {
            let Some(sampler) = samplers::behind(self.config, self.registry, id) else { continue };
            match &sampler.config {
                Some(own) => self.own_sampler(node, &sampler, own),
                None => self.named_sampler(id, node, &sampler),
            }
            if sampler.id != *id {
                self.decides_once(id, &sampler);
            }
        }
    }

    /// Checks a sampler whose config is a part of its processor's.
    fn own_sampler(&mut self, node: &Node, sampler: &Sampler, own: &Node) {
        let (key, of) = (sampler.key, &sampler.id.component_type);
        if self.is_written(&sampler.id) {
            let message =
                format!("{key}: the processor `{}` is defined too, and would be the same", sampler.id);
            self.errors.push(self.sampler_finding(node, key, message));
            return;
        }
        if self.registry.processor(of).is_none() {
            let message = format!("{key}: this Spanloom has no `{of}`, which would read them");
            self.errors.push(self.sampler_finding(node, key, message));
        } else if let Err(error) = self.registry.check(Kind::Processor, of, own) {
            self.errors.extend(error.into_findings());
        } else if let Some(known) = self.registry.find(Kind::Processor, of) {
            self.warnings.extend(known.doubts(own));
        }
    }

    fn named_sampler(&mut self, of: &ComponentId, node: &Node, sampler: &Sampler) {
        let Sampler { key, id, .. } = sampler;
        let is_defined = self.config.processors.contains_key(id);
        // A plugin that could not be loaded has been reported already.
        let samples = self.registry.processor(&id.component_type).map(|known| known.samples());
        let message = match (is_defined, samples) {
            (false, Some(true)) => {
                let finding = node.nearest([*key]).finding(format!("{key}: `processors` has no `{id}`"));
                self.errors.push(finding.help(format!("add `{id}: {{}}` to `processors`")));
                return;
            }
            _ if id == of => format!("{key}: `{id}` names itself, and needs a sampler that decides"),
            (false, _) => format!("{key}: no processor `{id}` is defined in `processors`"),
            (true, Some(false)) => format!("{key}: the processor `{id}` is not a sampler"),
            (true, Some(true) | None) => return,
        };
        self.errors.push(self.sampler_finding(node, key, message));
    }

    /// Reports a sampler that also stands in a pipeline with its processor. It would be given what it has kept.
    fn decides_once(&mut self, id: &ComponentId, sampler: &Sampler) {
        let config = self.config;
        for (name, pipeline) in &config.service.pipelines {
            let Some(index) = pipeline.processors.iter().position(|one| *one == sampler.id) else { continue };
            if !pipeline.processors.contains(id) {
                continue;
            }
            let Some(list) = self.pipeline_node(name).and_then(|node| node.get(Kind::Processor.section()))
            else {
                continue;
            };
            let place = list.items().get(index).unwrap_or(list);
            let message = format!("the sampler `{}` already decides for `{id}`", sampler.id);
            self.errors.push(place.finding(message).label("take it from the list"));
        }
    }

    /// Returns whether the config itself defines a processor. The samplers that read `policies` are added to it.
    fn is_written(&self, id: &ComponentId) -> bool {
        let section = self.config.root.get(Kind::Processor.section());
        section.is_some_and(|section| section.get(&id.to_string()).is_some())
    }

    /// Returns an error about the key that names a sampler, with the samplers that it could name.
    fn sampler_finding(&self, node: &Node, key: &str, message: String) -> Finding {
        let samplers = self.config.processors.keys().filter(|id| {
            let known = self.registry.processor(&id.component_type);
            known.is_some_and(|known| known.samples()) && self.is_written(id)
        });
        let samplers: Vec<String> = samplers.map(ToString::to_string).collect();
        let finding = node.nearest([key]).finding(message);
        match samplers.as_slice() {
            [] => finding
                .help("`processors` defines no sampler; to write one: `spanloom plugin new --role sampler`"),
            names => finding.help(format!("`sampler` may name: {}", names.join(", "))),
        }
    }
}

//! The samplers that stand behind other processors.

use crate::{
    component::{Registry, Sampler},
    config::{Config, PipelineConfig},
    id::ComponentId,
};

/// Adds the samplers whose configs are parts of other processors' configs to `processors`. From there they are
/// loaded, checked and changed like every component.
pub(super) fn add(config: &mut Config, registry: &Registry) {
    let of_processors = config.processors.keys().filter_map(|id| behind(config, registry, id));
    let own = of_processors.filter(|Sampler { id, .. }| {
        registry.processor(&id.component_type).is_some() || config.plugins.contains_key(&id.component_type)
    });
    let own: Vec<_> = own.filter_map(|sampler| Some((sampler.id, sampler.config?))).collect();
    for (id, node) in own {
        config.processors.entry(id).or_insert(node);
    }
}

/// Returns the sampler behind a processor, if the processor's config names one.
pub(super) fn behind(config: &Config, registry: &Registry, id: &ComponentId) -> Option<Sampler> {
    registry.processor(&id.component_type)?.sampler(id, config.processors.get(id)?)
}

/// Returns the processors that a pipeline consists of, with the sampler behind each.
pub(super) fn all(config: &Config, registry: &Registry, pipeline: &PipelineConfig) -> Vec<ComponentId> {
    let with_sampler = |id: &ComponentId| {
        let sampler = behind(config, registry, id).map(|sampler| sampler.id);
        [Some(id.clone()), sampler].into_iter().flatten()
    };
    pipeline.processors.iter().flat_map(with_sampler).collect()
}

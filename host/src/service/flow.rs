//! Orders pipelines by how connectors join them.

use std::{collections::BTreeSet, fmt};

use crate::{
    config::{Config, PipelineConfig, PipelineId},
    id::ComponentId,
};

/// Pipelines that may drain at the same time. All their data has arrived once the waves before them have
/// drained.
#[derive(Debug, PartialEq, Eq)]
pub struct Wave<'a> {
    pub pipelines: Vec<(&'a PipelineId, &'a PipelineConfig)>,
    /// The connectors that get no more data once these pipelines have drained.
    pub connectors: Vec<&'a ComponentId>,
}

/// A path from a pipeline through connectors back to itself: `traces → forward → traces/b → forward/b →
/// traces`.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle(pub String);

/// Returns the pipelines from the front to the back: first those that only receivers feed, then those that
/// the first feed through connectors, and so on.
pub fn waves(config: &Config) -> Result<Vec<Wave<'_>>, Cycle> {
    let mut flow = Flow::new(config);
    let mut waves = Vec::new();
    while !flow.left.is_empty() {
        let (ready, left): (Vec<_>, Vec<_>) =
            flow.left.iter().partition(|(_, pipeline)| flow.is_fed(pipeline));
        if ready.is_empty() {
            return Err(flow.cycle());
        }
        flow.left = left;
        let (done, open) = flow.connectors.iter().partition(|connector| !flow.is_open(connector));
        flow.connectors = open;
        waves.push(Wave { pipelines: ready, connectors: done });
    }
    Ok(waves)
}

/// The pipelines and connectors that are in no wave yet.
struct Flow<'a> {
    left: Vec<(&'a PipelineId, &'a PipelineConfig)>,
    connectors: Vec<&'a ComponentId>,
}

impl<'a> Flow<'a> {
    fn new(config: &'a Config) -> Flow<'a> {
        let left: Vec<_> = config.service.pipelines.iter().collect();
        let named: BTreeSet<&ComponentId> = left
            .iter()
            .flat_map(|(_, pipeline)| pipeline.receivers.iter().chain(&pipeline.exporters))
            .collect();
        let connectors = config.connectors.keys().filter(|id| named.contains(id)).collect();
        Flow { left, connectors }
    }

    /// Returns true if a pipeline that is left feeds the connector.
    fn is_open(&self, connector: &ComponentId) -> bool {
        self.left.iter().any(|(_, pipeline)| pipeline.exporters.contains(connector))
    }

    /// Returns true if none of the pipeline's connectors is open.
    fn is_fed(&self, pipeline: &PipelineConfig) -> bool {
        self.open_receiver(pipeline).is_none()
    }

    fn open_receiver(&self, pipeline: &PipelineConfig) -> Option<&'a ComponentId> {
        let of_pipeline = |id: &&&ComponentId| pipeline.receivers.contains(id) && self.is_open(id);
        self.connectors.iter().find(of_pipeline).copied()
    }

    /// Finds a cycle. Each pipeline that is left waits for another that is left, so a walk from a pipeline to
    /// the one that feeds it, and so on, comes back to a pipeline that it has passed.
    fn cycle(&self) -> Cycle {
        let mut way: Vec<(&PipelineId, &ComponentId)> = Vec::new();
        let mut here = self.left.first().copied();
        while let Some((id, pipeline)) = here {
            if let Some(seen) = way.iter().position(|(passed, _)| *passed == id) {
                let steps = way.split_off(seen).into_iter().rev();
                let steps = steps.map(|(to, by)| format!(" → {by} → {to}"));
                return Cycle(format!("{id}{}", steps.collect::<String>()));
            }
            let Some(connector) = self.open_receiver(pipeline) else { break };
            way.push((id, connector));
            here = self.left.iter().find(|(_, feeder)| feeder.exporters.contains(connector)).copied();
        }
        Cycle("pipelines feed one another".to_owned())
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipelines feed themselves through connectors: {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::load;

    /// Checks the waves of pipelines of traces. Each is written `(name, receivers, exporters)`; a name that
    /// begins with `c` is a connector.
    #[track_caller]
    fn check(pipelines: &[(&str, &str, &str)], expected: Result<&str, &str>) {
        let pipelines: Vec<String> = (pipelines.iter())
            .map(|(name, from, to)| format!("traces/{name}: {{receivers: [{from}], exporters: [{to}]}}"))
            .collect();
        let text = format!(
            "yaml:{{connectors: {{c: , c/1: , c/2: , c/unused: }}, service: {{pipelines: {{{}}}}}}}",
            pipelines.join(", ")
        );
        let root = load(&[text], &[], &|_| None).unwrap().root;
        let (config, findings) = Config::read(&root);
        assert!(findings.is_empty(), "{findings:?}");
        let shown = waves(&config).map(|waves| {
            let wave = |wave: &Wave<'_>| {
                let pipelines = wave.pipelines.iter().filter_map(|(id, _)| id.name.clone());
                let connectors = wave.connectors.iter().map(ToString::to_string);
                pipelines.chain(connectors).collect::<Vec<_>>().join(" ")
            };
            waves.iter().map(wave).collect::<Vec<_>>().join(", ")
        });
        let shown = shown.map_err(|cycle| cycle.0);
        assert_eq!(shown.as_deref().map_err(String::as_str), expected);
    }

    /// Scenario: two pipelines have the same receiver and exporter, and no connector.
    /// Guarantees: both are in one wave.
    #[test]
    fn without_connectors_all_pipelines_are_one_wave() {
        check(&[("a", "in", "out"), ("b", "in", "out")], Ok("a b"));
    }

    /// Scenario: connectors join four pipelines; a receiver feeds one of these pipelines too.
    /// Guarantees: a pipeline is in a later wave than each pipeline that feeds it.
    #[test]
    fn a_pipeline_comes_after_all_that_feed_it() {
        let pipelines =
            [("a", "c/1", "out"), ("b", "in, c", "c/1"), ("d", "in", "c"), ("e", "in", "out, c/1")];
        check(&pipelines, Ok("d e c, b c/1, a"));
    }

    /// Scenario: pipelines feed themselves, one directly and two through each other.
    /// Guarantees: the error names each step of the cycle.
    #[test]
    fn a_cycle_is_named_from_a_pipeline_back_to_it() {
        check(&[("a", "in, c", "c")], Err("traces/a → c → traces/a"));
        let pipelines =
            [("a", "in", "c"), ("b", "c, c/2", "c/1"), ("d", "c/1", "c/2, out"), ("e", "c/2", "out")];
        check(&pipelines, Err("traces/b → c/1 → traces/d → c/2 → traces/b"));
    }
}

//! Conditions in the Collector's transformation language (OTTL): comparisons of fields and attributes, joined by `and`,
//! `or` and `not`. What goes beyond is an error where the config is read.

mod expression;
mod parser;
mod token;
mod value;

use spanloom_plugin::ConfigError;

use crate::{
    columns::{Batch, mark},
    config::OttlConfig,
};
use expression::Expression;
use value::Rows;

/// Holds for a trace if any of the conditions holds for any of its spans, or of their events.
#[derive(Debug)]
pub(crate) struct Conditions {
    of_spans: Vec<Expression>,
    of_events: Vec<Expression>,
}

impl Conditions {
    /// Reads the conditions. `at` is the path of the section.
    pub(crate) fn new(config: &OttlConfig, at: &str) -> Result<Conditions, ConfigError> {
        if config.span.is_empty() && config.spanevent.is_empty() {
            return Err(ConfigError::new(at, "has no condition: neither `span` nor `spanevent`"));
        }
        let read = |key: &str, conditions: &[String], rows: Rows| -> Result<Vec<_>, ConfigError> {
            let conditions = conditions.iter().enumerate().map(|(number, condition)| {
                parser::parse(condition, rows).map_err(|why| {
                    ConfigError::new(format!("{at}.{key}[{number}]"), format!("`{condition}`: {why}"))
                })
            });
            conditions.collect()
        };
        Ok(Conditions {
            of_spans: read("span", &config.span, Rows::Spans)?,
            of_events: read("spanevent", &config.spanevent, Rows::Events)?,
        })
    }

    pub(crate) fn run(&mut self, batch: &Batch<'_>) -> Vec<bool> {
        let mut found = vec![false; batch.count()];
        let spans = batch.traces_of_spans();
        for condition in &mut self.of_spans {
            for (trace, _) in spans.iter().zip(condition.hold(batch, Rows::Spans)).filter(|(_, holds)| *holds)
            {
                mark(&mut found, *trace);
            }
        }
        for condition in &mut self.of_events {
            let holds = condition.hold(batch, Rows::Events);
            for (span, _) in batch.spans_of_events().iter().zip(holds).filter(|(_, holds)| *holds) {
                spans.get(*span as usize).into_iter().for_each(|trace| mark(&mut found, *trace));
            }
        }
        found
    }
}

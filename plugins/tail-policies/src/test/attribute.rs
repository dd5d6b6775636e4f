//! Tests of an attribute of any span of a trace, or of the resource of any span.
//!
//! They read values as the Collector does, which takes a value of another type for zero, false or an empty text.

use std::collections::HashSet;

use spanloom_plugin::Number;

use crate::columns::{Batch, mark};
use crate::pattern::Patterns;

#[derive(Debug)]
pub(crate) struct AttributeTest {
    pub(crate) key: String,
    pub(crate) matcher: Matcher,
    /// Holds for the traces in which nothing matches, also for those without the attribute.
    pub(crate) invert: bool,
}

#[derive(Debug)]
pub(crate) enum Matcher {
    /// The text is one of these.
    Texts(HashSet<String>),
    Patterns(Patterns),
    /// The int is in this range, inclusive.
    Range {
        min: i64,
        max: i64,
    },
    Bool(bool),
}

impl AttributeTest {
    pub(super) fn run(&mut self, batch: &Batch<'_>) -> Vec<bool> {
        let mut found = vec![false; batch.count()];
        self.search_spans(batch, &mut found);
        self.search_resources(batch, &mut found);
        if self.invert {
            found.iter_mut().for_each(|found| *found = !*found);
        }
        found
    }

    fn search_spans(&mut self, batch: &Batch<'_>, found: &mut [bool]) {
        let traces = batch.traces_of_spans();
        let is_open = |found: &[bool], trace: u32| found.get(trace as usize) == Some(&false);
        if self.matcher.reads_texts() {
            for (row, text) in batch.text(&self.key).iter() {
                let Some(trace) = traces.get(row as usize) else { continue };
                if is_open(found, *trace) && self.matcher.matches_text_of_span(text) {
                    mark(found, *trace);
                }
            }
        }
        if self.matcher.reads_numbers() {
            for (row, number) in batch.numbers(&self.key).iter() {
                if self.matcher.matches_number(number) {
                    traces.get(row as usize).into_iter().for_each(|trace| mark(found, *trace));
                }
            }
        }
    }

    fn search_resources(&mut self, batch: &Batch<'_>, found: &mut [bool]) {
        let mut matching = HashSet::new();
        if self.matcher.reads_texts() {
            let texts = batch.resource_text(&self.key);
            matching
                .extend(texts.iter().filter(|(_, text)| self.matcher.matches_text(text)).map(|(row, _)| row));
        }
        if self.matcher.reads_numbers_of_resources() {
            let numbers = batch.resource_numbers(&self.key);
            let numbers = numbers.iter().filter(|(_, number)| self.matcher.matches_number(*number));
            matching.extend(numbers.map(|(row, _)| row));
        }
        if matching.is_empty() {
            return;
        }
        let spans = batch.traces_of_spans().iter().zip(batch.resources_of_spans());
        for (trace, _) in spans.filter(|(_, resource)| matching.contains(resource)) {
            mark(found, *trace);
        }
    }
}

impl Matcher {
    fn reads_texts(&self) -> bool {
        match self {
            Matcher::Texts(_) | Matcher::Patterns(_) => true,
            Matcher::Range { .. } | Matcher::Bool(_) => self.matches_other_types(),
        }
    }

    fn reads_numbers(&self) -> bool {
        matches!(self, Matcher::Range { .. } | Matcher::Bool(_))
    }

    /// A number of a resource is an empty text, which a pattern may match.
    fn reads_numbers_of_resources(&self) -> bool {
        !matches!(self, Matcher::Texts(_))
    }

    /// Returns whether the zero of the matcher's type matches.
    fn matches_other_types(&self) -> bool {
        match self {
            Matcher::Texts(_) | Matcher::Patterns(_) => false,
            Matcher::Range { min, max } => (*min..=*max).contains(&0),
            Matcher::Bool(value) => !value,
        }
    }

    /// An empty text of a span never matches, unlike one of a resource.
    fn matches_text_of_span(&mut self, text: &str) -> bool {
        (!text.is_empty() || self.reads_numbers()) && self.matches_text(text)
    }

    fn matches_text(&mut self, text: &str) -> bool {
        match self {
            Matcher::Texts(texts) => texts.contains(text),
            Matcher::Patterns(patterns) => patterns.match_text(text),
            Matcher::Range { .. } | Matcher::Bool(_) => self.matches_other_types(),
        }
    }

    fn matches_number(&mut self, number: Number) -> bool {
        match (self, number) {
            (Matcher::Range { min, max }, Number::Int(value)) => (*min..=*max).contains(&value),
            (Matcher::Bool(expected), Number::Bool(value)) => *expected == value,
            (Matcher::Patterns(patterns), _) => patterns.match_text(""),
            (matcher, _) => matcher.matches_other_types(),
        }
    }
}

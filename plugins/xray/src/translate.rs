//! Translates spans to segment documents.
//!
//! The rules are those of the Collector's `awsxrayexporter`. They differ where the Collector's rules lose
//! data or make documents that X-Ray refuses. The README describes the differences.

mod attributes;
mod aws;
mod cause;
mod fields;
mod http;
mod key;
mod keys;
mod links;
mod local_root;
mod name;
mod origin;
mod platform;
mod resource;
mod segment;
mod sql;
mod stack;

use std::collections::BTreeSet;

use spanloom_plugin::ValueRef;
use spanloom_plugin::flat::{FlatSpan, FlatSpans};
use spanloom_plugin::json::Writer;

use crate::config::Config;
use crate::document::Cut;
use crate::ids;
use attributes::{AnnotationNames, Attribute};
use keys::Keys;
use resource::Resource;
use segment::Told;

/// The config's rules for documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    indexed: BTreeSet<String>,
    index_all: bool,
    log_groups: Vec<String>,
    allow_dot: bool,
    validate_epoch: bool,
    now_unix_nano: u64,
}

/// The reason why a span has no document, or why a link is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    TraceIdMissing,
    SpanIdMissing,
    /// The seconds in the trace id are not in the past 28 days.
    TraceIdOld,
    /// The batch names a resource that it does not hold.
    ResourceMissing,
}

/// Counts of a batch.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) links: Vec<Refused>,
    pub(crate) cuts: Vec<Cut>,
}

/// Translates the spans of a batch, one after another.
pub(crate) struct Translation<'a> {
    rules: &'a Rules,
    names: AnnotationNames,
    keys: Keys<'a>,
    resources: Vec<Resource<'a>>,
    attributes: Vec<Attribute<'a>>,
    json: Writer,
    tally: Tally,
}

/// A document with the id of its segment.
pub(crate) struct Document<'d> {
    pub(crate) id: [u8; 8],
    /// The document, written to be embedded.
    pub(crate) json: &'d Writer,
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Rules {
        Rules {
            indexed: config.indexed_attributes.iter().cloned().collect(),
            index_all: config.index_all_attributes,
            log_groups: config.aws_log_groups.clone(),
            allow_dot: config.allow_dot,
            validate_epoch: !config.skip_timestamp_validation,
            now_unix_nano: 0,
        }
    }

    /// Returns the rules for a batch that is sent at that time.
    #[must_use]
    pub(crate) fn at(&self, now_unix_nano: u64) -> Rules {
        Rules { now_unix_nano, ..self.clone() }
    }

    fn lists(&self, key: &str) -> bool {
        self.indexed.contains(key)
    }

    /// Returns whether an attribute with that key becomes an annotation.
    fn indexes(&self, key: &str) -> bool {
        self.index_all || self.lists(key)
    }

    fn check_ids(&self, trace_id: &[u8; 16], span_id: &[u8; 8]) -> Result<(), Refused> {
        if *trace_id == [0; 16] {
            return Err(Refused::TraceIdMissing);
        }
        if *span_id == [0; 8] {
            return Err(Refused::SpanIdMissing);
        }
        if self.validate_epoch && !ids::is_recent(trace_id, self.now_unix_nano) {
            return Err(Refused::TraceIdOld);
        }
        Ok(())
    }
}

impl Refused {
    /// Returns the value of the label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Refused::TraceIdMissing => "no_trace_id",
            Refused::SpanIdMissing => "no_span_id",
            Refused::TraceIdOld => "trace_id_epoch",
            Refused::ResourceMissing => "no_resource",
        }
    }
}

impl<'a> Translation<'a> {
    pub(crate) fn new(flat: &'a FlatSpans, rules: &'a Rules) -> Translation<'a> {
        let mut names = AnnotationNames::new(rules.allow_dot);
        let resources = flat.resources().map(|resource| Resource::new(resource, rules, &mut names)).collect();
        Translation {
            rules,
            names,
            keys: Keys::new(flat, rules),
            resources,
            attributes: Vec::new(),
            json: Writer::embedded(),
            tally: Tally::default(),
        }
    }

    /// Calls `emit` with the document of a span, or with both documents if the span is split.
    pub(crate) fn span(
        &mut self,
        row: usize,
        span: FlatSpan<'a>,
        mut emit: impl FnMut(Document<'_>),
    ) -> Result<(), Refused> {
        self.rules.check_ids(span.trace_id(), span.span_id())?;
        let resource = self.resources.get(span.resource().number()).ok_or(Refused::ResourceMissing)?;
        let refusals = span.links().filter_map(|link| links::refusal(&link, self.rules));
        self.tally.links.extend(refusals);
        self.keys.read(row, &span, &mut self.names);
        let mut told = Told::new(span, self.keys.fields(), resource);
        let explicit = told.explicit_annotations();
        self.attributes.clear();
        self.keys.place(told.taken(), &explicit, &mut self.names, &mut self.attributes);
        told.attributes = &self.attributes;
        told.resource_annotations = of_resource(&explicit, resource, &mut self.names);
        for segment in local_root::segments(&told, resource) {
            let cut = segment.document(&mut self.json, self.rules, &mut self.names);
            self.tally.cuts.extend(cut);
            emit(Document { id: segment.id, json: &self.json });
        }
        Ok(())
    }

    pub(crate) fn into_tally(self) -> Tally {
        self.tally
    }
}

/// Returns the attributes of the resource that the span itself asks to index.
fn of_resource<'a>(
    explicit: &[String],
    resource: &Resource<'a>,
    names: &mut AnnotationNames,
) -> Vec<(usize, ValueRef<'a>)> {
    let annotation = |key: &String| {
        let value = resource.prefixed(key).filter(|value| attributes::is_annotation(*value))?;
        Some((names.number(key)?, value))
    };
    explicit.iter().filter_map(annotation).collect()
}

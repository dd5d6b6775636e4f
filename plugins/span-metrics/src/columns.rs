//! Reads a batch in whole columns, with one call to the host each.

use spanloom_aggregate::{Attribute, Key, Nested, Part};
use spanloom_plugin::flat::{FlatEvent, FlatSpans};
use spanloom_plugin::{Ids, SpanBatch, TextColumn};

use crate::glob::Glob;
use crate::shape::{Dimension, Family, Shape, Source};

/// The columns of a batch, as the host returned them.
pub(crate) struct Columns {
    names: TextColumn,
    trace_states: TextColumn,
    services: TextColumn,
    /// Sorted by key.
    attributes: Vec<(String, Attribute)>,
    kinds: Vec<u8>,
    statuses: Vec<u8>,
    durations_nano: Vec<u64>,
    /// Only read if exemplars are enabled.
    ids: Option<(Ids<16>, Ids<8>)>,
    resources: Vec<u32>,
    resource_count: usize,
    /// Only read if scopes, events or patterns are counted.
    flat: Option<FlatSpans>,
}

/// The same columns with one entry per row.
pub(crate) struct Rows<'a> {
    columns: &'a Columns,
    /// The names of the scopes that are dimensions.
    scopes: &'a [String],
    names: Vec<Option<&'a str>>,
    trace_states: Vec<Option<&'a str>>,
    services: Vec<Option<&'a str>>,
    /// The values of each dimension of each family.
    values: Vec<Vec<Values<'a>>>,
    /// The keys in the batch that match the patterns of each family, sorted.
    matched: Vec<Vec<&'a str>>,
}

/// The values of one dimension. Both lists are empty if the dimension is not an attribute.
struct Values<'a> {
    source: Source,
    of_spans: Vec<Option<Part<'a>>>,
    of_resources: Vec<Option<Part<'a>>>,
    name: &'a str,
    default: Option<Part<'a>>,
}

impl Columns {
    pub(crate) fn read(spans: &SpanBatch, shape: &Shape, with_ids: bool, nested: &mut Nested) -> Columns {
        let dimensions = shape.families.iter().flat_map(|family| &family.dimensions);
        let mut keys: Vec<&str> = dimensions
            .filter(|dimension| dimension.source() == Source::Attribute)
            .map(|dimension| dimension.name.as_str())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let read = |key: &str| (key.to_owned(), Attribute::read(spans, key, nested));
        let by_flat = |family: &Family| family.events || !family.globs.is_empty();
        let with_flat = !shape.scopes.is_empty() || shape.families.iter().any(by_flat);
        Columns {
            names: spans.names(),
            trace_states: spans.trace_states(),
            services: spans.resource_text("service.name"),
            attributes: keys.into_iter().map(read).collect(),
            kinds: spans.kind_numbers(),
            statuses: spans.status_numbers(),
            durations_nano: spans.durations_nano(),
            ids: with_ids.then(|| (spans.trace_ids(), spans.span_ids())),
            resources: spans.resources_of_spans(),
            resource_count: spans.resource_count(),
            flat: with_flat.then(|| spans.flat()),
        }
    }

    /// `globs` are the patterns of each family of the shape.
    pub(crate) fn rows<'a>(&'a self, shape: &'a Shape, globs: &[Vec<Glob>]) -> Rows<'a> {
        let len = self.resources.len();
        let values = |dimension: &'a Dimension| Values {
            source: dimension.source(),
            of_spans: self.attribute(dimension).map(|it| it.of_spans(len)).unwrap_or_default(),
            of_resources: self
                .attribute(dimension)
                .map(|it| it.of_resources(self.resource_count))
                .unwrap_or_default(),
            name: &dimension.name,
            default: dimension.default.as_deref().map(Part::Text),
        };
        let family = |family: &'a Family| family.dimensions.iter().map(values).collect();
        let no_states = self.trace_states.is_empty();
        Rows {
            columns: self,
            scopes: &shape.scopes,
            names: self.names.dense(len),
            trace_states: if no_states { Vec::new() } else { self.trace_states.dense(len) },
            services: self.services.dense(self.resource_count),
            values: shape.families.iter().map(family).collect(),
            matched: shape
                .families
                .iter()
                .zip(globs)
                .map(|(family, globs)| self.matched(family, globs))
                .collect(),
        }
    }

    /// Returns the keys of attributes that match one of the patterns and are not named beside, sorted.
    fn matched(&self, family: &Family, globs: &[Glob]) -> Vec<&str> {
        let Some(flat) = self.flat.as_ref().filter(|_| !globs.is_empty()) else { return Vec::new() };
        let lists =
            [&flat.attributes.keys, &flat.resource_table.attributes.keys, &flat.events.attributes.keys];
        let events = if family.events { lists.len() } else { lists.len() - 1 };
        let mut numbers: Vec<u32> = lists.into_iter().take(events).flatten().copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let is_named = |key: &str| family.dimensions.iter().any(|dimension| dimension.name == key);
        let mut keys: Vec<&str> = numbers.into_iter().map(|number| flat.text(number)).collect();
        keys.retain(|key| globs.iter().any(|glob| glob.matches(key)) && !is_named(key));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    pub(crate) fn resources(&self) -> &[u32] {
        &self.resources
    }

    pub(crate) fn resource_count(&self) -> usize {
        self.resource_count
    }

    pub(crate) fn duration_nano(&self, row: usize) -> u64 {
        self.durations_nano.get(row).copied().unwrap_or_default()
    }

    /// Returns the row's trace id and span id, if it has a trace id.
    pub(crate) fn ids(&self, row: usize) -> Option<([u8; 16], [u8; 8])> {
        let (traces, spans) = self.ids.as_ref()?;
        let ids = (*traces.get(row)?, *spans.get(row)?);
        Some(ids).filter(|(trace, _)| *trace != [0; 16])
    }

    pub(crate) fn events(&self, row: usize) -> impl Iterator<Item = FlatEvent<'_>> {
        let span = self.flat.as_ref().and_then(|flat| flat.spans().nth(row));
        span.into_iter().flat_map(|span| span.events())
    }

    fn attribute(&self, dimension: &Dimension) -> Option<&Attribute> {
        if dimension.source() != Source::Attribute {
            return None;
        }
        self.attributes.iter().find(|(key, _)| *key == dimension.name).map(|(_, attribute)| attribute)
    }
}

impl Rows<'_> {
    /// Packs the values of a family's dimensions for a row, or for one of its events.
    #[inline]
    pub(crate) fn pack(
        &self,
        key: &mut Key,
        family: usize,
        row: usize,
        adjusted: bool,
        event: Option<&FlatEvent<'_>>,
    ) {
        key.clear();
        for values in self.values.get(family).into_iter().flatten() {
            key.push_text(self.value(values, row, adjusted, event));
        }
        for (name, value) in self.matches(family, row, event) {
            key.push(Some(Part::Text(name)));
            key.push_text(Some(value));
        }
    }

    /// Packs the same values with their types.
    pub(crate) fn pack_typed(
        &self,
        family: usize,
        row: usize,
        adjusted: bool,
        event: Option<&FlatEvent<'_>>,
    ) -> Vec<u8> {
        let mut key = Key::default();
        for values in self.values.get(family).into_iter().flatten() {
            key.push(self.value(values, row, adjusted, event));
        }
        for (name, value) in self.matches(family, row, event) {
            key.push(Some(Part::Text(name)));
            key.push(Some(value));
        }
        key.as_bytes().to_vec()
    }

    /// Iterates over the attributes that the patterns of a family match: of the span, else of the event, else
    /// of the resource.
    fn matches<'s>(
        &'s self,
        family: usize,
        row: usize,
        event: Option<&FlatEvent<'s>>,
    ) -> impl Iterator<Item = (&'s str, Part<'s>)> {
        let matched = self.matched.get(family).filter(|matched| !matched.is_empty());
        let span = matched.and(self.columns.flat.as_ref()).and_then(|flat| flat.spans().nth(row));
        let event = event.copied();
        matched.into_iter().flatten().filter_map(move |name| {
            let span = span?;
            let of_event = || event.and_then(|event| event.attributes().find_key(name));
            let of_resource = || span.resource().attributes().find_key(name);
            let value = span.attributes().find_key(name).or_else(of_event).or_else(of_resource)?;
            Some((*name, value.into()))
        })
    }

    #[inline]
    pub(crate) fn trace_state(&self, row: usize) -> Option<&str> {
        self.trace_states.get(row).copied().flatten()
    }

    #[inline]
    fn value<'s>(
        &'s self,
        values: &'s Values<'_>,
        row: usize,
        adjusted: bool,
        event: Option<&FlatEvent<'s>>,
    ) -> Option<Part<'s>> {
        let resource = || self.columns.resources.get(row).map_or(0, |resource| *resource as usize);
        match values.source {
            Source::Name => self.names.get(row).copied().flatten().map(Part::Text),
            Source::Kind => self.columns.kinds.get(row).map(|kind| Part::Symbol(*kind)),
            Source::Status => self.columns.statuses.get(row).map(|status| Part::Symbol(*status)),
            Source::Service => {
                let service = self.services.get(resource()).copied().flatten();
                Some(Part::Text(service.unwrap_or("unknown_service")))
            }
            Source::Instance => values.default,
            Source::SamplingMethod => Some(Part::Symbol(u8::from(adjusted))),
            Source::ScopeName => Some(Part::Text(self.scope(row)?.0)),
            Source::ScopeVersion => {
                self.scope(row).map(|(_, version)| version).filter(|it| !it.is_empty()).map(Part::Text)
            }
            Source::Attribute => {
                let of_span = values.of_spans.get(row).copied().flatten();
                let of_event =
                    || event.and_then(|event| event.attributes().find_key(values.name)).map(Part::from);
                let of_resource = || values.of_resources.get(resource()).copied().flatten();
                of_span.or_else(of_event).or_else(of_resource).or(values.default)
            }
        }
    }

    /// Returns the name and version of the row's scope, if the scope is a dimension.
    fn scope(&self, row: usize) -> Option<(&str, &str)> {
        let flat = self.columns.flat.as_ref()?;
        let number = *flat.scopes.get(row)? as usize;
        let (name, version) = (*flat.scope_table.names.get(number)?, *flat.scope_table.versions.get(number)?);
        let known = |name: &str| !name.is_empty() && self.scopes.iter().any(|scope| scope == name);
        Some((flat.text(name), flat.text(version))).filter(|(name, _)| known(name))
    }
}

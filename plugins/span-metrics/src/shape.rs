//! The shape: which series there are, and what each counts. It is handed over with the series, because the
//! next instance may have another shape.

use prost::{Enumeration, Message};
use spanloom_aggregate::{Buckets, Dimensions, Part, parts};
use spanloom_plugin::wire::writer::{AggregationTemporality, AttributesWriter};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Shape {
    #[prost(string, tag = "1")]
    pub(crate) namespace: String,
    /// Whether durations are in seconds; else in milliseconds.
    #[prost(bool, tag = "2")]
    pub(crate) seconds: bool,
    /// Whether points count from the point before; else from the start of the series.
    #[prost(bool, tag = "3")]
    pub(crate) delta: bool,
    #[prost(message, optional, tag = "4")]
    pub(crate) buckets: Option<Buckets>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) families: Vec<Family>,
    /// The attributes that distinguish resources. Empty: all attributes.
    #[prost(string, repeated, tag = "6")]
    pub(crate) resource_keys: Vec<String>,
    /// The instrumentation scopes that are dimensions.
    #[prost(string, repeated, tag = "7")]
    pub(crate) scopes: Vec<String>,
    /// Whether keys hold the texts of values, so that 200 and "200" are one series. Instances before this
    /// field was added had keys with types.
    #[prost(bool, tag = "8")]
    pub(crate) text_keys: bool,
}

/// Metrics whose series have the same dimensions.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Family {
    #[prost(bool, tag = "1")]
    pub(crate) calls: bool,
    #[prost(bool, tag = "2")]
    pub(crate) durations: bool,
    #[prost(bool, tag = "3")]
    pub(crate) events: bool,
    #[prost(message, repeated, tag = "4")]
    pub(crate) dimensions: Vec<Dimension>,
    /// The patterns of attributes that are dimensions too. In keys, each of these attributes follows the
    /// dimensions as its key and its value.
    #[prost(string, repeated, tag = "5")]
    pub(crate) globs: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dimension {
    #[prost(enumeration = "Source", tag = "1")]
    pub(crate) source: i32,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    /// The value if neither the span, the event nor the resource has one.
    #[prost(string, optional, tag = "3")]
    pub(crate) default: Option<String>,
}

/// The source of a dimension's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub(crate) enum Source {
    /// The attribute of the span, else of the counted event, else of the resource.
    Attribute = 0,
    Service = 1,
    Name = 2,
    Kind = 3,
    Status = 4,
    Instance = 5,
    ScopeName = 6,
    ScopeVersion = 7,
    SamplingMethod = 8,
}

/// Other numbers are empty texts, as in the Collector.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUSES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
const METHODS: [&str; 2] = ["counted", "extrapolated"];

impl Shape {
    pub(crate) fn temporality(&self) -> AggregationTemporality {
        if self.delta { AggregationTemporality::Delta } else { AggregationTemporality::Cumulative }
    }

    pub(crate) fn unit_nano(&self) -> f64 {
        if self.seconds { 1e9 } else { 1e6 }
    }

    pub(crate) fn metric_name(&self, metric: &str) -> String {
        if self.namespace.is_empty() { metric.to_owned() } else { format!("{}.{metric}", self.namespace) }
    }
}

impl Dimensions for Family {
    fn write(&self, key: &[u8], out: &mut AttributesWriter<'_>) {
        let mut parts = parts(key);
        for (dimension, part) in self.dimensions.iter().zip(parts.by_ref()) {
            if let Some(part) = part.filter(|_| !self.is_replaced(dimension, key)) {
                dimension.write(part, out);
            }
        }
        while let (Some(Some(Part::Text(name))), Some(Some(value))) = (parts.next(), parts.next()) {
            out.push(name, value);
        }
    }
}

impl Family {
    /// Adds a dimension that the config names. If it is named in two lists, it is one, and the default of the
    /// later list counts.
    pub(crate) fn name(&mut self, name: &str, default: Option<&str>) {
        let named =
            |dimension: &&mut Dimension| dimension.source() == Source::Attribute && dimension.name == name;
        match self.dimensions.iter_mut().find(named) {
            Some(named) => {
                default.into_iter().for_each(|default| named.default = Some(default.to_owned()));
            }
            None => {
                let default = default.map(str::to_owned);
                self.dimensions.push(Dimension::new(Source::Attribute, name, default));
            }
        }
    }

    /// Returns whether an attribute that the config names takes the place of the scope or of the sampling
    /// method.
    fn is_replaced(&self, dimension: &Dimension, key: &[u8]) -> bool {
        let replaceable =
            matches!(dimension.source(), Source::ScopeName | Source::ScopeVersion | Source::SamplingMethod);
        replaceable
            && self.dimensions.iter().zip(parts(key)).any(|(other, part)| {
                other.source() == Source::Attribute && other.name == dimension.name && part.is_some()
            })
    }
}

impl Dimension {
    pub(crate) fn new(source: Source, name: &str, default: Option<String>) -> Dimension {
        Dimension { source: source.into(), name: name.to_owned(), default }
    }

    fn write(&self, part: Part<'_>, out: &mut AttributesWriter<'_>) {
        let words: &[&str] = match self.source() {
            Source::Kind => &KINDS,
            Source::Status => &STATUSES,
            Source::SamplingMethod => &METHODS,
            _ => &[],
        };
        match part {
            Part::Symbol(symbol) => {
                out.push(&self.name, words.get(symbol as usize).copied().unwrap_or_default())
            }
            part => out.push(&self.name, part),
        };
    }
}

//! The messages of `io.prometheus.client`. prost decodes with them what the exporter writes by hand.

use std::fmt::Write;

use prost::{Enumeration, Message};

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(enumeration = "MetricType", optional, tag = "3")]
    r#type: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    unit: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
enum MetricType {
    Counter = 0,
    Gauge = 1,
    Summary = 2,
    Untyped = 3,
    Histogram = 4,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Counter>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    untyped: Option<Number>,
    #[prost(message, optional, tag = "7")]
    pub(crate) histogram: Option<Histogram>,
    #[prost(int64, optional, tag = "6")]
    timestamp_ms: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Number {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Counter {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
    #[prost(message, optional, tag = "2")]
    exemplar: Option<Exemplar>,
    #[prost(message, optional, tag = "3")]
    created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    quantile: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    created_timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Quantile {
    #[prost(double, optional, tag = "1")]
    quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    pub(crate) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub(crate) zero_count: Option<u64>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) negative_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "10")]
    pub(crate) negative_delta: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) positive_span: Vec<BucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    pub(crate) positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    created_timestamp: Option<Timestamp>,
    #[prost(message, repeated, tag = "16")]
    exemplars: Vec<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) upper_bound: Option<f64>,
    #[prost(message, optional, tag = "3")]
    exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub(crate) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) length: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    timestamp: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// Decodes all families of a scrape.
pub(crate) fn families(mut body: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !body.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut body).expect("a family"));
    }
    families
}

/// Prints one field per line, and each series on one line.
pub(crate) fn dump(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    for family in families {
        let unit = family.unit.iter().map(|unit| format!(" unit {unit}")).collect::<String>();
        let kind = format!("{:?}", family.r#type()).to_lowercase();
        let (name, help) = (family.name.as_deref().expect("a name"), family.help.as_deref().expect("help"));
        writeln!(out, "{name}: {kind}{unit} {help:?}").expect("a string");
        for metric in &family.metric {
            let lines = metric.lines().join("\n    ");
            writeln!(out, "  {} {lines}", labels(&metric.label)).expect("a string");
        }
    }
    out
}

impl Metric {
    fn lines(&self) -> Vec<String> {
        let mut lines = match self {
            Metric { gauge: Some(gauge), .. } => vec![format!("gauge {:?}", gauge.value.expect("a value"))],
            Metric { untyped: Some(untyped), .. } => {
                vec![format!("untyped {:?}", untyped.value.expect("a value"))]
            }
            Metric { counter: Some(counter), .. } => {
                let mut lines = vec![format!("counter {:?}", counter.value.expect("a value"))];
                lines.extend(counter.exemplar.iter().map(Exemplar::line));
                lines.extend(created(&counter.created_timestamp));
                lines
            }
            Metric { summary: Some(summary), .. } => {
                let (count, sum) = (summary.sample_count.expect("a count"), summary.sample_sum);
                let mut lines = vec![format!("summary count {count} sum {}", optional(sum))];
                let at = |at: &Quantile| format!("quantile {} {}", optional(at.quantile), optional(at.value));
                lines.extend(summary.quantile.iter().map(at));
                lines.extend(created(&summary.created_timestamp));
                lines
            }
            Metric { histogram: Some(histogram), .. } => histogram.lines(),
            _ => panic!("a metric without a value"),
        };
        lines.extend(self.timestamp_ms.map(|time| format!("timestamp {time} ms")));
        lines
    }
}

impl Histogram {
    fn lines(&self) -> Vec<String> {
        let (count, sum) = (self.sample_count.expect("a count"), optional(self.sample_sum));
        let mut lines = vec![format!("histogram count {count} sum {sum}")];
        for bucket in &self.bucket {
            let exemplar = bucket.exemplar.iter().map(|exemplar| format!(" {}", exemplar.line()));
            let (bound, count) = (optional(bucket.upper_bound), bucket.cumulative_count.expect("a count"));
            lines.push(format!("up to {bound}: {count}{}", exemplar.collect::<String>()));
        }
        if let Some(schema) = self.schema {
            let (width, zeros) = (optional(self.zero_threshold), self.zero_count.expect("a count"));
            lines.push(format!("schema {schema} zero {width}: {zeros}"));
        }
        let sides = [
            ("negative", &self.negative_span, &self.negative_delta),
            ("positive", &self.positive_span, &self.positive_delta),
        ];
        for (side, spans, deltas) in sides.into_iter().filter(|(_, spans, _)| !spans.is_empty()) {
            let span =
                |span: &BucketSpan| format!("{}:{}", span.offset.expect("one"), span.length.expect("one"));
            lines.push(format!(
                "{side} spans {} deltas {deltas:?}",
                spans.iter().map(span).collect::<Vec<_>>().join(" ")
            ));
        }
        lines.extend(self.exemplars.iter().map(Exemplar::line));
        lines.extend(created(&self.created_timestamp));
        lines
    }
}

impl Exemplar {
    fn line(&self) -> String {
        let time = self.timestamp.iter().map(|time| format!(" at {}", time.text()));
        format!("exemplar {} {}{}", labels(&self.label), optional(self.value), time.collect::<String>())
    }
}

impl Timestamp {
    fn text(&self) -> String {
        format!("{}.{:03}", self.seconds, self.nanos / 1_000_000)
    }
}

fn created(time: &Option<Timestamp>) -> Option<String> {
    time.as_ref().map(|time| format!("created {}", time.text()))
}

fn optional(number: Option<f64>) -> String {
    number.map_or("none".to_owned(), |number| format!("{number:?}"))
}

fn labels(labels: &[LabelPair]) -> String {
    let label = |label: &LabelPair| {
        format!("{}={:?}", label.name.as_deref().expect("a name"), label.value.as_deref().expect("a value"))
    };
    format!("{{{}}}", labels.iter().map(label).collect::<Vec<_>>().join(", "))
}

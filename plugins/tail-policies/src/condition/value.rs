//! Values in conditions: literals, and fields and attributes of all rows at once.

use std::cmp::Ordering;

use spanloom_plugin::{Number, NumberColumn, TextColumn};

use crate::columns::Batch;

/// What a condition is asked for: each span, or each event of each span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    Spans,
    Events,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Literal(Literal),
    Path(Path),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    DurationNano(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Path {
    SpanAttribute(String),
    ResourceAttribute(String),
    EventAttribute(String),
    EventName,
    SpanName,
    Kind,
    /// As in `Server`.
    KindText,
    /// As in `SPAN_KIND_SERVER`.
    DeprecatedKindText,
    StatusCode,
    StartTimeUnixNano,
    EndTimeUnixNano,
    /// `end_time_unix_nano - start_time_unix_nano`, an int.
    TookNano,
    /// `end_time - start_time`, a duration.
    Took,
    /// Whether the span has no parent.
    IsRoot,
}

/// The value of one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    DurationNano(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    GreaterOrEqual,
    Greater,
}

/// The values of all rows.
pub(super) enum Column<'a> {
    Same(Scalar<'a>),
    Each(Vec<Scalar<'a>>),
}

const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const DEPRECATED_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

impl Rows {
    pub(super) fn count(self, batch: &Batch<'_>) -> usize {
        match self {
            Rows::Spans => batch.traces_of_spans().len(),
            Rows::Events => batch.spans_of_events().len(),
        }
    }
}

impl Value {
    pub(super) fn column<'a>(&'a self, batch: &'a Batch<'a>, rows: Rows) -> Column<'a> {
        match self {
            Value::Literal(literal) => Column::Same(literal.scalar()),
            Value::Path(path @ (Path::EventAttribute(_) | Path::EventName)) => {
                Column::Each(path.of_events(batch))
            }
            Value::Path(path) => {
                let of_spans = path.of_spans(batch);
                Column::Each(match rows {
                    Rows::Spans => of_spans,
                    Rows::Events => pick(&of_spans, batch.spans_of_events()),
                })
            }
        }
    }
}

impl Literal {
    fn scalar(&self) -> Scalar<'_> {
        match self {
            Literal::Nil => Scalar::Nil,
            Literal::Bool(value) => Scalar::Bool(*value),
            Literal::Int(value) => Scalar::Int(*value),
            Literal::Double(value) => Scalar::Double(*value),
            Literal::Text(text) => Scalar::Text(text),
            Literal::DurationNano(nano) => Scalar::DurationNano(*nano),
        }
    }
}

impl Path {
    fn of_events<'a>(&self, batch: &'a Batch<'a>) -> Vec<Scalar<'a>> {
        let count = batch.spans_of_events().len();
        match self {
            Path::EventAttribute(key) => attributes(batch.event_text(key), batch.event_numbers(key), count),
            _ => texts(batch.event_names(), count, Scalar::Text("")),
        }
    }

    fn of_spans<'a>(&self, batch: &'a Batch<'a>) -> Vec<Scalar<'a>> {
        let count = batch.traces_of_spans().len();
        let times = || batch.start_times_unix_nano().iter().zip(batch.end_times_unix_nano());
        let took = |(start, end): (&u64, &u64)| end.cast_signed().wrapping_sub(start.cast_signed());
        let int = |number: &u8| Scalar::Int(i64::from(*number));
        let time = |nano: &u64| Scalar::Int(nano.cast_signed());
        let named = |names: &[&'static str; 6], kind: &u8| {
            Scalar::Text(names.get(usize::from(*kind)).copied().unwrap_or_default())
        };
        match self {
            Path::SpanAttribute(key) => attributes(batch.text(key), batch.numbers(key), count),
            Path::ResourceAttribute(key) => {
                let (text, numbers) = (batch.resource_text(key), batch.resource_numbers(key));
                let last = |rows: &[u32]| rows.last().map_or(0, |row| *row as usize + 1);
                let of_resources = attributes(text, numbers, last(&text.rows).max(last(&numbers.rows)));
                pick(&of_resources, batch.resources_of_spans())
            }
            Path::SpanName => texts(batch.names(), count, Scalar::Text("")),
            Path::Kind => batch.kinds().iter().map(int).collect(),
            Path::KindText => batch.kinds().iter().map(|kind| named(&KINDS, kind)).collect(),
            Path::DeprecatedKindText => {
                batch.kinds().iter().map(|kind| named(&DEPRECATED_KINDS, kind)).collect()
            }
            Path::StatusCode => batch.status_codes().iter().map(int).collect(),
            Path::StartTimeUnixNano => batch.start_times_unix_nano().iter().map(time).collect(),
            Path::EndTimeUnixNano => batch.end_times_unix_nano().iter().map(time).collect(),
            Path::TookNano => times().map(|times| Scalar::Int(took(times))).collect(),
            Path::Took => times().map(|times| Scalar::DurationNano(took(times))).collect(),
            Path::IsRoot => batch.roots().iter().map(|root| Scalar::Bool(*root)).collect(),
            Path::EventAttribute(_) | Path::EventName => Vec::new(),
        }
    }
}

/// Returns the value at each of these rows.
fn pick<'a>(values: &[Scalar<'a>], rows: &[u32]) -> Vec<Scalar<'a>> {
    rows.iter().map(|row| values.get(*row as usize).copied().unwrap_or(Scalar::Nil)).collect()
}

fn texts<'a>(column: &'a TextColumn, count: usize, none: Scalar<'a>) -> Vec<Scalar<'a>> {
    let mut values = vec![none; count];
    for (row, text) in column.iter() {
        if let Some(value) = values.get_mut(row as usize) {
            *value = Scalar::Text(text);
        }
    }
    values
}

fn attributes<'a>(text: &'a TextColumn, numbers: &'a NumberColumn, count: usize) -> Vec<Scalar<'a>> {
    let mut values = texts(text, count, Scalar::Nil);
    for (row, number) in numbers.iter() {
        if let Some(value) = values.get_mut(row as usize) {
            *value = match number {
                Number::Int(value) => Scalar::Int(value),
                Number::Double(value) => Scalar::Double(value),
                Number::Bool(value) => Scalar::Bool(value),
            };
        }
    }
    values
}

impl<'a> Column<'a> {
    pub(super) fn get(&self, row: usize) -> Scalar<'a> {
        match self {
            Column::Same(value) => *value,
            Column::Each(values) => values.get(row).copied().unwrap_or(Scalar::Nil),
        }
    }
}

impl Comparison {
    /// Compares two values as the Collector does: values of different types are not equal, and no order holds between
    /// them.
    pub(super) fn holds(self, left: Scalar<'_>, right: Scalar<'_>) -> bool {
        let order = match (left, right) {
            (Scalar::Nil, Scalar::Nil) => Some(Ordering::Equal),
            (Scalar::Bool(left), Scalar::Bool(right)) => Some(left.cmp(&right)),
            (Scalar::Int(left), Scalar::Int(right)) => Some(left.cmp(&right)),
            (Scalar::Int(left), Scalar::Double(right)) => (left as f64).partial_cmp(&right),
            (Scalar::Double(left), Scalar::Int(right)) => left.partial_cmp(&(right as f64)),
            (Scalar::Double(left), Scalar::Double(right)) => left.partial_cmp(&right),
            (Scalar::Text(left), Scalar::Text(right)) => Some(left.cmp(right)),
            (Scalar::DurationNano(left), Scalar::DurationNano(right)) => Some(left.cmp(&right)),
            _ => None,
        };
        match self {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::NotEqual => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
            Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
            Comparison::Greater => order == Some(Ordering::Greater),
        }
    }
}

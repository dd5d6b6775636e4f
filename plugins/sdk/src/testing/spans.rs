use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use super::from_json;
use crate::{SpanBatch, StatusCode, Value};

/// Builds spans for tests, one after another. Calls after `span` apply to that span.
#[derive(Clone, Debug)]
#[must_use]
pub struct Spans {
    /// The `ResourceSpans` so far.
    resources: Vec<Json>,
    trace: u128,
    count: u64,
    edits: Vec<(u32, Edit)>,
}

#[derive(Clone, Debug)]
enum Edit {
    Attribute(String, Value),
    Error(String),
}

/// The start of every span: 2025-10-09.
const START_UNIX_NANO: u64 = 1_760_000_000_000_000_000;

/// Starts with the resource of a service. All spans are of one trace until [`trace`](Spans::trace) changes
/// it.
pub fn spans(service: &str) -> Spans {
    Spans { resources: Vec::new(), trace: 1, count: 0, edits: Vec::new() }.service(service)
}

impl Spans {
    /// Makes the following spans come from another service.
    pub fn service(mut self, name: &str) -> Spans {
        let service = json!({"key": "service.name", "value": {"stringValue": name}});
        self.resources.push(json!({"resource": {"attributes": [service]}, "scopeSpans": [{"spans": []}]}));
        self
    }

    /// Makes the following spans belong to this trace.
    pub fn trace(mut self, id: u128) -> Spans {
        self.trace = id;
        self
    }

    /// Adds a span of a millisecond, without a parent.
    pub fn span(mut self, name: &str) -> Spans {
        self.count += 1;
        let span = json!({
            "traceId": format!("{:032x}", self.trace),
            "spanId": format!("{:016x}", self.count),
            "name": name,
            "startTimeUnixNano": START_UNIX_NANO.to_string(),
            "endTimeUnixNano": (START_UNIX_NANO + 1_000_000).to_string(),
        });
        let place =
            self.resources.last_mut().and_then(|resource| resource.pointer_mut("/scopeSpans/0/spans"));
        if let Some(spans) = place.and_then(Json::as_array_mut) {
            spans.push(span);
        }
        self
    }

    /// Sets the duration of the span.
    pub fn lasting(self, duration: Duration) -> Spans {
        let nano = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.with("endTimeUnixNano", START_UNIX_NANO.saturating_add(nano).to_string().into())
    }

    /// Makes the span a child of the span with this number, counted from 1.
    pub fn child_of(self, parent: u64) -> Spans {
        self.with("parentSpanId", format!("{parent:016x}").into())
    }

    pub fn attribute(self, key: &str, value: impl Into<Value>) -> Spans {
        let edit = Edit::Attribute(key.to_owned(), value.into());
        self.edit(edit)
    }

    pub fn error(self, message: &str) -> Spans {
        self.edit(Edit::Error(message.to_owned()))
    }

    fn edit(mut self, edit: Edit) -> Spans {
        if let Some(row) = self.count.checked_sub(1) {
            self.edits.push((row as u32, edit));
        }
        self
    }

    fn with(mut self, field: &str, value: Json) -> Spans {
        if let Some(span) = self.last() {
            span.insert(field.to_owned(), value);
        }
        self
    }

    fn last(&mut self) -> Option<&mut Map<String, Json>> {
        let spans = self.resources.last_mut()?.pointer_mut("/scopeSpans/0/spans")?;
        spans.as_array_mut()?.last_mut()?.as_object_mut()
    }
}

impl From<Spans> for SpanBatch {
    #[expect(clippy::panic, reason = "what these builders make is OTLP; if not, the test is to fail")]
    fn from(spans: Spans) -> SpanBatch {
        let json = json!({"resourceSpans": spans.resources}).to_string();
        let mut batch = from_json(&json).unwrap_or_else(|error| panic!("{error}"));
        for (row, edit) in spans.edits {
            let edited = match edit {
                Edit::Attribute(key, value) => batch.set(row, &key, value),
                Edit::Error(message) => batch.set_status(row, StatusCode::Error, &message),
            };
            edited.unwrap_or_else(|error| panic!("{error}"));
        }
        batch
    }
}

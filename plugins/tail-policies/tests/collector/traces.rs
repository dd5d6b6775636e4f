//! Writes out the traces of `collector.json` as OTLP/JSON. `cargo xtask compat sampling` sends the same traces to the
//! Collector itself.

use serde_json::{Map, Value, json};

/// Returns a `ResourceSpans` for each span of a trace. The trace's id follows from its number.
pub(crate) fn trace(number: u64, spans: &[Value]) -> Vec<Value> {
    let trace_id = id(number);
    let spans = (1_u64..).zip(spans).map(|(id, span)| {
        let of = |key: &str| span.get(key).unwrap_or(&Value::Null);
        let micros = |at: usize, none: u64| of("took").get(at).and_then(Value::as_u64).unwrap_or(none);
        let nanos = |micros: u64| (micros * 1000).to_string();
        let status = ["UNSET", "OK", "ERROR"].iter().position(|status| *of("status") == *status);
        let events: Vec<Value> = of("events").as_array().into_iter().flatten().map(event).collect();
        let parent = of("parent").as_u64().map_or(String::new(), |parent| format!("{parent:016x}"));
        let encoded = json!({
            "traceId": trace_id,
            "spanId": format!("{id:016x}"),
            "parentSpanId": parent,
            "name": of("name").as_str().unwrap_or("span"),
            "kind": of("kind").as_u64().unwrap_or(1),
            "startTimeUnixNano": nanos(micros(0, 1)),
            "endTimeUnixNano": nanos(micros(1, 2)),
            "attributes": attributes(of("attributes")),
            "status": {"code": status.unwrap_or_default()},
            "traceState": of("state").as_str().unwrap_or_default(),
            "flags": of("flags").as_u64().unwrap_or_default(),
            "events": events,
        });
        let resource = json!({"attributes": attributes(of("resource"))});
        json!({"resource": resource, "scopeSpans": [{"spans": [encoded]}]})
    });
    spans.collect()
}

/// Returns the trace id of a number.
pub(crate) fn id(number: u64) -> String {
    format!("{:016x}{:016x}", mix(2 * number), mix(2 * number + 1))
}

fn event(event: &Value) -> Value {
    let of = |key: &str| event.get(key).unwrap_or(&Value::Null);
    json!({"name": of("name").as_str().unwrap_or_default(), "attributes": attributes(of("attributes"))})
}

fn attributes(of: &Value) -> Vec<Value> {
    let none = Map::new();
    let entries = of.as_object().unwrap_or(&none).iter();
    let attribute = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::String(text) => json!({"stringValue": text}),
            Value::Bool(value) => json!({"boolValue": value}),
            Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
            number => json!({"intValue": number.to_string()}),
        };
        json!({"key": key, "value": value})
    };
    entries.map(attribute).collect()
}

/// Returns the number's entry in the sequence of splitmix64.
fn mix(number: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = number.wrapping_mul(STEP).wrapping_add(STEP);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

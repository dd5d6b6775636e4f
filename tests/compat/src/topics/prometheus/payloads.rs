//! Metrics of every kind, each request with a service of its own, so that its series can be found.

use serde_json::{Value, json};

/// A metric: the name of the input, the metric's name and unit, and its data.
type Row = (&'static str, &'static str, &'static str, fn() -> Value);

/// Returns the inputs, each with its request.
pub(super) fn requests() -> Vec<(String, String)> {
    let request = |(input, name, unit, data): &Row| {
        let metric = with(data(), json!({"name": name, "unit": unit, "description": "A text."}));
        ((*input).to_owned(), around(resource(input), json!({"name": "lib", "version": "1"}), &metric))
    };
    [NAMES, DATA].concat().iter().map(request).chain(resources()).chain(sequences()).collect()
}

fn around(resource: Value, scope: Value, metric: &Value) -> String {
    json!({"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": [{"scope": scope, "metrics": [metric]}]}]})
        .to_string()
}

/// Returns an object with more fields.
fn with(mut object: Value, fields: Value) -> Value {
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    object
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn resource(input: &str) -> Value {
    json!([text("service.name", input), text("service.instance.id", "i"), text("host.name", "h")])
}

fn gauge() -> Value {
    json!({"gauge": {"dataPoints": [{"timeUnixNano": TIME, "asDouble": 1.5}]}})
}

fn counter() -> Value {
    json!({"sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{"startTimeUnixNano": START, "timeUnixNano": TIME, "asInt": "3"}]}})
}

fn up_down() -> Value {
    json!({"sum": {"aggregationTemporality": 2, "dataPoints": [{"timeUnixNano": TIME, "asInt": "3"}]}})
}

/// The times of a point.
const TIME: &str = "1700000000000000000";
const START: &str = "1699999000000000000";

/// Names and units.
const NAMES: &[Row] = &[
    ("name-plain", "plain", "", gauge),
    ("name-dots", "http.server.duration", "ms", gauge),
    ("name-underscores", "a__b", "", gauge),
    ("name-underscore-first", "_first", "", gauge),
    ("name-underscore-last", "last_", "", gauge),
    ("name-digit-first", "9lives", "", gauge),
    ("name-colon", "a:b", "", gauge),
    ("name-umlaut", "größe", "", gauge),
    ("name-spaces", "two words", "", gauge),
    ("name-dash", "c-d", "", gauge),
    ("name-total-gauge", "x_total", "", gauge),
    ("name-total-counter", "y_total", "", counter),
    ("name-total-middle", "z_total_sum", "", counter),
    ("name-counter", "requests", "", counter),
    ("name-counter-unit", "traffic", "By", counter),
    ("name-counter-unit-there", "traffic_bytes", "By", counter),
    ("name-unit-in-middle", "bytes_sent", "By", counter),
    ("name-bucket", "w_bucket", "", gauge),
    ("unit-one-gauge", "u1", "1", gauge),
    ("unit-one-up-down", "u2", "1", up_down),
    ("unit-one-counter", "u3", "1", counter),
    ("unit-one-ratio-there", "u4_ratio", "1", gauge),
    ("unit-seconds", "u5", "s", gauge),
    ("unit-percent", "u6", "%", gauge),
    ("unit-per-second", "u7", "By/s", gauge),
    ("unit-per-minute", "u8", "m/min", gauge),
    ("unit-per-one", "u9", "1/s", gauge),
    ("unit-braces", "u10", "{packets}", gauge),
    ("unit-braces-per", "u11", "{packets}/s", gauge),
    ("unit-unknown", "u12", "furlong", gauge),
    ("unit-kibi", "u13", "KiBy", gauge),
    ("unit-celsius", "u14", "Cel", gauge),
    ("unit-hertz", "u15", "Hz", gauge),
    ("unit-odd", "u16", "a$b", gauge),
    ("unit-upper-case", "u17", "MS", gauge),
    ("unit-days", "u18", "d", gauge),
];

fn point(fields: Value) -> Value {
    json!({"gauge": {"dataPoints": [fields]}})
}

/// Kinds of data, values, labels.
const DATA: &[Row] = &[
    ("data-gauge-int", "d1", "", || point(json!({"timeUnixNano": TIME, "asInt": "-7"}))),
    ("data-nan", "d2", "", || point(json!({"timeUnixNano": TIME, "asDouble": "NaN"}))),
    ("data-infinity", "d3", "", || point(json!({"timeUnixNano": TIME, "asDouble": "Infinity"}))),
    ("data-large", "d4", "", || point(json!({"timeUnixNano": TIME, "asInt": "9007199254740993"}))),
    ("data-small", "d5", "", || point(json!({"timeUnixNano": TIME, "asDouble": 1e-9}))),
    ("data-no-value", "d6", "", || point(json!({"timeUnixNano": TIME}))),
    ("data-no-recorded-value", "d7", "", || point(json!({"timeUnixNano": TIME, "asInt": "1", "flags": 1}))),
    ("data-no-time", "d8", "", || point(json!({"asInt": "1"}))),
    ("data-up-down", "d9", "", up_down),
    (
        "data-delta-counter",
        "d10",
        "",
        || json!({"sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [{"startTimeUnixNano": START, "timeUnixNano": TIME, "asInt": "3"}]}}),
    ),
    (
        "data-delta-up-down",
        "d11",
        "",
        || json!({"sum": {"aggregationTemporality": 1, "dataPoints": [{"startTimeUnixNano": START, "timeUnixNano": TIME, "asInt": "3"}]}}),
    ),
    (
        "data-unspecified",
        "d12",
        "",
        || json!({"sum": {"isMonotonic": true, "dataPoints": [{"timeUnixNano": TIME, "asInt": "3"}]}}),
    ),
    ("data-histogram", "d13", "s", || {
        histogram(
            2,
            json!({"count": "3", "sum": 4.5, "bucketCounts": ["1", "2", "0"], "explicitBounds": [1, 2.5]}),
        )
    }),
    ("data-histogram-infinite-bound", "d14", "", || {
        histogram(
            2,
            json!({"count": "3", "sum": 4.5, "bucketCounts": ["1", "2"], "explicitBounds": ["Infinity"]}),
        )
    }),
    ("data-histogram-no-buckets", "d15", "", || histogram(2, json!({"count": "3", "sum": 4.5}))),
    ("data-histogram-no-sum", "d16", "", || {
        histogram(2, json!({"count": "3", "bucketCounts": ["1", "2"], "explicitBounds": [1]}))
    }),
    ("data-histogram-unsorted", "d17", "", || {
        histogram(
            2,
            json!({"count": "6", "sum": 1, "bucketCounts": ["1", "2", "3"], "explicitBounds": [5, 1]}),
        )
    }),
    ("data-histogram-count-exceeds", "d18", "", || {
        histogram(2, json!({"count": "9", "sum": 1, "bucketCounts": ["1", "2"], "explicitBounds": [1]}))
    }),
    ("data-histogram-buckets-missing", "d19", "", || {
        histogram(2, json!({"count": "3", "sum": 1, "bucketCounts": ["1"], "explicitBounds": [1, 2]}))
    }),
    ("data-histogram-delta", "d20", "", || {
        histogram(1, json!({"count": "3", "sum": 4.5, "bucketCounts": ["1", "2"], "explicitBounds": [1]}))
    }),
    ("data-histogram-exemplar", "d21", "", || {
        histogram(
            2,
            json!({"count": "3", "sum": 4.5, "bucketCounts": ["1", "2"], "explicitBounds": [1], "exemplars": [{"timeUnixNano": TIME, "asDouble": 0.5, "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}]}),
        )
    }),
    ("data-exponential", "d22", "", || {
        exponential(
            2,
            json!({"count": "5", "sum": 9, "scale": 1, "zeroCount": "1", "positive": {"offset": 2, "bucketCounts": ["1", "3"]}}),
        )
    }),
    ("data-exponential-count-exceeds", "d23", "", || {
        exponential(
            2,
            json!({"count": "50", "sum": 9, "scale": 1, "positive": {"offset": 2, "bucketCounts": ["1", "3"]}}),
        )
    }),
    ("data-exponential-delta", "d24", "", || {
        exponential(
            1,
            json!({"count": "4", "sum": 9, "scale": 1, "positive": {"offset": 2, "bucketCounts": ["1", "3"]}}),
        )
    }),
    ("data-exponential-negative", "d27", "", || {
        exponential(
            2,
            json!({"count": "3", "sum": 1, "scale": 0, "negative": {"offset": 0, "bucketCounts": ["1"]}, "positive": {"offset": 0, "bucketCounts": ["2"]}}),
        )
    }),
    ("data-exponential-count-below", "d28", "", || {
        exponential(
            2,
            json!({"count": "3", "sum": 9, "scale": 1, "positive": {"offset": 2, "bucketCounts": ["1", "3"]}}),
        )
    }),
    ("data-exponential-fine", "d29", "", || {
        exponential(
            2,
            json!({"count": "3", "sum": 9, "scale": 12, "positive": {"offset": 2, "bucketCounts": ["1", "2"]}}),
        )
    }),
    ("data-exponential-coarse", "d30", "", || {
        exponential(
            2,
            json!({"count": "3", "sum": 9, "scale": -5, "positive": {"offset": 2, "bucketCounts": ["1", "2"]}}),
        )
    }),
    ("data-histogram-bound-twice", "d31", "", || {
        histogram(
            2,
            json!({"count": "6", "sum": 1, "bucketCounts": ["1", "2", "3"], "explicitBounds": [5, 5]}),
        )
    }),
    ("data-histogram-negative", "d32", "", || {
        histogram(
            2,
            json!({"count": "10", "sum": 1, "bucketCounts": ["1", "2", "3", "4"], "explicitBounds": [-0.00001, 0.1, 1e21]}),
        )
    }),
    (
        "data-summary",
        "d25",
        "",
        || json!({"summary": {"dataPoints": [{"timeUnixNano": TIME, "count": "2", "sum": 3, "quantileValues": [{"quantile": 0.5, "value": 1}, {"quantile": 1, "value": 2}]}]}}),
    ),
    (
        "data-summary-empty",
        "d26",
        "",
        || json!({"summary": {"dataPoints": [{"timeUnixNano": TIME, "count": "0", "sum": 0}]}}),
    ),
    ("labels-types", "l1", "", || {
        labels(
            json!([text("text", "x"), {"key": "int", "value": {"intValue": "5"}}, {"key": "double", "value": {"doubleValue": 2.0}}, {"key": "bool", "value": {"boolValue": true}}, {"key": "bytes", "value": {"bytesValue": "aGk="}}]),
        )
    }),
    ("labels-array", "l2", "", || {
        labels(
            json!([{"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}, {}]}}}]),
        )
    }),
    ("labels-map", "l3", "", || {
        labels(
            json!([{"key": "a", "value": {"kvlistValue": {"values": [{"key": "z", "value": {"doubleValue": 1.0}}, {"key": "b", "value": {"stringValue": "<&>"}}]}}}]),
        )
    }),
    ("labels-empty-value", "l4", "", || labels(json!([text("a", ""), {"key": "b"}]))),
    ("labels-names", "l5", "", || {
        labels(json!([
            text("a.b", "1"),
            text("9x", "2"),
            text("_y", "3"),
            text("__z", "4"),
            text("größe", "5"),
            text("a b", "6")
        ]))
    }),
    ("labels-collide", "l6", "", || labels(json!([text("a.b", "1"), text("a_b", "2"), text("a-b", "3")]))),
    ("labels-reserved", "l7", "", || {
        labels(json!([
            text("job", "mine"),
            text("instance", "me"),
            text("le", "5"),
            text("quantile", "1"),
            text("otel_scope_name", "s")
        ]))
    }),
    ("labels-of-resource", "l10", "", || labels(json!([text("host.name", "other")]))),
    ("labels-escapes", "l8", "", || labels(json!([text("a", "back\\slash \"quote\" new\nline")]))),
    ("labels-large-double", "l9", "", || {
        labels(
            json!([{"key": "a", "value": {"doubleValue": 1e21}}, {"key": "b", "value": {"doubleValue": 1e-7}}, {"key": "c", "value": {"doubleValue": "Infinity"}}]),
        )
    }),
];

fn labels(attributes: Value) -> Value {
    point(json!({"timeUnixNano": TIME, "asInt": "1", "attributes": attributes}))
}

fn histogram(temporality: u32, point: Value) -> Value {
    let point = with(point, json!({"timeUnixNano": TIME, "startTimeUnixNano": START}));
    json!({"histogram": {"aggregationTemporality": temporality, "dataPoints": [point]}})
}

fn exponential(temporality: u32, point: Value) -> Value {
    let point = with(point, json!({"timeUnixNano": TIME, "startTimeUnixNano": START}));
    json!({"exponentialHistogram": {"aggregationTemporality": temporality, "dataPoints": [point]}})
}

/// Resources and scopes. The point has a label with the input's name, since the resource may have none.
fn resources() -> Vec<(String, String)> {
    let lib = || json!({"name": "lib"});
    let rows = [
        ("resource-none", json!([]), lib()),
        ("resource-service-only", json!([text("service.name", "resource-service-only")]), lib()),
        (
            "resource-namespace",
            json!([
                text("service.name", "s"),
                text("service.namespace", "n"),
                text("service.instance.id", "resource-namespace")
            ]),
            lib(),
        ),
        (
            "resource-instance-only",
            json!([text("service.instance.id", "resource-instance-only"), text("x", "y")]),
            lib(),
        ),
        (
            "resource-number",
            json!([{"key": "service.name", "value": {"intValue": "5"}}, text("service.instance.id", "resource-number")]),
            lib(),
        ),
        (
            "resource-many",
            json!([text("service.name", "resource-many"), text("service.instance.id", "i"), text("a.b", "1"), text("a_b", "2"), {"key": "n", "value": {"doubleValue": 1.0}}]),
            lib(),
        ),
        ("scope-none", json!([text("service.name", "scope-none")]), json!({})),
        (
            "scope-attributes",
            json!([text("service.name", "scope-attributes")]),
            json!({"name": "s", "version": "2", "attributes": [text("k", "v"), text("name", "n"), text("version", "w")]}),
        ),
    ];
    let request = |(number, (input, resource, scope)): (usize, (&str, Value, Value))| {
        let metric = with(labels(json!([text("in", input)])), json!({"name": format!("r{number}")}));
        (input.to_owned(), around(resource, scope, &metric))
    };
    rows.into_iter().enumerate().map(request).collect()
}

/// Several requests on the same series: the inputs' names are the same, only the last one is looked at.
fn sequences() -> Vec<(String, String)> {
    let delta = |from: &str, to: &str| json!({"name": "q1", "sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [{"startTimeUnixNano": from, "timeUnixNano": to, "asInt": "3"}]}});
    let exponential = |from: &str, to: &str| json!({"name": "q3", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [{"startTimeUnixNano": from, "timeUnixNano": to, "count": "4", "sum": 9, "scale": 1, "positive": {"offset": 2, "bucketCounts": ["1", "3"]}}]}});
    let typed = |data: &str| json!({"name": "q2", data: {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{"startTimeUnixNano": START, "timeUnixNano": TIME, "asInt": "3"}]}});
    let (a, b, c) = (START, "1699999500000000000", TIME);
    let of = |input: &str, metrics: Vec<Value>| {
        let body = json!({"resourceMetrics": metrics.iter().map(|metric| json!({"resource": {"attributes": resource(input)}, "scopeMetrics": [{"metrics": [metric]}]})).collect::<Vec<_>>()});
        (input.to_owned(), body.to_string())
    };
    vec![
        of("sequence-deltas", vec![delta(a, b), delta(b, c)]),
        of("sequence-exponential-deltas", vec![exponential(a, b), exponential(b, c)]),
        of("sequence-type-changes", vec![typed("sum"), typed("gauge")]),
    ]
}

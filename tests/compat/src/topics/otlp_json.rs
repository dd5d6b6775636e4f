//! OTLP/JSON: which bodies are taken, and what of them arrives.

use anyhow::Result;

use crate::{
    configs,
    http1::Request,
    observation::Case,
    pair::{Input, Pair},
    payload,
    side::Binaries,
};

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay()).await?;
    let mut cases = pair.cases(inputs(), &[]).await;
    cases.push(pair.stop("exit").await);
    Ok(cases)
}

fn inputs() -> Vec<(String, Input)> {
    let tables: [Table; 9] = [
        ("Traces", "body", BODIES, str::to_owned),
        ("Traces", "ids", SPANS, payload::span),
        ("Traces", "span", SPAN_FIELDS, payload::span_with),
        ("Traces", "value", VALUES, payload::attribute),
        ("Metrics", "metric", METRICS, payload::metric),
        ("Metrics", "point", POINTS, payload::gauge),
        ("Logs", "log", LOGS, payload::log),
        ("Metrics", "metrics-body", METRICS_BODIES, str::to_owned),
        ("Logs", "logs-body", LOGS_BODIES, str::to_owned),
    ];
    let input = |message: &str, body: String| {
        Input::Http(Request::post(&payload::http_path(message), "application/json", body))
    };
    let rows = tables.into_iter().flat_map(|(message, group, rows, around)| {
        rows.iter().map(move |(name, text)| (format!("{group}-{name}"), message, around(text)))
    });
    rows.chain(deep()).map(|(name, message, body)| (name, input(message, body))).collect()
}

/// Lists in lists, as a value and below a key that nobody knows.
fn deep() -> Vec<(String, &'static str, String)> {
    let rows = [39, 40, 200, 3000].into_iter().flat_map(|levels| {
        let value = format!("{}{{}}{}", r#"{"arrayValue":{"values":["#.repeat(levels), "]}}".repeat(levels));
        let unknown = format!(r#""x":{}{}"#, "[".repeat(levels), "]".repeat(levels));
        [
            (format!("value-deep-{levels}"), "Traces", payload::attribute(&value)),
            (format!("unknown-deep-{levels}"), "Traces", payload::span_with(&unknown)),
        ]
    });
    rows.collect()
}

/// The message, the beginning of the inputs' names, the rows, and what is around a row's text.
type Table = (&'static str, &'static str, Rows, fn(&str) -> String);

type Rows = &'static [(&'static str, &'static str)];

/// Whole bodies.
const BODIES: Rows = &[
    ("empty-object", "{}"),
    ("null", "null"),
    ("empty", ""),
    ("spaces", "  \n"),
    ("array", "[]"),
    ("text", "\"x\""),
    ("cut", r#"{"resourceSpans":["#),
    ("rest-after-end", "{} x"),
    ("two-objects", "{}{}"),
    ("null-list", r#"{"resourceSpans":null}"#),
    ("null-element", r#"{"resourceSpans":[null]}"#),
    ("empty-resource-spans", r#"{"resourceSpans":[{}]}"#),
    ("list-is-object", r#"{"resourceSpans":{}}"#),
    ("list-is-text", r#"{"resourceSpans":"x"}"#),
    ("unknown-key", r#"{"resourceSpans":[],"x":{"y":[1,2]}}"#),
    (
        "snake-case",
        r#"{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331","parent_span_id":"b7ad6b7169203332","start_time_unix_nano":"1","end_time_unix_nano":"2","name":"n"}]}]}]}"#,
    ),
    (
        "snake-case-outside",
        r#"{"resource_spans":[{"scope_spans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n"}]}]}]}"#,
    ),
    (
        "library-spans",
        r#"{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{"name":"old"},"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n"}]}]}]}"#,
    ),
    ("byte-order-mark", "\u{feff}{}"),
    ("single-quotes", "{'resourceSpans':[]}"),
    ("comment", "{/* x */}"),
    ("trailing-comma", r#"{"resourceSpans":[],}"#),
    (
        "same-key-twice",
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"one"}]}]}],"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","name":"two"}]}]}]}"#,
    ),
    ("key-other-case", r#"{"ResourceSpans":[{"scopeSpans":[{"spans":[{"name":"n"}]}]}]}"#),
    ("resource-null", r#"{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":[]}]}]}"#),
    (
        "dropped-counts",
        r#"{"resourceSpans":[{"resource":{"droppedAttributesCount":"4"},"schemaUrl":"s","scopeSpans":[{"scope":{"name":"n","version":"v","droppedAttributesCount":5,"attributes":[{"key":"k","value":{"boolValue":true}}]},"schemaUrl":"t","spans":[{"name":"n"}]}]}]}"#,
    ),
    (
        "entity-refs",
        r#"{"resourceSpans":[{"resource":{"entityRefs":[{"type":"service","idKeys":["a"]}]},"scopeSpans":[{"spans":[{"name":"n"}]}]}]}"#,
    ),
];

/// Whole spans: ids.
const SPANS: Rows = &[
    ("missing", r#""name":"n""#),
    ("empty", r#""traceId":"","spanId":"","parentSpanId":"","name":"n""#),
    ("null", r#""traceId":null,"spanId":null,"parentSpanId":null,"name":"n""#),
    ("upper-case", r#""traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"B7AD6B7169203331","name":"n""#),
    ("short-trace", r#""traceId":"0af7651916cd43dd","spanId":"b7ad6b7169203331","name":"n""#),
    (
        "long-trace",
        r#""traceId":"0af7651916cd43dd8448eb211c80319c00","spanId":"b7ad6b7169203331","name":"n""#,
    ),
    ("short-span", r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad","name":"n""#),
    ("odd-digits", r#""traceId":"0af7651916cd43dd8448eb211c80319","spanId":"b7ad6b7169203331","name":"n""#),
    ("not-hex", r#""traceId":"zzf7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#),
    ("base64", r#""traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"t61rcWkgMzE=","name":"n""#),
    ("zeros", r#""traceId":"00000000000000000000000000000000","spanId":"0000000000000000","name":"n""#),
    ("number", r#""traceId":1,"spanId":2,"name":"n""#),
    ("dashes", r#""traceId":"0af76519-16cd-43dd-8448-eb211c80319c","spanId":"b7ad6b7169203331","name":"n""#),
];

/// More fields of a right span.
const SPAN_FIELDS: Rows = &[
    ("kind-name", r#""kind":"SPAN_KIND_SERVER""#),
    ("kind-short-name", r#""kind":"SERVER""#),
    ("kind-unknown-name", r#""kind":"SPAN_KIND_X""#),
    ("kind-number-text", r#""kind":"3""#),
    ("kind-out-of-range", r#""kind":99"#),
    ("kind-negative", r#""kind":-1"#),
    ("kind-huge", r#""kind":9999999999"#),
    ("kind-null", r#""kind":null"#),
    ("kind-fraction", r#""kind":1.5"#),
    ("kind-whole-fraction", r#""kind":2.0"#),
    ("status-name", r#""status":{"code":"STATUS_CODE_ERROR","message":"m"}"#),
    ("status-number", r#""status":{"code":2}"#),
    ("status-null", r#""status":null"#),
    ("status-deprecated", r#""status":{"deprecatedCode":2,"code":1}"#),
    ("time-number", r#""startTimeUnixNano":1700000000000000000"#),
    ("time-exponent", r#""startTimeUnixNano":1.7e18"#),
    ("time-exponent-text", r#""startTimeUnixNano":"1.7e18""#),
    ("time-negative", r#""startTimeUnixNano":-1"#),
    ("time-too-large", r#""startTimeUnixNano":"18446744073709551616""#),
    ("time-largest", r#""startTimeUnixNano":"18446744073709551615""#),
    ("time-not-a-number", r#""startTimeUnixNano":"soon""#),
    ("time-empty-text", r#""startTimeUnixNano":"""#),
    ("time-null", r#""startTimeUnixNano":null"#),
    ("time-spaces", r#""startTimeUnixNano":" 1 ""#),
    ("time-fraction", r#""startTimeUnixNano":1.5"#),
    ("flags", r#""flags":257"#),
    ("flags-text", r#""flags":"257""#),
    ("flags-too-large", r#""flags":4294967296"#),
    ("dropped-counts", r#""droppedAttributesCount":1,"droppedEventsCount":"2","droppedLinksCount":3"#),
    ("dropped-snake-case", r#""dropped_attributes_count":1,"dropped_events_count":2"#),
    ("name-null", r#""name":null"#),
    ("name-number", r#""name":5"#),
    ("name-nul", r#""name":"a\u0000b""#),
    ("name-surrogate", r#""name":"\ud83d\ude00""#),
    ("name-lone-surrogate", r#""name":"\ud83d""#),
    ("name-bad-escape", r#""name":"\x""#),
    ("name-control", "\"name\":\"a\tb\""),
    ("trace-state", r#""traceState":"a=1,b=2""#),
    (
        "events",
        r#""events":[{"timeUnixNano":"5","name":"e","attributes":[{"key":"k","value":{"intValue":"1"}}],"droppedAttributesCount":1}]"#,
    ),
    ("events-null-element", r#""events":[null]"#),
    ("events-snake-case", r#""events":[{"time_unix_nano":"5","name":"e"}]"#),
    (
        "links",
        r#""links":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","traceState":"x=y","flags":1}]"#,
    ),
    ("links-short-id", r#""links":[{"traceId":"0af7","spanId":"b7"}]"#),
    ("unknown-key", r#""x":{"deep":[1,{"y":null}]}"#),
    ("attributes-null", r#""attributes":null"#),
    ("attributes-object", r#""attributes":{"k":"v"}"#),
    (
        "attributes-twice",
        r#""attributes":[{"key":"k","value":{"intValue":1}},{"key":"k","value":{"intValue":2}}]"#,
    ),
    ("attribute-no-value", r#""attributes":[{"key":"k"}]"#),
    ("attribute-no-key", r#""attributes":[{"value":{"intValue":1}}]"#),
    ("attribute-null", r#""attributes":[null]"#),
    ("attribute-key-number", r#""attributes":[{"key":1,"value":{"intValue":1}}]"#),
];

/// Values of an attribute.
const VALUES: Rows = &[
    ("text", r#"{"stringValue":"x"}"#),
    ("text-empty", r#"{"stringValue":""}"#),
    ("text-number", r#"{"stringValue":5}"#),
    ("text-null", r#"{"stringValue":null}"#),
    ("snake-case-text", r#"{"string_value":"x"}"#),
    ("snake-case-int", r#"{"int_value":"5"}"#),
    ("snake-case-double", r#"{"double_value":5.5}"#),
    ("snake-case-bool", r#"{"bool_value":true}"#),
    ("snake-case-array", r#"{"array_value":{"values":[{"int_value":1}]}}"#),
    ("snake-case-list", r#"{"kvlist_value":{"values":[{"key":"k","value":{"bytes_value":"aGk="}}]}}"#),
    ("int-text", r#"{"intValue":"-5"}"#),
    ("int-number", r#"{"intValue":-5}"#),
    ("int-whole-fraction", r#"{"intValue":5.0}"#),
    ("int-exponent", r#"{"intValue":1e3}"#),
    ("int-fraction", r#"{"intValue":5.5}"#),
    ("int-too-large", r#"{"intValue":"9223372036854775808"}"#),
    ("int-not-a-number", r#"{"intValue":"x"}"#),
    ("int-plus", r#"{"intValue":"+5"}"#),
    ("int-leading-zero", r#"{"intValue":"007"}"#),
    ("double", r#"{"doubleValue":0.1}"#),
    ("double-text", r#"{"doubleValue":"0.1"}"#),
    ("double-nan", r#"{"doubleValue":"NaN"}"#),
    ("double-infinity", r#"{"doubleValue":"Infinity"}"#),
    ("double-minus-infinity", r#"{"doubleValue":"-Infinity"}"#),
    ("double-inf-short", r#"{"doubleValue":"inf"}"#),
    ("double-too-large", r#"{"doubleValue":1e400}"#),
    ("double-too-large-text", r#"{"doubleValue":"1e400"}"#),
    ("double-too-small", r#"{"doubleValue":1e-400}"#),
    ("double-hex-text", r#"{"doubleValue":"0x1p3"}"#),
    ("double-minus-zero", r#"{"doubleValue":-0.0}"#),
    ("bool", r#"{"boolValue":false}"#),
    ("bool-text", r#"{"boolValue":"true"}"#),
    ("bool-number", r#"{"boolValue":1}"#),
    ("bytes", r#"{"bytesValue":"aGk="}"#),
    ("bytes-no-padding", r#"{"bytesValue":"aGk"}"#),
    ("bytes-url", r#"{"bytesValue":"_-8="}"#),
    ("bytes-bad", r#"{"bytesValue":"%%"}"#),
    ("array", r#"{"arrayValue":{"values":[{"intValue":1},{"stringValue":"x"},{}]}}"#),
    ("array-empty", r#"{"arrayValue":{}}"#),
    ("array-null", r#"{"arrayValue":null}"#),
    ("array-null-element", r#"{"arrayValue":{"values":[null]}}"#),
    (
        "list-nested",
        r#"{"kvlistValue":{"values":[{"key":"k","value":{"kvlistValue":{"values":[{"key":"z","value":{"boolValue":true}}]}}}]}}"#,
    ),
    ("none", "{}"),
    ("null", "null"),
    ("bare-text", "\"x\""),
    ("two-values", r#"{"stringValue":"x","intValue":1}"#),
    ("unknown", r#"{"otherValue":1}"#),
];

/// Metrics without their name.
const METRICS: Rows = &[
    ("gauge", r#""gauge":{"dataPoints":[{"asDouble":1.5}]}"#),
    ("no-data", r#""unit":"1""#),
    ("two-data", r#""gauge":{"dataPoints":[]},"sum":{"dataPoints":[]}"#),
    ("null-data", r#""gauge":null"#),
    (
        "sum",
        r#""sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"5","startTimeUnixNano":"1","timeUnixNano":"2"}]}"#,
    ),
    (
        "sum-name",
        r#""sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_DELTA","isMonotonic":true,"dataPoints":[{"asInt":5}]}"#,
    ),
    (
        "sum-snake-case",
        r#""sum":{"aggregation_temporality":2,"is_monotonic":true,"data_points":[{"as_int":"5","time_unix_nano":"2"}]}"#,
    ),
    ("sum-unknown-temporality", r#""sum":{"aggregationTemporality":7,"dataPoints":[{"asInt":5}]}"#),
    (
        "histogram",
        r#""histogram":{"aggregationTemporality":2,"dataPoints":[{"count":"3","sum":4.5,"min":1,"max":2,"bucketCounts":["1","2"],"explicitBounds":[1.5]}]}"#,
    ),
    (
        "histogram-numbers",
        r#""histogram":{"aggregationTemporality":2,"dataPoints":[{"count":3,"bucketCounts":[1,2],"explicitBounds":["1.5"]}]}"#,
    ),
    (
        "histogram-snake-case",
        r#""histogram":{"data_points":[{"count":3,"bucket_counts":[1,2],"explicit_bounds":[1.5]}]}"#,
    ),
    ("histogram-sum-zero", r#""histogram":{"dataPoints":[{"count":0,"sum":0}]}"#),
    (
        "exponential",
        r#""exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"count":3,"scale":-2,"zeroCount":1,"zeroThreshold":0.5,"positive":{"offset":-3,"bucketCounts":["1","1"]},"negative":{"bucketCounts":[]}}]}"#,
    ),
    (
        "exponential-snake-case",
        r#""exponential_histogram":{"data_points":[{"count":3,"zero_count":1,"positive":{"bucket_counts":[2]}}]}"#,
    ),
    (
        "summary",
        r#""summary":{"dataPoints":[{"count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1}]}]}"#,
    ),
    (
        "summary-snake-case",
        r#""summary":{"data_points":[{"count":"2","sum":3,"quantile_values":[{"quantile":0.5,"value":1}]}]}"#,
    ),
    (
        "metadata",
        r#""metadata":[{"key":"k","value":{"stringValue":"v"}}],"gauge":{"dataPoints":[{"asInt":1}]}"#,
    ),
];

/// Fields of a gauge's point.
const POINTS: Rows = &[
    ("no-value", r#""flags":1"#),
    ("int-and-double", r#""asInt":1,"asDouble":2.5"#),
    ("int-largest", r#""asInt":"9223372036854775807""#),
    ("double-int", r#""asDouble":1"#),
    ("double-nan", r#""asDouble":"NaN""#),
    (
        "exemplar",
        r#""asInt":1,"exemplars":[{"timeUnixNano":"1","asDouble":1.5,"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","filteredAttributes":[{"key":"k","value":{"intValue":1}}]}]"#,
    ),
    ("exemplar-short-id", r#""asInt":1,"exemplars":[{"asInt":1,"traceId":"0af7","spanId":"b7"}]"#),
    (
        "exemplar-snake-case",
        r#""asInt":1,"exemplars":[{"time_unix_nano":"1","as_int":"1","filtered_attributes":[{"key":"k","value":{"intValue":1}}]}]"#,
    ),
];

/// Fields of a log record.
const LOGS: Rows = &[
    (
        "text",
        r#""severityNumber":9,"severityText":"INFO","body":{"stringValue":"hi"},"observedTimeUnixNano":"7","eventName":"e","flags":1"#,
    ),
    ("severity-name", r#""severityNumber":"SEVERITY_NUMBER_ERROR","body":{"stringValue":"hi"}"#),
    ("severity-out-of-range", r#""severityNumber":77"#),
    (
        "snake-case",
        r#""severity_number":9,"severity_text":"INFO","observed_time_unix_nano":"7","event_name":"e","trace_id":"0af7651916cd43dd8448eb211c80319c""#,
    ),
    ("short-id", r#""traceId":"0af7","spanId":"b7""#),
    ("body-bare-text", r#""body":"hi""#),
    ("body-none", r#""body":{}"#),
    ("body-list", r#""body":{"kvlistValue":{"values":[{"key":"k","value":{"doubleValue":1}}]}}"#),
];

const METRICS_BODIES: Rows = &[
    (
        "snake-case",
        r#"{"resource_metrics":[{"scope_metrics":[{"metrics":[{"name":"n","gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}"#,
    ),
    (
        "library",
        r#"{"resourceMetrics":[{"instrumentationLibraryMetrics":[{"metrics":[{"name":"n","gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}"#,
    ),
    ("null-metric", r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[null]}]}]}"#),
];

const LOGS_BODIES: Rows = &[
    ("snake-case", r#"{"resource_logs":[{"scope_logs":[{"log_records":[{"body":{"string_value":"x"}}]}]}]}"#),
    (
        "library",
        r#"{"resourceLogs":[{"instrumentationLibraryLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}"#,
    ),
    ("null-record", r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[null]}]}]}"#),
];

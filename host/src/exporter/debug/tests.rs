use std::sync::Mutex as StdMutex;

use serde_json::json;

use super::*;

/// The text that the exporter has written.
#[derive(Clone, Default)]
struct Shown(Arc<StdMutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn batch(signal: Signal, json: &serde_json::Value) -> wire::Batch {
    let request = wire::json::from_json(signal, json.to_string().as_bytes()).unwrap();
    wire::Batch::decode(signal, request.into()).unwrap()
}

async fn export(config: serde_json::Value, batches: &[wire::Batch]) -> String {
    let config = read(&Node::from_json(config)).unwrap();
    let shown = Shown::default();
    let exporter = DebugExporter::new(&config, "debug", false, Box::new(shown.clone()));
    for batch in batches {
        exporter.export(batch).await.unwrap();
    }
    let bytes = shown.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Returns the text without the lines of the log around it.
async fn printed(verbosity: &str, batch: wire::Batch) -> String {
    export(json!({ "verbosity": verbosity, "use_internal_logger": false }), &[batch]).await
}

fn check(printed: &str, expected: &str) {
    assert_eq!(printed, expected, "\n{printed}");
}

fn resource() -> serde_json::Value {
    json!({
        "attributes": [{ "key": "service.name", "value": { "stringValue": "shop" } }],
        "entityRefs": [{ "type": "service", "idKeys": ["service.name"] }],
    })
}

fn traces() -> wire::Batch {
    let span = json!({
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "parentSpanId": "c7ad6b7169203332",
        "traceState": "st=1",
        "name": "GET /",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000250000000",
        "status": { "code": 2, "message": "broken" },
        "droppedLinksCount": 3,
        "attributes": [
            { "key": "n", "value": { "intValue": "4711" } },
            { "key": "list", "value": { "arrayValue": { "values": [{ "stringValue": "inner" }] } } },
        ],
        "events": [{
            "timeUnixNano": "1700000000100000000",
            "name": "happened",
            "attributes": [{ "key": "ek", "value": { "boolValue": true } }],
        }],
        "links": [{ "traceId": "1af7651916cd43dd8448eb211c80319c", "spanId": "d7ad6b7169203333" }],
    });
    let scope = json!({ "scope": { "name": "lib", "version": "1.2" }, "spans": [span, { "name": "bare" }] });
    batch(
        Signal::Traces,
        &json!({ "resourceSpans": [{
        "resource": resource(), "schemaUrl": "https://schema", "scopeSpans": [scope],
    }] }),
    )
}

/// Scenario: spans with every field and with none are printed in detail.
/// Guarantees: the lines are the Collector's, and ids are whole.
#[tokio::test]
async fn detailed_prints_every_field_of_spans() {
    let printed = printed("detailed", traces()).await;
    check(
        &printed,
        "Traces\t{\"resource spans\": 1, \"spans\": 2}
ResourceSpans #0
Resource SchemaURL: https://schema
Resource attributes:
     -> service.name: Str(shop)
Resource entity refs:
     -> Entity ref #0:
          -> Type: service
          -> ID keys:
               -> service.name
ScopeSpans #0
ScopeSpans SchemaURL: \nInstrumentationScope lib 1.2
Span #0
    Trace ID       : 0af7651916cd43dd8448eb211c80319c
    Parent ID      : c7ad6b7169203332
    ID             : b7ad6b7169203331
    Name           : GET /
    Kind           : Server
    TraceState     : st=1
    Start time     : 2023-11-14 22:13:20 +0000 UTC
    End time       : 2023-11-14 22:13:20.25 +0000 UTC
    Status code    : Error
    Status message : broken
    DroppedAttributesCount: 0
    DroppedEventsCount: 0
    DroppedLinksCount: 3
Attributes:
     -> n: Int(4711)
     -> list: Slice([\"inner\"])
Events:
SpanEvent #0
     -> Name: happened
     -> Timestamp: 2023-11-14 22:13:20.1 +0000 UTC
     -> DroppedAttributesCount: 0
     -> Attributes::
          -> ek: Bool(true)
Links:
SpanLink #0
     -> Trace ID: 1af7651916cd43dd8448eb211c80319c
     -> ID: d7ad6b7169203333
     -> TraceState: \n     -> DroppedAttributesCount: 0
Span #1
    Trace ID       : \n    Parent ID      : \n    ID             : \n    Name           : bare
    Kind           : Unspecified
    Start time     : 1970-01-01 00:00:00 +0000 UTC
    End time       : 1970-01-01 00:00:00 +0000 UTC
    Status code    : Unset
    Status message : \n    DroppedAttributesCount: 0
    DroppedEventsCount: 0
    DroppedLinksCount: 0

",
    );
}

/// Scenario: the same spans are printed with normal verbosity.
/// Guarantees: a span is a line, with whole ids.
#[tokio::test]
async fn normal_prints_a_line_a_span() {
    let printed = printed("normal", traces()).await;
    check(
        &printed,
        "Traces\t{\"resource spans\": 1, \"spans\": 2}
ResourceTraces #0 [https://schema] service.name=shop
ScopeTraces #0 lib@1.2
GET / 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 n=4711 list=[\"inner\"]
bare  \n
",
    );
}

fn metrics() -> wire::Batch {
    let point = |mut point: serde_json::Value| {
        point["timeUnixNano"] = json!("1700000000000000000");
        json!({ "aggregationTemporality": 2, "dataPoints": [point] })
    };
    let mut sum = point(json!({ "asInt": "7", "exemplars": [{
        "timeUnixNano": "1700000000000000000", "asDouble": 15.0, "spanId": "b7ad6b7169203331",
        "filteredAttributes": [{ "key": "k", "value": { "stringValue": "v" } }],
    }] }));
    sum["isMonotonic"] = json!(true);
    let zone = json!([
        { "key": "zone", "value": { "stringValue": "east" } },
        { "key": "n", "value": { "intValue": 1 } },
    ]);
    let metrics = json!([
        { "name": "g", "unit": "1", "description": "d", "gauge": point(json!({ "asDouble": 47.25, "attributes": zone })) },
        { "name": "s", "sum": sum },
        { "name": "h", "histogram": point(json!({
            "count": "55", "sum": 1234.5, "min": 1.25, "max": 99.75,
            "bucketCounts": ["22", "33"], "explicitBounds": [17.5],
        })) },
        { "name": "e", "exponentialHistogram": point(json!({
            "count": "5", "scale": 1, "zeroCount": "1",
            "positive": { "offset": 1, "bucketCounts": ["1", "2"] },
            "negative": { "offset": -1, "bucketCounts": ["3", "4"] },
        })) },
        { "name": "q", "summary": point(json!({
            "count": "3", "sum": 15.0, "quantileValues": [{ "quantile": 0.5, "value": 2500000.0 }],
        })) },
        { "name": "none" },
    ]);
    let scope = json!({ "metrics": metrics });
    batch(Signal::Metrics, &json!({ "resourceMetrics": [{ "scopeMetrics": [scope] }] }))
}

const POINT: &str = "StartTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2023-11-14 22:13:20 +0000 UTC
";

/// Scenario: metrics of every type are printed in detail.
/// Guarantees: the lines are the Collector's.
#[tokio::test]
async fn detailed_prints_every_field_of_metrics() {
    let printed = printed("detailed", metrics()).await;
    let head = |at: usize, name: &str, kind: &str| {
        format!(
            "Metric #{at}\nDescriptor:\n     -> Name: {name}\n     -> Description: \n     -> Unit: \n     -> DataType: {kind}\n"
        )
    };
    let cumulative = "     -> AggregationTemporality: Cumulative\n";
    let expected = [
        "Metrics\t{\"resource metrics\": 1, \"metrics\": 6, \"data points\": 5}\nResourceMetrics #0\nResource SchemaURL: \nScopeMetrics #0\nScopeMetrics SchemaURL: \nInstrumentationScope  \n",
        &head(0, "g", "Gauge").replace("Unit: ", "Unit: 1").replace("Description: ", "Description: d"),
        "NumberDataPoints #0\nData point attributes:\n     -> zone: Str(east)\n     -> n: Int(1)\n",
        POINT,
        "Value: 47.250000\n",
        &head(1, "s", "Sum"),
        "     -> IsMonotonic: true\n",
        cumulative,
        "NumberDataPoints #0\n",
        POINT,
        "Value: 7\nExemplars:\nExemplar #0\n     -> Trace ID: \n     -> Span ID: b7ad6b7169203331\n     -> Timestamp: 2023-11-14 22:13:20 +0000 UTC\n     -> Value: 15.000000\n     -> FilteredAttributes:\n          -> k: Str(v)\n",
        &head(2, "h", "Histogram"),
        cumulative,
        "HistogramDataPoints #0\n",
        POINT,
        "Count: 55\nSum: 1234.500000\nMin: 1.250000\nMax: 99.750000\nExplicitBounds #0: 17.500000\nBuckets #0, Count: 22\nBuckets #1, Count: 33\n",
        &head(3, "e", "ExponentialHistogram"),
        cumulative,
        "ExponentialHistogramDataPoints #0\n",
        POINT,
        "Count: 5\nBucket [-1.414214, -1.000000), Count: 4\nBucket [-1.000000, -0.707107), Count: 3\nBucket [0, 0], Count: 1\nBucket (1.414214, 2.000000], Count: 1\nBucket (2.000000, 2.828427], Count: 2\n",
        &head(4, "q", "Summary"),
        "SummaryDataPoints #0\n",
        POINT,
        "Count: 3\nSum: 15.000000\nQuantileValue #0: Quantile 0.500000, Value 2500000.000000\n",
        &head(5, "none", "Empty"),
        "\n",
    ];
    check(&printed, &expected.concat());
}

/// Scenario: the same metrics are printed with normal verbosity.
/// Guarantees: a data point is a line.
#[tokio::test]
async fn normal_prints_a_line_a_data_point() {
    let printed = printed("normal", metrics()).await;
    let (before, negative) = printed.split_once("e{} count=5").unwrap();
    check(
        before,
        "Metrics\t{\"resource metrics\": 1, \"metrics\": 6, \"data points\": 5}
ResourceMetrics #0
ScopeMetrics #0
g{zone=east,n=1} 47.25
s{} 7
h{} count=55 sum=1234.5 min=1.25 max=99.75 le17.5=22 33
",
    );
    assert!(negative.starts_with(" le-1=4 le-0.70710678"), "{negative}");
    assert!(negative.contains("=3 zero=1 le2=1 le2.82842712"), "{negative}");
    assert!(negative.ends_with("=2\nq{} count=3 sum=15.000000 q0.5=2.5e+06\n\n"), "{negative}");
}

fn logs_batch() -> wire::Batch {
    let record = json!({
        "timeUnixNano": "1700000000000000000",
        "severityNumber": 17,
        "severityText": "ERROR",
        "eventName": "fault",
        "body": { "kvlistValue": { "values": [
            { "key": "b", "value": { "doubleValue": 1.5 } },
            { "key": "a", "value": { "stringValue": "<x>" } },
        ] } },
        "flags": 1,
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "attributes": [{ "key": "lk", "value": { "boolValue": true } }],
    });
    let records = json!([record, { "body": { "stringValue": "two\nlines" } }]);
    let scope = json!({ "scope": { "name": "lib" }, "schemaUrl": "s", "logRecords": records });
    batch(Signal::Logs, &json!({ "resourceLogs": [{ "scopeLogs": [scope] }] }))
}

/// Scenario: log records are printed in both verbosities.
/// Guarantees: the lines are the Collector's.
#[tokio::test]
async fn log_records_are_printed_as_the_collector_does() {
    let counts = "Logs\t{\"resource logs\": 1, \"log records\": 2}\n";
    let detailed = printed("detailed", logs_batch()).await;
    check(
        detailed.strip_prefix(counts).unwrap(),
        "ResourceLog #0
Resource SchemaURL: \nScopeLogs #0
ScopeLogs SchemaURL: s
InstrumentationScope lib \nLogRecord #0
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2023-11-14 22:13:20 +0000 UTC
SeverityText: ERROR
SeverityNumber: Error(17)
EventName: fault
Body: Map({\"a\":\"<x>\",\"b\":1.5})
Attributes:
     -> lk: Bool(true)
Trace ID: 0af7651916cd43dd8448eb211c80319c
Span ID: \nFlags: 1
LogRecord #1
ObservedTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 1970-01-01 00:00:00 +0000 UTC
SeverityText: \nSeverityNumber: Unspecified(0)
Body: Str(two
lines)
Trace ID: \nSpan ID: \nFlags: 0

",
    );
    let normal = printed("normal", logs_batch()).await;
    check(
        normal.strip_prefix(counts).unwrap(),
        "ResourceLog #0\nScopeLog #0 lib [s]\n{\"a\":\"<x>\",\"b\":1.5} lk=true\ntwo\nlines \n\n",
    );
}

/// Scenario: a batch is printed by default, and with the old key `loglevel: debug`.
/// Guarantees: the first is a line of the log with the counts, and the second has every field too.
#[tokio::test]
async fn by_default_a_line_of_the_log_has_the_counts() {
    let log = tracing_subscriber::fmt().with_writer(io::sink).finish();
    let _log = tracing::subscriber::set_default(log);
    let basic = export(json!({}), &[traces()]).await;
    assert_eq!(basic.lines().count(), 1, "{basic}");
    assert!(basic.contains("\tinfo\tTraces\t{\"resource\": {"), "{basic}");
    assert!(basic.ends_with("\"resource spans\": 1, \"spans\": 2}\n"), "{basic}");
    let detailed = export(json!({ "loglevel": "debug" }), &[traces()]).await;
    assert!(detailed.contains("\tinfo\tResourceSpans #0\n"), "{detailed}");
}

/// Scenario: the log has errors only.
/// Guarantees: lines of the log are not printed, and the others are.
#[tokio::test]
async fn the_level_of_the_log_counts_for_its_lines() {
    let errors =
        tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(io::sink).finish();
    let _log = tracing::subscriber::set_default(errors);
    assert_eq!(export(json!({}), &[traces()]).await, "");
    assert!(printed("basic", traces()).await.starts_with("Traces\t"));
}

/// Scenario: eight batches of a signal arrive within a second, and one of another.
/// Guarantees: the first two of each signal are shown, and every third after them.
#[tokio::test]
async fn batches_are_sampled_as_the_config_says() {
    let mut batches = vec![traces(); 8];
    batches.push(logs_batch());
    let shown = export(json!({ "sampling_thereafter": 3, "use_internal_logger": false }), &batches).await;
    assert_eq!(shown.lines().count(), 5, "{shown}");
}

/// Scenario: the config asks for the format for people.
/// Guarantees: that is printed.
#[tokio::test]
async fn pretty_prints_for_people() {
    let shown =
        export(json!({ "format": "pretty", "color": "never", "verbosity": "detailed" }), &[traces()]).await;
    assert!(shown.starts_with("Resource https://schema\n  service.name  \"shop\"\n"), "{shown}");
}

/// Scenario: the config has both `verbosity` and `loglevel`, or an unknown verbosity.
/// Guarantees: it is refused.
#[test]
fn verbosity_and_loglevel_exclude_each_other() {
    let both = Node::from_json(json!({ "verbosity": "normal", "loglevel": "info" }));
    assert!(DebugFactory.check(&both).unwrap_err().to_string().contains("`loglevel`"));
    assert!(DebugFactory.check(&Node::from_json(json!({ "verbosity": "loud" }))).is_err());
}

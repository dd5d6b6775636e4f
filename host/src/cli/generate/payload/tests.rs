use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, any_value::Value},
    metrics::v1::{metric, number_data_point},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;

use super::*;
use crate::cli::generate::shop::new_trace;

const NOW: u64 = 1_800_000_000_000_000_000;
const SHOP: ShopSettings = ShopSettings {
    services: SERVICES.len(),
    depth: 8,
    errors: 0.3,
    slow: 0.1,
    slow_by: None,
    giants: 0.0,
    giant_spans: 0,
};

fn settings(signal: Signal) -> PayloadSettings {
    PayloadSettings {
        signal,
        json: false,
        shop: SHOP,
        arrival: Arrival::default(),
        attributes: vec![string("team", "blue")],
        resource_attributes: vec![string("region", "north")],
        instance: 0,
    }
}

fn traces(shop: ShopSettings, count: usize) -> Vec<Vec<Span>> {
    let mut rng = StdRng::seed_from_u64(7);
    let traces = std::iter::repeat_with(|| new_trace(shop, &mut rng, NOW));
    traces.take(count).map(|trace| trace.spans.into_iter().map(|span| span.span).collect()).collect()
}

fn spans(payload: &Payload) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(payload.body.clone()).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32)
}

/// Scenario: a thousand traces are made.
/// Guarantees: each has one root, every parent is there, and a child lies within its parent's time, except
/// for a consumer, which begins when its producer has ended.
#[test]
fn traces_are_trees_and_children_lie_within_their_parents() {
    for trace in traces(SHOP, 1_000) {
        let by_id: HashMap<&[u8], &Span> = trace.iter().map(|span| (span.span_id.as_slice(), span)).collect();
        assert_eq!(by_id.len(), trace.len(), "span ids are unique");
        assert_eq!(trace.iter().filter(|span| span.parent_span_id.is_empty()).count(), 1);
        for span in &trace {
            assert_eq!(span.trace_id, trace[0].trace_id);
            assert!(span.start_time_unix_nano < span.end_time_unix_nano && span.end_time_unix_nano <= NOW);
            if span.parent_span_id.is_empty() {
                continue;
            }
            let parent = by_id[span.parent_span_id.as_slice()];
            if span.kind == SpanKind::Consumer as i32 {
                assert_eq!(parent.kind, SpanKind::Producer as i32);
                assert!(span.start_time_unix_nano >= parent.end_time_unix_nano);
            } else {
                assert!(span.start_time_unix_nano >= parent.start_time_unix_nano, "{span:?} in {parent:?}");
                assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{span:?} in {parent:?}");
            }
        }
    }
}

/// Scenario: 500 traces are made.
/// Guarantees: every kind of span and every service occurs.
#[test]
fn every_kind_and_every_service_occurs() {
    let mut rng = StdRng::seed_from_u64(7);
    let spans: Vec<_> = (0..500).flat_map(|_| new_trace(SHOP, &mut rng, NOW).spans).collect();
    assert_eq!(spans.iter().map(|span| span.service).collect::<HashSet<_>>().len(), SERVICES.len());
    assert_eq!(
        spans.iter().map(|span| span.span.kind).collect::<HashSet<_>>(),
        HashSet::from([1, 2, 3, 4, 5])
    );
}

/// Scenario: traces are made with `--services 1` and with `--depth 2`.
/// Guarantees: there are no calls to other services, and no grandchildren.
#[test]
fn services_and_depth_bound_the_tree() {
    let mut rng = StdRng::seed_from_u64(7);
    let lonely = ShopSettings { services: 1, ..SHOP };
    assert!((0..100).all(|_| new_trace(lonely, &mut rng, NOW).spans.iter().all(|span| span.service == 0)));
    for trace in traces(ShopSettings { depth: 2, ..SHOP }, 100) {
        let root = trace.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
        assert!(trace.iter().all(|span| span == root || span.parent_span_id == root.span_id));
    }
}

/// Scenario: traces are made with 30 % of errors, and with none.
/// Guarantees: about this share fails, and each failed trace has one exception with a stack trace.
#[test]
fn errors_come_at_the_asked_rate_each_with_one_exception() {
    let traces = traces(SHOP, 2_000);
    let failed: Vec<_> = traces.iter().filter(|trace| trace.iter().any(is_failed)).collect();
    assert!((500..=700).contains(&failed.len()), "{} of 2000", failed.len());
    for trace in failed {
        let exceptions: Vec<_> = trace.iter().flat_map(|span| &span.events).collect();
        assert_eq!(exceptions.len(), 1);
        let keys: Vec<_> = exceptions[0].attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        assert_eq!(keys, ["exception.type", "exception.message", "exception.stacktrace"]);
    }
    let healthy = ShopSettings { errors: 0.0, ..SHOP };
    assert!(!self::traces(healthy, 200).iter().flatten().any(is_failed));
}

/// Scenario: traces are made with and without slow services.
/// Guarantees: slow traces are more than five times as long.
#[test]
fn slow_traces_are_much_longer() {
    let median = |slow| {
        let mut took: Vec<u64> = traces(ShopSettings { slow, errors: 0.0, services: 1, ..SHOP }, 101)
            .iter()
            .map(|trace| NOW - trace.iter().map(|span| span.start_time_unix_nano).min().unwrap())
            .collect();
        took.sort_unstable();
        took[50]
    };
    assert!(median(1.0) > 5 * median(0.0));
}

/// Scenario: a tenth of the traces is slow by 3 s.
/// Guarantees: about a tenth takes at least as long, and the others far less; spans still lie within their parents.
#[test]
fn slow_traces_are_slow_by_the_asked_time() {
    let by = Duration::from_secs(3);
    for depth in [1, 2, 8] {
        let shop = ShopSettings { slow_by: Some(by), errors: 0.0, depth, ..SHOP };
        let took = |trace: &Vec<Span>| {
            let root = trace.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
            Duration::from_nanos(root.end_time_unix_nano - root.start_time_unix_nano)
        };
        let took: Vec<Duration> = traces(shop, 1_000).iter().map(took).collect();
        let slow = took.iter().filter(|took| **took >= by).count();
        assert!((60..140).contains(&slow), "{slow} of 1000 at depth {depth}");
        assert!(took.iter().all(|took| *took < by / 2 || (by..by + by / 2).contains(took)));
    }
}

/// Scenario: a tenth of the traces is to have 2,000 spans, also where traces have no spans below their roots.
/// Guarantees: these have about as many, and the others far fewer.
#[test]
fn giants_have_about_the_asked_number_of_spans() {
    let shop = ShopSettings { giants: 0.1, giant_spans: 2_000, ..SHOP };
    let sizes: Vec<usize> = traces(shop, 300).iter().map(Vec::len).collect();
    let giants: Vec<usize> = sizes.iter().copied().filter(|size| *size > 100).collect();
    assert!((10..60).contains(&giants.len()), "{}", giants.len());
    assert!(giants.iter().all(|size| (2_000..2_100).contains(size)), "{giants:?}");
    assert!(traces(ShopSettings { depth: 1, ..shop }, 100).iter().all(|trace| trace.len() == 1));
}

/// Scenario: a fifth of the spans comes 10 s late; nothing is sent for 20 s.
/// Guarantees: about a fifth is missing at first, and comes then; no root is late.
#[test]
fn late_spans_come_after_their_time() {
    let arrival = Arrival { late: 0.2, late_by: Duration::from_secs(10), is_shuffled: false };
    let settings = PayloadSettings { arrival, ..settings(Signal::Traces) };
    let (mut rng, mut made) = (StdRng::seed_from_u64(7), traces::Traces::default());
    let mut draw = |now| made.draw(1_000, &settings, &mut rng, now).into_iter().map(|span| span.span);
    let in_time: Vec<Span> = draw(NOW).collect();
    assert_eq!(in_time.len(), 1_000);
    let later: Vec<Span> = draw(NOW + 20_000_000_000).collect();
    let known: HashSet<_> = in_time.iter().map(|span| span.trace_id.clone()).collect();
    // The last trace has spans in time for which the first request had no room.
    let last = &in_time.last().unwrap().trace_id;
    let is_late = |span: &&Span| known.contains(&span.trace_id) && span.trace_id != *last;
    let late: Vec<_> = later.iter().filter(is_late).collect();
    assert!((180..320).contains(&late.len()), "{}", late.len());
    assert!(late.iter().all(|span| !span.parent_span_id.is_empty()));
}

/// Scenario: four connections send shuffled spans in turn.
/// Guarantees: no span is sent twice; most traces of several spans come over several connections.
#[test]
fn shuffled_traces_come_over_all_connections() {
    let arrival = Arrival { is_shuffled: true, ..Arrival::default() };
    let shared = SharedTraces::default();
    let payloads = |instance| {
        let settings = PayloadSettings { arrival, instance, ..settings(Signal::Traces) };
        Payloads::new(settings, instance as u64).sharing(Some(&shared))
    };
    let mut connections: Vec<Payloads> = (0..4).map(payloads).collect();
    let (mut ids, mut came_by) = (HashSet::new(), HashMap::<Vec<u8>, HashSet<usize>>::new());
    for round in 0..200 {
        for span in spans(&connections[round % 4].next(50).unwrap()) {
            assert!(ids.insert(span.span_id), "sent twice");
            came_by.entry(span.trace_id).or_default().insert(round % 4);
        }
    }
    let several = came_by.values().filter(|connections| connections.len() > 1).count();
    assert!(several * 3 > came_by.len() * 2, "{several} of {}", came_by.len());
}

/// Scenario: payloads are made with the same seed and with another.
/// Guarantees: only the same seed gives the same spans.
#[test]
fn the_seed_decides_everything_but_the_times() {
    let made = |seed| {
        let payload = Payloads::new(settings(Signal::Traces), seed).next(50).unwrap();
        spans(&payload).into_iter().map(|span| (span.span_id, span.name)).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}

/// Scenario: requests of 7 spans cut traces.
/// Guarantees: each request has 7 spans, and the next request continues a cut trace.
#[test]
fn requests_hold_the_asked_number_of_spans_and_lose_none() {
    let mut payloads = Payloads::new(settings(Signal::Traces), 3);
    let spans: Vec<Span> = (0..40).flat_map(|_| spans(&payloads.next(7).unwrap())).collect();
    assert_eq!(spans.len(), 280);
    let known: HashSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    let orphans = spans
        .iter()
        .filter(|span| !span.parent_span_id.is_empty() && !known.contains(&span.parent_span_id))
        .count();
    assert!(orphans < 30, "only the last trace is unfinished: {orphans}");
    assert!(spans.iter().all(|span| span.attributes.last().unwrap().key == "team"));
}

/// Scenario: 500 log records are made.
/// Guarantees: each has the ids of a span, and failures are among them as errors.
#[test]
fn logs_carry_the_ids_of_their_spans() {
    let payload = Payloads::new(settings(Signal::Logs), 3).next(500).unwrap();
    let request = ExportLogsServiceRequest::decode(payload.body).unwrap();
    let attributes = &request.resource_logs[0].resource.as_ref().unwrap().attributes;
    assert!(attributes.iter().any(|attribute| attribute.key == "region"));
    let records: Vec<_> = request
        .resource_logs
        .into_iter()
        .flat_map(|resource| resource.scope_logs)
        .flat_map(|scope| scope.log_records)
        .collect();
    assert_eq!(records.len(), 500);
    assert!(records.iter().all(|record| record.trace_id.len() == 16 && record.span_id.len() == 8));
    assert!(records.iter().any(|record| record.severity_text == "ERROR" && record.event_name == "exception"));
    let body =
        |record: &AnyValue| matches!(&record.value, Some(Value::StringValue(text)) if !text.is_empty());
    assert!(records.iter().all(|record| record.body.as_ref().is_some_and(body)));
}

/// Scenario: 20 requests of metrics are made.
/// Guarantees: counters never go back, and a histogram's buckets add up to its count.
#[test]
fn metrics_are_consistent_from_request_to_request() {
    let mut payloads = Payloads::new(settings(Signal::Metrics), 3);
    let mut orders: HashMap<String, i64> = HashMap::new();
    for _ in 0..20 {
        let payload = payloads.next(90).unwrap();
        let request = ExportMetricsServiceRequest::decode(payload.body).unwrap();
        let mut points = 0;
        for resource in &request.resource_metrics {
            let id = format!("{:?}", resource.resource);
            for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                match metric.data.as_ref().unwrap() {
                    metric::Data::Histogram(histogram) => {
                        points += histogram.data_points.len();
                        for point in &histogram.data_points {
                            assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
                            assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                            assert!(point.min <= point.max && point.sum >= point.max);
                        }
                    }
                    metric::Data::Sum(sum) => {
                        points += sum.data_points.len();
                        for point in sum.data_points.iter().filter(|_| metric.name == "shop.orders") {
                            let Some(number_data_point::Value::AsInt(count)) = point.value else { panic!() };
                            assert!(count >= orders.insert(id.clone(), count).unwrap_or(0));
                        }
                    }
                    metric::Data::Gauge(gauge) => points += gauge.data_points.len(),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert_eq!(points, 90);
    }
    assert_eq!(orders.len(), SERVICES.len());
}

/// Scenario: a payload is made as JSON.
/// Guarantees: it is valid OTLP JSON with the same number of spans.
#[test]
fn json_holds_the_same_spans() {
    let settings = PayloadSettings { json: true, ..settings(Signal::Traces) };
    let payload = Payloads::new(settings, 3).next(20).unwrap();
    let bytes = wire::json::from_json(Signal::Traces, &payload.body).unwrap();
    assert_eq!(spans(&Payload { body: bytes.into(), items: 20 }).len(), 20);
}

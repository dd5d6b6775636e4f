use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use proptest::prelude::*;
use spanloom_wire::{Fitted, Limits, Unfit, Window};

use super::*;
use crate::split::{Flat, log_records, metrics, spans};

/// Returns the span of time in which a record lies, if it has a time.
type TimesOf<T> = fn(&T) -> Option<(u64, u64)>;

fn limits() -> impl Strategy<Value = Limits> {
    let size = |most: usize| prop_oneof![1 => Just(usize::MAX), 3 => 0..most];
    let window = (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(one, other, spread)| Window {
        oldest_unix_nano: one.min(other),
        newest_unix_nano: one.max(other),
        spread_nano: spread,
    });
    (size(800), size(6), size(300), size(200), prop::option::of(window)).prop_map(
        |(request_bytes, request_items, item_bytes, resource_bytes, window)| Limits {
            request_bytes,
            request_items: request_items.max(1),
            item_bytes,
            resource_bytes,
            window,
        },
    )
}

/// Splits a request, and checks each part. Returns the records of the requests, and those set aside.
fn fitted<R: Request, T: Message + Clone>(
    request: &R,
    limits: &Limits,
    flatten: fn(&R) -> Vec<Flat<T>>,
    times: TimesOf<T>,
) -> (Vec<Flat<T>>, Vec<Flat<T>>) {
    let batch = request.batch();
    let Fitted { requests, unfit } =
        batch.fit(limits).unwrap_or_else(|| Fitted { requests: vec![batch.clone()], unfit: Vec::new() });
    let of = |batch: &Batch| flatten(&R::of(batch));
    for part in &requests {
        let records = of(part);
        assert!(part.encoded_len() <= limits.request_bytes, "{} bytes", part.encoded_len());
        assert!(part.items() <= limits.request_items, "{} items", part.items());
        let is_large = |flat: &Flat<T>| flat.record.encoded_len() > limits.item_bytes;
        assert!(!records.iter().any(is_large), "an item is too large");
        let Some(window) = limits.window else { continue };
        let times: Vec<(u64, u64)> = records.iter().filter_map(|flat| times(&flat.record)).collect();
        let first = times.iter().map(|(first, _)| *first).min().unwrap_or(window.oldest_unix_nano);
        let last = times.iter().map(|(_, last)| *last).max().unwrap_or(first);
        assert!(first >= window.oldest_unix_nano && last <= window.newest_unix_nano);
        assert!(last - first <= window.spread_nano || times.len() == 1, "they are far apart");
    }
    for (why, part) in &unfit {
        for flat in of(part) {
            let is_right = match why {
                Unfit::ItemTooLarge => flat.record.encoded_len() > limits.item_bytes,
                Unfit::ResourceTooLarge | Unfit::RequestTooLarge => true,
                Unfit::TooOld => times(&flat.record)
                    .zip(limits.window)
                    .is_some_and(|((first, _), window)| first < window.oldest_unix_nano),
                Unfit::TooNew => times(&flat.record)
                    .zip(limits.window)
                    .is_some_and(|((_, last), window)| last > window.newest_unix_nano),
            };
            assert!(is_right, "{why:?}");
        }
    }
    (requests.iter().flat_map(of).collect(), unfit.iter().flat_map(|(_, part)| of(part)).collect())
}

fn span_times(span: &Span) -> Option<(u64, u64)> {
    Some((span.start_time_unix_nano, span.end_time_unix_nano.max(span.start_time_unix_nano)))
}

fn log_times(record: &LogRecord) -> Option<(u64, u64)> {
    let times = [record.time_unix_nano, record.observed_time_unix_nano];
    times.into_iter().find(|time| *time > 0).map(|time| (time, time))
}

/// Checks that each record is in exactly one part, with its resource and scope.
fn assert_same<T: PartialEq + std::fmt::Debug>(found: (Vec<Flat<T>>, Vec<Flat<T>>), expected: Vec<Flat<T>>) {
    let (requests, unfit) = found;
    let mut left = expected;
    for flat in requests.into_iter().chain(unfit) {
        let at = left.iter().position(|other| *other == flat).expect("a record that was sent");
        left.swap_remove(at);
    }
    assert!(left.is_empty(), "these are in no part: {left:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Scenario: any request of spans meets any limits.
    /// Guarantees: each part is within the limits, and each span is in one part, or set aside for a reason that is true.
    #[test]
    fn spans_are_split_within_any_limits(request in requests::traces(), limits in limits()) {
        assert_same(fitted(&request, &limits, spans, span_times), spans(&request));
    }

    #[test]
    fn log_records_are_split_within_any_limits(request in requests::logs(), limits in limits()) {
        assert_same(fitted(&request, &limits, log_records, log_times), log_records(&request));
    }

    /// Metrics are not in a window, and a metric is not divided for its size.
    #[test]
    fn metrics_are_split_within_sizes(request in requests::metrics(), limits in limits()) {
        let limits = Limits { request_items: usize::MAX, ..limits };
        assert_same(fitted(&request, &limits, metrics, |_| None), metrics(&request));
    }
}

/// Scenario: log records with and without a time are far apart.
/// Guarantees: those without a time take no request of their own.
#[test]
fn a_log_record_without_a_time_goes_with_others() {
    let record = |time_unix_nano| LogRecord { time_unix_nano, ..LogRecord::default() };
    let scope_logs =
        ScopeLogs { log_records: vec![record(0), record(5), record(100)], ..ScopeLogs::default() };
    let resource_logs = ResourceLogs { scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    let request = ExportLogsServiceRequest { resource_logs: vec![resource_logs] };
    let window = Window { oldest_unix_nano: 0, newest_unix_nano: u64::MAX, spread_nano: 10 };
    let fitted =
        request.batch().fit(&Limits { window: Some(window), ..Limits::default() }).expect("two parts");
    assert_eq!(fitted.requests.iter().map(Batch::items).collect::<Vec<_>>(), [1, 2]);
}

/// Scenario: small spans have a resource that nearly fills a request.
/// Guarantees: the resource is not sent hundreds of times; the spans above the limit of repetition are set aside.
#[test]
fn a_large_resource_is_not_repeated_for_ever() {
    let attribute = KeyValue { key: "x".repeat(1_000_000), ..KeyValue::default() };
    let scope_spans = ScopeSpans { spans: vec![Span::default(); 1000], ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(Resource { attributes: vec![attribute], ..Resource::default() }),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
    let limits = Limits { request_items: 10, ..Limits::default() };
    let Fitted { requests, unfit } = request.batch().fit(&limits).expect("parts");
    let sent: usize = requests.iter().map(Batch::encoded_len).sum();
    assert!(requests.len() >= 4 && sent < 6_000_000, "{} requests of {sent} bytes", requests.len());
    let [(Unfit::RequestTooLarge, rest)] = unfit.as_slice() else { panic!("{unfit:?}") };
    assert_eq!(requests.iter().map(Batch::items).sum::<usize>() + rest.items(), 1000);
}

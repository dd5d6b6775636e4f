use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;

use spanloom_wire::SpanBatch;

use super::*;

/// One record with its scope and resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flat<T> {
    pub(crate) resource: Option<Resource>,
    pub(crate) resource_schema_url: String,
    pub(crate) scope: Option<InstrumentationScope>,
    pub(crate) scope_schema_url: String,
    pub(crate) record: T,
}

/// Defines a function that lists the records of a request with their envelopes.
macro_rules! flatten {
    ($name:ident, $request:ty, $resources:ident, $scopes:ident, $records:ident, $record:ty) => {
        pub(crate) fn $name(request: &$request) -> Vec<Flat<$record>> {
            let resources = request.$resources.iter();
            let scopes =
                resources.flat_map(|resource| resource.$scopes.iter().map(move |scope| (resource, scope)));
            let records = scopes.flat_map(|(resource, scope)| {
                scope.$records.iter().map(move |record| Flat {
                    resource: resource.resource.clone(),
                    resource_schema_url: resource.schema_url.clone(),
                    scope: scope.scope.clone(),
                    scope_schema_url: scope.schema_url.clone(),
                    record: record.clone(),
                })
            });
            records.collect()
        }
    };
}

flatten!(
    spans,
    ExportTraceServiceRequest,
    resource_spans,
    scope_spans,
    spans,
    opentelemetry_proto::tonic::trace::v1::Span
);
flatten!(metrics, ExportMetricsServiceRequest, resource_metrics, scope_metrics, metrics, Metric);
flatten!(
    log_records,
    ExportLogsServiceRequest,
    resource_logs,
    scope_logs,
    log_records,
    opentelemetry_proto::tonic::logs::v1::LogRecord
);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A batch that nobody edits leaves in the very memory in which it arrived.
    #[test]
    fn an_untouched_batch_is_the_bytes_that_came(request in requests::traces()) {
        let bytes = Bytes::from(request.encode_to_vec());
        let batch = Batch::decode(Signal::Traces, bytes.clone()).expect("valid");
        let chunks = batch.chunks();
        prop_assert_eq!(chunks.concat(), &bytes[..]);
        prop_assert!(chunks.iter().all(|chunk| chunk.as_ptr() == bytes.as_ptr()));
    }

    /// After any merges and splits, every span keeps its order, its resource and its scope.
    #[test]
    fn spans_survive_merges_and_splits(
        first in requests::traces(),
        second in requests::traces(),
        cuts in prop::collection::vec(0..12usize, 0..4),
    ) {
        let mut expected = spans(&first);
        expected.extend(spans(&second));
        let mut whole = first.batch();
        whole.merge(second.batch()).expect("same signal");
        prop_assert_eq!(whole.items(), expected.len());

        let mut parts = Vec::new();
        for cut in cuts {
            let rest = whole.split_off_items(cut);
            prop_assert!(whole.items() <= cut);
            parts.push(std::mem::replace(&mut whole, rest));
        }
        parts.push(whole);
        let mut joined: Option<Batch> = None;
        let mut found = Vec::new();
        for part in parts {
            prop_assert_eq!(part.encoded_len(), part.chunks().concat().len());
            let decoded = ExportTraceServiceRequest::of(&part);
            prop_assert_eq!(spans(&decoded).len(), part.items());
            found.extend(spans(&decoded));
            match &mut joined {
                Some(joined) => joined.merge(part).expect("same signal"),
                None => joined = Some(part),
            }
        }
        prop_assert_eq!(&found, &expected);
        let joined = joined.expect("at least one part");
        prop_assert_eq!(spans(&ExportTraceServiceRequest::of(&joined)), expected);
    }

    #[test]
    fn log_records_survive_splits(request in requests::logs(), cut in 0..12usize) {
        let mut first = request.batch();
        let rest = first.split_off_items(cut);
        let mut found = log_records(&ExportLogsServiceRequest::of(&first));
        prop_assert_eq!(found.len(), first.items());
        prop_assert_eq!(found.len(), cut.min(log_records(&request).len()));
        found.extend(log_records(&ExportLogsServiceRequest::of(&rest)));
        prop_assert_eq!(found, log_records(&request));
    }

    /// A metric is divided between data points only if it alone is too large. When the parts are put together
    /// again, nothing is lost.
    #[test]
    fn metrics_survive_splits(request in requests::metrics(), max_items in 1..6usize) {
        let parts = request.batch().split_items(max_items);
        let mut found: Vec<Flat<Metric>> = Vec::new();
        for part in &parts {
            prop_assert!(part.items() <= max_items);
            let decoded = ExportMetricsServiceRequest::of(part);
            let flat = metrics(&decoded);
            prop_assert_eq!(flat.iter().map(|flat| points(&flat.record)).sum::<usize>(), part.items());
            found.extend(flat);
        }
        let expected: Vec<Flat<Metric>> = metrics(&request);
        let mut parts = found.into_iter();
        for expected in expected {
            let mut whole = parts.next().expect("a part");
            while points(&whole.record) < points(&expected.record) {
                let next = parts.next().expect("another part");
                prop_assert!(points(&whole.record).is_multiple_of(max_items));
                extend(&mut whole.record, next.record);
            }
            prop_assert_eq!(whole, expected);
        }
        prop_assert!(parts.next().is_none());
    }

    /// A trimmed batch keeps few bytes alive that are not in the batch, after any splits, merges and edits.
    #[test]
    fn a_trimmed_batch_holds_little_more_than_its_own_bytes(
        requests in prop::collection::vec(requests::traces(), 1..6),
        cuts in prop::collection::vec((0..12usize, any::<bool>()), 0..8),
    ) {
        let mut whole = SpanBatch::decode(Bytes::new()).expect("valid");
        for request in &requests {
            whole.merge(SpanBatch::decode(request.encode_to_vec().into()).expect("valid"));
        }
        for (cut, edit) in cuts {
            let mut rest = whole.split_off_items(cut);
            for part in [&whole, &rest] {
                prop_assert!(part.held_bytes() <= part.encoded_len() * 5 / 4);
            }
            if edit {
                rest.remove_all("a").expect("an edit");
            }
            rest.merge(whole);
            rest.trim();
            prop_assert!(rest.held_bytes() <= rest.encoded_len() * 5 / 4);
            whole = rest;
        }
        whole.retain(|row| row % 3 == 0);
        whole.trim();
        prop_assert!(whole.held_bytes() <= whole.encoded_len() * 5 / 4);
    }

    /// Splitting in one pass has the result of repeated `split_off_items`.
    #[test]
    fn split_items_is_split_off_again_and_again(
        requests in prop::collection::vec(requests::traces(), 1..6),
        max_items in 1..12usize,
    ) {
        let mut whole = Batch::empty(Signal::Traces);
        for request in requests {
            whole.merge(request.batch()).expect("same signal");
        }
        let parts = whole.clone().split_items(max_items);
        for part in &parts {
            let mut first = whole;
            whole = first.split_off_items(max_items);
            prop_assert_eq!(spans(&ExportTraceServiceRequest::of(&first)), spans(&ExportTraceServiceRequest::of(part)));
        }
        prop_assert!(whole.is_empty());
    }

    #[test]
    fn split_off_is_the_first_of_split_items(request in requests::metrics(), max_items in 1..6usize) {
        let mut first = request.batch();
        let rest = first.split_off_items(max_items);
        let parts = request.batch().split_items(max_items);
        prop_assert_eq!(first.chunks().concat(), parts[0].chunks().concat());
        prop_assert_eq!(rest.items(), parts[1..].iter().map(Batch::items).sum::<usize>());
    }
}

fn points(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(data)) => data.data_points.len(),
        Some(Data::Sum(data)) => data.data_points.len(),
        Some(Data::Histogram(data)) => data.data_points.len(),
        Some(Data::ExponentialHistogram(data)) => data.data_points.len(),
        Some(Data::Summary(data)) => data.data_points.len(),
        None => 0,
    }
}

fn extend(whole: &mut Metric, part: Metric) {
    match (&mut whole.data, part.data) {
        (Some(Data::Gauge(whole)), Some(Data::Gauge(part))) => whole.data_points.extend(part.data_points),
        (Some(Data::Sum(whole)), Some(Data::Sum(part))) => whole.data_points.extend(part.data_points),
        (Some(Data::Histogram(whole)), Some(Data::Histogram(part))) => {
            whole.data_points.extend(part.data_points)
        }
        (Some(Data::ExponentialHistogram(whole)), Some(Data::ExponentialHistogram(part))) => {
            whole.data_points.extend(part.data_points);
        }
        (Some(Data::Summary(whole)), Some(Data::Summary(part))) => whole.data_points.extend(part.data_points),
        (whole, part) => panic!("{part:?} is no part of {whole:?}"),
    }
}

/// The copy to go back to keeps the very bytes that arrived.
#[test]
fn going_back_is_going_back_to_the_bytes_that_came() {
    let bytes = Bytes::from_static(&[0x0a, 0x06, 0x12, 0x04, 0x12, 0x00, 0x12, 0x00]);
    let mut batch = SpanBatch::decode(bytes.clone()).expect("valid");
    assert_eq!(batch.names().rows().len(), 2);
    let original = batch.original();
    batch.set_name(1, "edited").expect("an edit");
    assert_eq!(original.chunks()[0].as_ptr(), bytes.as_ptr());
    assert_eq!(original.names().arena(), "");
    assert_eq!(batch.original().names().arena(), "edited");
}

/// Envelopes without spans and unknown fields are in one part only.
#[test]
fn what_holds_no_span_is_not_multiplied() {
    let batch = SpanBatch::decode(Bytes::from_static(&[0x0a, 0x00, 0xaa, 0x06, 0x01, b'x'])).expect("valid");
    let lengths = batch.split_by_trace(3, |_| 0).iter().map(SpanBatch::encoded_len).sum::<usize>();
    assert_eq!(lengths, batch.encoded_len());
}

/// A request's own unknown fields go with one part, because splitting must not multiply bytes.
#[test]
fn unknown_fields_of_a_request_go_with_the_first_part() {
    let mut scope = vec![0x0a, 0x0e, 0x12, 0x0c];
    scope.extend([0x12, 0x00].repeat(6));
    let request = [&scope[..], &[0xaa, 0x06, 0x04], b"mark"].concat();
    let count = |batches: &[Batch]| {
        let held = |batch: &&Batch| {
            batch.chunks().concat().ends_with(b"mark") || batch.chunks().concat().starts_with(&[0xaa])
        };
        batches.iter().filter(held).count()
    };
    let mut batch = Batch::decode(Signal::Traces, request.into()).expect("valid");
    let rest = batch.split_off_items(2);
    assert_eq!(count(&[batch.clone(), rest.clone()]), 1);
    let mut joined = rest;
    joined.merge(batch).expect("same signal");
    assert_eq!(joined.items(), 6);
    assert_eq!(count(&joined.split_items(1)), 1);
}

/// Requests of 997 spans are sent on in batches of 8,192. The rest that waits for the next batch must not
/// keep alive the bytes of earlier batches.
#[test]
fn what_is_left_of_a_request_does_not_hold_the_ones_before() {
    let request = of_one_resource(997, b"a resource of some length");
    let mut waiting = Batch::empty(Signal::Traces);
    for _ in 0..200 {
        waiting.merge(Batch::decode(Signal::Traces, request.clone()).expect("valid")).expect("same signal");
        if waiting.items() >= 8192 {
            let rest = waiting.split_off_items(8192);
            assert_eq!(waiting.items(), 8192);
            assert!(waiting.held_bytes() < request.len() * 12);
            waiting = rest;
        }
        assert!(waiting.held_bytes() <= waiting.encoded_len() * 5 / 4);
    }
}

/// Splitting looks at each request once. Two million spans of two bytes took 20 s with one pass per part.
#[test]
fn splitting_into_many_parts_takes_linear_time() {
    let batch = Batch::decode(Signal::Traces, of_one_resource(2_000_000, b"")).expect("valid");
    let parts = batch.split_items(10);
    assert_eq!(parts.len(), 200_000);
    assert!(parts.iter().all(|part| part.items() == 10));
}

/// Each part repeats its resource. A large resource must not turn a request of 1 MiB into 1 GiB.
#[test]
fn parts_that_repeat_a_large_resource_are_fewer() {
    let request = of_one_resource(10_000, &vec![b'r'; 1 << 20]);
    let parts = Batch::decode(Signal::Traces, request.clone()).expect("valid").split_items(10);
    assert!(parts.len() > 1);
    assert_eq!(parts.iter().map(Batch::items).sum::<usize>(), 10_000);
    assert!(parts.iter().map(Batch::encoded_len).sum::<usize>() <= request.len() * 4 + (1 << 20));
}

/// Returns a request of `spans` empty spans and one resource, which has an attribute with this value.
fn of_one_resource(spans: usize, value: &[u8]) -> Bytes {
    let field = |number: u8, body: &[u8]| {
        let mut out = vec![number << 3 | 2];
        prost::encode_length_delimiter(body.len(), &mut out).expect("room");
        out.extend(body);
        out
    };
    let attribute = [field(1, b"key"), field(2, &field(1, value))].concat();
    let scope = field(2, &field(2, b"").repeat(spans));
    field(1, &[field(1, &field(1, &attribute)), scope].concat()).into()
}

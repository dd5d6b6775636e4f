use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;

use super::*;

/// One record with all that surrounds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flat<T> {
    pub(crate) resource: Option<Resource>,
    pub(crate) resource_schema_url: String,
    pub(crate) scope: Option<InstrumentationScope>,
    pub(crate) scope_schema_url: String,
    pub(crate) record: T,
}

/// Names a request's records together with their envelopes.
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

    /// Nobody touched it: the bytes that leave are the bytes that came, the very same memory.
    #[test]
    fn an_untouched_batch_is_the_bytes_that_came(request in requests::traces()) {
        let bytes = Bytes::from(request.encode_to_vec());
        let batch = Batch::decode(Signal::Traces, bytes.clone()).expect("valid");
        let chunks = batch.chunks();
        prop_assert_eq!(chunks.concat(), &bytes[..]);
        prop_assert!(chunks.iter().all(|chunk| chunk.as_ptr() == bytes.as_ptr()));
    }

    /// Merge and split anywhere, again and again: every span keeps its place, its resource and its scope.
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
}

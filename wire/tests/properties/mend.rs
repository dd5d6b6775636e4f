//! Properties of the repair of requests with texts that are not UTF-8 and ids of a wrong length.

use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use spanloom_wire::{Mended, WireErrorKind, mend};

use super::*;

/// Stands in texts for bytes that are not UTF-8. It has the same length as those bytes.
const MARK: char = '\u{10fffe}';
const BAD: [u8; 4] = [0xff; 4];

/// Returns the request in unusual bytes, with each mark of its texts replaced by bytes that are not UTF-8.
fn damaged<R: Request>(request: &R, seed: u64) -> Vec<u8> {
    let mut bytes = scramble(R::SIGNAL.request(), &request.encode_to_vec(), &mut Dice::new(seed));
    let mut mark = [0; 4];
    MARK.encode_utf8(&mut mark);
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, four)| *four == mark).map(|(at, _)| at).collect();
    for at in places {
        bytes[at..at + 4].copy_from_slice(&BAD);
    }
    bytes
}

/// Asserts that the repaired request has a replacement character for each bad byte and no other change.
fn assert_mended<R: Request>(damaged: &[u8], expected: &R) -> Mended {
    let mended = mend(R::SIGNAL, damaged).expect("a request that can be mended");
    let batch = Batch::decode(R::SIGNAL, mended.bytes.clone().into()).expect("a valid request");
    let shown = |character: char| format!("{character:?}").trim_matches('\'').to_owned();
    // Decoding again drops the signs of zeros, which are not sent.
    let expected = R::decode(&*expected.encode_to_vec()).expect("what prost writes");
    let expected = format!("{expected:?}").replace(&shown(MARK), &shown('\u{fffd}').repeat(4));
    assert_eq!(format!("{:?}", R::of(&batch)), expected);
    mended
}

fn is_id(id: &[u8], len: usize) -> bool {
    id.is_empty() || id.len() == len
}

fn has_ids(span: &Span) -> bool {
    let of_links = span.links.iter().all(|link| is_id(&link.trace_id, 16) && is_id(&link.span_id, 8));
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8) && is_id(&span.parent_span_id, 8) && of_links
}

fn damage(id: &mut Vec<u8>, dice: &mut Dice) {
    if dice.one_in(8) {
        id.push(1);
    } else if dice.one_in(8) {
        id.truncate(4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_of_traces_are_mended(request in requests::traces(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    #[test]
    fn texts_of_metrics_are_mended(request in requests::metrics(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    #[test]
    fn texts_of_logs_are_mended(request in requests::logs(), seed in any::<u64>()) {
        prop_assert_eq!(assert_mended(&damaged(&request, seed), &request).refused, 0);
    }

    /// Spans with a bad id are left out, whatever their texts. All other spans are kept.
    #[test]
    fn spans_with_bad_ids_are_left_out(mut request in requests::traces(), seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            damage(&mut span.trace_id, &mut dice);
            damage(&mut span.span_id, &mut dice);
            damage(&mut span.parent_span_id, &mut dice);
            for link in &mut span.links {
                damage(&mut link.span_id, &mut dice);
            }
        }
        let bytes = damaged(&request, seed);
        let mut refused = 0;
        for scope in request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans) {
            refused += scope.spans.iter().filter(|span| !has_ids(span)).count();
            scope.spans.retain(has_ids);
        }
        let mended = assert_mended(&bytes, &request);
        prop_assert_eq!(mended.refused, refused);
        let is_id = |error: &spanloom_wire::WireError| matches!(error.kind, WireErrorKind::Id { .. });
        prop_assert_eq!(mended.first_refused.as_ref().is_some_and(is_id), refused > 0);
    }

    #[test]
    fn log_records_with_bad_ids_are_left_out(mut request in requests::logs(), seed in any::<u64>()) {
        let mut dice = Dice::new(seed);
        let scopes = request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs);
        for record in scopes.flat_map(|scope| &mut scope.log_records) {
            damage(&mut record.trace_id, &mut dice);
            damage(&mut record.span_id, &mut dice);
        }
        let bytes = damaged(&request, seed);
        let has_ids = |record: &LogRecord| is_id(&record.trace_id, 16) && is_id(&record.span_id, 8);
        for scope in request.resource_logs.iter_mut().flat_map(|resource| &mut resource.scope_logs) {
            scope.log_records.retain(has_ids);
        }
        assert_mended(&bytes, &request);
    }

    /// A request without faults keeps its bytes.
    #[test]
    fn a_good_request_stays_as_it_is(request in requests::traces(), seed in any::<u64>()) {
        let bytes = scramble(Signal::Traces.request(), &request.encode_to_vec(), &mut Dice::new(seed));
        let mended = mend(Signal::Traces, &bytes).expect("a good request");
        prop_assert_eq!(mended, Mended { bytes, texts: 0, refused: 0, first_refused: None });
    }
}

//! Requests whose trace ids and times change, made by writing into the bytes of one encoded request.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, status},
};
use prost::Message;

use crate::payload;

pub(super) const TRACE_SPANS: usize = 10;
/// How many traces begin in a request. As many end in it.
const REQUEST_TRACES: usize = 100;
pub(super) const REQUEST_SPANS: usize = REQUEST_TRACES * TRACE_SPANS;
/// One trace in this many has a span with an error.
const ERROR_EVERY: usize = 20;

const DURATION_NANOS: u64 = 30_000_000;
/// What is written where a span's own trace id and times belong, followed by the span's number in the request.
const ID_MARK: [u8; 12] = *b"spanloom-id-";
const START_MARK: u64 = 0x5350_4c4d_5354_0000;
const END_MARK: u64 = 0x5350_4c4d_454e_0000;

/// A request of 1,000 spans. It has the first halves of 100 traces, and the second halves of the traces that began in the
/// request before.
pub(super) struct Traffic {
    bytes: Vec<u8>,
    spans: Vec<Place>,
}

/// Where a span has what changes.
#[derive(Clone, Copy)]
struct Place {
    trace_id: usize,
    start: usize,
    end: usize,
}

impl Traffic {
    pub(super) fn new() -> anyhow::Result<Traffic> {
        let spans = (0..REQUEST_SPANS as u32).map(span).collect();
        let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(payload::resource()), scope_spans, ..Default::default() }];
        let bytes = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let spans = (0..REQUEST_SPANS as u32).map(|number| Place::find(&bytes, number));
        let spans: Option<Vec<Place>> = spans.collect();
        let spans = spans.ok_or_else(|| anyhow::anyhow!("a span's place is not found"))?;
        Ok(Traffic { bytes, spans })
    }

    /// Returns the bytes of a span, with its part of the resource.
    pub(super) fn span_bytes(&self) -> f64 {
        self.bytes.len() as f64 / REQUEST_SPANS as f64
    }

    /// Returns the request with this number. Numbers that follow each other have the halves of the same traces.
    pub(super) fn request(&self, number: u64, now_unix_nano: u64) -> Bytes {
        let mut bytes = self.bytes.clone();
        let end = now_unix_nano + DURATION_NANOS;
        for (at, place) in self.spans.iter().enumerate() {
            let is_second = at >= REQUEST_SPANS / 2;
            let trace = (at / (TRACE_SPANS / 2) % REQUEST_TRACES) as u64;
            let began_in = number.wrapping_sub(u64::from(is_second));
            let id = payload::scatter(began_in.wrapping_mul(REQUEST_TRACES as u64).wrapping_add(trace));
            write(&mut bytes, place.trace_id, &[!id, id].map(u64::to_be_bytes).concat());
            write(&mut bytes, place.start, &now_unix_nano.to_le_bytes());
            write(&mut bytes, place.end, &end.to_le_bytes());
        }
        bytes.into()
    }
}

impl Place {
    fn find(bytes: &[u8], number: u32) -> Option<Place> {
        // Spans are of about the same length, so the search begins near the span.
        let from = bytes.len() / REQUEST_SPANS * (number as usize).saturating_sub(40);
        let find = |mark: &[u8]| {
            let rest = bytes.get(from..)?;
            Some(from + rest.windows(mark.len()).position(|window| window == mark)?)
        };
        Some(Place {
            trace_id: find(&id_mark(number))?,
            start: find(&(START_MARK | u64::from(number)).to_le_bytes())?,
            end: find(&(END_MARK | u64::from(number)).to_le_bytes())?,
        })
    }
}

/// Makes a span with marks. The first span of a trace is its root; the last one of some traces failed.
fn span(number: u32) -> Span {
    let at = number as usize;
    let half = TRACE_SPANS / 2;
    let is_root = at < REQUEST_SPANS / 2 && at.is_multiple_of(half);
    let is_last = at >= REQUEST_SPANS / 2 && at % half == half - 1;
    let is_error = is_last && (at / half).is_multiple_of(ERROR_EVERY);
    let mut span = payload::server_span(number);
    if is_root {
        span.parent_span_id.clear();
    }
    Span {
        trace_id: id_mark(number),
        start_time_unix_nano: START_MARK | u64::from(number),
        end_time_unix_nano: END_MARK | u64::from(number),
        status: is_error.then(|| Status { code: status::StatusCode::Error.into(), ..Default::default() }),
        ..span
    }
}

fn id_mark(number: u32) -> Vec<u8> {
    [&ID_MARK[..], &number.to_be_bytes()].concat()
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Scenario: three requests in a row are made.
    /// Guarantees: a trace has ten spans, five in each of two requests; one of them is the root; and a twentieth of the
    /// traces has an error.
    #[test]
    fn a_trace_has_ten_spans_in_two_requests_that_follow_each_other() {
        let traffic = Traffic::new().unwrap();
        let mut traces: HashMap<Vec<u8>, Vec<(u64, Span)>> = HashMap::new();
        for number in 7..10 {
            let request = ExportTraceServiceRequest::decode(traffic.request(number, number)).unwrap();
            for span in request.resource_spans[0].scope_spans[0].spans.clone() {
                traces.entry(span.trace_id.clone()).or_default().push((number, span));
            }
        }
        let whole: Vec<_> = traces.values().filter(|spans| spans.len() == TRACE_SPANS).collect();
        assert_eq!((traces.len(), whole.len()), (400, 200));
        for spans in &whole {
            let (first, second) = spans.split_at(5);
            let number = first[0].0;
            assert!(first.iter().all(|(of, span)| *of == number && span.start_time_unix_nano == number));
            assert!(second.iter().all(|(of, _)| *of == number + 1));
            assert_eq!(spans.iter().filter(|(_, span)| span.parent_span_id.is_empty()).count(), 1);
        }
        let is_error = |(_, span): &(u64, Span)| span.status.is_some();
        assert_eq!(whole.iter().filter(|spans| spans.iter().any(is_error)).count(), 10);
    }
}

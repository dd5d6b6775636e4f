//! Writes both kinds of histogram in the one message.

use super::{write_exemplar, writer::Writer};
use crate::series::{Exemplars, Exponential, Histogram, Side};

/// The most empty buckets that are written out. They take fewer bytes than a new span of buckets.
const GAP: u32 = 2;

pub(super) fn explicit(message: &mut Writer, histogram: &Histogram, exemplars: Option<&Exemplars>) {
    message.uint(1, histogram.count);
    if let Some(sum) = histogram.sum {
        message.double(2, sum);
    }
    let (mut cumulative, mut last) = (0_u64, f64::NEG_INFINITY);
    let bounds = histogram.bounds.iter().copied().chain([f64::INFINITY]);
    for (bound, count) in bounds.zip(&histogram.counts) {
        cumulative = cumulative.saturating_add(*count);
        message.message(3, |bucket| {
            bucket.uint(1, cumulative);
            bucket.double(2, bound);
            if let Some(exemplar) = exemplars.and_then(|exemplars| exemplars.largest(last, bound)) {
                bucket.message(3, |message| write_exemplar(message, exemplar));
            }
        });
        last = bound;
    }
}

pub(super) fn native(message: &mut Writer, histogram: &Exponential, exemplars: Option<&Exemplars>) {
    message.uint(1, histogram.count);
    if let Some(sum) = histogram.sum {
        message.double(2, sum);
    }
    message.sint(5, i64::from(histogram.schema));
    message.double(6, histogram.zero_threshold);
    message.uint(7, histogram.zero_count);
    side(message, &histogram.negative, (9, 10));
    side(message, &histogram.positive, (12, 13));
    // Native histograms accept only exemplars with a time.
    for exemplar in
        exemplars.iter().flat_map(|exemplars| &exemplars.0).filter(|exemplar| exemplar.time_unix_nano > 0)
    {
        message.message(16, |message| write_exemplar(message, exemplar));
    }
}

/// Writes spans of buckets (the offset from the end of the span before, and the length), and each count as
/// the difference from the count before.
fn side(message: &mut Writer, side: &Side, (span_tag, delta_tag): (u32, u32)) {
    for span in spans(side) {
        message.message(span_tag, |message| {
            message.sint(1, i64::from(span.offset));
            message.uint(2, u64::from(span.length));
        });
    }
    let (mut last, mut at) = (0_i64, 0_usize);
    for (number, span) in spans(side).enumerate() {
        at += if number == 0 { 0 } else { span.offset.unsigned_abs() as usize };
        let end = at + span.length as usize;
        for count in side.counts.get(at..end).unwrap_or_default() {
            let count = i64::try_from(*count).unwrap_or(i64::MAX);
            message.sint(delta_tag, count - last);
            last = count;
        }
        at = end;
    }
}

struct Span {
    offset: i32,
    length: u32,
}

/// Iterates over spans of buckets. More empty buckets than [`GAP`] separate two spans.
fn spans(side: &Side) -> impl Iterator<Item = Span> {
    let mut place = 0;
    let mut offset = side.first;
    std::iter::from_fn(move || {
        let rest = side.counts.get(place..).filter(|rest| !rest.is_empty())?;
        let (mut length, mut empty) = (0, 0);
        for count in rest {
            empty = if *count == 0 { empty + 1 } else { 0 };
            length += 1;
            if empty > GAP {
                break;
            }
        }
        let mut skipped = 0;
        if empty > GAP {
            length -= empty;
            skipped = rest.iter().skip(length as usize).take_while(|count| **count == 0).count();
        }
        place += length as usize + skipped;
        let span = Span { offset, length };
        offset = skipped as i32;
        Some(span)
    })
}

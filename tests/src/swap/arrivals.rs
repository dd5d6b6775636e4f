//! Records which spans have arrived, and which version marked each.

use std::{collections::BTreeMap, time::Instant};

use crate::otlp;

use super::{CONNECTION_SPANS, VERSION_KEY};

/// The marks of the spans that have arrived. It takes little memory, because a long run sends millions of
/// spans.
#[derive(Default)]
pub struct Arrivals {
    /// The mark plus one, by connection and by the span's place in its connection; 0 if the span has not
    /// arrived.
    marks: Vec<Vec<u32>>,
    /// The time when the first span with each mark arrived.
    first: BTreeMap<u32, Instant>,
    /// The first violations.
    wrong: Vec<String>,
}

const WRONG_LIMIT: usize = 10;

impl Arrivals {
    /// Records a request that has arrived. Each of its spans must be there for the first time, with one mark.
    pub fn take(&mut self, request: &[u8]) {
        for span in otlp::spans(request) {
            let id = span.span_id.as_slice().try_into().map(u64::from_be_bytes).unwrap_or_default();
            let number = id as usize - 1;
            let text = otlp::text_attribute(&span, VERSION_KEY);
            match text.parse() {
                Ok(mark) => self.arrived(number, mark),
                Err(_) => self.note(format!("span {number} is marked `{text}`")),
            }
        }
    }

    /// Records an item that has arrived: its number, and the mark of the version that saw it. It must be there for the
    /// first time.
    pub fn arrived(&mut self, number: usize, mark: u32) {
        self.first.entry(mark).or_insert_with(Instant::now);
        if let Some(before) = self.set(number, mark) {
            self.note(format!("span {number} arrived twice, marked {before} and {mark}"));
        }
    }

    pub fn spans(&self) -> usize {
        self.marks.iter().flatten().filter(|mark| **mark > 0).count()
    }

    /// Returns the number of spans that this version marked.
    pub fn marked(&self, mark: u32) -> usize {
        self.marks.iter().flatten().filter(|known| **known == mark + 1).count()
    }

    /// Returns the time when the first span that this version marked arrived.
    pub fn first(&self, mark: u32) -> Option<Instant> {
        self.first.get(&mark).copied()
    }

    /// Returns the mark of the last span of a connection.
    pub fn last_mark(&self, connection: usize) -> Option<u32> {
        self.marks.get(connection)?.iter().rev().find(|mark| **mark > 0).map(|mark| mark - 1)
    }

    /// Returns the violations of three rules:
    ///
    /// 1. Every span of every connection has arrived, exactly once.
    /// 2. One version has marked each span.
    /// 3. No connection reached a version that had been replaced. From request to request, the marks are in
    ///    the order of `walk`, which lists the marks of the versions that ran.
    pub fn check(&self, sent: &[usize], request_spans: usize, walk: &[u32]) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        for (connection, sent) in sent.iter().enumerate() {
            let marks = self.marks.get(connection).map(Vec::as_slice).unwrap_or_default();
            let arrived = marks.iter().filter(|mark| **mark > 0).count();
            if arrived != *sent || marks.len() > *sent {
                wrong.push(format!("connection {connection} sent {sent} spans, and {arrived} arrived"));
            }
            wrong.extend(
                strays(marks, request_spans, walk).map(|stray| format!("connection {connection}: {stray}")),
            );
        }
        wrong
    }

    /// Sets the mark of a span and returns the mark that it had.
    fn set(&mut self, number: usize, mark: u32) -> Option<u32> {
        let (connection, place) = (number / CONNECTION_SPANS, number % CONNECTION_SPANS);
        if self.marks.len() <= connection {
            self.marks.resize_with(connection + 1, Vec::new);
        }
        let marks = &mut self.marks[connection];
        if marks.len() <= place {
            marks.resize(place + 1, 0);
        }
        let before = std::mem::replace(&mut marks[place], mark + 1);
        before.checked_sub(1)
    }

    /// Notes a violation.
    pub fn note(&mut self, wrong: String) {
        if self.wrong.len() < WRONG_LIMIT {
            self.wrong.push(wrong);
        }
    }
}

/// Returns a description of the first mark that is not on the rest of the walk.
///
/// The spans of one request may be processed at the same time, so their marks have no order.
fn strays(marks: &[u32], request_spans: usize, walk: &[u32]) -> Option<String> {
    let mut begun_at = 0;
    for (request, marks) in marks.chunks(request_spans).enumerate() {
        let mut ended_at = begun_at;
        for mark in marks.iter().filter_map(|mark| mark.checked_sub(1)) {
            match walk[begun_at..].iter().position(|version| *version == mark) {
                Some(steps) => ended_at = ended_at.max(begun_at + steps),
                None => {
                    let ran = walk[begun_at];
                    return Some(format!(
                        "a span of request {request} is marked {mark} when {ran} or a later one ran"
                    ));
                }
            }
        }
        begun_at = ended_at;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(marks: &[u32]) -> Vec<u32> {
        marks.iter().map(|mark| mark + 1).collect()
    }

    /// Scenario: marks of one connection follow a walk, skip versions of the walk, or leave it.
    /// Guarantees: only marks that leave the walk are reported.
    #[test]
    fn marks_follow_the_walk_and_may_skip_some_of_it() {
        let walk = [0, 1, 2, 7, 2, 3];
        for follows in [&[0, 0, 1, 2, 3][..], &[0, 7, 2], &[2, 2, 7, 7, 2, 3], &[]] {
            assert_eq!(strays(&marked(follows), 1, &walk), None, "{follows:?}");
        }
        for strayed in [&[1, 0][..], &[3, 2], &[7, 1], &[4], &[2, 7, 2, 7]] {
            assert!(strays(&marked(strayed), 1, &walk).is_some(), "{strayed:?}");
        }
    }

    /// Scenario: a later version marks an earlier span of one request, and of two requests.
    /// Guarantees: only the second case is reported.
    #[test]
    fn the_spans_of_one_request_have_no_order() {
        assert_eq!(strays(&marked(&[1, 0, 1, 2]), 2, &[0, 1, 2]), None);
        assert!(strays(&marked(&[1, 0, 0, 2]), 2, &[0, 1, 2]).is_some());
    }

    /// Scenario: spans arrive without a mark, twice, or not at all.
    /// Guarantees: each of these is reported.
    #[test]
    fn what_is_lost_doubled_or_not_marked_is_found() {
        let request = crate::otlp::payload::traces(0, 2);
        let mut arrivals = Arrivals::default();
        arrivals.take(&request);
        assert_eq!(arrivals.check(&[0], 1, &[0]), ["span 0 is marked ``", "span 1 is marked ``"]);
        let mut arrivals = Arrivals::default();
        assert_eq!((arrivals.set(3, 5), arrivals.set(3, 6)), (None, Some(5)));
        assert_eq!(arrivals.check(&[4], 1, &[6]), ["connection 0 sent 4 spans, and 1 arrived"]);
        assert_eq!(arrivals.check(&[1], 1, &[6]), ["connection 0 sent 1 spans, and 1 arrived"]);
    }
}

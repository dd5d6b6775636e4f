//! Spans in the order of their trees.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::Span;

/// Deeper spans are not indented further.
pub(super) const INDENT_LIMIT: usize = 8;

type Id<'a> = (&'a [u8], &'a [u8]);

/// Trace by trace, each parent before its children, siblings by start; with each span its place in `spans` and its
/// depth. Every span occurs once, also where ids are repeated or parents go in a circle.
pub(super) fn order(spans: &[&Span]) -> Vec<(usize, usize)> {
    let mut trace_starts: HashMap<&[u8], u64> = HashMap::new();
    for span in spans {
        let start = trace_starts.entry(&span.trace_id).or_insert(u64::MAX);
        *start = span.start_time_unix_nano.min(*start);
    }
    let mut sorted: Vec<(usize, &Span)> = spans.iter().copied().enumerate().collect();
    sorted.sort_by_key(|(_, span)| {
        (trace_starts.get(span.trace_id.as_slice()).copied(), &span.trace_id, span.start_time_unix_nano)
    });

    let known: HashSet<Id<'_>> = spans.iter().map(|span| id(span)).collect();
    let mut children: HashMap<Id<'_>, Vec<(usize, &Span)>> = HashMap::new();
    let mut roots = Vec::new();
    for &(place, span) in &sorted {
        let parent = (span.trace_id.as_slice(), span.parent_span_id.as_slice());
        if span.parent_span_id.is_empty() || !known.contains(&parent) {
            roots.push((place, span));
        } else {
            children.entry(parent).or_default().push((place, span));
        }
    }

    let mut ordered = Vec::with_capacity(spans.len());
    let mut seen = HashSet::with_capacity(spans.len());
    // What no root leads to goes in a circle: it is shown from wherever it is met first.
    for (place, span) in roots.into_iter().chain(sorted) {
        let mut waiting = vec![(place, span, 0)];
        while let Some((place, span, depth)) = waiting.pop() {
            if !seen.insert(place) {
                continue;
            }
            ordered.push((place, depth));
            let below = children.remove(&id(span)).unwrap_or_default();
            waiting.extend(below.into_iter().rev().map(|(place, span)| (place, span, depth + 1)));
        }
    }
    ordered
}

fn id(span: &Span) -> Id<'_> {
    (&span.trace_id, &span.span_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(span id, parent id, start)`, all of one trace.
    fn check(spans: &[(u8, u8, u64)], expected: &[(usize, usize)]) {
        let spans: Vec<Span> = spans
            .iter()
            .map(|&(id, parent, start)| Span {
                trace_id: vec![1],
                span_id: vec![id],
                parent_span_id: if parent == 0 { vec![] } else { vec![parent] },
                start_time_unix_nano: start,
                ..Span::default()
            })
            .collect();
        assert_eq!(order(&spans.iter().collect::<Vec<_>>()), expected);
    }

    /// Children arrive before their parents, as spans do: they end first.
    #[test]
    fn parents_come_before_children_and_siblings_by_start() {
        check(&[(4, 2, 30), (3, 1, 40), (2, 1, 20), (1, 0, 10)], &[(3, 0), (2, 1), (0, 2), (1, 1)]);
    }

    /// The parent is in another batch.
    #[test]
    fn a_span_whose_parent_is_elsewhere_is_a_root() {
        check(&[(2, 9, 20), (3, 2, 30)], &[(0, 0), (1, 1)]);
    }

    /// No input makes it loop or lose a span: its own parent, two that are each other's, an id used twice.
    #[test]
    fn circles_and_repeated_ids_show_every_span_once() {
        check(&[(1, 1, 0)], &[(0, 0)]);
        check(&[(1, 2, 0), (2, 1, 1)], &[(0, 0), (1, 1)]);
        check(&[(1, 0, 0), (1, 0, 1), (2, 1, 2)], &[(0, 0), (2, 1), (1, 0)]);
    }
}

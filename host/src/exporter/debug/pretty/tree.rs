//! Orders spans by their trees.

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::trace::v1::Span;

/// Spans below this depth are not indented further.
pub(super) const INDENT_LIMIT: usize = 8;

type Id<'a> = (&'a [u8], &'a [u8]);

/// Returns each span's place in `spans` and its depth: trace by trace, each parent before its children, and
/// siblings by start. Every span occurs once, even if ids are repeated or parents form a circle.
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
    // Spans that are not below a root form a circle. They are shown from the first of them.
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

    /// Each span is `(span id, parent id, start)`, all of one trace.
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

    /// Scenario: children arrive before their parents, because they end first.
    /// Guarantees: parents come before children, and siblings are sorted by start.
    #[test]
    fn parents_come_before_children_and_siblings_by_start() {
        check(&[(4, 2, 30), (3, 1, 40), (2, 1, 20), (1, 0, 10)], &[(3, 0), (2, 1), (0, 2), (1, 1)]);
    }

    /// Scenario: a span's parent is in another batch.
    /// Guarantees: the span is shown as a root.
    #[test]
    fn a_span_whose_parent_is_elsewhere_is_a_root() {
        check(&[(2, 9, 20), (3, 2, 30)], &[(0, 0), (1, 1)]);
    }

    /// Scenario: a span is its own parent, two spans are each other's parents, or an id occurs twice.
    /// Guarantees: every span is shown once, and the ordering ends.
    #[test]
    fn circles_and_repeated_ids_show_every_span_once() {
        check(&[(1, 1, 0)], &[(0, 0)]);
        check(&[(1, 2, 0), (2, 1, 1)], &[(0, 0), (1, 1)]);
        check(&[(1, 0, 0), (1, 0, 1), (2, 1, 2)], &[(0, 0), (2, 1), (1, 0)]);
    }
}

//! What is different between two lists of records, and how it reads.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::records::Record;

/// From one list to another. Records are held against those of the same identity, whatever their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) changes: Vec<Change>,
    pub(super) unchanged: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    /// Of the record; `resource and scope of …` for what several records have in common.
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChangeKind {
    Added,
    Removed,
    Edited,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Line {
    #[serde(rename = "kind")]
    pub(super) is: LineKind,
    pub(super) text: String,
    /// The parts of the text that make the difference, in bytes.
    #[serde(skip)]
    pub(super) emphasized: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LineKind {
    Removed,
    Added,
}

impl Difference {
    pub(super) fn between(before: &[Record], after: &[Record]) -> Difference {
        let mut difference = Difference::default();
        let mut new: HashMap<&str, &Record> =
            after.iter().map(|record| (&*record.identity, record)).collect();
        let mut envelopes: BTreeMap<Vec<Line>, Vec<&str>> = BTreeMap::new();
        for old in before {
            let Some(new) = new.remove(&*old.identity) else {
                difference.changes.push(Change {
                    kind: ChangeKind::Removed,
                    title: old.title.clone(),
                    lines: Vec::new(),
                });
                continue;
            };
            let lines = lines_between(&old.lines, &new.lines);
            let envelope = lines_between(&old.envelope, &new.envelope);
            if lines.is_empty() && envelope.is_empty() {
                difference.unchanged += 1;
            }
            if !lines.is_empty() {
                difference.changes.push(Change { kind: ChangeKind::Edited, title: old.title.clone(), lines });
            }
            if !envelope.is_empty() {
                envelopes.entry(envelope).or_default().push(&old.title);
            }
        }
        difference.changes.extend(envelopes.into_iter().map(envelope_change));
        let added = after.iter().filter(|record| new.contains_key(&*record.identity));
        difference.changes.extend(added.map(|record| Change {
            kind: ChangeKind::Added,
            title: record.title.clone(),
            lines: record.lines.iter().map(|line| Line::new(LineKind::Added, line)).collect(),
        }));
        difference
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Line {
    fn new(is: LineKind, text: &str) -> Line {
        Line { is, text: text.to_owned(), emphasized: Vec::new() }
    }
}

fn envelope_change((lines, titles): (Vec<Line>, Vec<&str>)) -> Change {
    let title = match &titles[..] {
        [title] => format!("resource and scope of {title}"),
        [first, ..] => format!("resource and scope of {first} and {} more", titles.len() - 1),
        [] => String::new(),
    };
    Change { kind: ChangeKind::Edited, title, lines }
}

/// The lines that went and came.
fn lines_between(before: &[String], after: &[String]) -> Vec<Line> {
    if before == after {
        return Vec::new();
    }
    let (before, after) = (as_strs(before), as_strs(after));
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(&before, &after);
    let changes = diff.ops().iter().flat_map(|op| diff.iter_inline_changes(op));
    changes
        .filter_map(|change| {
            let is = match change.tag() {
                ChangeTag::Equal => return None,
                ChangeTag::Delete => LineKind::Removed,
                ChangeTag::Insert => LineKind::Added,
            };
            let mut line = Line::new(is, "");
            for (emphasized, part) in change.iter_strings_lossy() {
                let begin = line.text.len();
                line.text.push_str(&part);
                if emphasized {
                    line.emphasized.push((begin, line.text.len()));
                }
            }
            Some(line)
        })
        .collect()
}

fn as_strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, lines: &[&str], envelope: &str) -> Record {
        Record {
            identity: name.to_owned(),
            title: name.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            envelope: vec![envelope.to_owned()],
        }
    }

    /// In the order of what was; what came in addition follows. A resource that changed is told once.
    #[test]
    fn records_are_compared_whatever_their_order() {
        let before = [
            record("a", &["x: 1", "y: 1"], "r: 1"),
            record("b", &["x: 1"], "r: 1"),
            record("c", &["x: 1"], "r: 2"),
            record("d", &["x: 1"], "r: 1"),
        ];
        let after = [
            record("e", &["x: 1"], "r: 2"),
            record("d", &["x: 1"], "r: 3"),
            record("c", &["x: 1"], "r: 2"),
            record("a", &["x: 2", "y: 1", "z: 1"], "r: 3"),
        ];
        let difference = Difference::between(&before, &after);
        let shown: Vec<String> = (difference.changes.iter())
            .map(|change| {
                let line = |line: &Line| format!(" {:?} {}", line.is, line.text);
                format!(
                    "{:?} {}{}",
                    change.kind,
                    change.title,
                    change.lines.iter().map(line).collect::<String>()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Edited a Removed x: 1 Added x: 2 Added z: 1",
                "Removed b",
                "Edited resource and scope of a and 1 more Removed r: 1 Added r: 3",
                "Added e Added x: 1",
            ]
        );
        assert_eq!(difference.unchanged, 1);
        assert!(Difference::between(&before, &before).is_empty());
    }

    #[test]
    fn what_makes_the_difference_in_a_line_is_emphasized() {
        let lines = lines_between(&["url: /a?token=secret".to_owned()], &["url: /a?token=***".to_owned()]);
        let [old, _] = &lines[..] else { panic!("{lines:?}") };
        let parts: Vec<&str> = old.emphasized.iter().map(|(begin, end)| &old.text[*begin..*end]).collect();
        assert!(parts.concat().contains("secret") && !parts.concat().contains("url"), "{parts:?}");
    }
}

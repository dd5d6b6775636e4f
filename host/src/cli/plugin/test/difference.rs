//! Compares two lists of records.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::records::Record;

/// The difference from one list to another. Records of the same identity are compared, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) changes: Vec<Change>,
    pub(super) unchanged: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    /// The title of the record; `resource and scope of …` for lines that several records share.
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
    /// The part of the text that differs, in bytes.
    #[serde(skip)]
    pub(super) emphasized: Option<(usize, usize)>,
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
        Line { is, text: text.to_owned(), emphasized: None }
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

/// Returns the lines that were removed and added, with those of one key together.
fn lines_between(before: &[String], after: &[String]) -> Vec<Line> {
    let mut lines = lacking(after, before, LineKind::Removed);
    lines.extend(lacking(before, after, LineKind::Added));
    lines.sort_by(|a, b| (key(&a.text), a.is).cmp(&(key(&b.text), b.is)));
    let mut pairs = lines.as_mut_slice();
    while let [first, second, ..] = pairs {
        if key(&first.text) == key(&second.text) && first.is < second.is {
            emphasize(first, second);
        }
        pairs = pairs.get_mut(1..).unwrap_or_default();
    }
    lines
}

/// Returns the lines of `these` that `others` lacks, or has less often.
fn lacking(others: &[String], these: &[String], is: LineKind) -> Vec<Line> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    others.iter().for_each(|line| *known.entry(line).or_default() += 1);
    let is_lacking = |line: &&String| match known.get_mut(line.as_str()) {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    };
    these.iter().filter(is_lacking).map(|line| Line::new(is, line)).collect()
}

/// Returns the key of a line: `attributes.card` of `attributes.card: "x"`.
fn key(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(key, _)| key)
}

/// Emphasizes the part between the beginning and the end that both lines share.
fn emphasize(old: &mut Line, new: &mut Line) {
    let same = |(a, b): &(char, char)| a == b;
    let (one, other) = (old.text.as_str(), new.text.as_str());
    let begin: usize =
        std::iter::zip(one.chars(), other.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let ends = [one, other].map(|text| text.get(begin..).unwrap_or_default().chars().rev());
    let [one_end, other_end] = ends;
    let end: usize = std::iter::zip(one_end, other_end).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    for line in [old, new] {
        line.emphasized = Some((begin, line.text.len() - end));
    }
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

    /// Scenario: records are edited, removed, added and moved, and two share an envelope that changes.
    /// Guarantees: the changes are in the order of the old records, added records follow, and a changed
    /// resource is shown once.
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

    /// Scenario: two lines of one key differ in the middle.
    /// Guarantees: only the part that differs is emphasized.
    #[test]
    fn what_makes_the_difference_in_a_line_is_emphasized() {
        let (old, new) = ("url: \"/größe?token=x1\"".to_owned(), "url: \"/größe?***\"".to_owned());
        let lines = lines_between(&[old, "a: 1".to_owned()], &[new, "b: 1".to_owned()]);
        let part = |line: &Line| line.emphasized.map(|(begin, end)| line.text[begin..end].to_owned());
        let parts: Vec<Option<String>> = lines.iter().map(part).collect();
        assert_eq!(parts, [None, None, Some("token=x1".to_owned()), Some("***".to_owned())]);
    }

    /// Scenario: one of two equal lines is removed.
    /// Guarantees: the difference is one line.
    #[test]
    fn alike_lines_are_counted() {
        let line = || "a: 1".to_owned();
        let lines = lines_between(&[line(), line()], &[line()]);
        assert_eq!(lines, [Line::new(LineKind::Removed, "a: 1")]);
        assert_eq!(lines_between(&["a: aa".to_owned()], &["a: aaa".to_owned()]).len(), 2);
    }
}

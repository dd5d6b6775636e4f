//! Removes secrets from a line of a source, for messages that quote the line.

use std::{collections::HashMap, ops::Range};

use saphyr_parser::{Event, Parser, Span};

use super::{REDACTED, is_secret_key, is_secret_path, value};
use crate::config::Location;

/// The secret parts of a text, and the ends of its scalars. Both are in characters from the beginning of the
/// text.
#[derive(Debug, Default)]
pub(in crate::config) struct Masks {
    secret: Vec<Range<usize>>,
    /// The ends in ascending order. After the last end on a line only a comment can stand.
    ends: Vec<usize>,
}

/// A line that may be shown.
pub(in crate::config) struct ShownLine {
    pub text: String,
    /// The column of the place, in characters from 0.
    pub column: usize,
    pub width: usize,
}

/// Returns the line of a place, or `None` if nothing of the source may be shown.
pub(in crate::config) fn shown_line(at: &Location) -> Option<ShownLine> {
    if at.source.hidden {
        return None;
    }
    let text = at.source.text.as_str();
    let before: usize =
        text.split_inclusive('\n').take(at.line.saturating_sub(1)).map(|line| line.chars().count()).sum();
    let line = text.lines().nth(at.line.saturating_sub(1))?;
    let masks = at.source.masks.get_or_init(|| Masks::of(text));
    let hidden = masks.hidden_in(before, line);
    let (from, to) = (at.column.saturating_sub(1), at.column.saturating_sub(1).saturating_add(at.width));
    let mut shown = ShownLine { text: String::new(), column: 0, width: 0 };
    let mut len = 0;
    let mut end = 0;
    for (column, c) in line.chars().enumerate() {
        let (start_len, c) = match hidden.iter().find(|range| range.contains(&column)) {
            Some(range) if range.start == column => {
                shown.text.push_str(REDACTED);
                len += REDACTED.len();
                (len - REDACTED.len(), None)
            }
            Some(_) => (len - REDACTED.len(), None),
            None => (len, Some(c)),
        };
        if let Some(c) = c {
            shown.text.push(c);
            len += 1;
        }
        if column == from {
            shown.column = start_len;
        }
        if (from..to).contains(&column) {
            end = len;
        }
    }
    if line.chars().count() <= from {
        shown.column = len + from - line.chars().count();
    }
    shown.width = end.saturating_sub(shown.column).max(1);
    Some(shown)
}

impl Masks {
    fn of(text: &str) -> Masks {
        let mut scan = Scan { masks: Masks::default(), open: Vec::new(), anchors: HashMap::new(), end: 0 };
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => scan.event(&event, span),
                Err(_) => {
                    scan.broken(text);
                    break;
                }
            }
        }
        scan.masks
    }

    /// Returns the columns of a line that are not shown, without overlaps. `before` is the number of
    /// characters before the line.
    fn hidden_in(&self, before: usize, line: &str) -> Vec<Range<usize>> {
        let len = line.chars().count();
        let on_line = |range: &Range<usize>| {
            let (start, end) = (range.start.max(before) - before, range.end.saturating_sub(before).min(len));
            (start < end).then_some(start..end)
        };
        let mut hidden: Vec<Range<usize>> = self.secret.iter().filter_map(on_line).collect();
        let last = self.ends.partition_point(|end| *end <= before + len);
        let last = last.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
        let code = last.max(before) - before;
        let comment =
            line.chars().enumerate().skip(code).find(|(_, c)| *c == '#').map(|(column, _)| column..len);
        hidden.extend(comment);
        hidden.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in hidden {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}

/// Walks the events of a text, which may be broken YAML from some point on.
struct Scan {
    masks: Masks,
    open: Vec<Open>,
    /// The range of each anchored value.
    anchors: HashMap<usize, Range<usize>>,
    /// The end of the last event.
    end: usize,
}

struct Open {
    is_map: bool,
    /// The key of a map whose value is not read yet, with the key's end.
    key: Option<(String, usize)>,
    anchor: usize,
    start: usize,
}

impl Scan {
    fn event(&mut self, event: &Event<'_>, span: Span) {
        let (start, end) = (span.start.index(), span.end.index());
        match event {
            Event::Scalar(text, _, anchor, _) => {
                self.masks.ends.push(end);
                if self.awaits_key() {
                    if let Some(open) = self.open.last_mut() {
                        open.key = Some((text.to_string(), end));
                    }
                } else {
                    if self.is_secret() || value(text) != **text {
                        // A tag or a block's mark before the value belongs to the value.
                        let key_end = self.open.last().and_then(|open| Some(open.key.as_ref()?.1));
                        self.masks.secret.push(key_end.map_or(start, |end| start.min(end + 2))..end);
                    }
                    self.close_value();
                }
                self.anchor(*anchor, start..end);
            }
            Event::SequenceStart(anchor, _) => self.begin(false, *anchor, start),
            Event::MappingStart(anchor, _) => self.begin(true, *anchor, start),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.anchor(open.anchor, open.start..self.end.max(end));
                }
                self.close_value();
            }
            Event::Alias(anchor) => {
                self.masks.ends.push(end);
                if self.is_secret() {
                    self.masks.secret.extend(self.anchors.get(anchor).cloned());
                }
                self.close_value();
            }
            _ => return,
        }
        self.end = self.end.max(end);
    }

    fn begin(&mut self, is_map: bool, anchor: usize, start: usize) {
        self.open.push(Open { is_map, key: None, anchor, start });
    }

    fn anchor(&mut self, anchor: usize, place: Range<usize>) {
        if anchor > 0 {
            self.anchors.insert(anchor, place);
        }
    }

    fn awaits_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_map && open.key.is_none())
    }

    fn close_value(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.key = None;
        }
    }

    /// Returns whether the open keys make the next value secret.
    fn is_secret(&self) -> bool {
        is_secret_path(self.open.iter().filter_map(|open| Some(open.key.as_ref()?.0.as_str())))
    }

    /// Masks the rest of a text from the point where it is not valid YAML. If a secret's value is open, the
    /// whole rest is masked. Otherwise the text after each secret's key is masked, and the lines indented
    /// below the key.
    fn broken(&mut self, text: &str) {
        let mut at = 0;
        if self.is_secret() {
            self.masks.secret.push(self.end..text.chars().count());
            return;
        }
        let mut below: Option<usize> = None;
        for line in text.split_inclusive('\n') {
            let len = line.chars().count();
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            below = below.filter(|key| indent > *key || indent == len);
            if at + len > self.end {
                let from = self.end.max(at) - at;
                if below.is_some() {
                    self.masks.secret.push(at + from..at + len);
                } else if let Some(column) = secret_behind(line) {
                    self.masks.secret.push(at + column.max(from)..at + len);
                    below = Some(indent);
                }
            }
            at += len;
        }
    }
}

/// Returns the column where the first secret of a line may begin: after its key, or before an address or a
/// credential.
fn secret_behind(line: &str) -> Option<usize> {
    let chars: Vec<char> = line.chars().collect();
    let behind_key = chars.iter().enumerate().filter(|(_, c)| **c == ':').find_map(|(colon, _)| {
        let key: String = chars.get(..colon)?.iter().rev().take_while(|c| !"{[,".contains(**c)).collect();
        let key: String = key.chars().rev().collect();
        is_secret_key(key.trim()).then_some(colon + 1)
    });
    let looks = value(line.trim()) != line.trim() || line.contains("Bearer ") || line.contains("Basic ");
    behind_key.or_else(|| looks.then(|| chars.iter().position(|c| *c == ':').map_or(0, |colon| colon + 1)))
}

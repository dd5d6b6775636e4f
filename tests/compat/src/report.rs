//! What the command prints, and whether it succeeded.

use std::collections::BTreeMap;

use crate::{
    differences::Entry,
    observation::{Case, Difference},
};

/// No value takes more of a line than this. The rest is on the lines of `--full`.
const SHOWN_CHARS: usize = 160;

pub(crate) struct Report {
    entries: Vec<Entry>,
    /// How often each entry covered a difference.
    used: Vec<usize>,
    topics: Vec<Topic>,
    /// How many faults there were, which no row of the file excuses.
    faults: usize,
    full: bool,
}

struct Topic {
    name: &'static str,
    inputs: usize,
    unlisted: usize,
    open: usize,
    stays: usize,
    error: bool,
}

impl Report {
    pub(crate) fn new(entries: Vec<Entry>, full: bool) -> Report {
        Report { used: vec![0; entries.len()], entries, topics: Vec::new(), faults: 0, full }
    }

    /// Prints the differences of a topic.
    pub(crate) fn topic(&mut self, name: &'static str, cases: &[Case]) {
        let mut topic = Topic { name, inputs: cases.len(), unlisted: 0, open: 0, stays: 0, error: false };
        let mut names = BTreeMap::new();
        for case in cases {
            *names.entry(&case.name).or_insert(0) += 1;
            for difference in case.differences(name) {
                let kind = self.kind(&difference.name);
                match kind {
                    "UNLISTED" => topic.unlisted += 1,
                    "to mend" => topic.open += 1,
                    _ => topic.stays += 1,
                }
                self.print(kind, &difference);
            }
        }
        for (twice, _) in names.into_iter().filter(|(_, count)| *count > 1) {
            println!("error: {name}: two inputs are named {twice}");
            topic.error = true;
        }
        self.topics.push(topic);
    }

    /// Notes that a topic could not be compared.
    pub(crate) fn failed(&mut self, name: &'static str, error: &anyhow::Error) {
        println!("error: {name}: {error:#}");
        self.topics.push(Topic { name, inputs: 0, unlisted: 0, open: 0, stays: 0, error: true });
    }

    /// Prints what is wrong whether or not the Collector does the same.
    pub(crate) fn faults(&mut self, name: &str, faults: &[String]) {
        for fault in faults {
            println!("fault    {name}/{fault}");
        }
        self.faults += faults.len();
    }

    /// Prints the totals. Returns whether every difference is listed, every entry still differs, and there was no
    /// fault.
    pub(crate) fn finish(&self) -> bool {
        let ran = |entry: &Entry| self.topics.iter().any(|topic| !topic.error && entry.is_of(topic.name));
        let entries = self.entries.iter().zip(&self.used);
        let stale: Vec<&Entry> =
            entries.filter(|(entry, used)| **used == 0 && ran(entry)).map(|(entry, _)| entry).collect();
        for entry in &stale {
            println!("no longer differs: `{}`: remove its row from DIFFERENCES.md", entry.pattern);
        }
        println!("\n{:<18} {:>7} {:>9} {:>9} {:>7}", "topic", "inputs", "unlisted", "to mend", "stays");
        for topic in &self.topics {
            let Topic { name, inputs, unlisted, open, stays, error } = topic;
            let note = if *error { "  (failed)" } else { "" };
            println!("{name:<18} {inputs:>7} {unlisted:>9} {open:>9} {stays:>7}{note}");
        }
        let sum = |count: fn(&Topic) -> usize| self.topics.iter().map(count).sum::<usize>();
        let (unlisted, open) = (sum(|topic| topic.unlisted), sum(|topic| topic.open));
        let inputs = sum(|topic| topic.inputs);
        println!(
            "{inputs} inputs; {unlisted} differences unlisted, {open} to be mended, {} stay; {} stale rows; {} faults",
            sum(|topic| topic.stays),
            stale.len(),
            self.faults
        );
        let is_known = stale.is_empty() && unlisted == 0 && self.faults == 0;
        is_known && !self.topics.iter().any(|topic| topic.error)
    }

    /// Returns what is known of a difference. The first row that covers it counts.
    fn kind(&mut self, difference: &str) -> &'static str {
        let covering = self.entries.iter().zip(&mut self.used).find(|(entry, _)| entry.covers(difference));
        match covering {
            None => "UNLISTED",
            Some((entry, used)) => {
                *used += 1;
                if entry.is_open { "to mend" } else { "stays" }
            }
        }
    }

    fn print(&self, kind: &str, difference: &Difference) {
        let Difference { name, collector, spanloom } = difference;
        let (collector, spanloom) = if self.full {
            (format!("\"{collector}\""), format!("\"{spanloom}\""))
        } else {
            around(collector, spanloom)
        };
        println!("{kind:<8} {name} | Collector {collector} | Spanloom {spanloom}");
    }
}

/// Returns both texts from a little before the first place where they differ, cut to the width of a line.
fn around(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let start = if one.len().max(other.len()) > SHOWN_CHARS { same.saturating_sub(40) } else { 0 };
    let cut = |text: &str| {
        let mut shown: String = text.chars().skip(start).take(SHOWN_CHARS).collect();
        if start > 0 {
            shown.insert(0, '…');
        }
        if text.chars().count() > start + SHOWN_CHARS {
            shown.push('…');
        }
        format!("\"{shown}\"")
    };
    (cut(one), cut(other))
}

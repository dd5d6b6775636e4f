//! Reads a node and goes on after an error, so that all errors are found at once.

use std::{cell::RefCell, collections::HashSet};

use serde::de::DeserializeOwned;

use super::NodeDeserializer;
use crate::config::{ConfigError, Finding, Node};

/// The maximum number of wrong values in a node. After them, reading stops.
const WRONG_LIMIT: usize = 50;
/// The maximum number of times that a node is read.
const ROUNDS_LIMIT: usize = 500;

/// The result of reading a node.
pub(in crate::config) struct Reading<T> {
    /// The value, if it could be read. A wrong value is replaced by its default.
    pub value: Option<T>,
    pub wrong: Vec<Finding>,
    /// Warnings about keys that have no effect.
    pub unused: Vec<Finding>,
}

/// Reads the node, or returns everything that is wrong with it.
pub(in crate::config) fn read<T: DeserializeOwned>(node: &Node) -> Result<T, ConfigError> {
    let Reading { value, wrong, .. } = Reading::of(node);
    ConfigError::from_findings(wrong)?;
    value.ok_or_else(|| node.finding("this cannot be read").into())
}

impl<T: DeserializeOwned> Reading<T> {
    /// Reads the node in rounds. Serde stops at the first wrong value; each round leaves that value out and
    /// reads the rest again.
    pub(in crate::config) fn of(node: &Node) -> Reading<T> {
        let notes = RefCell::<Notes>::default();
        let mut wrong = Vec::new();
        let mut rounds = 0;
        let value = loop {
            rounds += 1;
            notes.borrow_mut().begin();
            let from = NodeDeserializer { node, notes: &notes, part_of: None, is_value_of_key: false };
            match T::deserialize(from) {
                Ok(value) => break Some(value),
                Err(error) => {
                    notes.borrow_mut().about(node, &error);
                    let error = error.within(node);
                    let mut notes = notes.borrow_mut();
                    if !notes.is_absent() && !notes.follows {
                        wrong.extend(error.into_findings());
                    }
                    if !notes.leave_out() || wrong.len() >= WRONG_LIMIT || rounds >= ROUNDS_LIMIT {
                        break None;
                    }
                }
            }
        };
        let Notes { unknown, unused, .. } = notes.into_inner();
        wrong.splice(0..0, unknown);
        Reading { value, wrong, unused }
    }
}

/// The findings of all rounds. Nodes are identified by their addresses in memory.
#[derive(Default)]
pub(super) struct Notes {
    unknown: Vec<Finding>,
    unused: Vec<Finding>,
    /// The keys and values that `unknown` and `unused` already hold. Each round finds them again.
    noted: HashSet<usize>,
    /// Values that are wrong.
    broken: HashSet<usize>,
    /// Keys without a value, and references to variables without one, where a value is needed. They are
    /// treated as missing.
    absent: HashSet<usize>,
    /// The innermost value that failed in this round, and whether it counts as absent.
    failed: Option<(usize, bool)>,
    /// Whether this round's error only says that a value is missing which an earlier round left out.
    follows: bool,
}

fn place<T>(node: &T) -> usize {
    std::ptr::from_ref(node).addr()
}

impl Notes {
    fn begin(&mut self) {
        (self.failed, self.follows) = (None, false);
    }

    pub(super) fn unknown_keys(&mut self, node: &Node, known: &[&str]) {
        for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            if self.noted.insert(place(entry)) {
                self.unknown.push(node.unknown_key(entry, known));
            }
        }
    }

    pub(super) fn unused(&mut self, node: &Node) {
        if !node.asks_for_nothing() && self.noted.insert(place(node)) {
            self.unused.push(node.no_effect());
        }
    }

    pub(super) fn failed(&mut self, node: &Node) {
        let is_absent = node.is_null() && node.original.is_some();
        self.failed.get_or_insert((place(node), is_absent));
    }

    /// Records that the key of the failed value counts as missing, if the value itself is what failed.
    pub(super) fn has_no_value(&mut self, node: &Node) {
        if let Some((failed, is_absent)) = &mut self.failed
            && *failed == place(node)
        {
            *is_absent = true;
        }
    }

    /// Records whether an error without a location results from a part of the node that was left out.
    pub(super) fn about(&mut self, node: &Node, error: &ConfigError) {
        let mut parts = node.items().iter().chain(node.entries().iter().map(|entry| &entry.node));
        if error.has_no_place() && parts.any(|part| self.broken.contains(&place(part))) {
            self.follows = true;
        }
    }

    fn is_absent(&self) -> bool {
        self.failed.is_some_and(|(_, is_absent)| is_absent)
    }

    /// Leaves out the value that failed in this round. Returns whether anything new was left out.
    fn leave_out(&mut self) -> bool {
        match self.failed {
            Some((failed, true)) => self.absent.insert(failed),
            Some((failed, false)) => self.broken.insert(failed),
            None => false,
        }
    }

    pub(super) fn is_left_out(&self, node: &Node) -> bool {
        self.broken.contains(&place(node)) || self.absent.contains(&place(node))
    }

    pub(super) fn kept<'a>(&self, items: &'a [Node]) -> Vec<&'a Node> {
        items.iter().filter(|item| !self.is_left_out(item)).collect()
    }
}

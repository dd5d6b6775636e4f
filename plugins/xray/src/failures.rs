//! Collects the spans of a batch that were not delivered.

use std::collections::BTreeSet;

use spanloom_plugin::{ExportError, Failure};

/// Rows by the reason why they failed.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<(Failure, BTreeSet<u32>)>);

impl Failures {
    pub(crate) fn add(&mut self, row: u32, failure: &Failure) {
        match self.0.iter_mut().find(|(known, _)| known == failure) {
            Some((_, rows)) => {
                rows.insert(row);
            }
            None => self.0.push((failure.clone(), BTreeSet::from([row]))),
        }
    }

    /// Returns the result of the batch. A span has at most two documents, and both are retried if one of them
    /// is.
    pub(crate) fn into_result(mut self, spans: usize) -> Result<(), ExportError> {
        self.0.sort_by_key(|(failure, _)| matches!(failure, Failure::Permanent(_)));
        let mut seen = BTreeSet::new();
        let mut parts: Vec<(Vec<u32>, Failure)> = Vec::new();
        for (failure, rows) in self.0 {
            let rows: Vec<u32> = rows.into_iter().filter(|row| seen.insert(*row)).collect();
            if !rows.is_empty() {
                parts.push((rows, failure));
            }
        }
        match parts.as_slice() {
            [] => Ok(()),
            [(rows, failure)] if rows.len() == spans => Err(ExportError::Whole(failure.clone())),
            _ => Err(ExportError::Parts(parts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fails_once_and_rather_retryably() {
        let (later, never) = (Failure::retryable("later"), Failure::permanent("never"));
        let mut failures = Failures::default();
        for (row, failure) in [(1, &never), (0, &never), (1, &later)] {
            failures.add(row, failure);
        }
        let expected = vec![(vec![1], later), (vec![0], never.clone())];
        assert_eq!(failures.into_result(3), Err(ExportError::Parts(expected)));
        let mut failures = Failures::default();
        failures.add(0, &never);
        assert_eq!(failures.into_result(1), Err(ExportError::Whole(never)));
        assert_eq!(Failures::default().into_result(1), Ok(()));
    }
}

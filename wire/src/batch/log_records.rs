use crate::view::Columns;

/// Nothing is known of a log record but that it is one.
#[derive(Clone, Default)]
pub(super) struct LogRecords;

impl Columns for LogRecords {
    fn push(&mut self, _: &[u8]) {}

    fn select(&self, _: &[u32]) -> LogRecords {
        LogRecords
    }

    fn append(&mut self, _: &LogRecords) {}

    fn items(&self, _: usize) -> usize {
        1
    }
}

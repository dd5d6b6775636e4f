use crate::view::Columns;

/// Columns that know only that each record is one item: a log record, or a span that is only counted.
#[derive(Clone, Default)]
pub(crate) struct Uniform;

impl Columns for Uniform {
    type Counts = Uniform;
    const ROW_BYTES: usize = 0;

    fn push(&mut self, _: &[u8]) {}

    fn select(&self, _: &[u32]) -> Uniform {
        Uniform
    }

    fn items(&self, _: usize) -> usize {
        1
    }
}

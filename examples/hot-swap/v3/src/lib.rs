//! A version with a bug that no test found: it works for a hundred batches and then panics.

use std::iter;

use spanloom_plugin::prelude::*;

#[derive(Default, Deserialize)]
struct Tag {
    #[serde(skip)]
    batches: u32,
}

/// The bug: the plugin looks up each batch by its number, and this table has too few entries.
const TABLE: [&str; 100] = [env!("CARGO_PKG_VERSION"); 100];

impl Processor for Tag {
    #[expect(clippy::indexing_slicing, reason = "this is the bug")]
    fn process_spans(&mut self, mut spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let version = TABLE[self.batches as usize];
        self.batches += 1;
        let versions = iter::repeat_n(version, spans.len());
        spans.set_text("tag.version", &(0..).zip(versions).collect())?;
        out.pass(spans);
        Ok(())
    }
}

spanloom_plugin::processor!(Tag);

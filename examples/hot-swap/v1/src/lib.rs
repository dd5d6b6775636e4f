//! Tags each span with the version that saw it.

use std::iter;

use spanloom_plugin::prelude::*;

#[derive(Default, Deserialize)]
struct Tag {}

impl Processor for Tag {
    fn process_spans(&mut self, mut spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let versions = iter::repeat_n(env!("CARGO_PKG_VERSION"), spans.len());
        spans.set_text("tag.version", &(0..).zip(versions).collect())?;
        out.pass(spans);
        Ok(())
    }
}

spanloom_plugin::processor!(Tag);

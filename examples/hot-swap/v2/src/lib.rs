//! Tags each span with the version that saw it, as version 1 does, and with the span's service.

use std::iter;

use spanloom_plugin::prelude::*;

#[derive(Default, Deserialize)]
struct Tag {}

impl Processor for Tag {
    fn process_spans(&mut self, mut spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        let versions = iter::repeat_n(env!("CARGO_PKG_VERSION"), spans.len());
        spans.set_text("tag.version", &(0..).zip(versions).collect())?;
        let (services, resources) = (spans.resource_text("service.name"), spans.resources_of_spans());
        let services = services.dense(spans.resource_count());
        let service = |resource: u32| *services.get(resource as usize)?;
        let tags = (0..).zip(resources).filter_map(|(row, resource)| Some((row, service(resource)?)));
        spans.set_text("tag.service", &tags.collect())?;
        out.pass(spans);
        Ok(())
    }
}

spanloom_plugin::processor!(Tag);

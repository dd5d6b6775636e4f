use std::collections::{BTreeMap, VecDeque};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use rand::rngs::StdRng;

use super::{PayloadSettings, resource, scope};
use crate::cli::generate::shop::{ShopSpan, new_trace};

/// Spans that wait for the next request, since a trace may be spread over two.
#[derive(Default)]
pub(super) struct Traces {
    waiting: VecDeque<ShopSpan>,
}

impl Traces {
    pub(super) fn next(
        &mut self,
        items: usize,
        settings: &PayloadSettings,
        rng: &mut StdRng,
        now: u64,
    ) -> Vec<u8> {
        while self.waiting.len() < items {
            self.waiting.extend(new_trace(settings.shop, rng, now).spans);
        }
        let mut by_service: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
        for ShopSpan { service, mut span } in self.waiting.drain(..items) {
            span.attributes.extend_from_slice(&settings.attributes);
            by_service.entry(service).or_default().push(span);
        }
        let resource_spans = by_service.into_iter().map(|(service, spans)| ResourceSpans {
            resource: resource(service, settings),
            scope_spans: vec![ScopeSpans { scope: scope(), spans, schema_url: String::new() }],
            schema_url: String::new(),
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
    }
}

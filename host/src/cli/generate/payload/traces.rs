use std::collections::{BTreeMap, VecDeque};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use rand::{RngExt, rngs::StdRng};

use super::{Arrival, PayloadSettings, resource, scope};
use crate::cli::generate::shop::{ShopSpan, new_trace};

/// Shuffled spans are drawn from those of so many requests, and from no more than so many spans.
const SHUFFLED_REQUESTS: usize = 20;
const SHUFFLED_SPANS: usize = 100_000;
/// The most late spans. When there are as many, spans come in time.
const LATE_LIMIT: usize = 300_000;

/// Spans that wait for a request, since a trace may be spread over several.
#[derive(Default)]
pub(super) struct Traces {
    waiting: VecDeque<ShopSpan>,
    /// Spans that come later, each with its time.
    late: VecDeque<(u64, ShopSpan)>,
}

impl Traces {
    /// Takes out the spans of the next request.
    pub(super) fn draw(
        &mut self,
        items: usize,
        settings: &PayloadSettings,
        rng: &mut StdRng,
        now: u64,
    ) -> Vec<ShopSpan> {
        let Arrival { late, late_by, is_shuffled } = settings.arrival;
        while let Some((_, span)) = self.late.pop_front_if(|(due, _)| *due <= now) {
            self.waiting.push_front(span);
        }
        let due = now.saturating_add(u64::try_from(late_by.as_nanos()).unwrap_or(u64::MAX));
        let wanted = match is_shuffled {
            true => items.max(SHUFFLED_SPANS.min(items * SHUFFLED_REQUESTS)),
            false => items,
        };
        while self.waiting.len() < wanted {
            for span in new_trace(settings.shop, rng, now).spans {
                let may_be_late = late > 0.0 && self.late.len() < LATE_LIMIT;
                match may_be_late && !span.span.parent_span_id.is_empty() && rng.random_bool(late) {
                    true => self.late.push_back((due, span)),
                    false => self.waiting.push_back(span),
                }
            }
        }
        if !is_shuffled {
            return self.waiting.drain(..items).collect();
        }
        let draw = |_| self.waiting.swap_remove_back(rng.random_range(0..self.waiting.len()));
        (0..items).filter_map(draw).collect()
    }
}

/// Makes a request of spans.
pub(super) fn encode(spans: Vec<ShopSpan>, settings: &PayloadSettings) -> Vec<u8> {
    let mut by_service: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
    for ShopSpan { service, mut span } in spans {
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

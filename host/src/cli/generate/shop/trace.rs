//! Makes one customer's visit as a tree of spans.

use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Span, span::SpanKind},
};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{
    Entry, HOME, Operation, ShopSettings, Step, VISITS,
    convention::{client_attributes, client_name, query_attributes, server_attributes, server_name, string},
    fault,
};

/// The spans of one trace, in the order of their ends. The root is among the last.
pub(in crate::cli::generate) struct Trace {
    pub(in crate::cli::generate) spans: Vec<ShopSpan>,
}

#[derive(Clone)]
pub(in crate::cli::generate) struct ShopSpan {
    /// The index of the service in [`SERVICES`](super::SERVICES).
    pub(in crate::cli::generate) service: usize,
    pub(in crate::cli::generate) span: Span,
}

/// The service, the parent span and the depth of a step.
#[derive(Clone, Copy)]
struct Place {
    service: usize,
    parent: Option<[u8; 8]>,
    depth: usize,
}

struct Walk<'a> {
    rng: &'a mut StdRng,
    settings: ShopSettings,
    trace_id: [u8; 16],
    /// The service that is slow in this trace.
    slow: Option<Slow>,
    /// The trace goes on until it has so many spans.
    min_spans: usize,
    spans: Vec<ShopSpan>,
}

#[derive(Clone, Copy)]
struct Slow {
    service: usize,
    how: Slowness,
}

#[derive(Clone, Copy)]
enum Slowness {
    /// All that it does takes so many times as long.
    Factor(f64),
    /// Its first operation takes longer by so many nanoseconds.
    Once(u64),
}

/// The time that a request spends between two services.
const NETWORK_US: u64 = 350;
/// The most that a slow service is slower.
const LONGEST_NANOS: u64 = 24 * 3_600 * 1_000_000_000;
/// The time that a message waits for its consumer.
const MESSAGE_WAIT_US: u64 = 18_000;

/// Returns a trace whose last span ends at `end_unix_nano`.
pub(in crate::cli::generate) fn new_trace(
    settings: ShopSettings,
    rng: &mut StdRng,
    end_unix_nano: u64,
) -> Trace {
    let mut slow = rng.random_bool(settings.slow).then(|| Slow {
        service: rng.random_range(0..settings.services.max(1)),
        how: Slowness::Factor(rng.random_range(10.0..40.0)),
    });
    let trace_id = rng.random();
    let fails = rng.random_bool(settings.errors);
    let visit = visit(rng.random_range(0..100));
    if let (Some(slow), Some(by)) = (&mut slow, settings.slow_by) {
        let mut services = Vec::new();
        reach(visit, 1, settings, &mut services);
        let service = services.choose(rng).copied().unwrap_or_default();
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        *slow = Slow { service, how: Slowness::Once(nanos.min(LONGEST_NANOS)) };
    }
    // Without giants no random number is used up, so that a seed gives the same traces as ever.
    let is_giant = settings.giants > 0.0 && rng.random_bool(settings.giants);
    let min_spans = if is_giant { settings.giant_spans } else { 0 };
    let mut walk = Walk { rng, settings, trace_id, slow, min_spans, spans: Vec::new() };
    walk.serve(visit, Place { service: visit.service, parent: None, depth: 1 }, 0);
    let mut spans = walk.spans;
    if fails {
        fault::fail(&mut spans, rng);
    }
    spans.sort_by_key(|span| span.span.end_time_unix_nano);
    let last = spans.last().map_or(0, |span| span.span.end_time_unix_nano);
    for ShopSpan { span, .. } in &mut spans {
        shift(span, end_unix_nano.saturating_sub(last));
    }
    Trace { spans }
}

/// Returns the visit for a random number below 100.
fn visit(roll: u32) -> &'static Operation {
    let mut left = roll;
    for (share, visit) in VISITS {
        match left.checked_sub(share) {
            None => return visit,
            Some(rest) => left = rest,
        }
    }
    &HOME
}

/// Adds the services that a trace waits for, from an operation at this depth on.
fn reach(operation: &Operation, depth: usize, settings: ShopSettings, services: &mut Vec<usize>) {
    services.push(operation.service);
    for step in operation.steps {
        // The call has a span of its own.
        if let Step::Call(called) = step
            && called.service < settings.services
            && depth + 2 <= settings.depth
        {
            reach(called, depth + 2, settings, services);
        }
    }
}

fn shift(span: &mut Span, by: u64) {
    span.start_time_unix_nano += by;
    span.end_time_unix_nano += by;
    for event in &mut span.events {
        event.time_unix_nano += by;
    }
}

impl Walk<'_> {
    /// Adds the span of a called service and all spans below it. Times are in nanoseconds. Returns the end of
    /// the span.
    fn serve(&mut self, operation: &'static Operation, place: Place, start: u64) -> u64 {
        let id = self.rng.random();
        let below = Place { service: operation.service, parent: Some(id), depth: place.depth + 1 };
        let mut now =
            start + self.takes(operation.service, operation.own_us / 2) + self.delay(operation.service);
        for step in operation.steps {
            now = self.step(step, below, now);
        }
        if place.parent.is_none() {
            now = self.go_on(operation, below, now);
        }
        let end = now + self.takes(operation.service, operation.own_us / 2);
        let kind = match operation.entry {
            Entry::Message { .. } => SpanKind::Consumer,
            _ => SpanKind::Server,
        };
        let number = self.rng.random_range(1_000..10_000);
        let attributes = server_attributes(operation, number);
        let place = Place { service: operation.service, ..place };
        self.push(place, id, kind, server_name(&operation.entry), [start, end], attributes);
        end
    }

    /// Repeats the steps of the root until the trace has enough spans, together with the root's own. Returns the end of
    /// the last step.
    fn go_on(&mut self, operation: &'static Operation, place: Place, mut now: u64) -> u64 {
        while self.spans.len() + 1 < self.min_spans {
            let before = self.spans.len();
            for step in operation.steps {
                now = self.step(step, place, now);
            }
            if self.spans.len() == before {
                break;
            }
        }
        now
    }

    /// Adds the spans of a step. Returns when the service goes on to the next step.
    fn step(&mut self, step: &'static Step, place: Place, now: u64) -> u64 {
        if place.depth > self.settings.depth {
            return now;
        }
        match step {
            Step::Work { name, own_us } => {
                let end = now + self.takes(place.service, *own_us);
                let id = self.rng.random();
                let attributes =
                    vec![string("code.function.name", format!("shop.{}", name.replace(' ', "_")))];
                self.push(place, id, SpanKind::Internal, (*name).to_owned(), [now, end], attributes);
                end
            }
            Step::Query { system, verb, table, text, own_us } => {
                let end = now + self.takes(place.service, *own_us);
                let id = self.rng.random();
                let attributes = query_attributes(system, verb, table, text);
                self.push(place, id, SpanKind::Client, format!("{verb} {table}"), [now, end], attributes);
                end
            }
            Step::Call(operation) | Step::Publish(operation)
                if operation.service >= self.settings.services =>
            {
                now
            }
            Step::Call(operation) => self.call(operation, place, now),
            Step::Publish(operation) => self.publish(operation, place, now),
        }
    }

    fn call(&mut self, operation: &'static Operation, place: Place, now: u64) -> u64 {
        let id = self.rng.random();
        let arrived = now + self.takes(place.service, NETWORK_US);
        let callee = Place { parent: Some(id), depth: place.depth + 1, ..place };
        let served = if callee.depth > self.settings.depth {
            arrived + self.takes(operation.service, operation.own_us)
        } else {
            self.serve(operation, callee, arrived)
        };
        let end = served + self.takes(place.service, NETWORK_US);
        let number = self.rng.random_range(1_000..10_000);
        let attributes = client_attributes(operation, number);
        self.push(place, id, SpanKind::Client, client_name(&operation.entry), [now, end], attributes);
        end
    }

    /// Adds the producer's span, and the consumer's as its child. The consumer begins after its parent has
    /// ended, and no span waits for it.
    fn publish(&mut self, operation: &'static Operation, place: Place, now: u64) -> u64 {
        let id = self.rng.random();
        let end = now + self.takes(place.service, NETWORK_US);
        let number = self.rng.random_range(1_000..10_000);
        let attributes = client_attributes(operation, number);
        self.push(place, id, SpanKind::Producer, client_name(&operation.entry), [now, end], attributes);
        let consumer = Place { parent: Some(id), depth: place.depth + 1, ..place };
        if consumer.depth <= self.settings.depth {
            let taken = end + self.takes(operation.service, MESSAGE_WAIT_US);
            self.serve(operation, consumer, taken);
        }
        end
    }

    /// Returns a random duration near this one, in nanoseconds: mostly somewhat shorter, and now and then
    /// much longer.
    fn takes(&mut self, service: usize, about_us: u64) -> u64 {
        let luck: f64 = self.rng.random_range(0.0..1.0);
        let slowness = match self.slow {
            Some(Slow { service: slow, how: Slowness::Factor(factor) }) if slow == service => factor,
            _ => 1.0,
        };
        (about_us as f64 * 1_000.0 * (0.6 + 0.5 * luck + 2.0 * luck.powi(20)) * slowness) as u64
    }

    /// Returns by how many nanoseconds the service's first operation is delayed, and 0 for others.
    fn delay(&mut self, service: usize) -> u64 {
        match self.slow {
            Some(Slow { service: slow, how: Slowness::Once(nanos) }) if slow == service => {
                self.slow = None;
                nanos
            }
            _ => 0,
        }
    }

    fn push(
        &mut self,
        place: Place,
        id: [u8; 8],
        kind: SpanKind,
        name: String,
        [start, end]: [u64; 2],
        attributes: Vec<KeyValue>,
    ) {
        let span = Span {
            trace_id: self.trace_id.to_vec(),
            span_id: id.to_vec(),
            parent_span_id: place.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
            flags: 0x101,
            name,
            kind: kind as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes,
            ..Span::default()
        };
        self.spans.push(ShopSpan { service: place.service, span });
    }
}

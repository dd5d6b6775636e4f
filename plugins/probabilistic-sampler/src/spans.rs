//! Spans, whose sampling values are in their trace states.

use spanloom_plugin::{Number, NumberColumn, Randomness, SpanBatch, TextColumn, Threshold, TraceState};

use crate::{
    config::Config,
    hash,
    sampler::{Evidence, Judgement, Mode, Policy},
};

/// The attribute by which OpenTracing's clients ask for a span to be kept or dropped.
const PRIORITY: &str = "sampling.priority";

/// The decision on a span.
pub(crate) struct Decided {
    pub(crate) is_kept: bool,
    pub(crate) policy: Policy,
    /// The new trace state, if it changes.
    pub(crate) trace_state: Option<String>,
}

/// Reads the randomness and the threshold of a span. In the mode `hash_seed`, the randomness is written into
/// the trace state, unless one or a threshold is there.
fn evidence(mode: &Mode, state: &mut TraceState<'_>, id: &[u8; 16]) -> Evidence {
    let has_id = *id != [0; 16];
    let is_malformed = state.is_malformed();
    let of = |randomness, policy| Evidence {
        randomness,
        policy: if randomness.is_some() { policy } else { Policy::Missing },
        arriving: None,
        is_faulty: is_malformed,
        carries: !is_malformed,
    };
    let mut evidence = match mode {
        Mode::Never => Evidence { carries: true, ..of(Some(Randomness::MAX), Policy::Priority) },
        Mode::HashSeed { seed, .. } => {
            let randomness = has_id.then(|| hash::randomness(*seed, id));
            let evidence = of(randomness, Policy::TraceIdHash);
            if state.randomness().is_some() || state.threshold().is_some() {
                return Evidence { is_faulty: true, carries: false, ..evidence };
            }
            state.set_randomness(randomness.unwrap_or(Randomness::MAX));
            evidence
        }
        Mode::Equalizing { .. } | Mode::Proportional { .. } if is_malformed => of(None, Policy::Missing),
        Mode::Equalizing { .. } | Mode::Proportional { .. } => match state.randomness() {
            Some(explicit) => of(Some(explicit), Policy::Explicit),
            None => of(has_id.then(|| Randomness::of_trace_id(id)), Policy::TraceIdW3c),
        },
    };
    evidence.arriving = state.threshold();
    evidence
}

/// Decides on a span. `priority` is the threshold that the span asks for.
pub(crate) fn decide(
    mode: &Mode,
    fail_closed: bool,
    text: &str,
    id: &[u8; 16],
    priority: Option<Threshold>,
) -> Decided {
    let mut state = TraceState::parse(text);
    let evidence = evidence(mode, &mut state, id);
    let Judgement { threshold, is_inconsistent } = mode.judge(&evidence, fail_closed);
    if is_inconsistent {
        state.clear_threshold();
    }
    let policy = if priority.is_some() { Policy::Priority } else { evidence.policy };
    let threshold = priority.unwrap_or(threshold);
    let is_kept = evidence.is_kept_by(threshold);
    let trace_state = (is_kept && evidence.carries).then(|| {
        state.raise_threshold(threshold);
        state.to_string()
    });
    Decided { is_kept, policy, trace_state: trace_state.filter(|state| state != text) }
}

/// Decides on each span, and calls `note` with each decision. Returns what is kept, and the trace states that
/// change.
pub(crate) fn sample(
    spans: &SpanBatch,
    mode: &Mode,
    config: &Config,
    mut note: impl FnMut(Policy, bool),
) -> (Vec<bool>, TextColumn) {
    let ids = spans.trace_ids();
    let states = spans.trace_states();
    let priorities = Priorities { numbers: spans.numbers(PRIORITY), texts: spans.text(PRIORITY) };
    let mut changed = TextColumn::from_iter([] as [(u32, &str); 0]);
    let mut kept = Vec::with_capacity(ids.len());
    let mut states = states.iter().peekable();
    let mut priorities = priorities.thresholds(ids.len()).into_iter();
    for (row, id) in ids.iter().enumerate() {
        let row = row as u32;
        let text = states.next_if(|(of, _)| *of == row).map_or("", |(_, text)| text);
        let priority = priorities.next().flatten();
        let decided = decide(mode, config.fail_closed, text, id, priority);
        note(decided.policy, decided.is_kept);
        if let Some(state) = decided.trace_state {
            changed.push(row, &state);
        }
        kept.push(decided.is_kept);
    }
    (kept, changed)
}

/// The values of the priority's attribute.
struct Priorities {
    numbers: NumberColumn,
    texts: TextColumn,
}

impl Priorities {
    /// Returns what each span asks for: all above 0 to be kept, 0 to be dropped.
    fn thresholds(&self, spans: usize) -> Vec<Option<Threshold>> {
        let mut thresholds = vec![None; spans];
        let numbers = self.numbers.iter().map(|(row, number)| match number {
            Number::Bool(_) => (row, None),
            number => (row, threshold(number.as_f64())),
        });
        let texts = self.texts.iter().map(|(row, text)| (row, number(text).and_then(threshold)));
        for (row, found) in numbers.chain(texts) {
            if let Some(entry) = thresholds.get_mut(row as usize) {
                *entry = found;
            }
        }
        thresholds
    }
}

fn threshold(priority: f64) -> Option<Threshold> {
    if priority == 0.0 { Some(Threshold::NEVER) } else { (priority > 0.0).then_some(Threshold::ALWAYS) }
}

/// Reads a decimal number as the Collector does, which takes one that is too large for a mistake.
fn number(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    let is_word = text.bytes().any(|byte| matches!(byte, b'i' | b'I'));
    (number.is_finite() || is_word).then_some(number)
}

//! Log records, whose sampling values are attributes.

use spanloom_aggregate::{Part, write_text};
use spanloom_plugin::{
    Randomness, TextColumn, Threshold,
    wire::{self, Value},
};

use crate::{
    config::{Config, Source},
    hash,
    sampler::{Evidence, Judgement, Mode, Policy},
};

const RANDOMNESS: &str = "sampling.randomness";
const THRESHOLD: &str = "sampling.threshold";

/// What a log record says of its sampling.
struct Record<'a> {
    id: [u8; 16],
    /// Empty texts count as none.
    randomness: Option<&'a str>,
    threshold: Option<&'a str>,
    /// The value that is hashed, and that which asks for a percentage.
    hashed: Option<Value<'a>>,
    priority: Option<Value<'a>>,
}

/// The decision on a log record, and the attributes that are written.
struct Decided {
    is_kept: bool,
    policy: Policy,
    randomness: Option<Randomness>,
    threshold: Option<Threshold>,
}

impl Record<'_> {
    fn evidence(&self, mode: &Mode, config: &Config) -> Evidence {
        let explicit = self.randomness.map(Randomness::parse);
        let arriving = self.threshold.map(Threshold::parse);
        let is_malformed = explicit == Some(None) || arriving == Some(None);
        let of = |randomness, policy| Evidence {
            randomness,
            policy: if randomness.is_some() { policy } else { Policy::Missing },
            arriving: arriving.flatten(),
            is_faulty: is_malformed,
            carries: !is_malformed,
        };
        let has_id = self.id != [0; 16];
        match mode {
            Mode::Never => Evidence { carries: true, ..of(Some(Randomness::MAX), Policy::Priority) },
            Mode::HashSeed { seed, .. } => {
                let evidence = if has_id && config.attribute_source == Source::TraceId {
                    of(Some(hash::randomness(*seed, &self.id)), Policy::TraceIdHash)
                } else {
                    let hashed = self.hashed.as_ref().map(bytes).filter(|bytes| !bytes.is_empty());
                    of(hashed.map(|bytes| hash::randomness(*seed, &bytes)), Policy::Attribute)
                };
                let is_in_use = explicit.is_some() || arriving.is_some();
                Evidence {
                    is_faulty: is_malformed || is_in_use,
                    carries: !is_malformed && !is_in_use,
                    ..evidence
                }
            }
            Mode::Equalizing { .. } | Mode::Proportional { .. } if is_malformed => of(None, Policy::Missing),
            Mode::Equalizing { .. } | Mode::Proportional { .. } => match explicit.flatten() {
                Some(explicit) => of(Some(explicit), Policy::Explicit),
                None => of(has_id.then(|| Randomness::of_trace_id(&self.id)), Policy::TraceIdW3c),
            },
        }
    }

    fn decide(&self, mode: &Mode, config: &Config) -> Decided {
        let evidence = self.evidence(mode, config);
        let Judgement { threshold, is_inconsistent } = mode.judge(&evidence, config.fail_closed);
        let priority = self.priority.as_ref().and_then(|value| asked(value, config.sampling_precision));
        let policy = if priority.is_some() { Policy::Priority } else { evidence.policy };
        let threshold = priority.unwrap_or(threshold);
        let is_kept = evidence.is_kept_by(threshold);
        let present = evidence.arriving.filter(|_| !is_inconsistent);
        let is_raised = present.is_none_or(|present| present <= threshold);
        let writes = is_kept && evidence.carries;
        Decided {
            is_kept,
            policy,
            randomness: evidence.randomness.filter(|_| writes && matches!(mode, Mode::HashSeed { .. })),
            threshold: (writes && is_raised).then_some(threshold),
        }
    }
}

/// Decides on each log record, and calls `note` with each decision. Returns whether anything has changed.
pub(crate) fn sample(
    records: &mut wire::LogsBatch,
    mode: &Mode,
    config: &Config,
    mut note: impl FnMut(Policy, bool),
) -> Result<bool, wire::EditError> {
    let decisions: Vec<Decided> = {
        let ids = records.trace_ids();
        let (mut hashed, mut priorities) =
            (named(records, &config.from_attribute), named(records, &config.sampling_priority));
        let sampling = records.values(RANDOMNESS).zip(records.values(THRESHOLD));
        let rows = ids.into_iter().zip(sampling);
        rows.map(|(id, (randomness, threshold))| {
            let record = Record {
                id,
                randomness: text(randomness),
                threshold: text(threshold),
                hashed: hashed.next().flatten(),
                priority: priorities.next().flatten(),
            };
            let decided = record.decide(mode, config);
            note(decided.policy, decided.is_kept);
            decided
        })
        .collect()
    };
    let changes =
        |decided: &Decided| !decided.is_kept || decided.randomness.is_some() || decided.threshold.is_some();
    if !decisions.iter().any(changes) {
        return Ok(false);
    }
    let rows = || decisions.iter().enumerate();
    set(
        records,
        RANDOMNESS,
        rows().filter_map(|(row, decided)| Some((row, decided.randomness?.to_string()))),
    )?;
    set(records, THRESHOLD, rows().filter_map(|(row, decided)| Some((row, decided.threshold?.to_string()))))?;
    records.retain(|row| decisions.get(row).is_some_and(|decided| decided.is_kept));
    Ok(true)
}

/// Returns a text that is not empty.
fn text(value: Option<Value<'_>>) -> Option<&str> {
    value.and_then(Value::as_text).filter(|text| !text.is_empty())
}

/// Iterates over the values of an attribute that the config may name.
fn named<'a>(records: &'a wire::LogsBatch, key: &'a str) -> impl Iterator<Item = Option<Value<'a>>> {
    records.values(key).map(move |value| value.filter(|_| !key.is_empty()))
}

fn set(
    records: &mut wire::LogsBatch,
    key: &str,
    texts: impl Iterator<Item = (usize, String)>,
) -> Result<(), wire::EditError> {
    let texts: Vec<(u32, String)> = texts.map(|(row, text)| (row as u32, text)).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let column = TextColumn::from_iter(texts);
    let column = wire::TextColumn::new(column.arena, column.ends, column.rows);
    // The rows ascend, and each text ends where the next begins.
    column.map_or(Ok(()), |column| records.set_text(key, &column))
}

/// Returns the threshold of the percentage that a record asks for.
fn asked(value: &Value<'_>, precision: u32) -> Option<Threshold> {
    match value {
        Value::Int(percentage) => Threshold::of_share(*percentage as f64 / 100.0, precision),
        Value::Double(percentage) => Threshold::of_share(percentage / 100.0, precision),
        _ => None,
    }
}

/// Returns the bytes of a value that are hashed: bytes as they are, everything else as the Collector's text.
fn bytes(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Str(text) => out.extend_from_slice(text.as_bytes()),
        Value::Int(int) => write_text(&mut out, Part::Int(*int)),
        Value::Double(double) => write_text(&mut out, Part::Double(*double)),
        Value::Bool(bool) => write_text(&mut out, Part::Bool(*bool)),
        Value::Empty => {}
        Value::Array(_) | Value::KvList(_) => {
            write_text(&mut out, Part::Json(&wire::json::value_to_json(value)));
        }
    }
    out
}

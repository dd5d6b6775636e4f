//! Which traces each policy keeps.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, join, stream};
use serde_json::{Value, json};

use super::{
    kept::{self, Kept},
    traces,
};
use crate::{
    observation::{Case, Observation},
    pair::Pair,
    side::{Binaries, Side},
};

/// How many samplers one process has.
const TOGETHER: usize = 40;
/// How many pairs of processes run at the same time.
const AT_ONCE: usize = 3;
/// Traces of one span and no attributes, for the policies that decide by the trace id.
const PLAIN_TRACES: usize = 1_000;

/// A config of `tail_sampling`, and the traces that were made for it.
struct Row {
    name: String,
    keys: Value,
    /// The spans of each trace.
    traces: Vec<Vec<Value>>,
    /// The Collector or Spanloom is known to refuse the config.
    is_refused: bool,
    /// Which traces are kept depends on how many there are.
    is_limited: bool,
}

pub(super) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let rows = rows()?;
    let alone = |row: &&Row| row.is_refused || row.is_limited;
    let together: Vec<&Row> = rows.iter().filter(|row| !alone(row)).collect();
    // Traces are named by the row that they were made for.
    let mut all: Vec<(String, Vec<Value>)> = Vec::new();
    for row in &rows {
        let named =
            (1..).zip(&row.traces).map(|(number, spans)| (format!("{}:{number}", row.name), spans.clone()));
        all.extend(named);
    }
    all.extend((1..=PLAIN_TRACES).map(|number| (format!("plain:{number}"), vec![json!({})])));
    let mut cases = Vec::new();
    for rows in together.chunks(TOGETHER) {
        cases.extend(compared(binaries, rows, &all).await?);
    }
    let alone = rows.iter().filter(alone).map(|row| compared_alone(binaries, row));
    cases.extend(stream::iter(alone).buffered(AT_ONCE).try_collect::<Vec<Case>>().await?);
    Ok(cases)
}

/// Reads the rows. Rows whose names differ in punctuation alone are numbered.
fn rows() -> Result<Vec<Row>> {
    let text = include_str!("../../../../../../plugins/tail-policies/tests/collector.json");
    let written: Vec<Value> = serde_json::from_str(text).context("collector.json")?;
    let mut seen = BTreeMap::<String, usize>::new();
    let mut row = |written: &Value| {
        let of = |key: &str| written.get(key).unwrap_or(&Value::Null);
        let words: String = (of("name").as_str().unwrap_or_default().chars())
            .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { ' ' })
            .collect();
        let mut name = words.split_whitespace().collect::<Vec<_>>().join("-");
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name.push_str(&format!("-{count}"));
        }
        let mut keys = of("config").clone();
        if let Some(keys) = keys.as_object_mut() {
            keys.insert("decision_wait".to_owned(), json!("1s"));
        }
        let is = |key: &str| of(key).as_bool().unwrap_or_default();
        let traces = of("traces").as_array().into_iter().flatten();
        let text = keys.to_string();
        Row {
            name: format!("tail-{name}"),
            traces: traces.map(|spans| spans.as_array().cloned().unwrap_or_default()).collect(),
            is_refused: is("refused") || is("refused_here") || keys.get("policies") == Some(&Value::Null),
            is_limited: text.contains("_limiting") || text.contains("composite"),
            keys,
        }
    };
    Ok(written.iter().map(&mut row).collect())
}

/// Gives all traces to the samplers of several rows.
async fn compared(binaries: &Binaries, rows: &[&Row], all: &[(String, Vec<Value>)]) -> Result<Vec<Case>> {
    let samplers: Vec<String> = rows.iter().map(|row| kept::keys(&row.keys)).collect();
    let pair = Pair::start(binaries, &kept::config(&samplers)).await?;
    let spans: Vec<Vec<Value>> = all.iter().map(|(_, spans)| spans.clone()).collect();
    let sampled = |side| sampled(side, &spans, rows.len());
    let (collector, spanloom) = join!(sampled(&pair.collector), sampled(&pair.spanloom));
    let names: BTreeMap<String, &str> =
        (0..).zip(all).map(|(number, (name, _))| (traces::id(number), name.as_str())).collect();
    let seen = |kept: &Kept| {
        let named = |(id, spans): (&String, &Vec<String>)| {
            format!("{} ({})", names.get(id).copied().unwrap_or(id), spans.len())
        };
        let mut named: Vec<String> = kept.iter().map(named).collect();
        named.sort();
        Observation::default().with("start", "starts").with("kept", named.join(", "))
    };
    let both = std::iter::zip(collector?, spanloom?);
    let mut cases: Vec<Case> = std::iter::zip(rows, both)
        .map(|(row, (collector, spanloom))| Case {
            name: row.name.clone(),
            collector: seen(&collector),
            spanloom: seen(&spanloom),
        })
        .collect();
    let first = rows.first().map(|row| row.name.as_str()).unwrap_or_default();
    cases.push(pair.stop(&format!("{first}-exit")).await);
    Ok(cases)
}

/// Gives a row its own traces. Which of them fit into a limit is not compared, only how many: the Collector asks for
/// them in random order.
async fn compared_alone(binaries: &Binaries, row: &Row) -> Result<Case> {
    let name = row.name.clone();
    let config = kept::config(&[kept::keys(&row.keys)]);
    let pair = match Pair::start_either(binaries, &config).await? {
        (Ok(collector), Ok(spanloom)) => Pair { collector, spanloom },
        (collector, spanloom) => {
            let seen = |is_started| {
                Observation::default().with("start", if is_started { "starts" } else { "refuses" })
            };
            return Ok(Case { name, collector: seen(collector.is_ok()), spanloom: seen(spanloom.is_ok()) });
        }
    };
    let sampled = |side| sampled(side, &row.traces, 1);
    let (collector, spanloom) = join!(sampled(&pair.collector), sampled(&pair.spanloom));
    pair.stop("").await;
    let seen = |kept: Vec<Kept>| {
        let traces = kept.first().map_or(0, Kept::len);
        Observation::default().with("start", "starts").with("kept", format!("{traces} traces"))
    };
    Ok(Case { name, collector: seen(collector?), spanloom: seen(spanloom?) })
}

/// Sends traces to a side. Returns what each of its samplers kept.
async fn sampled(side: &Side, traces: &[Vec<Value>], samplers: usize) -> Result<Vec<Kept>> {
    let resources: Vec<Value> =
        (0..).zip(traces).flat_map(|(number, spans)| traces::trace(number, spans)).collect();
    kept::send(side, &resources).await?;
    Ok(kept::by_sampler(&kept::decided(side, traces.len() * samplers).await?, samplers))
}

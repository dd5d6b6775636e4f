//! What becomes of traces over time: when they are decided, spans that come late, traces that there is no room for, and
//! traces that are held at the end.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt as _, TryStreamExt as _, join, stream};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{kept, traces};
use crate::{
    observation::{Case, Observation},
    pair::Pair,
    side::{Binaries, Side},
};

const AT_ONCE: usize = 4;
/// From spans until the Collector, which looks once a second, has decided about them after a wait of a second.
const DECIDED: Duration = Duration::from_secs(4);

struct Row {
    name: &'static str,
    keys: &'static str,
    /// What is sent at a time, with time for decisions behind each. A span is the number of its trace, its name, and
    /// whether it is an error; names that begin with `child` have a parent.
    steps: &'static [&'static [(u64, &'static str, bool)]],
}

const ERRORS: &str =
    r#""policies": [{"name": "e", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]"#;
const ALL: &str = r#""policies": [{"name": "a", "type": "always_sample"}]"#;

/// The second step is late. A trace stays as it was decided, and 3 is new.
const LATE: &[&[(u64, &str, bool)]] = &[
    &[(1, "root", true), (1, "child", false), (2, "root", false)],
    &[(1, "child-late", false), (2, "child-late", true), (3, "root", true)],
];
/// Several traces with a root, and one without.
const ROOTS: &[&[(u64, &str, bool)]] = &[&[(1, "root", true), (1, "child", false), (2, "child", true)]];
const SIX: &[&[(u64, &str, bool)]] = &[
    &[(1, "root", true)],
    &[(2, "root", true), (3, "root", true)],
    &[(4, "root", true), (5, "root", true), (6, "root", true)],
];
const LARGE: &[&[(u64, &str, bool)]] = &[&[
    (
        1,
        "a-name-of-a-hundred-bytes-and-more--------------------------------------------------------------------",
        true,
    ),
    (
        1,
        "another-name-of-a-hundred-bytes-and-more--------------------------------------------------------------",
        true,
    ),
    (2, "root", true),
]];

const ROWS: &[Row] = &[
    Row { name: "late", keys: r#""decision_wait": "1s", ERRORS"#, steps: LATE },
    Row {
        name: "late-cached",
        keys: r#""decision_wait": "1s", "decision_cache": {"sampled_cache_size": 100, "non_sampled_cache_size": 100}, ERRORS"#,
        steps: LATE,
    },
    Row {
        name: "late-cached-shards",
        keys: r#""decision_wait": "1s", "num_shards": 4, "decision_cache": {"sampled_cache_size": 100}, ERRORS"#,
        steps: LATE,
    },
    Row {
        name: "late-first-match",
        keys: r#""decision_wait": "1s", "sample_on_first_match": true, ERRORS"#,
        steps: LATE,
    },
    Row {
        name: "late-at-ingest",
        keys: r#""decision_wait": "1s", "sampling_strategy": "span-ingest", ERRORS"#,
        steps: LATE,
    },
    Row {
        name: "after-root",
        keys: r#""decision_wait": "60s", "decision_wait_after_root_received": "1s", ERRORS"#,
        steps: ROOTS,
    },
    Row { name: "held-at-the-end", keys: r#""decision_wait": "60s", ERRORS"#, steps: ROOTS },
    Row {
        name: "held-at-the-end-dropped",
        keys: r#""decision_wait": "60s", "drop_pending_traces_on_shutdown": true, ERRORS"#,
        steps: ROOTS,
    },
    Row {
        name: "too-large",
        keys: r#""decision_wait": "1s", "maximum_trace_size_bytes": 250, ALL"#,
        steps: LARGE,
    },
    Row { name: "too-many", keys: r#""decision_wait": "2s", "num_traces": 2, ALL"#, steps: SIX },
    Row {
        name: "expected-traces",
        keys: r#""decision_wait": "1s", "expected_new_traces_per_sec": 10, "num_traces": 100, ALL"#,
        steps: SIX,
    },
];

pub(super) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let cases = ROWS.iter().map(|row| compared(binaries, row));
    stream::iter(cases).buffered(AT_ONCE).try_collect().await
}

async fn compared(binaries: &Binaries, row: &Row) -> Result<Case> {
    let keys = row.keys.replace("ERRORS", ERRORS).replace("ALL", ALL);
    let mut pair = Pair::start(binaries, &kept::config(&[format!("{{{keys}}}")])).await?;
    let (collector, spanloom) =
        join!(lived(&mut pair.collector, row.steps), lived(&mut pair.spanloom, row.steps));
    Ok(Case { name: format!("tail-{}", row.name), collector: collector?, spanloom: spanloom? })
}

/// Sends the spans of each step, and ends the side. Returns what was kept after each.
async fn lived(side: &mut Side, steps: &[&[(u64, &str, bool)]]) -> Result<Observation> {
    let mut seen = Observation::default();
    for (number, step) in (1..).zip(steps) {
        let spans =
            step.iter().flat_map(|(trace, name, is_error)| traces::trace(*trace, &[span(name, *is_error)]));
        kept::send(side, &spans.collect::<Vec<_>>()).await?;
        sleep(DECIDED).await;
        seen = seen.with(&format!("after step {number}"), arrived(side));
    }
    side.stop().await;
    Ok(seen.with("at the end", arrived(side)))
}

fn span(name: &str, is_error: bool) -> Value {
    let status = if is_error { "ERROR" } else { "UNSET" };
    match name.starts_with("child") {
        true => json!({"name": name, "status": status, "parent": 99}),
        false => json!({"name": name, "status": status}),
    }
}

/// Returns the spans that have arrived since the last call, by the numbers of their traces.
fn arrived(side: &Side) -> String {
    let kept = kept::by_sampler(&side.stub.take(), 1);
    let spans = (1..=9).filter_map(|number| {
        let names = kept.first()?.get(&traces::id(number))?;
        Some(format!("{number}: {}", names.join(" ")))
    });
    spans.collect::<Vec<_>>().join(", ")
}

//! Bodies that were changed at random places: the same seeds give the same bodies, on every machine.

use anyhow::Result;

use crate::{
    configs,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair},
    payload,
    side::Binaries,
};

/// How many bodies of each kind are tried.
const BODIES: u64 = 400;

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay()).await?;
    let mut cases = Vec::new();
    for (message, json) in bases() {
        let protobuf = payload::protobuf(message, &json);
        let kinds = [
            ("json", "application/json", json.into_bytes()),
            ("protobuf", "application/x-protobuf", protobuf),
        ];
        for (kind, content_type, base) in kinds {
            let input = |seed: u64| {
                let body =
                    mutated(&base, &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ base.len() as u64));
                let name = format!("{kind}-{}-{seed}", message.to_ascii_lowercase());
                (name, Input::Http(Request::post(&payload::http_path(message), content_type, body)))
            };
            cases.extend(pair.cases((1..=BODIES / 3).map(input).collect(), &[]).await);
        }
    }
    cases.iter_mut().for_each(name_by_status);
    cases.push(pair.stop("exit").await);
    Ok(cases)
}

/// Puts the statuses into the name, so that one row of the known differences is about one kind of difference.
fn name_by_status(case: &mut Case) {
    let status = |seen: &Observation| seen.0.get("status").cloned().unwrap_or_default();
    case.name = format!("{}-{}-{}", status(&case.collector), status(&case.spanloom), case.name);
}

/// A request of each signal that has most fields.
fn bases() -> Vec<(&'static str, String)> {
    let attributes = r#""attributes":[{"key":"k","value":{"stringValue":"v"}},{"key":"n","value":{"intValue":"5"}},{"key":"d","value":{"doubleValue":1.5}},{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true}]}}},{"key":"b","value":{"bytesValue":"aGk="}}]"#;
    let span = format!(
        r#"{attributes},"traceState":"a=b","flags":1,"status":{{"code":2,"message":"m"}},"events":[{{"timeUnixNano":"5","name":"e",{attributes}}}],"links":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}}]"#
    );
    let histogram = format!(
        r#""unit":"s","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"count":"3","sum":4.5,"bucketCounts":["1","2"],"explicitBounds":[1.5],"exemplars":[{{"asDouble":1.5,"timeUnixNano":"1"}}],{attributes}}}]}}"#
    );
    let log =
        format!(r#""severityNumber":9,"severityText":"INFO","body":{{"stringValue":"text"}},{attributes}"#);
    vec![
        ("Traces", payload::span_with(&span)),
        ("Metrics", payload::metric(&histogram)),
        ("Logs", payload::log(&log)),
    ]
}

/// Returns the bytes after one to three changes.
fn mutated(base: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len().saturating_sub(1) as u64) as usize;
        let length = 1 + random.below(8) as usize;
        let end = (at + length).min(bytes.len());
        let slice = bytes.get(at..end).unwrap_or_default().to_vec();
        match random.below(5) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(7)),
            1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = random.below(255) as u8),
            2 => drop(bytes.drain(at..end)),
            3 => drop(bytes.splice(at..at, slice)),
            4 => drop(bytes.splice(at..end, slice.into_iter().rev())),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// A generator of its own (splitmix64), so that a seed means the same bodies in every version.
struct Random(u64);

impl Random {
    /// Returns a number from 0 to `most`.
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % (most + 1)
    }
}

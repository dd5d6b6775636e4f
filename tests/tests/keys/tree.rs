//! Asks the binary for the keys of every component: when it finds an unknown key, it lists the known ones.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use spanloom_tests::command::{Ended, spanloom};

/// A key that no component has.
const STRANGER: &str = "no_such_key";
/// The limit of nesting; no component's keys are nested deeper.
const DEPTH_LIMIT: usize = 8;

/// A component type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Type {
    /// The section of the config, such as `exporters`.
    pub(crate) section: String,
    pub(crate) name: String,
    pub(crate) signals: Vec<String>,
    /// The signals that a connector emits.
    pub(crate) emits: Vec<String>,
}

/// A key that has no keys below it.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The path in the component's config: `tls.ca_file`; `dimensions[].name` in a list of maps.
    pub(crate) path: String,
    /// What the binary says the key takes: `text`, `a whole number, 1 to 10`. Empty for a map of any keys.
    pub(crate) takes: String,
}

/// One error that a command shows.
struct Finding {
    message: String,
    /// The keys of the place `exporters › otlp_grpc/0 › tls`.
    at: Vec<String>,
    /// The known keys, if the error is about the unknown key.
    known_keys: Option<Vec<String>>,
}

/// Returns the component types that `spanloom components` lists.
pub(crate) async fn types() -> Vec<Type> {
    let listed = spanloom(&["components", "--json"]).await;
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).expect("JSON");
    let texts = |of: &Value| -> Vec<String> {
        of.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let of = |row: &Value| Type {
        section: format!("{}s", row["kind"].as_str().expect("a kind")),
        name: row["type"].as_str().expect("a type").to_owned(),
        signals: texts(&row["signals"]),
        emits: texts(&row["emits"]),
    };
    listed.iter().map(of).collect()
}

/// Returns the keys of each type. Each level of all types is found with one call of the binary.
pub(crate) async fn keys(types: &[Type]) -> BTreeMap<Type, Vec<Key>> {
    let mut keys: BTreeMap<Type, Vec<Key>> = types.iter().map(|of| (of.clone(), Vec::new())).collect();
    let mut places: Vec<(Type, String)> = types.iter().map(|of| (of.clone(), String::new())).collect();
    for _ in 0..DEPTH_LIMIT {
        let asked = ask(&places).await;
        let mut below = Vec::new();
        for ((of, path), findings) in places.iter().zip(asked) {
            // The parts of a policy have the keys of a policy, and `tail_sampling` has those of its built-in sampler.
            let is_sampler = of.name == "tail_sampling" && path == "policies";
            if path.ends_with("_sub_policy") || is_sampler {
                keys.entry(of.clone()).or_default().push(Key { path: path.clone(), takes: String::new() });
                continue;
            }
            // The binary also reports missing keys beside the unknown one.
            let mut about: Vec<&Finding> = findings.iter().filter(|finding| finding.is_about(path)).collect();
            about.sort_by_key(|finding| finding.known_keys.is_none());
            let list = format!("{path}[]");
            match about.first().copied() {
                Some(Finding { known_keys: Some(known), .. }) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    below.extend(known.iter().map(|key| (of.clone(), format!("{path}{dot}{key}"))));
                }
                Some(finding) if finding.takes().starts_with("a list of maps") => {
                    below.push((of.clone(), list))
                }
                other => {
                    let takes = other.map(Finding::takes).unwrap_or_default().to_owned();
                    keys.entry(of.clone()).or_default().push(Key { path: path.clone(), takes });
                }
            }
        }
        places = below;
        if places.is_empty() {
            return keys;
        }
    }
    panic!("these are nested deeper than {DEPTH_LIMIT}: {places:?}")
}

/// Wraps a value in a map with one key, or in a list of one, for each step of the path.
pub(crate) fn at(path: &str, value: Value) -> Value {
    let steps = path.split('.').flat_map(|step| {
        let (key, list) = step.strip_suffix("[]").map_or((step, None), |key| (key, Some("[]")));
        std::iter::once(key).chain(list)
    });
    let steps: Vec<&str> = steps.filter(|step| !step.is_empty()).collect();
    steps
        .iter()
        .rev()
        .fold(value, |value, step| if *step == "[]" { json!([value]) } else { json!({ *step: value }) })
}

/// Returns the errors of a config that has, for each place, a component with the unknown key there.
async fn ask(places: &[(Type, String)]) -> Vec<Vec<Finding>> {
    let mut config = json!({});
    for (number, (of, path)) in places.iter().enumerate() {
        config[&of.section][format!("{}/{number}", of.name)] = at(path, json!({ STRANGER: 0 }));
    }
    let mut found: Vec<Vec<Finding>> = places.iter().map(|_| Vec::new()).collect();
    for finding in findings(&validate(&config).await) {
        let number = finding.at.get(1).and_then(|id| id.split_once('/')?.1.parse::<usize>().ok());
        if let Some(found) = number.and_then(|number| found.get_mut(number)) {
            found.push(finding);
        }
    }
    found
}

/// Runs `spanloom validate` with this config.
pub(crate) async fn validate(config: &Value) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("otel.yaml");
    fs::write(&path, config.to_string()).expect("a config");
    spanloom(&["validate", "--config", path.to_str().expect("UTF-8")]).await
}

fn findings(ended: &Ended) -> Vec<Finding> {
    ended.stderr.split("\n\n").filter_map(finding).collect()
}

/// Reads one error from the lines that show it.
fn finding(shown: &str) -> Option<Finding> {
    let message = shown.trim_start().strip_prefix("error: ")?.lines().next()?;
    let place = shown.lines().find_map(|line| line.trim_start().strip_prefix("--> "))?;
    let at = place.split_once("  ").map_or("", |(_, keys)| keys);
    let known = shown.lines().find_map(|line| line.trim_start().strip_prefix("= known keys: "));
    let is_stranger = message == format!("unknown key `{STRANGER}`");
    Some(Finding {
        message: message.to_owned(),
        at: at.split(" › ").map(str::to_owned).collect(),
        known_keys: is_stranger
            .then(|| known.into_iter().flat_map(|keys| keys.split(", ")).map(str::to_owned).collect()),
    })
}

impl Finding {
    /// Returns whether the error is about this path of the component, and not about another key of it.
    fn is_about(&self, path: &str) -> bool {
        // If the key takes a choice, the place of the error ends in the unknown key.
        let below: Vec<&str> =
            self.at.iter().skip(2).map(String::as_str).filter(|key| *key != STRANGER).collect();
        below.join(".").replace(".[0]", "[]") == path
    }

    /// Returns what the key takes: `text`, if the error is `expected text, found a map of keys`.
    fn takes(&self) -> &str {
        let takes = self.message.strip_prefix("expected ").unwrap_or(&self.message);
        takes.rsplit_once(", found ").map_or(takes, |(takes, _)| takes)
    }
}

/// Returns a path and the paths above it: `histogram.explicit.buckets`, `histogram.explicit` and `histogram`.
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('.').map(|(above, _)| above.trim_end_matches("[]"))
    })
}

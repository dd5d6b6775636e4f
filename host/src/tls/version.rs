//! `min_version` and `max_version`.

use rustls::{SupportedProtocolVersion, version};
use serde::Deserialize;

use crate::config::{ConfigError, Finding, Node};

/// A version of TLS. The Collector's 1.0 and 1.1 are accepted but replaced by 1.2, because rustls does not
/// have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum Version {
    #[serde(rename = "1.2", alias = "1.0", alias = "1.1", alias = "")]
    Tls12,
    #[serde(rename = "1.3")]
    Tls13,
}

/// Returns the versions from the minimum to the maximum.
pub(super) fn range(
    min: Option<Version>,
    max: Option<Version>,
) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    let all = [(Version::Tls12, &version::TLS12), (Version::Tls13, &version::TLS13)];
    let in_range =
        |version: Version| min.is_none_or(|min| version >= min) && max.is_none_or(|max| version <= max);
    let range: Vec<_> =
        all.into_iter().filter(|(version, _)| in_range(*version)).map(|(_, supported)| supported).collect();
    match range.is_empty() {
        true => Err(ConfigError::on("min_version", "tls.min_version: is above max_version")),
        false => Ok(range),
    }
}

/// Returns a warning for each version that is replaced by 1.2.
pub(crate) fn doubts(tls: &Node) -> Vec<Finding> {
    let old = |key: &str| {
        let node = tls.get(key)?;
        matches!(node.text(), Some("1.0" | "1.1")).then(|| {
            node.finding(format!("`{key}` is taken for 1.2: Spanloom has no older TLS"))
                .help("a peer that has none newer cannot be reached")
        })
    };
    ["min_version", "max_version"].into_iter().filter_map(old).collect()
}

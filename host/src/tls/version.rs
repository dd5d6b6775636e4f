//! `min_version` and `max_version`.

use rustls::{SupportedProtocolVersion, version};
use serde::{Deserializer, de::Error as _};

use crate::config::{ConfigError, Finding, Node, filled};

/// A version of TLS. The Collector's 1.0 and 1.1 are accepted but replaced by 1.2, because rustls does not
/// have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// The least version, unless the config names another.
const DEFAULT_MIN: Version = Version::Tls12;

/// Reads a version. An empty text means the same as no key.
pub(super) fn version<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Version>, D::Error> {
    let text: Option<String> = filled(from)?;
    text.map(|text| match text.as_str() {
        "1.0" => Ok(Version::Tls10),
        "1.1" => Ok(Version::Tls11),
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        _ => Err(D::Error::unknown_variant(&text, &["1.2", "1.3"])),
    })
    .transpose()
}

/// Returns the versions from the minimum to the maximum.
pub(super) fn range(
    min: Option<Version>,
    max: Option<Version>,
) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    match (min, max) {
        (Some(min), Some(max)) if min > max => {
            return Err(ConfigError::on("min_version", "tls.min_version: is above max_version"));
        }
        (None, Some(max)) if DEFAULT_MIN > max => {
            let message = "tls.max_version: is below min_version, which is 1.2 by default";
            return Err(ConfigError::on("max_version", message));
        }
        _ => {}
    }
    let all = [(Version::Tls12, &version::TLS12), (Version::Tls13, &version::TLS13)];
    let replaced = |version: Option<Version>| version.map(|version| version.max(Version::Tls12));
    let (min, max) = (replaced(min), replaced(max));
    let in_range =
        |version: Version| min.is_none_or(|min| version >= min) && max.is_none_or(|max| version <= max);
    Ok(all.into_iter().filter(|(version, _)| in_range(*version)).map(|(_, supported)| supported).collect())
}

/// Returns a warning for each version that is replaced by 1.2.
pub(super) fn doubts(tls: &Node) -> Vec<Finding> {
    let old = |key: &str| {
        let node = tls.get(key)?;
        matches!(node.text(), Some("1.0" | "1.1")).then(|| {
            node.finding(format!("`{key}` is taken for 1.2: Spanloom has no older TLS"))
                .help("a peer that has none newer cannot be reached")
        })
    };
    ["min_version", "max_version"].into_iter().filter_map(old).collect()
}

#[cfg(test)]
mod tests {
    use super::{Version::*, *};

    /// Scenario: each key is set or not, also to versions that rustls does not have.
    /// Guarantees: those of the range that rustls has are used; a range without any version is refused, as in the
    /// Collector, where the minimum is 1.2 by default.
    #[test]
    fn the_range_is_the_collectors() {
        let names = |min, max| match range(min, max) {
            Ok(versions) => versions.iter().map(|version| format!("{:?} ", version.version)).collect(),
            Err(error) => error.findings().iter().map(|finding| finding.message.clone()).collect::<String>(),
        };
        for (min, max, expected) in [
            (None, None, "TLSv1_2 TLSv1_3 "),
            (Some(Tls10), None, "TLSv1_2 TLSv1_3 "),
            (Some(Tls13), None, "TLSv1_3 "),
            (None, Some(Tls12), "TLSv1_2 "),
            (Some(Tls10), Some(Tls11), "TLSv1_2 "),
            (Some(Tls11), Some(Tls12), "TLSv1_2 "),
            (None, Some(Tls11), "tls.max_version: is below min_version, which is 1.2 by default"),
            (Some(Tls12), Some(Tls11), "tls.min_version: is above max_version"),
            (Some(Tls13), Some(Tls12), "tls.min_version: is above max_version"),
        ] {
            assert_eq!(names(min, max), expected, "{min:?} to {max:?}");
        }
    }
}

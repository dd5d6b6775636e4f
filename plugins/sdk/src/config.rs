//! Reads a component's config: JSON from the host, typed by serde.

use serde::de::DeserializeOwned;

use crate::ConfigError;

/// Reads a config. The error names the place in the config.
pub(crate) fn read<C: DeserializeOwned>(json: &str) -> Result<C, ConfigError> {
    let mut document = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut document).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // The operator wrote YAML, so line numbers of our JSON would mislead.
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what).to_owned();
        ConfigError { path: if path == "." { String::new() } else { path }, message }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Tables = BTreeMap<String, Vec<u32>>;

    #[test]
    fn an_error_leads_to_the_value_that_is_wrong() {
        let error = read::<Tables>(r#"{"a": [1, "two"]}"#).expect_err("text for a number");
        assert_eq!(error, ConfigError::new("a[1]", r#"invalid type: string "two", expected u32"#));
        let error = read::<Tables>("7").expect_err("a number for a map");
        assert_eq!(error, ConfigError::new("", "invalid type: integer `7`, expected a map"));
    }
}

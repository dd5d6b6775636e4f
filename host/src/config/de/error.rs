//! Serde's errors in a user's words. An error gets its place from the node that is being read.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::config::{ConfigError, Finding, nearest::did_you_mean};

impl Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> ConfigError {
        ConfigError::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> ConfigError {
        ConfigError::new(format!("expected {}, found {}", plainly(expected), kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> ConfigError {
        ConfigError::new(format!("expected {}, found {}", plainly(expected), kind(found)))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> ConfigError {
        ConfigError::new(format!("expected {}, found {len} items", plainly(expected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> ConfigError {
        // An empty text means the default, and is no choice to be named.
        let named = expected.iter().filter(|choice| !choice.is_empty());
        let choices: Vec<String> = named.map(|choice| format!("`{choice}`")).collect();
        let mut finding = Finding::new(format!("expected one of {}", choices.join(", ")));
        finding.label = did_you_mean(variant, expected.iter().copied());
        finding.into()
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> ConfigError {
        let mut finding = Finding::new(format!("unknown key `{field}`"))
            .help(format!("known keys: {}", expected.join(", ")));
        finding.label = did_you_mean(field, expected.iter().copied());
        finding.into()
    }

    fn missing_field(field: &'static str) -> ConfigError {
        ConfigError::new(format!("the key `{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> ConfigError {
        ConfigError::new(format!("the key `{field}` is given twice, under two spellings"))
    }
}

/// Returns what serde's own visitors expect, without Rust's type names.
fn plainly(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let range = match expected.as_str() {
        "u8" => "0 to 255",
        "u16" => "0 to 65535",
        "u32" => "0 to 4294967295",
        "u64" | "usize" => "0 upwards",
        "i8" => "-128 to 127",
        "i16" => "-32768 to 32767",
        "i32" => "-2147483648 to 2147483647",
        "i64" | "isize" => "-9223372036854775808 to 9223372036854775807",
        "nonzero u16" => "1 to 65535",
        "nonzero u32" => "1 to 4294967295",
        "nonzero u8" => "1 to 255",
        "nonzero u64" | "nonzero usize" | "a nonzero u64" | "a nonzero usize" => "1 upwards",
        "a string" => return "text".to_owned(),
        "a boolean" => return "`true` or `false`".to_owned(),
        "a sequence" => return "a list".to_owned(),
        _ => return expected,
    };
    format!("a whole number, {range}")
}

/// Describes the value that was found. Text is not repeated, because it may be the value of a reference.
fn kind(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(_) => "other text".to_owned(),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        _ => "something else".to_owned(),
    }
}

use std::fmt::{self, Write};

use wire::MessageView;

use super::attributes;
use crate::exporter::debug::{
    number::{Id, Time},
    value::Typed,
};

const LEVELS: [&str; 6] = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"];

pub(super) fn write(out: &mut dyn Write, record: &MessageView<'_>) -> fmt::Result {
    let number = record.int32(2);
    writeln!(out, "ObservedTimestamp: {}", Time(record.fixed64(11)))?;
    writeln!(out, "Timestamp: {}", Time(record.fixed64(1)))?;
    writeln!(out, "SeverityText: {}", record.text(3))?;
    writeln!(out, "SeverityNumber: {}({number})", severity(number))?;
    if !record.text(12).is_empty() {
        writeln!(out, "EventName: {}", record.text(12))?;
    }
    writeln!(out, "Body: {}", Typed(&record.value(5)))?;
    attributes(out, "Attributes", "", record.attributes(6))?;
    writeln!(out, "Trace ID: {}", Id(record.bytes(9)))?;
    writeln!(out, "Span ID: {}", Id(record.bytes(10)))?;
    writeln!(out, "Flags: {}", record.fixed32(8))
}

/// Returns the name of a number: four numbers share a level, and all but the first have theirs behind it.
fn severity(number: i32) -> String {
    let Some(at) = number.checked_sub(1).and_then(|at| usize::try_from(at).ok()) else {
        return if number == 0 { "Unspecified".to_owned() } else { String::new() };
    };
    match (LEVELS.get(at / 4), at % 4) {
        (Some(level), 0) => (*level).to_owned(),
        (Some(level), further) => format!("{level}{}", further + 1),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: numbers within and outside the range of severities are named.
    /// Guarantees: the names are the Collector's.
    #[test]
    fn a_severity_has_the_collectors_name() {
        let names = [0, 1, 4, 5, 9, 18, 24, 25, -1, i32::MIN].map(severity);
        assert_eq!(
            names,
            ["Unspecified", "Trace", "Trace4", "Debug", "Info", "Error2", "Fatal4", "", "", ""]
        );
    }
}

//! The lines of the log that carry the output, in the form of the Collector's logger.

use std::{
    fmt::{self, Write as _},
    io,
};

use jiff::Zoned;
use serde_json::json;
use wire::Signal;

use super::pieces::Pieces;
use crate::config::telemetry::LogEncoding;

/// How an exporter's lines look.
#[derive(Clone, Debug)]
pub(super) enum Lines {
    /// Lines of the log, with the time, the level and the exporter's id.
    OfLog { encoding: LogEncoding, id: String },
    /// The message alone.
    Bare,
}

/// The names and numbers behind a message.
type Counts<'c> = &'c [(&'c str, usize)];

impl Lines {
    /// Writes one line. Its message may have several lines of text.
    pub(super) fn write(
        &self,
        to: &mut dyn io::Write,
        signal: Signal,
        counts: Counts<'_>,
        message: impl FnOnce(&mut Pieces<'_>) -> fmt::Result,
    ) -> io::Result<()> {
        let is_json = matches!(self, Lines::OfLog { encoding: LogEncoding::Json, .. });
        let mut pieces = Pieces::new(to, is_json);
        // An error of the stream is returned by `finish`.
        let _ = self
            .begin(&mut pieces)
            .and_then(|()| message(&mut pieces))
            .and_then(|()| self.end(&mut pieces, signal, counts));
        pieces.finish()
    }

    fn begin(&self, to: &mut Pieces<'_>) -> fmt::Result {
        match self {
            Lines::Bare => Ok(()),
            Lines::OfLog { encoding: LogEncoding::Console, .. } => {
                to.plain(&format!("{}\tinfo\t", moment(&Zoned::now())))
            }
            Lines::OfLog { encoding: LogEncoding::Json, .. } => {
                to.plain(&format!("{{\"level\":\"info\",\"ts\":\"{}\",\"msg\":\"", moment(&Zoned::now())))
            }
        }
    }

    fn end(&self, to: &mut Pieces<'_>, signal: Signal, counts: Counts<'_>) -> fmt::Result {
        let is_json = matches!(self, Lines::OfLog { encoding: LogEncoding::Json, .. });
        let (comma, colon) = if is_json { (",", ":") } else { (", ", ": ") };
        let mut end = String::new();
        if let Lines::OfLog { id, .. } = self {
            let (id, version) = (json!(id), env!("CARGO_PKG_VERSION"));
            write!(
                end,
                "\"resource\"{colon}{{\"service.name\"{colon}\"spanloom\"{comma}\"service.version\"{colon}\"{version}\"}}\
                 {comma}\"otelcol.component.id\"{colon}{id}{comma}\"otelcol.component.kind\"{colon}\"exporter\"\
                 {comma}\"otelcol.signal\"{colon}\"{signal}\""
            )?;
        }
        for (name, count) in counts {
            let comma = if end.is_empty() { "" } else { comma };
            write!(end, "{comma}\"{name}\"{colon}{count}")?;
        }
        match (is_json, end.is_empty()) {
            (true, _) => to.plain(&format!("\",{end}}}\n")),
            (false, true) => to.plain("\n"),
            (false, false) => to.plain(&format!("\t{{{end}}}\n")),
        }
    }
}

/// Returns a time as the Collector's log has it: `2026-11-22T13:49:01.234+0100`.
fn moment(time: &Zoned) -> String {
    let offset = time.offset().seconds();
    let zone = match offset {
        0 => "Z".to_owned(),
        _ => {
            let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
            format!("{sign}{:02}{:02}", minutes / 60, minutes % 60)
        }
    };
    format!("{}.{:03}{zone}", time.strftime("%Y-%m-%dT%H:%M:%S"), time.millisecond())
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    fn line(lines: &Lines, counts: Counts<'_>) -> String {
        let mut written = Vec::new();
        lines.write(&mut written, Signal::Traces, counts, |to| to.write_str("a\n\"b\"\n")).unwrap();
        String::from_utf8(written).unwrap()
    }

    /// Scenario: a message of two lines is written in each form.
    /// Guarantees: the console's line has the time, the level, the text and the fields; JSON is one object; bare
    /// is the text and the counts.
    #[test]
    fn a_line_looks_as_the_collectors_logger_writes_it() {
        let of_log = |encoding| Lines::OfLog { encoding, id: "debug/2".to_owned() };
        let console = line(&of_log(LogEncoding::Console), &[("resource spans", 1), ("spans", 2)]);
        let (time, rest) = console.split_once('\t').unwrap();
        assert!(time.starts_with("20") && time.contains('T'), "{console}");
        let version = env!("CARGO_PKG_VERSION");
        let fields = "\"otelcol.component.id\": \"debug/2\", \"otelcol.component.kind\": \"exporter\", \"otelcol.signal\": \
             \"traces\", \"resource spans\": 1, \"spans\": 2}\n";
        let resource = format!("{{\"service.name\": \"spanloom\", \"service.version\": \"{version}\"}}");
        assert_eq!(rest, format!("info\ta\n\"b\"\n\t{{\"resource\": {resource}, {fields}"));

        let json: serde_json::Value = serde_json::from_str(&line(&of_log(LogEncoding::Json), &[])).unwrap();
        assert_eq!((&json["level"], &json["msg"]), (&json!("info"), &json!("a\n\"b\"\n")));
        assert_eq!(json["otelcol.component.id"], "debug/2");

        assert_eq!(line(&Lines::Bare, &[]), "a\n\"b\"\n\n");
        assert_eq!(line(&Lines::Bare, &[("spans", 2)]), "a\n\"b\"\n\t{\"spans\": 2}\n");
    }

    /// Scenario: the time is shown in several zones.
    /// Guarantees: the zone is part of it.
    #[test]
    fn a_time_has_its_zone() {
        let at = jiff::Timestamp::from_millisecond(1_700_000_000_042).unwrap();
        let shown = |offset: Offset| moment(&at.to_zoned(TimeZone::fixed(offset)));
        assert_eq!(shown(Offset::UTC), "2023-11-14T22:13:20.042Z");
        assert_eq!(shown(Offset::from_seconds(5 * 3600 + 1800).unwrap()), "2023-11-15T03:43:20.042+0530");
        assert_eq!(shown(Offset::from_seconds(-3600).unwrap()), "2023-11-14T21:13:20.042-0100");
    }
}

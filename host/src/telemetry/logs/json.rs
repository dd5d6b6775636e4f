//! Writes a log line as a JSON object: `timestamp`, `level`, the initial fields, the fields, `target`.

use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Write as _},
};

use serde::{
    Serializer as _,
    ser::{Serialize, SerializeMap},
};
use serde_json::Value;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, time::FormatTime},
    registry::LookupSpan,
};

use crate::log_line::clean::{Clean, VALUE_LIMIT_BYTES};

pub(super) struct Lines<C> {
    pub(super) clock: C,
    /// Fields of every line.
    pub(super) initial: BTreeMap<String, Value>,
}

/// Returns the fields that do not have the name of a line's own key.
pub(super) fn initial(fields: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    const OWN: [&str; 4] = ["timestamp", "level", "message", "target"];
    let others = fields.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    others.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl<S, N, C> FormatEvent<S, N> for Lines<C>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    C: FormatTime,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        self.clock.format_time(&mut Writer::new(&mut timestamp))?;
        let line = object(&timestamp, &self.initial, event).map_err(|_| fmt::Error)?;
        writeln!(writer, "{}", String::from_utf8_lossy(&line))
    }
}

fn object(
    timestamp: &str,
    initial: &BTreeMap<String, Value>,
    event: &Event<'_>,
) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut line);
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", timestamp)?;
    map.serialize_entry("level", event.metadata().level().as_str())?;
    for (name, value) in initial {
        map.serialize_entry(name, value)?;
    }
    let mut fields = Fields { map, outcome: Ok(()) };
    event.record(&mut fields);
    let Fields { mut map, outcome } = fields;
    outcome?;
    map.serialize_entry("target", event.metadata().target())?;
    map.end()?;
    Ok(line)
}

struct Fields<M: SerializeMap> {
    map: M,
    outcome: Result<(), M::Error>,
}

impl<M: SerializeMap> Fields<M> {
    fn entry(&mut self, field: &Field, value: &impl Serialize) {
        if self.outcome.is_ok() {
            self.outcome = self.map.serialize_entry(field.name(), value);
        }
    }

    fn text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let mut value = String::new();
        let mut clean = Clean::new(&mut value, VALUE_LIMIT_BYTES);
        // Writing fails only if the value's own formatting fails.
        let _ = clean.write_fmt(text).and_then(|()| clean.finish());
        self.entry(field, &value);
    }
}

impl<M: SerializeMap> Visit for Fields<M> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.entry(field, &value);
    }
}

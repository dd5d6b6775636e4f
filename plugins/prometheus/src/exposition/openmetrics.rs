//! Writes OpenMetrics 1.0:
//! <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>.

use super::{
    line::{Dialect, Lines},
    number,
    view::View,
};
use crate::{labels::escape_into, name::is_plain, series::Kind};

struct OpenMetrics;

pub(super) fn write(view: &View<'_>, out: Vec<u8>) -> Vec<u8> {
    let mut lines = Lines::<OpenMetrics>::new(view, out);
    if view.targets().next().is_some() {
        let (name, kind) = match view.info_family() {
            Some(family) => (family, "info"),
            None => (view.target_info.as_str(), "gauge"),
        };
        lines.metadata("TYPE", name, kind);
        lines.help(name, "Target metadata");
        lines.targets();
    }
    for shown in &view.families {
        let kind = shown.family.kind;
        let counter = view.counter_family(&shown.name).filter(|_| kind == Kind::Counter);
        let name = counter.unwrap_or(&shown.name);
        lines.metadata("TYPE", name, type_name(kind, counter.is_some()));
        lines.help(name, &shown.family.help);
        let unit = &*shown.family.unit;
        if !unit.is_empty()
            && is_plain(name)
            && name.strip_suffix(unit).is_some_and(|name| name.ends_with('_'))
        {
            lines.metadata("UNIT", name, unit);
        }
        let exemplars = counter.is_some() || kind == Kind::Histogram;
        lines.series(&shown.name, shown.family, exemplars);
    }
    lines.push("# EOF\n");
    lines.into_bytes()
}

fn type_name(kind: Kind, can_be_counter: bool) -> &'static str {
    match kind {
        Kind::Counter if can_be_counter => "counter",
        Kind::Unknown | Kind::Counter => "unknown",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

impl Dialect for OpenMetrics {
    const HAS_EXEMPLARS: bool = true;

    fn write_number(out: &mut Vec<u8>, number: f64) {
        number::write_float(out, number);
    }

    fn write_time(out: &mut Vec<u8>, time_unix_nano: u64) {
        number::write_seconds(out, time_unix_nano);
    }

    /// A sum counts as a counter, so it is left out if any measurement was negative. Count and sum are shown
    /// together or not at all.
    fn has_sum_and_count(sum: Option<f64>, has_negative_buckets: bool) -> (bool, bool) {
        let both = sum.is_some_and(|sum| sum >= 0.0) && !has_negative_buckets;
        (both, both)
    }

    fn has_summary_sum(sum: f64) -> bool {
        sum >= 0.0
    }

    fn escape_help(text: &mut String, help: &str) {
        escape_into(text, help);
    }
}

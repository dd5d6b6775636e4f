//! Writes text 0.0.4, and 1.0.0, which is the same with quoted names:
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use super::{
    line::{Dialect, Lines},
    number,
    view::View,
};
use crate::series::Kind;

struct Text;

pub(super) fn write(view: &View<'_>, out: Vec<u8>) -> Vec<u8> {
    let mut lines = Lines::<Text>::new(view, out);
    if view.targets().next().is_some() {
        lines.help(&view.target_info, "Target metadata");
        lines.metadata("TYPE", &view.target_info, "gauge");
        lines.targets();
    }
    for shown in &view.families {
        lines.help(&shown.name, &shown.family.help);
        lines.metadata("TYPE", &shown.name, type_name(shown.family.kind));
        lines.series(&shown.name, shown.family, false);
    }
    lines.into_bytes()
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Unknown => "untyped",
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

impl Dialect for Text {
    const HAS_EXEMPLARS: bool = false;

    fn write_number(out: &mut Vec<u8>, number: f64) {
        number::write(out, number);
    }

    /// Writes the time in milliseconds.
    fn write_time(out: &mut Vec<u8>, time_unix_nano: u64) {
        number::write_int(out, time_unix_nano / 1_000_000);
    }

    fn has_sum_and_count(sum: Option<f64>, _has_negative_buckets: bool) -> (bool, bool) {
        (sum.is_some(), true)
    }

    fn has_summary_sum(_sum: f64) -> bool {
        true
    }

    fn escape_help(text: &mut String, help: &str) {
        *text = help.replace('\\', "\\\\").replace('\n', "\\n");
    }
}

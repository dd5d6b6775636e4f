//! Writes messages `io.prometheus.client.MetricFamily`, each with its length before it:
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.
//!
//! The fields are written into one buffer. As message objects, a family of 100,000 series would take a
//! hundred times the memory.

mod histogram;
mod writer;

use self::writer::Writer;
use super::view::View;
use crate::{
    labels::{pairs, unescaped},
    series::{Exemplar, Exemplars, Kind, Point, Summary, Value},
};

pub(super) fn write(view: &View<'_>, out: Vec<u8>) -> Vec<u8> {
    let mut writer = Writer::new(out);
    let mut buffer = String::new();
    if view.targets().next().is_some() {
        let names = view.target_label_names();
        writer.delimited(|family| {
            head(family, &view.target_info, "Target metadata", Kind::Gauge);
            for target in view.targets() {
                family.message(4, |metric| {
                    labels(metric, names.shown(&target.labels, &mut buffer));
                    metric.message(2, |gauge| gauge.double(1, 1.0));
                });
            }
        });
    }
    for shown in &view.families {
        let names = view.label_names(shown.family);
        writer.delimited(|family| {
            head(family, &shown.name, &shown.family.help, shown.family.kind);
            for series in shown.family.series() {
                family.message(4, |metric| {
                    labels(metric, names.shown(&series.labels, &mut buffer));
                    value(metric, &series.point, shown.family.kind);
                    if let Some(time) = view.time(series) {
                        metric.uint(6, time / 1_000_000);
                    }
                });
            }
            if !shown.family.unit.is_empty() {
                family.string(5, &shown.family.unit);
            }
        });
    }
    writer.into_bytes()
}

fn head(family: &mut Writer, name: &str, help: &str, kind: Kind) {
    family.string(1, name);
    family.string(2, help);
    family.uint(
        3,
        match kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Summary => 2,
            Kind::Unknown => 3,
            Kind::Histogram => 4,
        },
    );
}

fn value(metric: &mut Writer, point: &Point, kind: Kind) {
    match &point.value {
        Value::Number(number) => match kind {
            Kind::Counter => metric.message(3, |counter| {
                counter.double(1, *number);
                if let Some(exemplar) = point.exemplars.as_deref().and_then(Exemplars::latest) {
                    counter.message(2, |message| write_exemplar(message, exemplar));
                }
                created(counter, 3, point);
            }),
            Kind::Gauge => metric.message(2, |gauge| gauge.double(1, *number)),
            _ => metric.message(5, |untyped| untyped.double(1, *number)),
        },
        Value::Histogram(histogram) => metric.message(7, |message| {
            histogram::explicit(message, histogram, point.exemplars.as_deref());
            created(message, 15, point);
        }),
        Value::Exponential(exponential) => metric.message(7, |message| {
            histogram::native(message, exponential, point.exemplars.as_deref());
            created(message, 15, point);
        }),
        Value::Summary(summary) => metric.message(4, |message| write_summary(message, summary, point)),
    }
}

fn write_summary(message: &mut Writer, summary: &Summary, point: &Point) {
    message.uint(1, summary.count);
    message.double(2, summary.sum);
    for (quantile, value) in &summary.quantiles {
        message.message(3, |at| {
            at.double(1, *quantile);
            at.double(2, *value);
        });
    }
    created(message, 4, point);
}

fn labels(message: &mut Writer, text: &str) {
    for pair in pairs(text) {
        message.message(1, |label| {
            label.string(1, &unescaped(pair.name));
            label.string(2, &unescaped(pair.value));
        });
    }
}

fn write_exemplar(message: &mut Writer, exemplar: &Exemplar) {
    labels(message, &exemplar.labels);
    message.double(2, exemplar.value);
    if exemplar.time_unix_nano > 0 {
        message.time(3, exemplar.time_unix_nano);
    }
}

fn created(message: &mut Writer, tag: u32, point: &Point) {
    if point.start_time_unix_nano > 0 {
        message.time(tag, point.start_time_unix_nano);
    }
}

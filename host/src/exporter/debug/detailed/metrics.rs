use std::fmt::{self, Write};

use wire::MessageView;

use super::attributes;
use crate::exporter::debug::{
    metric::{Buckets, EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM, SUMMARY, Scale, kind},
    number::{Fixed, Id, Time},
};

pub(super) fn write(out: &mut dyn Write, metric: &MessageView<'_>) -> fmt::Result {
    let number = kind(metric);
    let name = match number {
        GAUGE => "Gauge",
        SUM => "Sum",
        HISTOGRAM => "Histogram",
        EXPONENTIAL_HISTOGRAM => "ExponentialHistogram",
        SUMMARY => "Summary",
        _ => "Empty",
    };
    writeln!(out, "Descriptor:")?;
    writeln!(out, "     -> Name: {}", metric.text(1))?;
    writeln!(out, "     -> Description: {}", metric.text(2))?;
    writeln!(out, "     -> Unit: {}", metric.text(3))?;
    writeln!(out, "     -> DataType: {name}")?;
    attributes(out, "     -> Metadata", "     ", metric.attributes(12))?;
    let data = metric.message(number);
    if number == SUM {
        writeln!(out, "     -> IsMonotonic: {}", data.varint(3) != 0)?;
    }
    if matches!(number, SUM | HISTOGRAM | EXPONENTIAL_HISTOGRAM) {
        writeln!(out, "     -> AggregationTemporality: {}", temporality(data.int32(2)))?;
    }
    for (at, point) in data.messages(1).enumerate() {
        match number {
            GAUGE | SUM => write_number(out, at, &point)?,
            HISTOGRAM => write_histogram(out, at, &point)?,
            EXPONENTIAL_HISTOGRAM => write_exponential(out, at, &point)?,
            _ => write_summary(out, at, &point)?,
        }
    }
    Ok(())
}

fn write_number(out: &mut dyn Write, at: usize, point: &MessageView<'_>) -> fmt::Result {
    head(out, "NumberDataPoints", at, point, 7)?;
    value(out, "Value", point, 4)?;
    exemplars(out, point, 5)
}

fn write_histogram(out: &mut dyn Write, at: usize, point: &MessageView<'_>) -> fmt::Result {
    head(out, "HistogramDataPoints", at, point, 9)?;
    totals(out, point, [5, 11, 12])?;
    for (at, bound) in point.fixed64s(7).map(f64::from_bits).enumerate() {
        writeln!(out, "ExplicitBounds #{at}: {}", Fixed(bound))?;
    }
    for (at, count) in point.fixed64s(6).enumerate() {
        writeln!(out, "Buckets #{at}, Count: {count}")?;
    }
    exemplars(out, point, 8)
}

fn write_exponential(out: &mut dyn Write, at: usize, point: &MessageView<'_>) -> fmt::Result {
    head(out, "ExponentialHistogramDataPoints", at, point, 1)?;
    totals(out, point, [5, 12, 13])?;
    let scale = Scale::of(point);
    let negative = Buckets::negative(point);
    negative.each_from_last(|at, count| {
        let (upper, lower) = (Fixed(-scale.bound(&negative, at + 1)), Fixed(-scale.bound(&negative, at)));
        writeln!(out, "Bucket [{upper}, {lower}), Count: {count}")
    })?;
    if point.fixed64(7) != 0 {
        writeln!(out, "Bucket [0, 0], Count: {}", point.fixed64(7))?;
    }
    let positive = Buckets::positive(point);
    for (at, count) in positive.counts() {
        let (lower, upper) = (Fixed(scale.bound(&positive, at)), Fixed(scale.bound(&positive, at + 1)));
        writeln!(out, "Bucket ({lower}, {upper}], Count: {count}")?;
    }
    exemplars(out, point, 11)
}

fn write_summary(out: &mut dyn Write, at: usize, point: &MessageView<'_>) -> fmt::Result {
    head(out, "SummaryDataPoints", at, point, 7)?;
    writeln!(out, "Count: {}", point.fixed64(4))?;
    writeln!(out, "Sum: {}", Fixed(point.double(5).unwrap_or_default()))?;
    for (at, quantile) in point.messages(6).enumerate() {
        let [quantile, value] = [1, 2].map(|number| Fixed(quantile.double(number).unwrap_or_default()));
        writeln!(out, "QuantileValue #{at}: Quantile {quantile}, Value {value}")?;
    }
    Ok(())
}

/// Writes what all data points have: attributes and times.
fn head(
    out: &mut dyn Write,
    title: &str,
    at: usize,
    point: &MessageView<'_>,
    attributes_number: u32,
) -> fmt::Result {
    writeln!(out, "{title} #{at}")?;
    attributes(out, "Data point attributes", "", point.attributes(attributes_number))?;
    writeln!(out, "StartTimestamp: {}", Time(point.fixed64(2)))?;
    writeln!(out, "Timestamp: {}", Time(point.fixed64(3)))
}

/// Writes the count of a histogram, and its sum, least and greatest value if it has them.
fn totals(out: &mut dyn Write, point: &MessageView<'_>, [sum, min, max]: [u32; 3]) -> fmt::Result {
    writeln!(out, "Count: {}", point.fixed64(4))?;
    for (title, number) in [("Sum", sum), ("Min", min), ("Max", max)] {
        if let Some(value) = point.double(number) {
            writeln!(out, "{title}: {}", Fixed(value))?;
        }
    }
    Ok(())
}

/// Writes the value of a data point or exemplar, in which 6 is the int and `double` the double.
fn value(out: &mut dyn Write, title: &str, of: &MessageView<'_>, double: u32) -> fmt::Result {
    match of.last_of(&[double, 6]) {
        Some(6) => writeln!(out, "{title}: {}", of.fixed64(6).cast_signed()),
        Some(_) => writeln!(out, "{title}: {}", Fixed(of.double(double).unwrap_or_default())),
        None => Ok(()),
    }
}

fn exemplars(out: &mut dyn Write, point: &MessageView<'_>, number: u32) -> fmt::Result {
    for (at, exemplar) in point.messages(number).enumerate() {
        if at == 0 {
            writeln!(out, "Exemplars:")?;
        }
        writeln!(out, "Exemplar #{at}")?;
        writeln!(out, "     -> Trace ID: {}", Id(exemplar.bytes(5)))?;
        writeln!(out, "     -> Span ID: {}", Id(exemplar.bytes(4)))?;
        writeln!(out, "     -> Timestamp: {}", Time(exemplar.fixed64(2)))?;
        value(out, "     -> Value", &exemplar, 3)?;
        attributes(out, "     -> FilteredAttributes", "     ", exemplar.attributes(7))?;
    }
    Ok(())
}

fn temporality(temporality: i32) -> &'static str {
    match temporality {
        0 => "Unspecified",
        1 => "Delta",
        2 => "Cumulative",
        _ => "",
    }
}

use std::fmt::{self, Write};

use wire::MessageView;

use super::attributes;
use crate::exporter::debug::{
    metric::{Buckets, EXPONENTIAL_HISTOGRAM, GAUGE, HISTOGRAM, SUM, Scale, kind},
    number::{Fixed, General},
};

pub(super) fn write(out: &mut dyn Write, metric: &MessageView<'_>) -> fmt::Result {
    let (number, name) = (kind(metric), metric.text(1));
    for point in metric.message(number).messages(1) {
        let attributes_number = match number {
            HISTOGRAM => 9,
            EXPONENTIAL_HISTOGRAM => 1,
            _ => 7,
        };
        write!(out, "{name}{{")?;
        attributes(out, "", ",", point.attributes(attributes_number))?;
        out.write_str("} ")?;
        match number {
            GAUGE | SUM => write_number(out, &point)?,
            HISTOGRAM => write_histogram(out, &point)?,
            EXPONENTIAL_HISTOGRAM => write_exponential(out, &point)?,
            _ => write_summary(out, &point)?,
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_number(out: &mut dyn Write, point: &MessageView<'_>) -> fmt::Result {
    match point.last_of(&[4, 6]) {
        Some(4) => write!(out, "{}", General(point.double(4).unwrap_or_default())),
        Some(_) => write!(out, "{}", point.fixed64(6).cast_signed()),
        None => Ok(()),
    }
}

fn write_histogram(out: &mut dyn Write, point: &MessageView<'_>) -> fmt::Result {
    totals(out, point, [5, 11, 12])?;
    let mut bounds = point.fixed64s(7).map(f64::from_bits);
    for count in point.fixed64s(6) {
        match bounds.next() {
            Some(bound) => write!(out, " le{}={count}", General(bound))?,
            None => write!(out, " {count}")?,
        }
    }
    Ok(())
}

fn write_exponential(out: &mut dyn Write, point: &MessageView<'_>) -> fmt::Result {
    totals(out, point, [5, 12, 13])?;
    let scale = Scale::of(point);
    let negative = Buckets::negative(point);
    negative
        .each_from_last(|at, count| write!(out, " le{}={count}", General(-scale.bound(&negative, at))))?;
    if point.fixed64(7) != 0 {
        write!(out, " zero={}", point.fixed64(7))?;
    }
    let positive = Buckets::positive(point);
    for (at, count) in positive.counts() {
        write!(out, " le{}={count}", General(scale.bound(&positive, at + 1)))?;
    }
    Ok(())
}

fn write_summary(out: &mut dyn Write, point: &MessageView<'_>) -> fmt::Result {
    write!(out, "count={} sum={}", point.fixed64(4), Fixed(point.double(5).unwrap_or_default()))?;
    for quantile in point.messages(6) {
        let [quantile, value] = [1, 2].map(|number| General(quantile.double(number).unwrap_or_default()));
        write!(out, " q{quantile}={value}")?;
    }
    Ok(())
}

/// Writes the count of a histogram, and its sum, least and greatest value if it has them.
fn totals(out: &mut dyn Write, point: &MessageView<'_>, [sum, min, max]: [u32; 3]) -> fmt::Result {
    write!(out, "count={}", point.fixed64(4))?;
    for (title, number) in [("sum", sum), ("min", min), ("max", max)] {
        if let Some(value) = point.double(number) {
            write!(out, " {title}={}", General(value))?;
        }
    }
    Ok(())
}

//! Writes the lines of samples, which the two text formats share.

use std::marker::PhantomData;

use super::{number, view::View};
use crate::{
    labels::escape_into,
    name::is_plain,
    series::{Exemplar, Exemplars, Exponential, Family, Histogram, Summary, Value},
};

/// The differences between the two formats.
pub(super) trait Dialect {
    const HAS_EXEMPLARS: bool;
    fn write_number(out: &mut Vec<u8>, number: f64);
    fn write_time(out: &mut Vec<u8>, time_unix_nano: u64);
    /// Returns whether a histogram may show this sum, and whether it may show its count.
    fn has_sum_and_count(sum: Option<f64>, has_negative_buckets: bool) -> (bool, bool);
    fn has_summary_sum(sum: f64) -> bool;
    fn escape_help(text: &mut String, help: &str);
}

pub(super) struct Lines<'v, D> {
    view: &'v View<'v>,
    out: Vec<u8>,
    /// A buffer for labels or help texts that have to be made.
    scratch: String,
    dialect: PhantomData<D>,
}

/// The series of a sample.
struct Of<'s> {
    name: &'s str,
    plain: bool,
    labels: &'s str,
    time_unix_nano: Option<u64>,
}

/// One line: the suffix of the name, the label of buckets and quantiles, and the value.
struct Sample<'s> {
    suffix: &'s str,
    label: Option<(&'static str, f64)>,
    value: Number,
    exemplar: Option<&'s Exemplar>,
}

#[derive(Clone, Copy)]
enum Number {
    Int(u64),
    Float(f64),
}

impl<'v, D: Dialect> Lines<'v, D> {
    pub(super) fn new(view: &'v View<'v>, out: Vec<u8>) -> Lines<'v, D> {
        Lines { view, out, scratch: String::new(), dialect: PhantomData }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes `# WHAT name text`.
    pub(super) fn metadata(&mut self, what: &str, name: &str, text: &str) {
        self.push("# ");
        self.push(what);
        self.push(" ");
        if is_plain(name) {
            self.push(name);
        } else {
            self.scratch.clear();
            escape_into(&mut self.scratch, name);
            self.out.push(b'"');
            self.out.extend_from_slice(self.scratch.as_bytes());
            self.out.push(b'"');
        }
        self.push(" ");
        self.push(text);
        self.push("\n");
    }

    pub(super) fn help(&mut self, name: &str, help: &str) {
        let mut text = String::new();
        D::escape_help(&mut text, help);
        self.metadata("HELP", name, &text);
    }

    /// Writes the series of `target_info`.
    pub(super) fn targets(&mut self) {
        let view = self.view;
        let (name, plain) = (view.target_info.as_str(), is_plain(&view.target_info));
        let (names, mut buffer) = (view.target_label_names(), String::new());
        for target in view.targets() {
            let labels = names.shown(&target.labels, &mut buffer);
            let of = Of { name, plain, labels, time_unix_nano: None };
            self.sample(&of, &Sample { suffix: "", label: None, value: Number::Int(1), exemplar: None });
        }
    }

    /// Writes all series of a family. `exemplars` says whether the type may have exemplars.
    pub(super) fn series(&mut self, name: &str, family: &Family, exemplars: bool) {
        let (view, plain) = (self.view, is_plain(name));
        let (names, mut buffer) = (view.label_names(family), String::new());
        for series in family.series() {
            let labels = names.shown(&series.labels, &mut buffer);
            let of = Of { name, plain, labels, time_unix_nano: view.time(series) };
            let exemplars = series.point.exemplars.as_deref().filter(|_| exemplars && D::HAS_EXEMPLARS);
            match &series.point.value {
                Value::Number(number) => {
                    let (value, exemplar) = (Number::Float(*number), exemplars.and_then(Exemplars::latest));
                    self.sample(&of, &Sample { suffix: "", label: None, value, exemplar });
                }
                Value::Histogram(histogram) => self.histogram(&of, histogram, exemplars),
                Value::Exponential(histogram) => self.exponential(&of, histogram),
                Value::Summary(summary) => self.summary(&of, summary),
            }
        }
    }

    fn histogram(&mut self, of: &Of<'_>, histogram: &Histogram, exemplars: Option<&Exemplars>) {
        let (mut cumulative, mut last) = (0_u64, f64::NEG_INFINITY);
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            cumulative = cumulative.saturating_add(*count);
            self.bucket(of, (last, *bound), cumulative, exemplars);
            last = *bound;
        }
        self.bucket(of, (last, f64::INFINITY), histogram.count, exemplars);
        let negative = histogram.bounds.first().is_some_and(|bound| *bound < 0.0);
        self.sum_and_count(of, histogram.sum, histogram.count, negative);
    }

    /// Writes one bucket for all measurements, because the text formats have no native histograms.
    fn exponential(&mut self, of: &Of<'_>, histogram: &Exponential) {
        self.bucket(of, (f64::NEG_INFINITY, f64::INFINITY), histogram.count, None);
        self.sum_and_count(of, histogram.sum, histogram.count, !histogram.negative.counts.is_empty());
    }

    fn bucket(&mut self, of: &Of<'_>, bounds: (f64, f64), cumulative: u64, exemplars: Option<&Exemplars>) {
        let exemplar = exemplars.and_then(|exemplars| exemplars.largest(bounds.0, bounds.1));
        let (label, value) = (Some(("le", bounds.1)), Number::Int(cumulative));
        self.sample(of, &Sample { suffix: "_bucket", label, value, exemplar });
    }

    fn sum_and_count(&mut self, of: &Of<'_>, sum: Option<f64>, count: u64, has_negative_buckets: bool) {
        let (has_sum, has_count) = D::has_sum_and_count(sum, has_negative_buckets);
        if let Some(sum) = sum.filter(|_| has_sum) {
            self.sample(
                of,
                &Sample { suffix: "_sum", label: None, value: Number::Float(sum), exemplar: None },
            );
        }
        if has_count {
            self.sample(
                of,
                &Sample { suffix: "_count", label: None, value: Number::Int(count), exemplar: None },
            );
        }
    }

    fn summary(&mut self, of: &Of<'_>, summary: &Summary) {
        for (quantile, value) in &summary.quantiles {
            let (label, value) = (Some(("quantile", *quantile)), Number::Float(*value));
            self.sample(of, &Sample { suffix: "", label, value, exemplar: None });
        }
        if D::has_summary_sum(summary.sum) {
            self.sample(
                of,
                &Sample { suffix: "_sum", label: None, value: Number::Float(summary.sum), exemplar: None },
            );
        }
        self.sample(
            of,
            &Sample { suffix: "_count", label: None, value: Number::Int(summary.count), exemplar: None },
        );
    }

    fn sample(&mut self, of: &Of<'_>, sample: &Sample<'_>) {
        self.name_and_labels(of, sample);
        self.out.push(b' ');
        match sample.value {
            Number::Int(int) => number::write_int(&mut self.out, int),
            Number::Float(float) => D::write_number(&mut self.out, float),
        }
        if let Some(time) = of.time_unix_nano {
            self.out.push(b' ');
            D::write_time(&mut self.out, time);
        }
        if let Some(exemplar) = sample.exemplar {
            self.push(" # {");
            self.push(&exemplar.labels);
            self.push("} ");
            D::write_number(&mut self.out, exemplar.value);
            if exemplar.time_unix_nano > 0 {
                self.out.push(b' ');
                D::write_time(&mut self.out, exemplar.time_unix_nano);
            }
        }
        self.out.push(b'\n');
    }

    /// Writes `name{a="1",le="0.5"}`, or `{"größe",a="1"}` for names that not every scraper reads.
    fn name_and_labels(&mut self, of: &Of<'_>, sample: &Sample<'_>) {
        let labelled = !of.plain || !of.labels.is_empty() || sample.label.is_some();
        if of.plain {
            self.push(of.name);
            self.push(sample.suffix);
        }
        if labelled {
            self.out.push(b'{');
        }
        let begin = self.out.len();
        if !of.plain {
            self.scratch.clear();
            escape_into(&mut self.scratch, of.name);
            self.out.push(b'"');
            self.out.extend_from_slice(self.scratch.as_bytes());
            self.push(sample.suffix);
            self.out.push(b'"');
        }
        if !of.labels.is_empty() {
            self.comma(begin);
            self.push(of.labels);
        }
        if let Some((name, value)) = sample.label {
            self.comma(begin);
            self.push(name);
            self.push("=\"");
            D::write_number(&mut self.out, value);
            self.out.push(b'"');
        }
        if labelled {
            self.out.push(b'}');
        }
    }

    fn comma(&mut self, begin: usize) {
        if self.out.len() > begin {
            self.out.push(b',');
        }
    }
}

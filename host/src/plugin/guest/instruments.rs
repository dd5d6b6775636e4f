//! A guest's own metrics, beside the host's.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use tracing::Level;

use super::Guest;
use crate::telemetry::{self, Scope};

const LABEL_LIMIT_BYTES: usize = 1024;

/// `None` if the name is invalid, or there are too many series.
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct Counter(Option<::metrics::Counter>);
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct Gauge(Option<::metrics::Gauge>);
#[expect(unreachable_pub, reason = "the generated bindings export it anew")]
pub struct Histogram(Option<::metrics::Histogram>);

/// The series of one component's guests.
pub(in crate::plugin) struct GuestMetrics {
    component: String,
    plugin: String,
    series: Arc<Scope>,
    series_limit: usize,
    known: Mutex<BTreeSet<String>>,
    left_out: ::metrics::Counter,
}

impl GuestMetrics {
    pub(in crate::plugin) fn new(
        component: &str,
        plugin: &str,
        series: Arc<Scope>,
        series_limit: usize,
        left_out: ::metrics::Counter,
    ) -> GuestMetrics {
        GuestMetrics {
            component: component.to_owned(),
            plugin: plugin.to_owned(),
            series,
            series_limit,
            known: Mutex::default(),
            left_out,
        }
    }

    /// Returns the labels of a series, or the reason why the series is not allowed.
    fn admit(
        &self,
        kind: &'static str,
        name: &str,
        labels: Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, String> {
        if !is_name(name, ':') {
            return Err(format!("`{name}` is not a valid metric name"));
        }
        if self.is_hosts(name) {
            return Err(format!("the metric `{name}` would be one of the host's own"));
        }
        let component = |label: &str| (label.to_owned(), self.component.clone());
        let mut admitted = match self.is_collectors(name, "processor") {
            // The label that the Collector's metrics of processors have.
            true => vec![component("processor")],
            false => vec![component("component"), ("plugin".to_owned(), self.plugin.clone())],
        };
        for (label, value) in labels {
            let is_taken = label.starts_with("__") || admitted.iter().any(|(taken, _)| *taken == label);
            if !is_name(&label, '_') || is_taken || value.len() > LABEL_LIMIT_BYTES {
                return Err(format!("`{label}` is no label that the metric `{name}` may have"));
            }
            admitted.push((label, value));
        }
        let mut known = self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let series = format!("{kind} {name}{admitted:?}");
        if !known.contains(&series) {
            if known.len() >= self.series_limit {
                self.left_out.increment(1);
                return Err(format!("no room for another series of `{name}` (`limits.metric_series`)"));
            }
            known.insert(series);
        }
        Ok(admitted)
    }

    /// The Collector's `batch` processor has metrics of its own, `otelcol_processor_batch_…`: a plugin may
    /// use such names with its own name, with or without underscores (`otelcol_connector_servicegraph_…`).
    fn is_hosts(&self, name: &str) -> bool {
        let is_own = ["processor", "connector"].into_iter().any(|kind| self.is_collectors(name, kind));
        !is_own && telemetry::is_hosts(name)
    }

    /// Returns whether the Collector's component of the plugin's name and of this kind may have the metric. A plugin
    /// that is called `tail_sampling_policies` is a part of `tail_sampling`.
    fn is_collectors(&self, name: &str, kind: &str) -> bool {
        let of_name = |own: &str| name.starts_with(&format!("otelcol_{kind}_{own}_"));
        let plugin = self.plugin.strip_suffix("_policies").unwrap_or(&self.plugin);
        of_name(plugin) || of_name(&plugin.replace('_', ""))
    }
}

fn is_name(name: &str, also: char) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || c == also;
    name.len() <= 200 && name.starts_with(starts) && name.chars().all(|c| starts(c) || c.is_ascii_digit())
}

impl Guest {
    /// Returns an instrument of the host's registry, or `None` if the guest may not have it.
    fn instrument<T>(
        &self,
        kind: &'static str,
        name: &str,
        help: &str,
        labels: Vec<(String, String)>,
        register: impl FnOnce(&Scope, &str, &str, Vec<(String, String)>) -> Option<T>,
    ) -> Option<T> {
        let help = help.get(..help.floor_char_boundary(LABEL_LIMIT_BYTES)).unwrap_or_default();
        let admitted = self.metrics.admit(kind, name, labels).and_then(|labels| {
            register(&self.metrics.series, name, help, labels)
                .ok_or_else(|| format!("the metric `{name}` is there already, and is no {kind}"))
        });
        match admitted {
            Ok(instrument) => Some(instrument),
            Err(why) => {
                self.log.write(Level::WARN, &why);
                None
            }
        }
    }
}

/// Each function registers an instrument once. If the guest may not have it, recorded values are discarded.
impl Guest {
    pub(in crate::plugin) fn counter(
        &self,
        name: &str,
        help: &str,
        labels: Vec<(String, String)>,
    ) -> Counter {
        Counter(self.instrument("counter", name, help, labels, Scope::plugin_counter))
    }

    pub(in crate::plugin) fn gauge(&self, name: &str, help: &str, labels: Vec<(String, String)>) -> Gauge {
        Gauge(self.instrument("gauge", name, help, labels, Scope::plugin_gauge))
    }

    pub(in crate::plugin) fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: Vec<(String, String)>,
    ) -> Histogram {
        Histogram(self.instrument("histogram", name, help, labels, Scope::plugin_histogram))
    }
}

impl Counter {
    pub(in crate::plugin) fn add(&self, count: u64) {
        if let Counter(Some(counter)) = self {
            counter.increment(count);
        }
    }
}

impl Gauge {
    pub(in crate::plugin) fn set(&self, value: f64) {
        if let Gauge(Some(gauge)) = self {
            gauge.set(value);
        }
    }
}

impl Histogram {
    pub(in crate::plugin) fn record(&self, value: f64) {
        if let Histogram(Some(histogram)) = self {
            histogram.record(value);
        }
    }
}

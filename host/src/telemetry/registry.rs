//! The registry of all series of Spanloom's own metrics.
//!
//! A series lives as long as the registry, or as the [`Scope`] that it was made for. A series that a reload
//! removes is no longer shown and costs nothing.

mod exposition;
mod histogram;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{Counter, Gauge, Histogram};

use self::histogram::Buckets;
use super::{Labels, help, names};
use crate::config::telemetry::{MetricsLevel, Naming};

/// Families of series by name. Registering is cheap, and the handles are shared atomics.
#[derive(Default)]
pub(super) struct Registry {
    level: MetricsLevel,
    families: Mutex<BTreeMap<String, Family>>,
    scopes: Mutex<BTreeMap<String, Weak<Scope>>>,
    next_scope: AtomicU64,
}

/// The series of one component. They are removed when the last holder drops the scope.
pub struct Scope {
    registry: Arc<Registry>,
    name: String,
    number: u64,
}

/// The type of a family's series, as the exposition shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    /// A counter that is set to a total from elsewhere, which need not be whole.
    Sum,
    Gauge,
    Histogram,
    /// A gauge of 1 whose labels hold information. It is a kind of its own, so that no plugin can use its
    /// name.
    Info,
}

/// All series with one name. They have one kind.
struct Family {
    kind: Kind,
    help: String,
    series: BTreeMap<Vec<(String, String)>, Series>,
}

struct Series {
    value: Value,
    /// The scope of the series; `None` if it belongs to the registry.
    scope: Option<u64>,
}

#[derive(Clone)]
enum Value {
    Counter(Arc<AtomicU64>),
    /// The bits of a double.
    Gauge(Arc<AtomicU64>),
    Histogram(Arc<Buckets>),
}

impl Value {
    fn new(kind: Kind, name: &str) -> Value {
        match kind {
            Kind::Counter => Value::Counter(Arc::default()),
            Kind::Gauge | Kind::Sum | Kind::Info => Value::Gauge(Arc::default()),
            Kind::Histogram => Value::Histogram(Arc::new(Buckets::of(name))),
        }
    }
}

/// The name, help and labels of a series.
pub(super) struct Name<'a> {
    pub(super) name: &'a str,
    pub(super) help: &'a str,
    pub(super) labels: Vec<(String, String)>,
}

impl Registry {
    pub(super) fn at(level: MetricsLevel) -> Registry {
        Registry { level, ..Registry::default() }
    }

    /// Returns the scope with this name, and creates it if nobody holds it. So a component's replacement
    /// continues its series.
    pub(super) fn scope(self: &Arc<Self>, name: &str) -> Arc<Scope> {
        let mut scopes = lock(&self.scopes);
        if let Some(known) = scopes.get(name).and_then(Weak::upgrade) {
            return known;
        }
        let number = self.next_scope.fetch_add(1, Relaxed);
        let scope = Arc::new(Scope { registry: self.clone(), name: name.to_owned(), number });
        scopes.insert(name.to_owned(), Arc::downgrade(&scope));
        scope
    }

    /// Returns the series with this name and these labels, and creates it if it does not exist. A metric that
    /// the level does not show is recorded nowhere. Returns `None` if the name has another kind.
    fn series(&self, kind: Kind, name: Name<'_>, scope: Option<u64>) -> Option<Value> {
        if self.level < names::level(name.name) {
            return Some(Value::new(kind, name.name));
        }
        let mut families = lock(&self.families);
        let family = families.entry(name.name.to_owned()).or_insert_with(|| Family {
            kind,
            help: if name.help.is_empty() { help::of(name.name) } else { name.help }.to_owned(),
            series: BTreeMap::new(),
        });
        if family.kind != kind {
            return None;
        }
        let series = family
            .series
            .entry(name.labels)
            .or_insert_with(|| Series { value: Value::new(kind, name.name), scope });
        // A series whose scope is about to end moves to the new scope.
        series.scope = scope;
        Some(series.value.clone())
    }

    pub(super) fn counter(&self, name: Name<'_>, scope: Option<u64>) -> Option<Counter> {
        match self.series(Kind::Counter, name, scope)? {
            Value::Counter(count) => Some(Counter::from_arc(count)),
            _ => None,
        }
    }

    pub(super) fn gauge(&self, name: Name<'_>, scope: Option<u64>) -> Option<Gauge> {
        match self.series(Kind::Gauge, name, scope)? {
            Value::Gauge(bits) => Some(Gauge::from_arc(bits)),
            _ => None,
        }
    }

    pub(super) fn sum(&self, name: Name<'_>) -> Option<Gauge> {
        match self.series(Kind::Sum, name, None)? {
            Value::Gauge(bits) => Some(Gauge::from_arc(bits)),
            _ => None,
        }
    }

    pub(super) fn info(&self, name: Name<'_>) {
        if let Some(Value::Gauge(bits)) = self.series(Kind::Info, name, None) {
            bits.store(1_f64.to_bits(), Relaxed);
        }
    }

    pub(super) fn histogram(&self, name: Name<'_>, scope: Option<u64>) -> Option<Histogram> {
        match self.series(Kind::Histogram, name, scope)? {
            Value::Histogram(buckets) => Some(Histogram::from_arc(buckets)),
            _ => None,
        }
    }

    /// Returns the labels and the count of each series of a counter.
    pub(super) fn counts(&self, name: &str) -> Vec<(Vec<(String, String)>, u64)> {
        let families = lock(&self.families);
        let series = families.get(name).into_iter().flat_map(|family| &family.series);
        let count = |(labels, series): (&Vec<(String, String)>, &Series)| match &series.value {
            Value::Counter(count) => Some((labels.clone(), count.load(Relaxed))),
            Value::Gauge(_) | Value::Histogram(_) => None,
        };
        series.filter_map(count).collect()
    }

    /// Renders the Prometheus text exposition, format 0.0.4.
    pub(super) fn render(&self, naming: Naming) -> String {
        exposition::render(&lock(&self.families), naming)
    }

    fn end(&self, scope: &Scope) {
        let mut scopes = lock(&self.scopes);
        if scopes.get(&scope.name).is_some_and(|known| known.strong_count() == 0) {
            scopes.remove(&scope.name);
        }
        drop(scopes);
        lock(&self.families).retain(|_, family| {
            family.series.retain(|_, series| series.scope != Some(scope.number));
            !family.series.is_empty()
        });
    }
}

impl Scope {
    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.registry.counter(Name::of_host(name, labels), Some(self.number)).unwrap_or_else(Counter::noop)
    }

    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.registry.gauge(Name::of_host(name, labels), Some(self.number)).unwrap_or_else(Gauge::noop)
    }

    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.registry
            .histogram(Name::of_host(name, labels), Some(self.number))
            .unwrap_or_else(Histogram::noop)
    }

    /// Returns a counter of a plugin, with a name of the plugin's choice. Returns `None` if the name has
    /// another kind.
    pub fn plugin_counter(&self, name: &str, help: &str, labels: Vec<(String, String)>) -> Option<Counter> {
        self.registry.counter(Name { name, help, labels }, Some(self.number))
    }

    pub fn plugin_gauge(&self, name: &str, help: &str, labels: Vec<(String, String)>) -> Option<Gauge> {
        self.registry.gauge(Name { name, help, labels }, Some(self.number))
    }

    pub fn plugin_histogram(
        &self,
        name: &str,
        help: &str,
        labels: Vec<(String, String)>,
    ) -> Option<Histogram> {
        self.registry.histogram(Name { name, help, labels }, Some(self.number))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.registry.end(self);
    }
}

impl<'a> Name<'a> {
    pub(super) fn of_host(name: &'static str, labels: Labels<'_>) -> Name<'static> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Name { name, help: "", labels }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(component: &str) -> Vec<(String, String)> {
        vec![("component".to_owned(), component.to_owned())]
    }

    /// Scenario: a component with series of its own and of the host goes away, while another stays.
    /// Guarantees: its series disappear with it, and another kind may then use names that only it used.
    #[test]
    fn series_go_with_the_last_one_who_holds_their_scope() {
        let registry = Arc::new(Registry::default());
        let (gone, stays) = (registry.scope("gone"), registry.scope("stays"));
        gone.counter("spanloom_plugin_calls", &[("component", "gone")]).increment(1);
        stays.counter("spanloom_plugin_calls", &[("component", "stays")]).increment(1);
        gone.plugin_gauge("own", "", labels("gone")).unwrap().set(1.0);
        assert!(stays.plugin_counter("own", "", labels("stays")).is_none(), "a name is of one kind");
        let held = registry.scope("gone");
        drop(gone);
        assert!(registry.render(Naming::Plain).contains("own{component=\"gone\"} 1\n"));
        drop(held);
        let shown = registry.render(Naming::Plain);
        assert!(
            !shown.contains("gone") && shown.contains("spanloom_plugin_calls{component=\"stays\"} 1\n"),
            "{shown}"
        );
        assert!(stays.plugin_counter("own", "", labels("stays")).is_some());
        drop(stays);
        assert_eq!(registry.render(Naming::Plain), "");
        assert!(lock(&registry.scopes).is_empty());
    }

    /// Scenario: a component's replacement begins before the component has ended.
    /// Guarantees: the counts continue.
    #[test]
    fn the_next_of_the_name_goes_on_with_the_series() {
        let registry = Arc::new(Registry::default());
        let count = |scope: &Scope| scope.counter("calls", &[]).increment(1);
        let before = registry.scope("a");
        count(&before);
        let after = registry.scope("a");
        drop(before);
        count(&after);
        assert!(registry.render(Naming::Plain).contains("calls 2\n"), "{}", registry.render(Naming::Plain));
    }
}

//! Converts OTLP to series:
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

mod metric;
mod point;
mod resource;

use std::cell::OnceCell;

use spanloom_plugin::wire::{
    Resource,
    metrics::{self, Data, Metric, ResourceMetrics, ScopeMetrics},
};

use self::{
    metric::Shown,
    point::{Points, Source},
    resource::Target,
};
use crate::{
    config::Settings,
    labels::{self, label_name},
    name::MetricNames,
    report::Report,
    series::{Dropped, Identities, InUse, Kept, Store},
};

/// The longest help text. Longer descriptions are cut.
const HELP_LIMIT_BYTES: usize = 4 * 1024;

/// Converts one batch after another into series.
pub(crate) struct Translator {
    writer: labels::Writer,
    names: MetricNames,
    /// The name of `target_info`, which no metric may have.
    target_info: String,
}

/// The destination of one batch.
pub(crate) struct Intake<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) store: &'a mut Store,
    pub(crate) report: &'a mut Report,
    pub(crate) now_ms: u64,
    pub(crate) now_unix_nano: u64,
}

/// Returns the name of the series with the attributes of targets. Before it, the namespace is escaped as a
/// label is.
pub(crate) fn target_info(settings: &Settings) -> String {
    let names = &settings.shape.names;
    match names.namespace.as_str() {
        "" => "target_info".to_owned(),
        namespace => format!("{}_target_info", label_name(namespace, names.utf8)),
    }
}

impl Translator {
    /// Makes a translator for these settings only.
    pub(crate) fn new(settings: &Settings) -> Translator {
        Translator {
            writer: labels::Writer::default(),
            names: MetricNames::default(),
            target_info: target_info(settings),
        }
    }

    /// Adds the series of an encoded request.
    pub(crate) fn take(&mut self, request: &[u8], into: &mut Intake<'_>) {
        for resource in metrics::resource_metrics(request) {
            self.take_resource(&resource, into);
        }
    }

    fn take_resource(&mut self, metrics: &ResourceMetrics<'_>, into: &mut Intake<'_>) {
        let resource = metrics.resource();
        let target = Target::of(&resource);
        let in_use = self.take_target(&target, &resource, into).unwrap_or_else(|reason| {
            into.report.drop(reason, &self.target_info, 1);
            None
        });
        let identities = Identities::ALL.of(resource.encoded().iter().copied());
        for metrics in metrics.scope_metrics() {
            let scope = metrics.scope();
            let source = Source {
                shape: &into.settings.shape,
                identities: identities.of(scope
                    .encoded()
                    .iter()
                    .copied()
                    .chain([scope.schema_url().as_bytes()])),
                resource: &resource,
                scope: &scope,
                target: &target,
                in_use: in_use.as_ref(),
                reserved: OnceCell::new(),
            };
            self.take_scope(&metrics, &source, into);
        }
    }

    /// Keeps the attributes of a target. Returns `None` for a resource without both `job` and `instance`,
    /// whose attributes could not be assigned to its series.
    fn take_target(
        &mut self,
        target: &Target,
        resource: &Resource<'_>,
        into: &mut Intake<'_>,
    ) -> Result<Option<InUse>, Dropped> {
        if !target.is_whole() {
            return Ok(None);
        }
        let reserved = target.reserved();
        let utf8 = into.settings.shape.names.utf8;
        let key = self.writer.write(&reserved, "", [].into_iter(), utf8).ok_or(Dropped::Labels)?.to_owned();
        let others = resource.attributes().filter(|(key, _)| !resource::is_of_target(key));
        let labels = self.writer.write(&reserved, "", others, utf8).ok_or(Dropped::Labels)?;
        into.store.target(&key, labels, into.settings.series_limit).map(Some)
    }

    fn take_scope<'r>(&mut self, metrics: &ScopeMetrics<'r>, source: &Source<'_, 'r>, into: &mut Intake<'_>) {
        for metric in metrics.metrics() {
            if let Err(reason) = self.take_metric(&metric, source, into) {
                into.report.drop(reason, metric.name(), metric.data().map_or(0, Data::len));
            }
        }
    }

    /// Adds the points of one metric. An error means that all points are dropped.
    fn take_metric<'r>(
        &mut self,
        metric: &Metric<'r>,
        source: &Source<'_, 'r>,
        into: &mut Intake<'_>,
    ) -> Result<(), Dropped> {
        let data = metric.data().ok_or(Dropped::Invalid)?;
        let Shown { kind, instrument, temporality } = metric::shown(metric, data)?;
        let names = &into.settings.shape.names;
        let name = self.names.get(names, metric.name(), metric.unit(), instrument).ok_or(Dropped::Name)?;
        if name.name == self.target_info {
            return Err(Dropped::Conflict);
        }
        let kept = Kept { name, help: shortened(metric.description()), kind };
        let limits = (into.now_ms, into.settings.series_limit);
        let (writer, now_unix_nano) = (&mut self.writer, into.now_unix_nano);
        let mut report = |reason| into.report.drop(reason, metric.name(), 1);
        into.store.open(&kept, limits, |family| {
            let mut points = Points { family, writer, source, kind, temporality, now_unix_nano };
            points.take(data, &mut report);
        })
    }
}

fn shortened(help: &str) -> &str {
    help.get(..help.floor_char_boundary(HELP_LIMIT_BYTES)).unwrap_or(help)
}

//! From OTLP to series: <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>.

mod metric;
mod resource;

use spanloom_otlp::{
    ExportMetricsServiceRequest, Gauge, KeyValue, Metric, NO_RECORDED_VALUE, ResourceMetrics, ScopeMetrics,
    Sum, metric::Data,
};

use self::{metric::Shown, resource::Target};
use crate::{
    config::Settings,
    labels::{self, Reserved},
    name::{MetricName, metric_name, prefix},
    report::Report,
    series::{Dropped, Exemplars, Kept, Kind, Point, Store, Temporality, Value},
};

/// Longer descriptions end there.
const HELP_LIMIT_BYTES: usize = 4 * 1024;

/// What one batch is taken in with.
pub(crate) struct Translator<'a> {
    settings: &'a Settings,
    store: &'a mut Store,
    report: &'a mut Report,
    now_ms: u64,
    now_unix_nano: u64,
    writer: labels::Writer,
    /// No metric may have this name.
    target_info: String,
}

/// What the points of a metric have in common.
struct Context<'a> {
    reserved: &'a Reserved,
    /// Attributes of the resource that are labels of each series.
    resource: &'a [&'a KeyValue],
    name: &'a MetricName,
    help: &'a str,
    kind: Kind,
    temporality: Temporality,
}

/// What points of every type have.
struct Common<'a> {
    attributes: &'a [KeyValue],
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    flags: u32,
    exemplars: &'a [spanloom_otlp::Exemplar],
}

/// The name of the series that tell of targets.
pub(crate) fn target_info(settings: &Settings) -> String {
    prefix(&settings.shape.names) + "target_info"
}

impl<'a> Translator<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        store: &'a mut Store,
        report: &'a mut Report,
        (now_ms, now_unix_nano): (u64, u64),
    ) -> Translator<'a> {
        let (writer, target_info) = (labels::Writer::default(), target_info(settings));
        Translator { settings, store, report, now_ms, now_unix_nano, writer, target_info }
    }

    pub(crate) fn take(&mut self, request: &ExportMetricsServiceRequest) {
        for resource in &request.resource_metrics {
            self.take_resource(resource);
        }
    }

    fn take_resource(&mut self, resource: &ResourceMetrics) {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let target = Target::of(attributes);
        if let Err(reason) = self.take_target(&target, attributes) {
            self.report.drop(reason, &self.target_info, 1);
        }
        let labels = &self.settings.shape.resource_labels;
        let chosen: Vec<&KeyValue> =
            attributes.iter().filter(|attribute| labels.takes(&attribute.key)).collect();
        for scope in &resource.scope_metrics {
            let reserved = resource::reserved(&self.settings.shape, &target, scope);
            self.take_scope(scope, &reserved, &chosen);
        }
    }

    fn take_target(&mut self, target: &Target, attributes: &[KeyValue]) -> Result<(), Dropped> {
        let reserved = target.reserved();
        let utf8 = self.settings.shape.names.utf8;
        let key = self.writer.write(&reserved, "", [].iter(), utf8).ok_or(Dropped::Labels)?.to_owned();
        if key.is_empty() {
            // Nobody could tell whose attributes they are.
            return Ok(());
        }
        let others = attributes.iter().filter(|attribute| !resource::is_of_target(&attribute.key));
        let labels = self.writer.write(&reserved, "", others, utf8).ok_or(Dropped::Labels)?;
        self.store.target(&key, labels, (self.now_ms, self.settings.series_limit))
    }

    fn take_scope(&mut self, scope: &ScopeMetrics, reserved: &Reserved, resource: &[&KeyValue]) {
        for metric in &scope.metrics {
            let taken = metric::shown(metric).and_then(|Shown { kind, temporality }| {
                let names = &self.settings.shape.names;
                let name = metric_name(names, &metric.name, &metric.unit, kind).ok_or(Dropped::Name)?;
                if name.name == self.target_info {
                    return Err(Dropped::Conflict);
                }
                let (name, help) = (&name, shortened(&metric.description));
                self.take_points(metric, &Context { reserved, resource, name, help, kind, temporality });
                Ok(())
            });
            if let Err(reason) = taken {
                self.report.drop(reason, &metric.name, metric::points(metric));
            }
        }
    }

    fn take_points(&mut self, metric: &Metric, context: &Context<'_>) {
        let mut bounds = self.store.bounds(&context.name.name);
        let mut take = |common, value| {
            if let Err(reason) = self.take_point(context, &common, value) {
                self.report.drop(reason, &metric.name, 1);
            }
        };
        match &metric.data {
            Some(Data::Gauge(Gauge { data_points }) | Data::Sum(Sum { data_points, .. })) => {
                for point in data_points {
                    take(point.into(), metric::number(point, context.kind));
                }
            }
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    take(point.into(), metric::histogram(point, &mut bounds));
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for point in &histogram.data_points {
                    take(point.into(), metric::exponential(point));
                }
            }
            Some(Data::Summary(summary)) => {
                for point in &summary.data_points {
                    take(point.into(), Ok(metric::summary(point)));
                }
            }
            None => {}
        }
        self.store.set_bounds(&context.name.name, &bounds);
    }

    fn take_point(
        &mut self,
        context: &Context<'_>,
        common: &Common<'_>,
        value: Result<Value, Dropped>,
    ) -> Result<(), Dropped> {
        let attributes = context.resource.iter().copied().chain(common.attributes);
        let utf8 = self.settings.shape.names.utf8;
        let labels = self.writer.write(context.reserved, context.kind.structural_label(), attributes, utf8);
        let labels = labels.ok_or(Dropped::Labels)?;
        if common.flags & NO_RECORDED_VALUE != 0 {
            self.store.end(&context.name.name, labels);
            return Ok(());
        }
        let has_exemplars = matches!(context.kind, Kind::Counter | Kind::Histogram);
        let point = Point {
            start_time_unix_nano: common.start_time_unix_nano,
            time_unix_nano: if common.time_unix_nano == 0 {
                self.now_unix_nano
            } else {
                common.time_unix_nano
            },
            value: value?,
            exemplars: has_exemplars.then(|| Exemplars::of(common.exemplars)).flatten(),
        };
        let kept = Kept { name: context.name, help: context.help, kind: context.kind };
        self.store.take(&kept, labels, point, context.temporality, (self.now_ms, self.settings.series_limit))
    }
}

fn shortened(help: &str) -> &str {
    help.get(..help.floor_char_boundary(HELP_LIMIT_BYTES)).unwrap_or(help)
}

macro_rules! common {
    ($point:ident, $exemplars:expr) => {
        impl<'a> From<&'a spanloom_otlp::$point> for Common<'a> {
            fn from(point: &'a spanloom_otlp::$point) -> Common<'a> {
                let exemplars: fn(&'a spanloom_otlp::$point) -> &'a [spanloom_otlp::Exemplar] = $exemplars;
                Common {
                    attributes: &point.attributes,
                    start_time_unix_nano: point.start_time_unix_nano,
                    time_unix_nano: point.time_unix_nano,
                    flags: point.flags,
                    exemplars: exemplars(point),
                }
            }
        }
    };
}

common!(NumberDataPoint, |point| &point.exemplars);
common!(HistogramDataPoint, |point| &point.exemplars);
common!(ExponentialHistogramDataPoint, |point| &point.exemplars);
common!(SummaryDataPoint, |_| &[]);

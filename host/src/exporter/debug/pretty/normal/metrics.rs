use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};

use super::{NAME_WIDTH, SERVICE_WIDTH, inline};
use crate::exporter::debug::pretty::{
    color::{Paint, Style},
    metric::{Point, kind, points},
    table::{Cell, Table, cell, left, right},
    text::{clock_nano, fit},
    value::service_name,
};

const UNIT_WIDTH: usize = 16;

pub(super) fn render(resources: &[ResourceMetrics], paint: Paint) -> String {
    let mut table = Table::new([left(12), left(12), left(32), left(9), right(8), left(4)], paint);
    for resource in resources {
        let service = service_name(resource.resource.as_ref().map_or(&[], |of| of.attributes.as_slice()));
        for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            for point in points(metric) {
                table.push(cells(service, metric, &point), inline(point.attributes.iter(), paint));
            }
        }
    }
    table.render()
}

fn cells(service: &str, metric: &Metric, point: &Point<'_>) -> [Cell; 6] {
    [
        cell(clock_nano(point.time_unix_nano), Style::Dim),
        cell(fit(service, SERVICE_WIDTH), Style::service(service)),
        cell(fit(&metric.name, NAME_WIDTH), Style::Bold),
        cell(kind(metric), Style::Dim),
        cell(point.value.clone(), Style::Plain),
        cell(fit(&metric.unit, UNIT_WIDTH), Style::Dim),
    ]
}

//! Counts plugins' requests by outcome.

use std::{sync::Arc, time::Duration};

use super::{HttpResponse, error::HttpError, grant::Origin};
use crate::telemetry::{Scope, Telemetry};

/// The label of requests to origins that are not granted, since a plugin could name any number of them.
const OTHER: &str = "other";

pub(super) struct HttpMetrics {
    series: Arc<Scope>,
    component: String,
}

impl HttpMetrics {
    pub(super) fn new(telemetry: &Telemetry, component: &str) -> HttpMetrics {
        HttpMetrics { series: telemetry.scope(component), component: component.to_owned() }
    }

    pub(super) fn record(
        &self,
        origin: Option<&Origin>,
        outcome: &Result<HttpResponse, HttpError>,
        took: Duration,
    ) {
        let origin = origin.map_or(OTHER, Origin::as_str);
        let outcome = match outcome {
            Ok(response) => class(response.status.as_u16()),
            Err(error) => error.kind(),
        };
        let labels = [("component", self.component.as_str()), ("origin", origin)];
        self.series.histogram("spanloom_plugin_http_duration_seconds", &labels).record(took.as_secs_f64());
        let [component, origin] = labels;
        let labels = [component, origin, ("outcome", outcome)];
        self.series.counter("spanloom_plugin_http_requests", &labels).increment(1);
    }
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

//! Runs the plugin as the host does, and scrapes it.

use spanloom_otlp::{ExportMetricsServiceRequest, Message};
use spanloom_plugin::{HttpHandler, Incoming, Outgoing, prelude::*};
use spanloom_prometheus::Prometheus;

pub(crate) const TEXT: &str = "text/plain;version=0.0.4";
pub(crate) const TEXT_UTF8: &str = "text/plain;version=1.0.0;escaping=allow-utf-8";
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
pub(crate) const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// Makes an exporter with OpenMetrics allowed.
pub(crate) fn exporter(config: &str) -> testing::Exporter<Prometheus> {
    let mut config: serde_json::Value = serde_json::from_str(config).expect("a config");
    config["endpoint"] = "localhost:8889".into();
    config["enable_open_metrics"] = true.into();
    testing::Exporter::new(&config.to_string()).expect("a config")
}

pub(crate) fn export(exporter: &mut testing::Exporter<Prometheus>, request: &ExportMetricsServiceRequest) {
    let mut metrics = testing::metrics_from_json("{}").expect("no metrics");
    metrics.replace(&request.encode_to_vec()).expect("OTLP");
    exporter.plugin().export_metrics(metrics).expect("taken");
}

pub(crate) fn scrape(exporter: &mut testing::Exporter<Prometheus>, accept: &str) -> Outgoing {
    let headers = vec![("accept".to_owned(), accept.to_owned())];
    let answer =
        exporter.plugin().handle(Incoming { path: "/metrics".into(), query: String::new(), headers });
    assert_eq!(answer.status, 200);
    answer
}

pub(crate) fn text(exporter: &mut testing::Exporter<Prometheus>, accept: &str) -> String {
    String::from_utf8(scrape(exporter, accept).body).expect("UTF-8")
}

//! Keeps metrics and shows them to Prometheus, as the Collector's `prometheus` exporter does.
//!
//! `translate` converts batches to series (names, labels, types, sums of deltas), `series` keeps the series,
//! `exposition` writes them for a scrape, and `handover` saves them for the next instance.

mod config;
#[cfg(test)]
mod encoded;
mod exposition;
mod handover;
mod labels;
mod name;
mod report;
mod series;
mod translate;
mod unit;

use std::time::Duration;

use spanloom_plugin::{HttpHandler, Incoming, Outgoing, clock, info, metrics::Gauge, prelude::*, schedule};

use crate::{
    config::{PrometheusConfig, Settings},
    exposition::{Filter, Renderer, negotiate},
    report::Report,
    series::Store,
    translate::{Intake, Translator},
};

/// The plugin. One instance has all series.
#[derive(Deserialize)]
#[serde(from = "PrometheusConfig")]
pub struct Prometheus {
    /// Read by `configure`.
    config: PrometheusConfig,
    running: Option<Running>,
}

/// The state of a configured plugin.
struct Running {
    settings: Settings,
    translator: Translator,
    store: Store,
    renderer: Renderer,
    report: Report,
    series: Gauge,
}

/// Expired series are swept at least once a minute, and at most once a second.
const SWEEP_AT_LEAST: Duration = Duration::from_secs(60);
const SWEEP_AT_MOST: Duration = Duration::from_secs(1);

impl From<PrometheusConfig> for Prometheus {
    fn from(config: PrometheusConfig) -> Prometheus {
        Prometheus { config, running: None }
    }
}

impl Exporter for Prometheus {
    fn describe(of_crate: Description) -> Description {
        Description {
            signals: vec![Signal::Metrics],
            concurrency: Concurrency::Single,
            ..of_crate.with_schema(include_str!("../config.schema.json"))
        }
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        let running = Running::new(self.config.settings()?);
        running.wake_later();
        self.running = Some(running);
        Ok(())
    }

    /// Keeps the series, unless the new config gives them other names or labels.
    fn reconfigure(&mut self, new: Prometheus) -> Result<(), ConfigError> {
        let old = self.running.take();
        *self = new;
        if let (Some(new), Some(old)) = (&mut self.running, old)
            && new.settings.shape == old.settings.shape
        {
            (new.store, new.translator) = (old.store, old.translator);
        }
        Ok(())
    }

    fn export_spans(&mut self, _spans: SpanBatch) -> Result<(), ExportError> {
        Err(Failure::permanent("spans are not taken").into())
    }

    fn export_metrics(&mut self, metrics: MetricsBatch) -> Result<(), ExportError> {
        self.running()?.take(&metrics.otlp());
        Ok(())
    }
}

impl HttpHandler for Prometheus {
    fn handle(&mut self, request: Incoming) -> Outgoing {
        match self.running() {
            Ok(_) if request.path != "/metrics" => answer(404, "the metrics are at /metrics\n"),
            Ok(running) => running.scrape(&request),
            Err(_) => answer(503, "not configured\n"),
        }
    }
}

impl Timer for Prometheus {
    fn wake(&mut self, _out: &mut Output) -> Result<(), Failure> {
        let running = self.running()?;
        running.sweep();
        running.wake_later();
        Ok(())
    }
}

impl Handover for Prometheus {
    fn save(&mut self) -> Result<Saved, Failure> {
        let running = self.running()?;
        running.sweep();
        let state = handover::save(&running.store, &running.settings.shape, now_ms());
        Ok(Saved { state, batches: Vec::new() })
    }

    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        let running = self.running()?;
        let limits = (now_ms(), running.settings.series_limit);
        match handover::restore(&saved.state, &running.settings.shape, limits) {
            Ok(Some(store)) => running.store = store,
            Ok(None) => info!("the series start again: the new config or version gives them other names"),
            Err(error) => return Err(Failure::permanent(format!("not a state of this plugin: {error}"))),
        }
        Ok(())
    }
}

impl Prometheus {
    fn running(&mut self) -> Result<&mut Running, Failure> {
        self.running.as_mut().ok_or_else(|| Failure::permanent("called before it was configured"))
    }
}

impl Running {
    fn new(settings: Settings) -> Running {
        let series =
            Gauge::new("prometheus_exporter_series", "Series that a scrape shows, targets included", &[]);
        let translator = Translator::new(&settings);
        let (store, renderer) = (Store::default(), Renderer::default());
        Running { settings, translator, store, renderer, report: Report::new(), series }
    }

    fn take(&mut self, request: &[u8]) {
        let mut into = Intake {
            settings: &self.settings,
            store: &mut self.store,
            report: &mut self.report,
            now_ms: now_ms(),
            now_unix_nano: clock::now_unix_nano(),
        };
        self.translator.take(request, &mut into);
        self.series.set(self.store.len() as f64);
    }

    fn scrape(&mut self, request: &Incoming) -> Outgoing {
        self.sweep();
        let accepts = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
        let accept = accepts.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(",");
        let wanted = negotiate(&accept, self.settings.open_metrics);
        let filter = Filter::of(&request.query);
        let body = self.renderer.render(&self.settings, &self.store, wanted, &filter);
        let mut headers = self.settings.response_headers.clone();
        headers.push(("content-type".into(), wanted.content_type()));
        Outgoing { status: 200, headers, body }
    }

    fn sweep(&mut self) {
        let since_ms =
            self.settings.expiration_ms.map_or(0, |expiration_ms| now_ms().saturating_sub(expiration_ms));
        self.store.sweep(since_ms);
        self.series.set(self.store.len() as f64);
    }

    fn wake_later(&self) {
        let expiration = self.settings.expiration_ms.map_or(SWEEP_AT_LEAST, Duration::from_millis);
        schedule::wake_after(expiration.clamp(SWEEP_AT_MOST, SWEEP_AT_LEAST));
    }
}

fn now_ms() -> u64 {
    u64::try_from(clock::monotonic().as_millis()).unwrap_or(u64::MAX - 1)
}

fn answer(status: u16, text: &str) -> Outgoing {
    let headers = vec![("content-type".into(), "text/plain; charset=utf-8".into())];
    Outgoing { status, headers, body: text.into() }
}

spanloom_plugin::exporter!(Prometheus: HttpHandler, Timer, Handover);

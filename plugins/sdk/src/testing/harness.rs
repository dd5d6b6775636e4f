use std::fmt;

use crate::native::traces::TraceBatch as NativeTraces;
use crate::native::world;
use crate::{
    Batch, ConfigError, Decision, ExportError, Failure, Flush, Handover, HttpHandler, Incoming, Outgoing,
    Output, Saved, SpanBatch, Timer, TraceBatch, config,
};

/// A processor with its config.
pub struct Processor<P>(P);

/// A sampler with its config.
pub struct Sampler<P>(P);

/// An exporter with its config.
pub struct Exporter<P>(P);

/// A connector with its config.
pub struct Connector<P>(P);

impl<P: crate::Processor> Processor<P> {
    /// The config is JSON, as the host hands it over.
    pub fn new(config: &str) -> Result<Processor<P>, ConfigError> {
        world::reset();
        Ok(Processor(configured(config, P::configure)?))
    }

    /// The config changes.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    /// What goes on.
    pub fn process(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<SpanBatch>, Failure> {
        let passed = self.process_batch(spans.into().into())?;
        Ok(passed.into_iter().filter_map(Batch::into_spans).collect())
    }

    /// As `process`, of any signal.
    pub fn process_batch(&mut self, batch: Batch) -> Result<Vec<Batch>, Failure> {
        out(|out| match batch {
            Batch::Spans(spans) => self.0.process_spans(spans, out),
            Batch::Metrics(metrics) => self.0.process_metrics(metrics, out),
            Batch::Logs(logs) => self.0.process_logs(logs, out),
        })
    }
}

impl<P: crate::Sampler> Sampler<P> {
    /// The config is JSON, as the host hands it over.
    pub fn new(config: &str) -> Result<Sampler<P>, ConfigError> {
        world::reset();
        Ok(Sampler(configured(config, P::configure)?))
    }

    /// One decision a trace, in the order in which the traces' first spans lie.
    pub fn sample(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<Decision>, Failure> {
        let traces = spans.into().0.get_ref().traces();
        self.0.sample(&TraceBatch(NativeTraces(traces)))
    }
}

impl<P: crate::Exporter> Exporter<P> {
    /// The config is JSON, as the host hands it over.
    pub fn new(config: &str) -> Result<Exporter<P>, ConfigError> {
        world::reset();
        Ok(Exporter(configured(config, P::configure)?))
    }

    /// The config changes.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    pub fn export(&mut self, spans: impl Into<SpanBatch>) -> Result<(), ExportError> {
        self.export_batch(spans.into().into())
    }

    /// As `export`, of any signal.
    pub fn export_batch(&mut self, batch: Batch) -> Result<(), ExportError> {
        match batch {
            Batch::Spans(spans) => self.0.export_spans(spans),
            Batch::Metrics(metrics) => self.0.export_metrics(metrics),
            Batch::Logs(logs) => self.0.export_logs(logs),
        }
    }
}

impl<P: crate::Connector> Connector<P> {
    /// The config is JSON, as the host hands it over.
    pub fn new(config: &str) -> Result<Connector<P>, ConfigError> {
        world::reset();
        Ok(Connector(configured(config, P::configure)?))
    }

    /// The config changes.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    /// What enters the pipelines that the connector feeds.
    pub fn consume(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<Batch>, Failure> {
        self.consume_batch(spans.into().into())
    }

    /// As `consume`, of any signal.
    pub fn consume_batch(&mut self, batch: Batch) -> Result<Vec<Batch>, Failure> {
        out(|out| match batch {
            Batch::Spans(spans) => self.0.consume_spans(spans, out),
            Batch::Metrics(metrics) => self.0.consume_metrics(metrics, out),
            Batch::Logs(logs) => self.0.consume_logs(logs, out),
        })
    }
}

/// What a plugin of any of these roles may be besides.
macro_rules! besides {
    ($role:ident) => {
        impl<P: crate::$role> $role<P> {
            pub fn wake(&mut self) -> Result<Vec<Batch>, Failure>
            where
                P: Timer,
            {
                out(|out| self.0.wake(out))
            }

            pub fn flush(&mut self) -> Result<Vec<Batch>, Failure>
            where
                P: Flush,
            {
                out(|out| self.0.flush(out))
            }

            pub fn save(&mut self) -> Result<Saved, Failure>
            where
                P: Handover,
            {
                self.0.save()
            }

            pub fn restore(&mut self, saved: Saved) -> Result<(), Failure>
            where
                P: Handover,
            {
                self.0.restore(saved)
            }

            /// Another instance takes this one's place and its state, as in the host after so many calls. The host stays
            /// the same: its clocks, log and series.
            pub fn hand_over(&mut self, config: &str) -> Result<(), Failure>
            where
                P: Handover,
            {
                let next = configured(config, P::configure);
                let mut next = next.map_err(|error| {
                    Failure::permanent(format!("the config: {}: {}", error.path, error.message))
                })?;
                next.restore(self.0.save()?)?;
                self.0 = next;
                Ok(())
            }

            /// A GET on the address of the config's `endpoint`.
            pub fn handle(&mut self, request: Incoming) -> Outgoing
            where
                P: HttpHandler,
            {
                self.0.handle(request)
            }
        }
    };
}

besides!(Processor);
besides!(Exporter);
besides!(Connector);

macro_rules! any_role {
    ($($role:ident),*) => {
        $(
            impl<P> $role<P> {
                /// The plugin itself.
                pub fn plugin(&mut self) -> &mut P {
                    &mut self.0
                }
            }

            impl<P> fmt::Debug for $role<P> {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(stringify!($role))
                }
            }
        )*
    };
}

any_role!(Processor, Sampler, Exporter, Connector);

fn configured<P: serde::de::DeserializeOwned>(
    json: &str,
    configure: impl FnOnce(&mut P) -> Result<(), ConfigError>,
) -> Result<P, ConfigError> {
    let mut plugin = config::read(json)?;
    configure(&mut plugin)?;
    Ok(plugin)
}

/// What a call passes on, unless it fails.
fn out(call: impl FnOnce(&mut Output) -> Result<(), Failure>) -> Result<Vec<Batch>, Failure> {
    let mut out = Output::default();
    call(&mut out)?;
    Ok(out.batches)
}

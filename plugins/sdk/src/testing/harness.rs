use std::fmt;

use crate::native::traces::TraceBatch as NativeTraces;
use crate::native::world;
use crate::{
    Batch, ConfigError, Decision, Decisions, ExportError, Failure, Flush, Handover, Head, HttpHandler,
    Incoming, Outgoing, Output, ReceivedRequest, Reply, Saved, SpanBatch, Takes, Timer, TraceBatch, config,
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
    /// Makes a processor from a JSON config, as the host does.
    pub fn new(config: &str) -> Result<Processor<P>, ConfigError> {
        world::reset();
        Ok(Processor(configured(config, P::configure)?))
    }

    /// Changes the config.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    /// Processes spans and returns the spans that go on.
    pub fn process(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<SpanBatch>, Failure> {
        let passed = self.process_batch(spans.into().into())?;
        Ok(passed.into_iter().filter_map(Batch::into_spans).collect())
    }

    /// Does the same as `process` for any signal.
    pub fn process_batch(&mut self, batch: Batch) -> Result<Vec<Batch>, Failure> {
        out(|out| match batch {
            Batch::Spans(spans) => self.0.process_spans(spans, out),
            Batch::Metrics(metrics) => self.0.process_metrics(metrics, out),
            Batch::Logs(logs) => self.0.process_logs(logs, out),
        })
    }
}

impl<P: crate::Sampler> Sampler<P> {
    /// Makes a sampler from a JSON config, as the host does.
    pub fn new(config: &str) -> Result<Sampler<P>, ConfigError> {
        world::reset();
        Ok(Sampler(configured(config, P::configure)?))
    }

    /// Returns one decision per trace, in the order of the traces' first spans.
    pub fn sample(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<Decision>, Failure> {
        Ok(self.sample_with_reasons(spans)?.into())
    }

    /// Does the same, with reasons.
    pub fn sample_with_reasons(&mut self, spans: impl Into<SpanBatch>) -> Result<Decisions, Failure> {
        let traces = spans.into().0.get_ref().traces();
        self.0.sample_with_reasons(&TraceBatch(NativeTraces(traces)))
    }
}

impl<P: crate::Exporter> Exporter<P> {
    /// Makes an exporter from a JSON config, as the host does.
    pub fn new(config: &str) -> Result<Exporter<P>, ConfigError> {
        world::reset();
        Ok(Exporter(configured(config, P::configure)?))
    }

    /// Changes the config.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    pub fn export(&mut self, spans: impl Into<SpanBatch>) -> Result<(), ExportError> {
        self.export_batch(spans.into().into())
    }

    /// Does the same as `export` for any signal.
    pub fn export_batch(&mut self, batch: Batch) -> Result<(), ExportError> {
        match batch {
            Batch::Spans(spans) => self.0.export_spans(spans),
            Batch::Metrics(metrics) => self.0.export_metrics(metrics),
            Batch::Logs(logs) => self.0.export_logs(logs),
        }
    }
}

impl<P: crate::Connector> Connector<P> {
    /// Makes a connector from a JSON config, as the host does.
    pub fn new(config: &str) -> Result<Connector<P>, ConfigError> {
        world::reset();
        Ok(Connector(configured(config, P::configure)?))
    }

    /// Changes the config.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    /// Consumes spans and returns the batches that enter the pipelines after the connector.
    pub fn consume(&mut self, spans: impl Into<SpanBatch>) -> Result<Vec<Batch>, Failure> {
        self.consume_batch(spans.into().into())
    }

    /// Does the same as `consume` for any signal.
    pub fn consume_batch(&mut self, batch: Batch) -> Result<Vec<Batch>, Failure> {
        out(|out| match batch {
            Batch::Spans(spans) => self.0.consume_spans(spans, out),
            Batch::Metrics(metrics) => self.0.consume_metrics(metrics, out),
            Batch::Logs(logs) => self.0.consume_logs(logs, out),
        })
    }
}

/// A receiver with its config.
pub struct Receiver<P>(P);

impl<P: crate::Receiver> Receiver<P> {
    /// Makes a receiver from a JSON config without the keys of its listeners, as the host does.
    pub fn new(config: &str) -> Result<Receiver<P>, ConfigError> {
        world::reset();
        Ok(Receiver(configured(config, P::configure)?))
    }

    /// Changes the config.
    pub fn reconfigure(&mut self, config: &str) -> Result<(), ConfigError> {
        self.0.reconfigure(configured(config, P::configure)?)
    }

    /// Gives the receiver a body, as from its first listener. For a receiver over HTTP, it comes with the method and
    /// path of its first route.
    pub fn receive(&mut self, body: impl Into<Vec<u8>>) -> Result<Reply, Failure> {
        let head = match P::listens().into_iter().next().map(|listener| listener.takes) {
            Some(Takes::Http(routes)) => routes.into_iter().next().map(|route| (route.method, route.path)),
            Some(Takes::Grpc(methods)) => methods.into_iter().next().map(|path| ("POST".to_owned(), path)),
            _ => None,
        };
        let head = head.map(|(method, path)| Head { method, path, ..Head::default() });
        self.receive_request(ReceivedRequest { head, body: body.into(), ..ReceivedRequest::default() })
    }

    /// Gives the receiver a request.
    pub fn receive_request(&mut self, request: ReceivedRequest) -> Result<Reply, Failure> {
        let missing = || Failure::permanent("there is no reply to the request");
        self.0.receive_all(vec![request])?.pop().ok_or_else(missing)
    }

    /// Gives the receiver several requests, such as datagrams.
    pub fn receive_all(&mut self, requests: Vec<ReceivedRequest>) -> Result<Vec<Reply>, Failure> {
        self.0.receive_all(requests)
    }
}

/// Adds the calls of the optional traits to the harness of a role.
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

            /// Replaces this instance with another, which takes over its state. The host does so after
            /// `limits.max_calls` calls, for example. The clocks, log and series of the host stay.
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

            /// Handles a GET request at the config's `endpoint`.
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
besides!(Sampler);
besides!(Exporter);
besides!(Connector);
besides!(Receiver);

macro_rules! any_role {
    ($($role:ident),*) => {
        $(
            impl<P> $role<P> {
                /// Returns the plugin itself.
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

any_role!(Processor, Sampler, Exporter, Connector, Receiver);

fn configured<P: serde::de::DeserializeOwned>(
    json: &str,
    configure: impl FnOnce(&mut P) -> Result<(), ConfigError>,
) -> Result<P, ConfigError> {
    let mut plugin = config::read(json)?;
    configure(&mut plugin)?;
    Ok(plugin)
}

/// Returns the batches that a call passes on, unless it fails.
fn out(call: impl FnOnce(&mut Output) -> Result<(), Failure>) -> Result<Vec<Batch>, Failure> {
    let mut out = Output::default();
    call(&mut out)?;
    Ok(out.batches)
}

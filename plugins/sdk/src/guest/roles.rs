use super::{Guest, call, call_out, configure};
use crate::bindings::exports::{
    connector::exports::spanloom::plugin::connecting, exporter::exports::spanloom::plugin::exporting,
    processor::exports::spanloom::plugin::processing, sampler::exports::spanloom::plugin::sampling,
};
use crate::bindings::spanloom::plugin::{batches, traces, types};
use crate::{
    Batch, ConfigError, Connector, Decision, Decisions, ExportError, Exporter, Failure, Processor, Sampler,
    TraceBatch,
};

impl<G: Guest<Plugin: Processor>> processing::Guest for G {
    fn configure(config: String) -> Result<(), ConfigError> {
        configure::<G>(&config, Processor::configure, Processor::reconfigure)
    }

    fn process(batch: batches::Batch) -> Result<Vec<batches::Batch>, Failure> {
        call_out::<G>(|plugin, out| match batch.into() {
            Batch::Spans(spans) => plugin.process_spans(spans, out),
            Batch::Metrics(metrics) => plugin.process_metrics(metrics, out),
            Batch::Logs(logs) => plugin.process_logs(logs, out),
        })
    }
}

impl<G: Guest<Plugin: Sampler>> sampling::Guest for G {
    fn configure(config: String) -> Result<(), ConfigError> {
        configure::<G>(&config, Sampler::configure, Sampler::reconfigure)
    }

    fn sample(traces: traces::TraceBatch) -> Result<sampling::Decisions, Failure> {
        let Decisions { each, reasons, texts } =
            call::<G, _, _>(|plugin| plugin.sample_with_reasons(&TraceBatch(traces)))?;
        Ok(sampling::Decisions { each: each.into_iter().map(Into::into).collect(), reasons, texts })
    }
}

impl<G: Guest<Plugin: Exporter>> exporting::Guest for G {
    fn configure(config: String) -> Result<(), ConfigError> {
        configure::<G>(&config, Exporter::configure, Exporter::reconfigure)
    }

    fn export_batch(batch: batches::Batch) -> Result<(), exporting::ExportError> {
        let exported: Result<(), ExportError> = call::<G, _, _>(|plugin| match batch.into() {
            Batch::Spans(spans) => plugin.export_spans(spans),
            Batch::Metrics(metrics) => plugin.export_metrics(metrics),
            Batch::Logs(logs) => plugin.export_logs(logs),
        });
        exported.map_err(Into::into)
    }
}

impl<G: Guest<Plugin: Connector>> connecting::Guest for G {
    fn emits() -> Vec<types::Signal> {
        <G::Plugin as Connector>::emits().into_iter().map(Into::into).collect()
    }

    fn configure(config: String) -> Result<(), ConfigError> {
        configure::<G>(&config, Connector::configure, Connector::reconfigure)
    }

    fn consume(batch: batches::Batch) -> Result<Vec<batches::Batch>, Failure> {
        call_out::<G>(|plugin, out| match batch.into() {
            Batch::Spans(spans) => plugin.consume_spans(spans, out),
            Batch::Metrics(metrics) => plugin.consume_metrics(metrics, out),
            Batch::Logs(logs) => plugin.consume_logs(logs, out),
        })
    }
}

impl From<Decision> for sampling::Decision {
    fn from(decision: Decision) -> sampling::Decision {
        let keep = |rate, basis| sampling::Decision::Keep(sampling::Kept { rate, basis });
        match decision {
            Decision::Keep(rate) => keep(rate, sampling::Basis::Independent),
            Decision::KeepConsistently(rate) => keep(rate, sampling::Basis::Consistent),
            Decision::Drop => sampling::Decision::Drop,
            Decision::Undecided => sampling::Decision::Undecided,
        }
    }
}

impl From<ExportError> for exporting::ExportError {
    fn from(error: ExportError) -> exporting::ExportError {
        match error {
            ExportError::Whole(failure) => exporting::ExportError::Whole(failure),
            ExportError::Parts(parts) => {
                let parts = parts.into_iter().map(|(rows, failure)| exporting::Part { rows, failure });
                exporting::ExportError::Parts(parts.collect())
            }
        }
    }
}

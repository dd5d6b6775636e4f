//! An exporter plugin, behind the sending queue that all exporters have.

use std::{sync::Arc, time::Duration};

use super::{
    CallError, CallErrorKind, OnFailure, Plugin, Role, StageSettings,
    bindings::{
        exported::exporting::{ExportError as GuestError, Part},
        imported::types::Failure,
    },
    instance::Undone,
    live::Live,
    pool::{GuestUsage, Outcome, Pool},
    tending::{Settle, Tending},
};
use crate::{
    exporter::{ExportError, Exported, Exporter, FailedPart},
    receipt::Retry,
    telemetry::Telemetry,
};

/// Shows each batch to a guest, which sends it.
pub struct PluginExporter {
    pool: Arc<Pool>,
    tending: Tending,
}

/// An exporter's guests hold nothing that is owed to anybody: there is only to say what went wrong.
struct Nothing(Arc<Pool>);

#[async_trait::async_trait]
impl Settle for Nothing {
    async fn settle(&self, outcomes: Vec<Outcome>) {
        for error in outcomes.iter().filter_map(Outcome::error) {
            self.0.metrics.report(&self.0.plugin(), error, "what it had in hand is lost");
        }
    }
}

impl PluginExporter {
    pub async fn start(
        plugin: &Arc<Plugin>,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<PluginExporter> {
        let pool = settings.pool(plugin, Role::Exporter, telemetry).await?;
        let tending = Tending::start(&pool, Arc::new(Nothing(pool.clone()))).await?;
        Ok(PluginExporter { pool, tending })
    }
}

#[async_trait::async_trait]
impl Exporter for PluginExporter {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        let pool = self.pool.chosen();
        let Some(_admission) = pool.admit() else {
            let message = "the plugin has failed too often, and is left alone for a while".to_owned();
            return Err(ExportError::Retryable { message, after: None });
        };
        let outcome = pool.export(data).await;
        pool.note(outcome.as_ref().err().map(|undone| &undone.error));
        match outcome {
            Ok(Ok(())) => Ok(Exported::default()),
            Ok(Err(GuestError::Whole(failure))) => Err(export_error(failure)),
            Ok(Err(GuestError::Parts(parts))) => match failed_parts(parts, data) {
                Ok(parts) => Err(ExportError::Partly(parts)),
                Err(wrong) => Err(self.accident(&CallError::new(CallErrorKind::WrongAnswer, wrong))),
            },
            Err(Undone { error, .. }) => Err(self.accident(&error)),
        }
    }

    async fn shutdown(&self) {
        self.tending.shutdown().await;
    }

    fn live(&self) -> Option<Live> {
        Some(self.pool.live())
    }
}

impl PluginExporter {
    /// What its guests use at this moment.
    pub fn usage(&self) -> GuestUsage {
        self.pool.usage()
    }

    fn accident(&self, error: &CallError) -> ExportError {
        let message = error.to_string();
        let on_failure = self.pool.on_failure();
        let consequence = match on_failure {
            OnFailure::Drop => "the batch is dropped",
            OnFailure::Reject | OnFailure::Pass => "the batch is tried again",
        };
        self.pool.metrics.report(&self.pool.plugin(), error, consequence);
        match on_failure {
            OnFailure::Drop => ExportError::Permanent { message },
            OnFailure::Reject | OnFailure::Pass => ExportError::Retryable { message, after: None },
        }
    }
}

fn export_error(failure: Failure) -> ExportError {
    let (CallError { kind, message, .. }, after): (CallError, Option<Duration>) = CallError::failed(failure);
    match kind {
        CallErrorKind::Failed { retryable: true } => ExportError::Retryable { message, after },
        _ => ExportError::Permanent { message },
    }
}

/// The guest's parts, if they are parts of this batch.
fn failed_parts(parts: Vec<Part>, data: &wire::Batch) -> Result<Vec<FailedPart>, String> {
    if data.signal() != wire::Signal::Traces {
        return Err("parts of a batch that holds no spans failed".into());
    }
    let mut named = vec![false; data.items()];
    for row in parts.iter().flat_map(|part| &part.rows) {
        match named.get_mut(*row as usize) {
            Some(named @ false) => *named = true,
            Some(true) => return Err(format!("span {row} failed twice")),
            None => return Err(format!("span {row} failed, of {}", data.items())),
        }
    }
    Ok(parts.into_iter().map(failed_part).collect())
}

fn failed_part(part: Part) -> FailedPart {
    let (CallError { kind, message, .. }, after) = CallError::failed(part.failure);
    let retry = match kind {
        CallErrorKind::Failed { retryable: true } => Retry::After(after),
        _ => Retry::Never,
    };
    FailedPart { rows: part.rows, message, retry }
}

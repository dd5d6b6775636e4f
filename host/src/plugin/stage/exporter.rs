//! An exporter plugin, behind the sending queue that all exporters have.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    component::{ExportError, Exported, Exporter, FailedPart},
    plugin::{
        config::OnFailure,
        guest::{
            failure::{CallError, CallErrorKind},
            instance::Undone,
            interface::{ExportFailure, GuestFailure},
            plugin::Plugin,
        },
        load::card::Role,
        pool::{
            GuestUsage, Lane, Outcome, Pool, Shown,
            breaker::left_alone,
            live::Live,
            see_through::see_through,
            settings::StageSettings,
            tending::{Settle, Tending},
        },
    },
    receipt::{Code, Retry},
    telemetry::Telemetry,
};

/// Shows each batch to a guest, which sends it.
pub struct PluginExporter {
    pool: Arc<Pool>,
    tending: Tending,
}

/// Reports the outcomes of detached calls. There is nothing to settle, because an exporter's guests hold no
/// batches.
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
    /// A call continues if this future is dropped at a timeout or a shutdown, because cancelling the call
    /// would destroy the guest and its state. A shutdown waits for the guest when it flushes it.
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        let given_up = CancellationToken::new();
        let _given_up_with_this = given_up.clone().drop_guard();
        let (exporting, data) = (Exporting(self.pool.clone()), data.clone());
        let call = Box::pin(async move { exporting.export(&data, &given_up).await });
        see_through(&self.pool.component, call)
            .await
            .unwrap_or_else(|| Err(ExportError::retryable("the call was given up")))
    }

    async fn shutdown(&self) {
        self.tending.shutdown().await;
    }
}

impl PluginExporter {
    /// Returns the handle by which the version is replaced.
    pub fn live(&self) -> Live {
        self.pool.live()
    }

    /// Returns what the guests use now.
    pub fn usage(&self) -> GuestUsage {
        self.pool.usage()
    }
}

/// The calls of one exporter.
struct Exporting(Arc<Pool>);

impl Exporting {
    /// Gives each part of the batch to the instance for its traces.
    async fn export(
        &self,
        data: &wire::Batch,
        given_up: &CancellationToken,
    ) -> Result<Exported, ExportError> {
        let Some(route) = self.0.route() else {
            return Err(ExportError::retryable(left_alone().to_string()));
        };
        let call = async |lane: Lane<'_>, part: Box<Shown>| {
            let outcome = lane.pool.export(lane.place, &part.data, given_up).await;
            (part, outcome)
        };
        let answers = route.call(route.show(data), call, |(_, outcome)| error_of(outcome)).await;
        let mut failed = Vec::new();
        for (part, outcome) in answers {
            let Err(error) = self.conclude(&part.data, outcome) else { continue };
            match part.rows {
                None => return Err(error),
                Some(rows) => failed.extend(of_rows(error, &rows)),
            }
        }
        if failed.is_empty() { Ok(Exported::default()) } else { Err(ExportError::Partly(failed)) }
    }

    fn conclude(
        &self,
        data: &wire::Batch,
        outcome: Result<Result<(), ExportFailure>, Undone>,
    ) -> Result<(), ExportError> {
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(ExportFailure::Whole(failure))) => Err(export_error(failure)),
            Ok(Err(ExportFailure::Parts(parts))) => match failed_parts(parts, data) {
                Ok(parts) => Err(ExportError::Partly(parts)),
                Err(wrong) => Err(self.accident(&CallError::new(CallErrorKind::WrongAnswer, wrong))),
            },
            Err(Undone { error, .. }) => Err(self.accident(&error)),
        }
    }

    fn accident(&self, error: &CallError) -> ExportError {
        let message = error.to_string();
        let on_failure = self.0.on_failure();
        let consequence = match on_failure {
            OnFailure::Drop => "the batch is dropped",
            OnFailure::Reject | OnFailure::Pass => "the batch is tried again",
        };
        self.0.metrics.report(&self.0.plugin(), error, consequence);
        match on_failure {
            OnFailure::Drop => ExportError::permanent(message),
            OnFailure::Reject | OnFailure::Pass => ExportError::retryable(message),
        }
    }
}

fn error_of(outcome: &Result<Result<(), ExportFailure>, Undone>) -> Option<&CallError> {
    outcome.as_ref().err().map(|undone| &undone.error)
}

/// Converts the error of a part into an error of the batch. `rows` are the part's rows in the batch.
fn of_rows(error: ExportError, rows: &[u32]) -> Vec<FailedPart> {
    let whole = |message, retry| vec![FailedPart { rows: rows.to_vec(), message, retry }];
    match error {
        ExportError::Retryable { message, after, .. } => whole(message, Retry::After(after)),
        ExportError::Permanent { message, .. } | ExportError::TooLarge { message, .. } => {
            whole(message, Retry::Never)
        }
        ExportError::Partly(parts) => {
            let of_batch = |row: &u32| rows.get(*row as usize).copied();
            let moved = |part: FailedPart| FailedPart {
                rows: part.rows.iter().filter_map(of_batch).collect(),
                ..part
            };
            parts.into_iter().map(moved).collect()
        }
    }
}

fn export_error(failure: GuestFailure) -> ExportError {
    let (CallError { kind, message, .. }, after): (CallError, Option<Duration>) = CallError::failed(failure);
    match kind {
        CallErrorKind::Failed { retryable: true } => {
            ExportError::Retryable { message, code: Code::Unavailable, after }
        }
        _ => ExportError::permanent(message),
    }
}

/// Checks that the failed parts that the guest named are parts of this batch.
fn failed_parts(parts: Vec<(Vec<u32>, GuestFailure)>, data: &wire::Batch) -> Result<Vec<FailedPart>, String> {
    if data.signal() != wire::Signal::Traces {
        return Err("parts of a batch that holds no spans failed".into());
    }
    let mut named = vec![false; data.items()];
    for row in parts.iter().flat_map(|(rows, _)| rows) {
        match named.get_mut(*row as usize) {
            Some(named @ false) => *named = true,
            Some(true) => return Err(format!("span {row} failed twice")),
            None => return Err(format!("span {row} failed, of {}", data.items())),
        }
    }
    Ok(parts.into_iter().map(failed_part).collect())
}

fn failed_part((rows, failure): (Vec<u32>, GuestFailure)) -> FailedPart {
    let (CallError { kind, message, .. }, after) = CallError::failed(failure);
    let retry = match kind {
        CallErrorKind::Failed { retryable: true } => Retry::After(after),
        _ => Retry::Never,
    };
    FailedPart { rows, message, retry }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(rows: &[u32], retry: Retry) -> FailedPart {
        FailedPart { rows: rows.to_vec(), message: "no".to_owned(), retry }
    }

    /// A guest numbers the spans of its part. The result numbers those of the batch.
    #[test]
    fn what_failed_of_a_part_is_named_by_the_rows_of_its_batch() {
        let rows = [1, 4, 6];
        let whole = ExportError::retryable("no");
        assert_eq!(of_rows(whole, &rows), [part(&rows, Retry::After(None))]);
        let whole = ExportError::permanent("no");
        assert_eq!(of_rows(whole, &rows), [part(&rows, Retry::Never)]);
        let some = ExportError::Partly(vec![part(&[2, 0], Retry::After(None)), part(&[1], Retry::Never)]);
        assert_eq!(of_rows(some, &rows), [part(&[6, 1], Retry::After(None)), part(&[4], Retry::Never)]);
    }
}

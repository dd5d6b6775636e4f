//! Tries a version of a plugin on made-up data, without any effect outside.

use std::sync::Arc;

use bytes::Bytes;
use wire::Signal;

use super::generation::Generation;
use crate::{
    pipeline::Batch,
    plugin::{
        guest::{
            Shared,
            custody::TakenBack,
            failure::{CallError, CallErrorKind},
            instance::{Instance, Undone},
            interface::{Listener, Request},
            traces::{IncomingRates, TraceBatch},
        },
        load::card::Role,
    },
};

const TRACES: &[u8] = include_bytes!("made_up/traces.json");
const METRICS: &[u8] = include_bytes!("made_up/metrics.json");
const LOGS: &[u8] = include_bytes!("made_up/logs.json");

/// Gives a separate instance, which cannot reach anything outside, some items of each signal that the plugin
/// takes.
///
/// # Errors
/// The instance does not start, or fails by accident. It may refuse the made-up data.
pub(super) async fn try_on(generation: &Generation) -> Result<(), CallError> {
    let (plugin, settings) = (&generation.plugin, &generation.settings);
    let nobody = Shared::of_nobody(&settings.component, &plugin.name, &settings.limits)?;
    let mut guest = Instance::start(&plugin.exports, &nobody).await?;
    if let Err(refusal) = guest.configure(plugin.role, &settings.config).await? {
        let refused = format!("it refuses its config: {}: {}", refusal.path, refusal.message);
        return Err(CallError::new(CallErrorKind::Start, refused));
    }
    if plugin.role == Role::Receiver {
        return receive(&mut guest, &plugin.listens).await;
    }
    for signal in &plugin.description.signals {
        let outcome = match plugin.role {
            Role::Sampler => sample(&mut guest).await,
            Role::Exporter => guest.export(&batch(*signal)?).await.map(drop),
            Role::Processor | Role::Connector | Role::Receiver => {
                guest.process(Box::new(Batch::owed_to_nobody(batch(*signal)?))).await.map(drop)
            }
        };
        match outcome {
            Err(undone) if undone.error.kind.is_accident() => return Err(undone.error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a receiver an empty request on each of its listeners.
async fn receive(guest: &mut Instance, listens: &[Listener]) -> Result<(), CallError> {
    for (number, listener) in (0..).zip(listens) {
        let head = listener.takes.made_up_head();
        let request = Request { listener: number, peer: "127.0.0.1".to_owned(), head, body: Bytes::new() };
        match guest.receive([request].into()).await {
            Err(undone) if undone.error.kind.is_accident() => return Err(undone.error),
            _ => {}
        }
    }
    Ok(())
}

async fn sample(guest: &mut Instance) -> Result<(), Undone> {
    let not_made = |error| Undone { error, retry_after: None, batches: TakenBack::default() };
    let wire::Batch::Spans(spans) = batch(Signal::Traces).map_err(not_made)? else { return Ok(()) };
    let traces = TraceBatch::new(Arc::new(spans.traces()), IncomingRates::default());
    guest.sample(traces).await.map(drop)
}

pub(in crate::plugin) fn batch(signal: Signal) -> Result<wire::Batch, CallError> {
    let json = match signal {
        Signal::Traces => TRACES,
        Signal::Metrics => METRICS,
        Signal::Logs => LOGS,
    };
    let wrong = |error: String| CallError::new(CallErrorKind::Start, error);
    let bytes = wire::json::from_json(signal, json).map_err(|error| wrong(error.to_string()))?;
    wire::Batch::decode(signal, bytes.into()).map_err(|error| wrong(error.to_string()))
}

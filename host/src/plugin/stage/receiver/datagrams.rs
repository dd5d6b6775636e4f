//! UDP datagrams, many at a time.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;

use super::{exchange::Exchange, rejections::Rejections};
use crate::{
    plugin::guest::interface::{Reply, Request},
    receiver::{
        datagrams::{Datagram, Datagrams, Dropped},
        http::{Doors, Refusal},
    },
    telemetry::Telemetry,
};

pub(super) use crate::receiver::datagrams::TRANSPORT;

/// If a call fails, its datagrams are given again in smaller parts, so that one that the plugin fails on takes few
/// others with it. After this many failures the rest is dropped.
const FAILURES_LIMIT: usize = 16;

/// How long a pipeline that refuses a batch is asked again. Nobody sends it again. Meanwhile datagrams wait in the
/// queue, which `queue_mib` bounds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The datagrams of a plugin's listener.
pub(super) struct PluginDatagrams {
    listener: u32,
    doors: Doors,
    exchange: Arc<Exchange>,
    rejections: Rejections,
    failed: Dropped,
    no_pipeline: Dropped,
    too_many_items: Dropped,
}

/// The batches of one call, and how many datagrams they come from. Nobody knows which of them is in which batch.
#[derive(Default)]
struct Told {
    datagrams: usize,
    batches: Vec<wire::Batch>,
}

impl PluginDatagrams {
    pub(super) fn new(
        number: usize,
        doors: Doors,
        exchange: Arc<Exchange>,
        telemetry: &Arc<Telemetry>,
    ) -> PluginDatagrams {
        let receiver = &exchange.pool().component;
        let rejections = Rejections::new(receiver, TRANSPORT, telemetry);
        let dropped = |reason| Dropped::new(receiver, reason, telemetry);
        let [failed, no_pipeline, too_many_items] =
            ["plugin_failed", "no_pipeline", "too_many_items"].map(dropped);
        let listener = number as u32;
        PluginDatagrams { listener, doors, exchange, rejections, failed, no_pipeline, too_many_items }
    }

    async fn give(&self, requests: Arc<[Request]>) -> Result<(), Refusal> {
        let replies = self.exchange.ask(requests.clone()).await?;
        let mut told = Told::default();
        for (request, reply) in std::iter::zip(&*requests, replies) {
            match reply {
                Reply::Taken(taken) => {
                    told.datagrams += 1;
                    told.batches.extend(taken.batches.into_iter().filter(|batch| !batch.is_empty()));
                }
                Reply::Rejected { reason, .. } => self.rejections.add(&reason, &request.peer),
            }
        }
        self.bring(told).await;
        Ok(())
    }

    /// Brings the batches into the pipelines. What a pipeline drops is in its accounts; what reaches no pipeline is
    /// counted as dropped datagrams.
    async fn bring(&self, Told { datagrams, batches }: Told) {
        let mut bringing = Vec::new();
        for batch in batches {
            if self.exchange.check_signal(batch.signal()).is_err() {
                self.failed.add(datagrams);
                continue;
            }
            match self.doors.of(batch.signal()) {
                None => self.no_pipeline.add(datagrams),
                Some(door) if door.check_items(batch.items()).is_err() => self.too_many_items.add(datagrams),
                Some(door) => bringing.push(door.ingest.bring_patiently(batch, PATIENCE)),
            }
        }
        join_all(bringing).await;
    }
}

#[async_trait::async_trait]
impl Datagrams for PluginDatagrams {
    async fn take(&self, datagrams: Vec<Datagram>) {
        let request = |Datagram { from, bytes }| Request {
            listener: self.listener,
            peer: from.to_string(),
            head: None,
            body: bytes,
        };
        let all: Arc<[Request]> = datagrams.into_iter().map(request).collect();
        let (mut parts, mut failures) = (vec![all], 0);
        while let Some(part) = parts.pop() {
            if failures >= FAILURES_LIMIT {
                self.failed.add(part.len());
                continue;
            }
            let Err(refusal) = self.give(part.clone()).await else { continue };
            failures += 1;
            let (first, second) = part.split_at(part.len() / 2);
            if first.is_empty() || refusal.is_retryable() {
                self.failed.add(part.len());
            } else {
                parts.extend([second.into(), first.into()]);
            }
        }
    }
}

//! UDP datagrams, many at a time.

use std::sync::Arc;

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

/// The datagrams of a plugin's listener.
pub(super) struct PluginDatagrams {
    listener: u32,
    doors: Doors,
    exchange: Arc<Exchange>,
    rejections: Rejections,
    failed: Dropped,
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
        let failed = Dropped::new(receiver, "plugin_failed", telemetry);
        PluginDatagrams { listener: number as u32, doors, exchange, rejections, failed }
    }

    async fn give(&self, requests: Arc<[Request]>) -> Result<(), Refusal> {
        let replies = self.exchange.ask(requests.clone()).await?;
        let mut entering = Vec::new();
        for (request, reply) in std::iter::zip(&*requests, replies) {
            match reply {
                // What a pipeline refuses is counted there.
                Reply::Taken(taken) if !taken.batches.is_empty() => {
                    entering.push(self.exchange.enter(taken, &self.doors, None));
                }
                Reply::Taken(_) => {}
                Reply::Rejected { reason, .. } => self.rejections.add(&reason, &request.peer),
            }
        }
        join_all(entering).await;
        Ok(())
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

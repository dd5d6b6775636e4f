//! Messages over TCP.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use super::{exchange::Exchange, rejections::Rejections};
use crate::{
    plugin::guest::interface::{Reply, Request},
    receiver::{frames::Frames, http::Doors},
    server::Peer,
    telemetry::Telemetry,
};

pub(super) use crate::receiver::frames::TRANSPORT;

/// The messages of a plugin's listener.
pub(super) struct PluginFrames {
    listener: u32,
    doors: Doors,
    exchange: Arc<Exchange>,
    rejections: Rejections,
}

impl PluginFrames {
    pub(super) fn new(
        number: usize,
        doors: Doors,
        exchange: Arc<Exchange>,
        telemetry: &Arc<Telemetry>,
    ) -> PluginFrames {
        let rejections = Rejections::new(&exchange.pool().component, TRANSPORT, telemetry);
        PluginFrames { listener: number as u32, doors, exchange, rejections }
    }

    /// Returns the answer to a message. A message that a pipeline refuses has no answer but the plugin's.
    async fn conclude(&self, reply: Reply<wire::Batch>, peer: &str) -> Vec<u8> {
        match reply {
            Reply::Taken(taken) => match self.exchange.enter(taken, &self.doors, None).await {
                Ok(answer) => answer.body,
                Err(_) => Vec::new(),
            },
            Reply::Rejected { answer, reason } => {
                self.rejections.add(&reason, peer);
                answer.body
            }
        }
    }
}

#[async_trait::async_trait]
impl Frames for PluginFrames {
    async fn take(&self, messages: Vec<Bytes>, peer: &Arc<Peer>) -> Vec<Vec<u8>> {
        let peer = peer.ip().map(|ip| ip.to_string()).unwrap_or_default();
        let request = |body| Request { listener: self.listener, peer: peer.clone(), head: None, body };
        let requests = messages.into_iter().map(request).collect();
        // The failure is in the log, and the messages have no answers.
        let Ok(replies) = self.exchange.ask(requests).await else { return Vec::new() };
        join_all(replies.into_iter().map(|reply| self.conclude(reply, &peer))).await
    }
}

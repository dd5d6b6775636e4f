//! Unary calls over gRPC.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;

use super::{exchange::Exchange, http::head_of, rejections::Rejections};
use crate::{
    plugin::{
        guest::interface::{Answer, Outgoing, Reply, Request},
        pool::handler::outgoing_response,
    },
    receiver::{
        grpc::{Call, CallAnswer, Unary},
        http::{Doors, Refusal},
    },
    telemetry::Telemetry,
};

pub(super) use crate::receiver::grpc::TRANSPORT;

/// The methods of a plugin's listener.
pub(super) struct PluginGrpc {
    listener: u32,
    methods: Vec<String>,
    exchange: Arc<Exchange>,
    rejections: Rejections,
}

impl PluginGrpc {
    pub(super) fn new(
        number: usize,
        methods: Vec<String>,
        exchange: Arc<Exchange>,
        telemetry: &Arc<Telemetry>,
    ) -> PluginGrpc {
        let rejections = Rejections::new(&exchange.pool().component, TRANSPORT, telemetry);
        PluginGrpc { listener: number as u32, methods, exchange, rejections }
    }
}

#[async_trait::async_trait]
impl Unary for PluginGrpc {
    type Entrance<'a> = &'a Doors;

    const NOT_GRPC: &'static str = "this port speaks gRPC";

    fn entrance<'a>(&self, doors: &'a Doors, path: &str) -> Result<&'a Doors, Refusal> {
        match self.methods.iter().any(|method| method == path) {
            true => Ok(doors),
            false => Err(Refusal::not_found(format!("no method {path} here"))),
        }
    }

    async fn take<'a>(&self, call: Call<'a, &'a Doors>) -> Result<CallAnswer, Refusal> {
        let Call { head, peer, entrance: doors, message, metadata, held, until } = call;
        let peer = peer.ip().map(|ip| ip.to_string()).unwrap_or_default();
        let request =
            Request { listener: self.listener, peer: peer.clone(), head: Some(head_of(head)), body: message };
        match self.exchange.ask_one(request, held, until).await? {
            Reply::Taken(taken) => {
                let answer = self.exchange.enter(taken, doors, metadata.as_ref()).await?;
                Ok(call_answer(answer))
            }
            Reply::Rejected { answer, reason } => {
                self.rejections.add(&reason, &peer);
                Ok(call_answer(answer))
            }
        }
    }
}

/// Headers that are none are left out.
fn call_answer(Answer { status, headers, body }: Answer) -> CallAnswer {
    let head = outgoing_response(Outgoing { status: 200, headers, body: Vec::new() }, false);
    let mut headers = head.map(|head| head.into_parts().0.headers).unwrap_or_default();
    headers.remove(CONTENT_LENGTH);
    CallAnswer { code: status, headers, message: body.into() }
}

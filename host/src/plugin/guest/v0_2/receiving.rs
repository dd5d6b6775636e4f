//! The functions of a receiver.

use std::sync::Arc;

use wasmtime::{
    Result, Store,
    component::{ComponentExportIndex, Instance, InstancePre, TypedFunc},
};
use wire::Signal;

use super::{
    bindings::{
        exported::receiving::{self, Framing as SaidFraming, Reply as SaidReply, Takes as SaidTakes},
        imported::types,
    },
    exports::{failure, handles, signals},
};
use crate::{
    plugin::guest::{
        Guest,
        interface::{Answer, Call, GuestFailure, Listener, Reply, Request, Route, Taken, Takes},
    },
    receiver::frames::Framing,
};

const INTERFACE: &str = "spanloom:plugin/receiving@0.2.0";

/// What `receive` returns.
type Replies = std::result::Result<Vec<SaidReply>, types::Failure>;

/// The functions of a component.
pub(super) struct Indices {
    all: receiving::GuestIndices,
    receive: ComponentExportIndex,
}

/// The functions of one instance.
pub(super) struct Functions {
    all: receiving::Guest,
    /// Called without the generated function, which would need copies of all bodies.
    receive: TypedFunc<(Arc<[Request]>,), (Replies,)>,
}

impl Indices {
    pub(super) fn find(pre: &InstancePre<Guest>) -> Option<Indices> {
        let all = receiving::GuestIndices::new(pre).ok()?;
        let interface = pre.component().get_export_index(None, INTERFACE)?;
        let receive = pre.component().get_export_index(Some(&interface), "receive")?;
        Some(Indices { all, receive })
    }

    pub(super) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Functions> {
        let all = self.all.load(&mut *store, instance)?;
        let receive = instance.get_typed_func(&mut *store, self.receive)?;
        Ok(Functions { all, receive })
    }
}

impl Functions {
    pub(super) async fn configure(
        &self,
        store: &mut Store<Guest>,
        config: &str,
    ) -> Result<std::result::Result<(), types::ConfigError>> {
        self.all.call_configure(store, config).await
    }

    pub(super) async fn listens(&self, store: &mut Store<Guest>) -> Result<Vec<Listener>> {
        Ok(self.all.call_listens(store).await?.into_iter().map(listener).collect())
    }

    pub(super) async fn emits(&self, store: &mut Store<Guest>) -> Result<Vec<Signal>> {
        Ok(signals(self.all.call_emits(store).await?))
    }

    pub(super) fn receive<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        requests: Arc<[Request]>,
    ) -> Call<'a, std::result::Result<Vec<Reply>, GuestFailure>> {
        Box::pin(async move {
            let (said,) = self.receive.call_async(store, (requests,)).await?;
            Ok(said.map(|replies| replies.into_iter().map(reply).collect()).map_err(failure))
        })
    }
}

fn listener(said: receiving::Listener) -> Listener {
    let takes = match said.takes {
        SaidTakes::Http(routes) => Takes::Http(routes.into_iter().map(route).collect()),
        SaidTakes::Datagrams => Takes::Datagrams,
        SaidTakes::Frames(SaidFraming::Lines) => Takes::Frames(Framing::Lines),
        SaidTakes::Frames(SaidFraming::Length32) => Takes::Frames(Framing::Length32),
        SaidTakes::Frames(SaidFraming::OctetCounted) => Takes::Frames(Framing::OctetCounted),
        SaidTakes::Grpc(methods) => Takes::Grpc(methods),
    };
    Listener { name: said.name, endpoint: said.endpoint, takes }
}

fn route(said: receiving::Route) -> Route {
    Route { method: said.method, path: said.path }
}

fn reply(said: SaidReply) -> Reply {
    match said {
        SaidReply::Taken(taken) => Reply::Taken(Taken {
            batches: handles(&taken.batches),
            answer: answer(taken.answer),
            refused: taken.refused.map(answer),
        }),
        SaidReply::Rejected(rejected) => {
            Reply::Rejected { answer: answer(rejected.answer), reason: rejected.reason }
        }
    }
}

fn answer(said: receiving::Answer) -> Answer {
    let header = |receiving::Header { name, value }| (name, value);
    Answer { status: said.status, headers: said.headers.into_iter().map(header).collect(), body: said.body }
}

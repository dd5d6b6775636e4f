//! The data that the host and a guest exchange, in the host's own types.
//!
//! Each version of the interface has a room (`v0_1`), which converts between these types and those generated
//! from its WIT. Nothing outside a room names a generated type, so the rest of the host does not depend on
//! versions.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use wasmtime::{
    Result, Store,
    component::{ComponentType, Instance, Lower, Resource},
};
use wire::Signal;

pub use crate::pipeline::kept::Basis;

use super::{Guest, configure::Refusal, traces::TraceBatch};
use crate::{
    pipeline::kept::KeptAt,
    plugin::load::{
        card::{Optional, Role},
        description::Description,
    },
    receiver::frames::Framing,
};

/// A batch in a guest, by its number in the guest's custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugin) struct Handle {
    pub(in crate::plugin) signal: Signal,
    pub(in crate::plugin) number: u32,
}

/// A failure that a guest reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum GuestFailure {
    /// The same batch may succeed later, after this long if the guest says so.
    Retryable { message: String, after: Option<Duration> },
    /// The same batch will fail again.
    Permanent { message: String },
}

/// A failed delivery that an exporter's guest reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum ExportFailure {
    /// Nothing of the batch was delivered.
    Whole(GuestFailure),
    /// These rows of the batch were not delivered; the others were.
    Parts(Vec<(Vec<u32>, GuestFailure)>),
}

/// A sampler's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// One for each trace, in order.
    pub each: Vec<SamplingDecision>,
    /// The number of each decision's reason: 0 is no reason, 1 the first of `texts`. Empty if there are none.
    pub reasons: Vec<u32>,
    pub texts: Vec<String>,
}

/// A sampler's decision on a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SamplingDecision {
    /// `rate` is the share of such traces that go on.
    Keep {
        rate: f64,
        basis: Basis,
    },
    Drop,
    Undecided,
}

impl SamplingDecision {
    /// Returns the rate at which the trace was kept, if its spans say it.
    pub(in crate::plugin) fn written_rate(&self) -> Option<KeptAt> {
        let SamplingDecision::Keep { rate, basis } = *self else { return None };
        Some(KeptAt { rate, basis }).filter(KeptAt::is_written)
    }
}

impl Decisions {
    /// Returns the reason for the decision on a trace.
    pub fn reason(&self, trace: usize) -> Option<&str> {
        let number = *self.reasons.get(trace)? as usize;
        self.texts.get(number.checked_sub(1)?).map(String::as_str)
    }
}

/// The state that a guest hands over to its successor.
#[derive(Clone, Debug)]
pub(in crate::plugin) struct Saved {
    pub(in crate::plugin) state: Vec<u8>,
    pub(in crate::plugin) batches: Vec<Handle>,
}

/// A request that a guest answers.
#[derive(Clone, Debug)]
pub(in crate::plugin) struct Incoming {
    pub(in crate::plugin) path: String,
    /// The text after the `?`, or empty.
    pub(in crate::plugin) query: String,
    pub(in crate::plugin) headers: Vec<(String, String)>,
}

/// A guest's answer to a request.
#[derive(Clone, Debug)]
pub(in crate::plugin) struct Outgoing {
    pub(in crate::plugin) status: u16,
    pub(in crate::plugin) headers: Vec<(String, String)>,
    pub(in crate::plugin) body: Vec<u8>,
}

/// A listener that a receiver asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name under `protocols` in the component's config. Empty for the only listener of a plugin.
    pub name: String,
    /// The address, unless the config says another.
    pub endpoint: String,
    pub takes: Takes,
}

/// What a listener takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    Http(Vec<Route>),
    Datagrams,
    Frames(Framing),
    /// The paths of unary methods.
    Grpc(Vec<String>),
}

/// Writes the listener: `http localhost:8088 POST /events`.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listener { name, endpoint, takes } = self;
        if !name.is_empty() {
            write!(f, "{name}: ")?;
        }
        match takes {
            Takes::Http(routes) => {
                write!(f, "http {endpoint}")?;
                let shown = |route: &Route| format!(" {} {}", route.method, route.path).replace("  ", " ");
                let shown: Vec<String> = routes.iter().map(shown).collect();
                f.write_str(&shown.join(","))
            }
            Takes::Datagrams => write!(f, "udp {endpoint}"),
            Takes::Frames(framing) => write!(f, "tcp {endpoint} {framing}"),
            Takes::Grpc(methods) => write!(f, "grpc {endpoint} {}", methods.join(", ")),
        }
    }
}

impl Takes {
    /// Returns the head of a request that the listener takes. Datagrams and messages have none.
    pub(in crate::plugin) fn made_up_head(&self) -> Option<Head> {
        let (method, path) = match self {
            Takes::Http(routes) => routes.first().map(|route| (route.method.as_str(), route.path.as_str())),
            Takes::Grpc(methods) => methods.first().map(|path| ("POST", path.as_str())),
            Takes::Datagrams | Takes::Frames(_) => None,
        }?;
        Some(Head {
            method: if method.is_empty() { "POST" } else { method }.to_owned(),
            path: path.trim_end_matches('*').to_owned(),
            query: String::new(),
            headers: Vec::new(),
        })
    }
}

/// A route of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Empty for every method.
    pub method: String,
    /// A path, or `/below/*`.
    pub path: String,
}

/// A request that a receiver is given. The names are those of the interface: a list of requests is written into a
/// guest's memory as it is, so that the body is copied once.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(in crate::plugin) struct Request {
    pub(in crate::plugin) listener: u32,
    pub(in crate::plugin) peer: String,
    pub(in crate::plugin) head: Option<Head>,
    pub(in crate::plugin) body: Bytes,
}

/// The head of a request over HTTP or gRPC.
#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(in crate::plugin) struct Head {
    pub(in crate::plugin) method: String,
    pub(in crate::plugin) path: String,
    /// The text after the `?`, or empty.
    pub(in crate::plugin) query: String,
    pub(in crate::plugin) headers: Vec<Header>,
}

#[derive(Clone, Debug, ComponentType, Lower)]
#[component(record)]
pub(in crate::plugin) struct Header {
    pub(in crate::plugin) name: String,
    pub(in crate::plugin) value: String,
}

/// A receiver's answer to a sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::plugin) struct Answer {
    /// The HTTP status or the gRPC code.
    pub(in crate::plugin) status: u16,
    pub(in crate::plugin) headers: Vec<(String, String)>,
    pub(in crate::plugin) body: Vec<u8>,
}

/// A receiver's reply to one request. `B` is how its batches are named.
#[derive(Clone, Debug)]
pub(in crate::plugin) enum Reply<B = Handle> {
    Taken(Taken<B>),
    Rejected { answer: Answer, reason: String },
}

/// A request that became telemetry.
#[derive(Clone, Debug)]
pub(in crate::plugin) struct Taken<B = Handle> {
    pub(in crate::plugin) batches: Vec<B>,
    /// The answer once all batches are acknowledged.
    pub(in crate::plugin) answer: Answer,
    /// The answer if a pipeline refuses a batch for the moment.
    pub(in crate::plugin) refused: Option<Answer>,
}

/// A call into a guest that is under way. The error is wasmtime's: a trap, or a limit.
pub(in crate::plugin) type Call<'a, T> = BoxFuture<'a, Result<T>>;

/// The functions that a component exports, found once for all of its instances.
pub(in crate::plugin) trait ComponentExports: Send + Sync {
    fn has(&self, export: Optional) -> bool;

    /// Finds the functions in an instance of the component.
    fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Box<dyn InstanceExports>>;
}

/// The functions that an instance exports. Calling a missing function is an error. [`ComponentExports::has`]
/// tells which optional functions exist, and the card tells the role.
pub(in crate::plugin) trait InstanceExports: Send + Sync {
    /// Asks the plugin for its description. The result is unchecked: `describe::bounded` limits it.
    fn describe<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Description>;

    /// Asks a connector or a receiver for the signals that it emits. Every other role emits nothing.
    fn emits<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Vec<Signal>>;

    /// Asks a receiver for its listeners. No other role has any.
    fn listens<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Vec<Listener>>;

    fn configure<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        role: Role,
        config: String,
    ) -> Call<'a, Result<(), Refusal>>;

    /// Gives a processor or a connector a batch.
    fn process<'a>(&'a self, store: &'a mut Store<Guest>, batch: Handle) -> Call<'a, Passing>;

    fn wake<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Passing>;

    fn flush<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Passing>;

    fn save<'a>(&'a self, store: &'a mut Store<Guest>) -> Call<'a, Result<Saved, GuestFailure>>;

    fn restore<'a>(&'a self, store: &'a mut Store<Guest>, saved: Saved)
    -> Call<'a, Result<(), GuestFailure>>;

    /// Shows a sampler traces, which are in the guest's table.
    fn sample<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        traces: Resource<TraceBatch>,
    ) -> Call<'a, Result<Decisions, GuestFailure>>;

    /// Shows an exporter a batch, to send it.
    fn export<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        batch: Handle,
    ) -> Call<'a, Result<(), ExportFailure>>;

    /// Gives a receiver requests. The replies are unchecked.
    fn receive<'a>(
        &'a self,
        store: &'a mut Store<Guest>,
        requests: Arc<[Request]>,
    ) -> Call<'a, Result<Vec<Reply>, GuestFailure>>;

    fn handle<'a>(&'a self, store: &'a mut Store<Guest>, request: Incoming) -> Call<'a, Outgoing>;
}

/// The batches that a guest passes on, or the failure that it reports.
pub(in crate::plugin) type Passing = Result<Vec<Handle>, GuestFailure>;

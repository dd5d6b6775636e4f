use super::{Guest, call, configure};
use crate::bindings::exports::receiver::exports::spanloom::plugin::receiving;
use crate::bindings::spanloom::plugin::types;
use crate::{
    Answer, ConfigError, Failure, Framing, Head, Listener, ReceivedRequest, Receiver, Reply, Route, Takes,
};

impl<G: Guest<Plugin: Receiver>> receiving::Guest for G {
    fn listens() -> Vec<receiving::Listener> {
        <G::Plugin as Receiver>::listens().into_iter().map(Into::into).collect()
    }

    fn emits() -> Vec<types::Signal> {
        <G::Plugin as Receiver>::emits().into_iter().map(Into::into).collect()
    }

    fn configure(config: String) -> Result<(), ConfigError> {
        configure::<G>(&config, Receiver::configure, Receiver::reconfigure)
    }

    fn receive(requests: Vec<receiving::Request>) -> Result<Vec<receiving::Reply>, Failure> {
        let requests = requests.into_iter().map(Into::into).collect();
        let replies = call::<G, _, Failure>(|plugin| plugin.receive_all(requests))?;
        Ok(replies.into_iter().map(Into::into).collect())
    }
}

impl From<Listener> for receiving::Listener {
    fn from(Listener { name, endpoint, takes }: Listener) -> receiving::Listener {
        let takes = match takes {
            Takes::Http(routes) => receiving::Takes::Http(routes.into_iter().map(Into::into).collect()),
            Takes::Datagrams => receiving::Takes::Datagrams,
            Takes::Frames(Framing::Lines) => receiving::Takes::Frames(receiving::Framing::Lines),
            Takes::Frames(Framing::Length32) => receiving::Takes::Frames(receiving::Framing::Length32),
            Takes::Frames(Framing::OctetCounted) => {
                receiving::Takes::Frames(receiving::Framing::OctetCounted)
            }
            Takes::Grpc(methods) => receiving::Takes::Grpc(methods),
        };
        receiving::Listener { name, endpoint, takes }
    }
}

impl From<Route> for receiving::Route {
    fn from(Route { method, path }: Route) -> receiving::Route {
        receiving::Route { method, path }
    }
}

impl From<receiving::Request> for ReceivedRequest {
    fn from(request: receiving::Request) -> ReceivedRequest {
        let receiving::Request { listener, peer, head, body } = request;
        ReceivedRequest { listener: listener as usize, peer, head: head.map(Into::into), body }
    }
}

impl From<receiving::Head> for Head {
    fn from(receiving::Head { method, path, query, headers }: receiving::Head) -> Head {
        let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
        Head { method, path, query, headers }
    }
}

impl From<Reply> for receiving::Reply {
    fn from(reply: Reply) -> receiving::Reply {
        match reply {
            Reply::Taken { batches, answer, refused } => receiving::Reply::Taken(receiving::Taken {
                batches: batches.into_iter().map(Into::into).collect(),
                answer: answer.into(),
                refused: refused.map(Into::into),
            }),
            Reply::Rejected { answer, reason } => {
                receiving::Reply::Rejected(receiving::Rejected { answer: answer.into(), reason })
            }
        }
    }
}

impl From<Answer> for receiving::Answer {
    fn from(Answer { status, headers, body }: Answer) -> receiving::Answer {
        let headers = headers.into_iter().map(|(name, value)| receiving::Header { name, value }).collect();
        receiving::Answer { status, headers, body }
    }
}

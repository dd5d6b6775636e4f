//! What receivers ask for, are given, and reply.

use crate::Batch;

/// A listener of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name under which the listener's keys stand in `protocols` of the component's config. Empty if the plugin
    /// has one listener, whose keys stand beside the plugin's own.
    pub name: String,
    /// The address, unless the config says another: `localhost:2000`.
    pub endpoint: String,
    pub takes: Takes,
}

/// What a listener takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Requests over HTTP that match a route.
    Http(Vec<Route>),
    /// UDP datagrams, many at a time.
    Datagrams,
    /// Messages over TCP.
    Frames(Framing),
    /// Unary calls over gRPC, by their paths: `/package.Service/Method`.
    Grpc(Vec<String>),
}

/// The requests over HTTP that a receiver takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `POST`, `GET` and so on. Empty for every method.
    pub method: String,
    /// A path, such as `/events`, or `/events/*` for every path below.
    pub path: String,
}

/// How messages over TCP are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each message ends with a line feed, or with a carriage return and a line feed.
    Lines,
    /// The length of each message stands before it, as an unsigned big-endian number of 32 bits.
    Length32,
    /// The length of each message stands before it, as decimal digits and a space.
    OctetCounted,
}

/// A request that a receiver is given: a request over HTTP or gRPC, a datagram, or a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The number of the listener in [`Receiver::listens`](crate::Receiver::listens).
    pub listener: usize,
    /// The address of the sender without its port, or empty if there is none.
    pub peer: String,
    /// The head of a request over HTTP or gRPC.
    pub head: Option<Head>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

/// The head of a request over HTTP or gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub method: String,
    /// The path, like `/v1/events`.
    pub path: String,
    /// The text after the `?`, or empty.
    pub query: String,
    /// The names, in lower case, and values. Headers with secrets are left out.
    pub headers: Vec<(String, String)>,
}

/// The reply to one request.
#[derive(Debug)]
#[must_use]
pub enum Reply {
    /// The request became telemetry, which enters the pipelines.
    Taken {
        batches: Vec<Batch>,
        /// Sent once all batches are acknowledged.
        answer: Answer,
        /// Sent if a pipeline refuses a batch for the moment. If it is `None`, the host answers.
        refused: Option<Answer>,
    },
    /// The request does not become telemetry.
    Rejected {
        answer: Answer,
        /// The reason, by which the host counts requests.
        reason: String,
    },
}

/// What a sender is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status or the gRPC code.
    pub status: u16,
    /// The names and values. HTTP and gRPC only.
    pub headers: Vec<(String, String)>,
    /// The body, or a message. For a gRPC code other than 0, the text of the error.
    pub body: Vec<u8>,
}

impl Listener {
    /// Makes a listener for requests over HTTP.
    pub fn http(endpoint: impl Into<String>, routes: impl IntoIterator<Item = Route>) -> Listener {
        Listener::new(endpoint, Takes::Http(routes.into_iter().collect()))
    }

    /// Makes a listener for UDP datagrams.
    pub fn datagrams(endpoint: impl Into<String>) -> Listener {
        Listener::new(endpoint, Takes::Datagrams)
    }

    /// Makes a listener for messages over TCP.
    pub fn frames(endpoint: impl Into<String>, framing: Framing) -> Listener {
        Listener::new(endpoint, Takes::Frames(framing))
    }

    /// Makes a listener for unary calls over gRPC.
    pub fn grpc<M: Into<String>>(
        endpoint: impl Into<String>,
        methods: impl IntoIterator<Item = M>,
    ) -> Listener {
        Listener::new(endpoint, Takes::Grpc(methods.into_iter().map(Into::into).collect()))
    }

    /// Gives the listener a name, under which its keys stand in `protocols` of the component's config.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Listener {
        Listener { name: name.into(), ..self }
    }

    fn new(endpoint: impl Into<String>, takes: Takes) -> Listener {
        Listener { name: String::new(), endpoint: endpoint.into(), takes }
    }
}

impl Route {
    /// Makes a route of `POST` requests.
    pub fn post(path: impl Into<String>) -> Route {
        Route { method: "POST".to_owned(), path: path.into() }
    }

    /// Makes a route of `GET` requests.
    pub fn get(path: impl Into<String>) -> Route {
        Route { method: "GET".to_owned(), path: path.into() }
    }

    /// Makes a route of requests of every method.
    pub fn any(path: impl Into<String>) -> Route {
        Route { method: String::new(), path: path.into() }
    }
}

impl ReceivedRequest {
    /// Returns the path, or an empty text for datagrams and messages.
    pub fn path(&self) -> &str {
        self.head.as_ref().map_or("", |head| &head.path)
    }

    /// Returns the first value of a header, whose name may have any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.as_ref().map_or(&[][..], |head| &head.headers);
        let header = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

impl Reply {
    /// Replies with telemetry. The sender is answered with 200 and an empty body.
    pub fn taken(batch: impl Into<Batch>) -> Reply {
        Reply::of(vec![batch.into()])
    }

    /// Replies with telemetry of several signals, or with none.
    pub fn of(batches: Vec<Batch>) -> Reply {
        Reply::Taken { batches, answer: Answer::status(200), refused: None }
    }

    /// Rejects the request with an HTTP status, and the reason as the body.
    pub fn rejected(status: u16, reason: impl Into<String>) -> Reply {
        let reason = reason.into();
        let answer = Answer::status(status).header("content-type", "text/plain; charset=utf-8");
        Reply::Rejected { answer: answer.body(format!("{reason}\n")), reason }
    }

    /// Changes what the sender is sent.
    pub fn answered(mut self, with: Answer) -> Reply {
        match &mut self {
            Reply::Taken { answer, .. } | Reply::Rejected { answer, .. } => *answer = with,
        }
        self
    }

    /// Sets what the sender is sent if a pipeline refuses the telemetry for the moment.
    pub fn or_refused(mut self, with: Answer) -> Reply {
        if let Reply::Taken { refused, .. } = &mut self {
            *refused = Some(with);
        }
        self
    }
}

impl Answer {
    /// Makes an answer with an HTTP status or a gRPC code, and nothing else.
    pub fn status(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    /// Makes a message over TCP.
    pub fn message(body: impl Into<Vec<u8>>) -> Answer {
        Answer { body: body.into(), ..Answer::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Answer {
        Answer { body: body.into(), ..self }
    }
}

//! Sends one request and returns its outcome.

mod grpc;
mod http;

use std::{error::Error, path::Path};

use anyhow::Context;
use prost::Message;

use self::{grpc::GrpcClient, http::HttpClient};
use super::{
    args::{GenerateArgs, Protocol},
    payload::Payload,
};

/// A connection. It is cheap to clone, and clones share it.
#[derive(Clone)]
pub(super) enum Client {
    Grpc(Box<GrpcClient>),
    Http(HttpClient),
}

/// The server accepted the request, except for `rejected` items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) rejected: u64,
    /// The server's message; empty if there is none.
    pub(super) message: String,
}

/// The response to an export request. It is the same for all signals, except for field names.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// The number of characters that are shown of a server's message.
const MESSAGE_LIMIT: usize = 160;

impl Client {
    /// Creates the client. It does not connect yet.
    pub(super) fn new(args: &GenerateArgs) -> anyhow::Result<Client> {
        let endpoint = args.endpoint();
        match args.protocol {
            Protocol::Grpc => GrpcClient::new(args, endpoint).map(|client| Client::Grpc(Box::new(client))),
            Protocol::Http | Protocol::HttpJson => HttpClient::new(args, &endpoint).map(Client::Http),
        }
    }

    /// Sends the request once.
    ///
    /// # Errors
    /// The reason in a few words.
    pub(super) async fn send(&self, payload: &Payload) -> Result<Accepted, String> {
        match self {
            Client::Grpc(client) => client.send(payload).await,
            Client::Http(client) => client.send(payload).await,
        }
    }
}

impl Accepted {
    fn decode(response: &[u8]) -> Result<Accepted, String> {
        let response = ExportResponse::decode(response).map_err(|error| format!("bad response: {error}"))?;
        let partial = response.partial_success.unwrap_or_default();
        Ok(Accepted { rejected: partial.rejected.max(0) as u64, message: shown(&partial.error_message) })
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns a text of the server, safe to show and not too long.
fn shown(message: &str) -> String {
    message.chars().take(MESSAGE_LIMIT).flat_map(char::escape_debug).collect()
}

/// Returns the innermost cause, since libraries wrap `connection refused` in `transport error`.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    shown(&cause.to_string())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };

    use super::*;

    /// Scenario: a logs response with a partial success is read, an empty response, and wrong bytes.
    /// Guarantees: the rejected items and the message are read for any signal.
    #[test]
    fn a_partial_success_is_read_whatever_the_signal() {
        let partial = ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "too\nold".into() };
        let response = ExportLogsServiceResponse { partial_success: Some(partial) };
        let expected = Accepted { rejected: 3, message: r"too\nold".to_owned() };
        assert_eq!(Accepted::decode(&response.encode_to_vec()), Ok(expected));
        assert_eq!(Accepted::decode(b""), Ok(Accepted::default()));
        assert!(Accepted::decode(b"\xff").is_err());
    }
}

//! The admin endpoint: it shows what runs, and takes an operator's requests to change it, in HTTP and JSON.
//! It listens on a loopback address, unless the config names another, where everyone may look; and on a Unix
//! socket, where this user and root may make changes.

mod access;
mod answer;
mod guard;
mod routes;
mod socket;

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use access::Access;
pub use access::AdminWays;
use socket::Socket;

use crate::{
    config::{AdminConfig, AdminEndpoint, AdminSocket, AdminToken, Secret},
    control::operator::Operator,
    files,
    running::Running,
    server::{self, ServerSettings},
};

/// The body of an answer that is neither a status nor an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    pub error: String,
}

/// The connections that are open at one time. Operators are few.
const CONNECTIONS_LIMIT: usize = 64;
const SILENCE_TIMEOUT: Duration = Duration::from_secs(10);

/// The size limit of a token's file.
const TOKEN_LIMIT_BYTES: usize = 4 << 10;

/// The bound addresses and socket of the admin endpoint. They are bound before data arrives, so that an
/// address in use is known in time.
#[derive(Debug)]
pub struct Listening {
    /// The address in the config, or the default one.
    endpoint: String,
    listeners: Vec<TcpListener>,
    socket: Option<Socket>,
    token: Option<Secret>,
}

/// Binds the admin endpoint and its socket. There is no endpoint if the config turns it off. If the config
/// names no address and the default address is in use, there is a warning instead.
///
/// # Errors
/// An address or a socket that the config names cannot be bound, or the token cannot be read.
pub async fn listen(config: &AdminConfig) -> anyhow::Result<Listening> {
    let token = token(config.token.as_ref()).await?;
    let endpoint = match &config.endpoint {
        AdminEndpoint::Off => "",
        AdminEndpoint::Usual => AdminEndpoint::USUAL,
        AdminEndpoint::At(endpoint) => endpoint,
    };
    let listeners = match config.endpoint {
        AdminEndpoint::Off => Ok(Vec::new()),
        _ => server::listen(endpoint).await,
    };
    let listeners = match listeners {
        Ok(listeners) => listeners,
        Err(error) if config.endpoint == AdminEndpoint::Usual => {
            tracing::warn!(
                "no admin endpoint, `spanloom status` will not find this process: {error:#}; \
                 `service::admin::endpoint` says where else, or `none`"
            );
            Vec::new()
        }
        Err(error) => return Err(error.context("service.admin.endpoint")),
    };
    let mut listening = Listening { endpoint: endpoint.to_owned(), listeners, socket: None, token };
    let addresses = listening.addresses().context("service.admin.endpoint")?;
    if !addresses.iter().all(|address| address.ip().is_loopback()) {
        tracing::warn!("other machines may see at the admin endpoint {endpoint} what runs");
    }
    listening.socket = match &config.socket {
        AdminSocket::Off => None,
        AdminSocket::At(path) => Some(Socket::bind(path).await.context("service.admin.socket")?),
        AdminSocket::Usual => match addresses.first() {
            Some(address) => usual_socket(address.port(), listening.token.is_some()).await,
            None => None,
        },
    };
    Ok(listening)
}

/// Binds the default socket. Returns `None` if that fails, with a warning unless changes are taken with a
/// token.
async fn usual_socket(port: u16, has_token: bool) -> Option<Socket> {
    let bound = match socket::usual_path(port) {
        Ok(path) => {
            socket::sweep(path.parent().unwrap_or(&path)).await;
            Socket::bind(&path).await
        }
        Err(error) => Err(error),
    };
    if let (Err(error), false) = (&bound, has_token) {
        tracing::warn!(
            "no socket for an operator's changes, which are refused: {error:#}; `service::admin::socket` says where else, \
             or `service::admin::token_file` has them taken over TCP"
        );
    }
    bound.ok()
}

async fn token(config: Option<&AdminToken>) -> anyhow::Result<Option<Secret>> {
    let path = match config {
        None => return Ok(None),
        Some(AdminToken::Text(token)) => return Ok(Some(token.clone())),
        Some(AdminToken::File(path)) => path.clone(),
    };
    let named = format!("service.admin.token_file: {}", path.display());
    let text = files::in_time(move || files::read_text(&path, TOKEN_LIMIT_BYTES)).await;
    let text = text.flatten().with_context(|| named.clone())?;
    let token = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(!token.is_empty(), "{named}: its first line holds no token");
    Ok(Some(Secret(token.to_owned())))
}

impl Listening {
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.listeners.iter().map(TcpListener::local_addr).collect()
    }

    /// Returns the path of the socket that takes changes, if there is one.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(Socket::path)
    }

    /// Answers requests, also those that arrived before, until `running.stop`.
    pub fn serve(self, operator: Arc<dyn Operator>, running: &Running) {
        let path = self.socket().map(Path::to_owned);
        let ways = AdminWays { socket: path.clone(), token: self.token.is_some() };
        let routes = |access| routes::routes(operator.clone(), &self.endpoint, access, &ways);
        let anyone = routes(Access::Anyone { token: self.token.clone(), socket: path });
        for listener in self.listeners {
            server::serve(listener, None, anyone.clone(), ServerSettings::for_operators(), running);
        }
        if let Some(socket) = self.socket {
            socket.serve(routes(Access::Owner), running);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

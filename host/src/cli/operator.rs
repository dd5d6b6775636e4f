//! Sends requests to a running Spanloom's admin endpoint.

use std::{
    error::Error,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use reqwest::{Method, Response, StatusCode, Url, redirect};
use serde::{Serialize, de::DeserializeOwned};

use super::{Exit, Terminal};
use crate::{
    admin::{AdminWays, ErrorAnswer},
    config::AdminEndpoint,
    control::{
        decisions::SamplingDecisions,
        operator::SwapRequest,
        status::{Reload, Status},
    },
    files,
    swap::attempt::Attempt,
};

/// The arguments that name the running Spanloom.
#[derive(Clone, Debug, Args)]
pub struct AdminArgs {
    /// The running Spanloom: HOST:PORT or the URL of its service.admin.endpoint, or the path of its
    /// service.admin.socket.
    #[arg(long, value_name = "ADDRESS", default_value = AdminEndpoint::USUAL)]
    pub admin: String,

    /// The file of service.admin.token_file, which permits changes from another user or another machine.
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    /// The path of the socket, if requests go over a socket instead of TCP.
    socket: Option<PathBuf>,
    /// The token that each request shows.
    token: Option<String>,
}

/// Why there is no answer, or not the answer that was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error(
        "nothing answers at {endpoint} ({why})\n\
         help: is Spanloom running there? If its config has another `service.admin.endpoint`, name that with --admin"
    )]
    Unreachable { endpoint: Url, why: String },
    #[error(
        "what answers at {endpoint} is not Spanloom's admin endpoint: {what}\n\
         help: `service.admin.endpoint` of its config says where that is; name it with --admin"
    )]
    Stranger { endpoint: Url, what: String },
    #[error(
        "the socket that takes changes, {}, cannot be opened ({why})\n\
         help: the user that runs Spanloom may, and root, and where it runs in a container only in there; from elsewhere, \
         set `service.admin.token_file` in its config and name that file with --admin-token-file",
        socket.display()
    )]
    NoSocket { socket: PathBuf, why: String },
    /// The endpoint refused the request; the text is the endpoint's.
    #[error("{0}")]
    Refused(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit of a change. It is longer than the endpoint's own limit.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(130);
const TOKEN_LIMIT_BYTES: usize = 4 << 10;
const ANSWER_LIMIT_BYTES: usize = 16 << 20;

impl AdminArgs {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let path = self.admin.strip_prefix("unix:").unwrap_or(&self.admin);
        if path.starts_with('/') && !path.starts_with("//") {
            return Client::of_socket(Path::new(path));
        }
        let is_url = self.admin.contains("://");
        let url = if is_url { self.admin.clone() } else { format!("http://{}", self.admin) };
        let endpoint = Url::parse(&url).with_context(|| format!("--admin {}", self.admin))?;
        anyhow::ensure!(
            matches!(endpoint.scheme(), "http" | "https"),
            "--admin {} is no HOST:PORT, nor the path of a socket",
            self.admin
        );
        let http = http().build().context("the client's settings cannot be used")?;
        let token = self.admin_token_file.as_ref().map(|path| token(path)).transpose()?;
        Ok(Client { http, endpoint, socket: None, token })
    }
}

/// Returns the token: the first line of the file.
fn token(path: &Path) -> anyhow::Result<String> {
    let named = || format!("--admin-token-file {}", path.display());
    let text = files::read_text(path, TOKEN_LIMIT_BYTES).with_context(named)?;
    let token = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(!token.is_empty(), "{}: its first line holds no token", named());
    Ok(token.to_owned())
}

fn http() -> reqwest::ClientBuilder {
    let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT);
    http.redirect(redirect::Policy::none()).no_proxy()
}

impl Client {
    fn of_socket(path: &Path) -> anyhow::Result<Client> {
        let http = http().unix_socket(path).build().context("the client's settings cannot be used")?;
        let endpoint = Url::parse("http://localhost/").context("a URL")?;
        Ok(Client { http, endpoint, socket: Some(path.to_owned()), token: None })
    }

    /// Asks the endpoint where it takes changes, unless this client uses a socket or a token. Returns `None`
    /// if this client is to send the change itself. If the endpoint then refuses the change, it says why.
    async fn for_changes(&self) -> Result<Option<Client>, ClientError> {
        if self.socket.is_some() || self.token.is_some() {
            return Ok(None);
        }
        let ways = self.ask::<AdminWays>(Method::GET, &["admin"], None::<&()>, STATUS_TIMEOUT).await;
        let socket = match ways {
            Ok(ways) => ways.socket,
            // An older Spanloom takes changes at the endpoint itself.
            Err(ClientError::Refused(_)) => None,
            Err(error) => return Err(error),
        };
        let client = socket.map(|socket| Client::of_socket(&socket)).transpose();
        client.map_err(|error| ClientError::Refused(format!("{error:#}")))
    }

    pub(super) async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Method::GET, &["status"], None::<&()>, STATUS_TIMEOUT).await
    }

    pub(super) async fn decisions(&self) -> Result<SamplingDecisions, ClientError> {
        self.ask(Method::GET, &["sampling"], None::<&()>, STATUS_TIMEOUT).await
    }

    pub(super) async fn swap(&self, plugin: &str, request: &SwapRequest) -> Result<Attempt, ClientError> {
        self.change(&["plugins", plugin, "swap"], request).await
    }

    pub(super) async fn rollback(&self, plugin: &str) -> Result<Attempt, ClientError> {
        self.change(&["plugins", plugin, "rollback"], &SwapRequest::default()).await
    }

    pub(super) async fn pause(&self, plugin: &str) -> Result<(), ClientError> {
        self.change(&["plugins", plugin, "pause"], &SwapRequest::default()).await
    }

    /// Ends the pause. Returns the outcome of the change during the pause, if there was one.
    pub(super) async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, ClientError> {
        self.change(&["plugins", plugin, "resume"], &SwapRequest::default()).await
    }

    pub(super) async fn reload(&self) -> Result<Reload, ClientError> {
        self.change(&["reload"], &SwapRequest::default()).await
    }

    async fn change<T: DeserializeOwned>(&self, path: &[&str], body: &SwapRequest) -> Result<T, ClientError> {
        let other = self.for_changes().await?;
        other.as_ref().unwrap_or(self).ask(Method::POST, path, Some(body), CHANGE_TIMEOUT).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&impl Serialize>,
        timeout: Duration,
    ) -> Result<T, ClientError> {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        let mut request = self.http.request(method, url).timeout(timeout);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            // A path that is not UTF-8 cannot be written as JSON.
            let body = serde_json::to_vec(body).map_err(|error| ClientError::Refused(error.to_string()))?;
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// Reads an answer. An outcome that is not a success has the status 409, and is an answer too.
    async fn read<T: DeserializeOwned>(&self, mut response: Response) -> Result<T, ClientError> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > ANSWER_LIMIT_BYTES {
                return Err(self.stranger(format!("its answer is larger than {ANSWER_LIMIT_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        match serde_json::from_slice(&body) {
            Ok(answer) if status.is_success() || status == StatusCode::CONFLICT => Ok(answer),
            _ => match serde_json::from_slice::<ErrorAnswer>(&body) {
                Ok(answer) => Err(ClientError::Refused(answer.error)),
                Err(_) => Err(self.stranger(format!("HTTP {status}"))),
            },
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let why =
            if error.is_timeout() { "it took too long".to_owned() } else { innermost(error).to_string() };
        match &self.socket {
            Some(socket) => ClientError::NoSocket { socket: socket.clone(), why },
            None => ClientError::Unreachable { endpoint: self.endpoint.clone(), why },
        }
    }

    fn stranger(&self, what: String) -> ClientError {
        ClientError::Stranger { endpoint: self.endpoint.clone(), what }
    }
}

/// Returns the innermost cause. The outer errors only say that a request failed.
fn innermost(error: &dyn Error) -> &dyn Error {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}

/// Writes the error: nothing was changed, and why.
pub(super) fn failed(error: &ClientError, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    writeln!(terminal.err, "error: {error}")?;
    Ok(Exit::Failed)
}

#[cfg(test)]
mod tests;

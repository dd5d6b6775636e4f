//! Asks a Spanloom that runs, at its admin endpoint.

use std::{error::Error, time::Duration};

use anyhow::Context as _;
use clap::Args;
use reqwest::{Method, Response, StatusCode, Url, redirect};
use serde::{Serialize, de::DeserializeOwned};

use super::{Exit, Terminal};
use crate::{
    admin::{ErrorAnswer, SwapRequest},
    config::AdminEndpoint,
    swap::status::{Attempt, Reload, Status},
};

/// Whom a command asks.
#[derive(Clone, Debug, Args)]
pub struct AdminArgs {
    /// The admin endpoint of the Spanloom that runs (service.admin.endpoint of its config): HOST:PORT, or a URL.
    #[arg(long, value_name = "ADDRESS", default_value = AdminEndpoint::USUAL)]
    pub admin: String,
}

pub(super) struct Client {
    http: reqwest::Client,
    endpoint: Url,
}

/// Why there is no answer, or not the one that was asked for.
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
    /// In its own words.
    #[error("{0}")]
    Refused(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const STATUS_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the endpoint itself waits.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(130);
const ANSWER_LIMIT_BYTES: usize = 16 << 20;

impl AdminArgs {
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let is_url = self.admin.contains("://");
        let url = if is_url { self.admin.clone() } else { format!("http://{}", self.admin) };
        let endpoint = Url::parse(&url).with_context(|| format!("--admin {}", self.admin))?;
        anyhow::ensure!(
            matches!(endpoint.scheme(), "http" | "https"),
            "--admin {} is no HOST:PORT",
            self.admin
        );
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .context("the client's settings cannot be used")?;
        Ok(Client { http, endpoint })
    }
}

impl Client {
    pub(super) async fn status(&self) -> Result<Status, ClientError> {
        self.ask(Method::GET, &["status"], None::<&()>, STATUS_TIMEOUT).await
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

    /// What came of the change that was made meanwhile, if there was one.
    pub(super) async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, ClientError> {
        self.change(&["plugins", plugin, "resume"], &SwapRequest::default()).await
    }

    pub(super) async fn reload(&self) -> Result<Reload, ClientError> {
        self.change(&["reload"], &SwapRequest::default()).await
    }

    async fn change<T: DeserializeOwned>(&self, path: &[&str], body: &SwapRequest) -> Result<T, ClientError> {
        self.ask(Method::POST, path, Some(body), CHANGE_TIMEOUT).await
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
        if let Some(body) = body {
            // A path that is no text has no place in JSON.
            let body = serde_json::to_vec(body).map_err(|error| ClientError::Refused(error.to_string()))?;
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.read(response).await
    }

    /// An outcome that is no success is an answer too, with the status 409.
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
        ClientError::Unreachable { endpoint: self.endpoint.clone(), why }
    }

    fn stranger(&self, what: String) -> ClientError {
        ClientError::Stranger { endpoint: self.endpoint.clone(), what }
    }
}

/// The outer ones say no more than that a request failed.
fn innermost(error: &dyn Error) -> &dyn Error {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner
}

/// Says that nothing was done, and why.
pub(super) fn failed(error: &ClientError, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    writeln!(terminal.err, "error: {error}")?;
    Ok(Exit::Failed)
}

#[cfg(test)]
mod tests;

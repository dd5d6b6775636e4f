//! A receiver for tests, as small as one can be: each JSON value of a list becomes a log record.

use bytes::Bytes;
use http::{header::CONTENT_TYPE, request::Parts};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
};
use prost::Message;
use serde::Deserialize;
use wire::{Batch, Signal};

use crate::{
    component::{BuildContext, Factory, Receiver, ReceiverFactory},
    config::{ConfigError, Finding, Node},
    receiver::http::{
        Cause, HttpReceiver, HttpServerConfig, Protocol, Received, Refusal, RequestsConfig, doubts,
    },
};

pub(super) struct WebhookFactory;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookConfig {
    #[serde(rename = "..server")]
    server: HttpServerConfig,
    path: String,
    #[serde(rename = "..requests")]
    requests: RequestsConfig,
}

#[derive(Clone)]
pub(super) struct Webhook {
    path: String,
}

impl Default for WebhookConfig {
    fn default() -> WebhookConfig {
        WebhookConfig {
            server: HttpServerConfig::default(),
            path: "/events".to_owned(),
            requests: RequestsConfig::default(),
        }
    }
}

impl WebhookConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([self.server.validate(), self.requests.validate(self.server.limit_bytes())])
    }
}

impl Factory for WebhookFactory {
    fn name(&self) -> &str {
        "webhook"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Logs]
    }

    fn check(&self, config: &Node) -> Result<(), ConfigError> {
        config.read_valid(WebhookConfig::validate).map(drop)
    }

    fn doubts(&self, config: &Node) -> Vec<Finding> {
        doubts::<WebhookConfig>(config)
    }
}

impl ReceiverFactory for WebhookFactory {
    fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError> {
        WebhookFactory.open(config, context).map(|receiver| Box::new(receiver) as Box<dyn Receiver>)
    }
}

impl WebhookFactory {
    pub(super) fn open(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<HttpReceiver<Webhook>, ConfigError> {
        let WebhookConfig { server, path, requests } = config.read_valid(WebhookConfig::validate)?;
        HttpReceiver::new(Webhook { path }, server, requests, context)
    }
}

#[async_trait::async_trait]
impl Protocol for Webhook {
    type Accepted = ();

    const DEFAULT_ENDPOINT: &'static str = "localhost:8088";

    fn signal(&self, path: &str) -> Option<Signal> {
        (path == self.path).then_some(Signal::Logs)
    }

    fn check(&self, head: &Parts) -> Result<(), Refusal> {
        let is_json = head.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
        if is_json { Ok(()) } else { Err(Refusal::unsupported_type("application/json")) }
    }

    async fn take(&self, request: Received<'_>) -> Result<(), Refusal> {
        request.submit(read).await
    }
}

/// Makes a batch of the body.
fn read(body: &Bytes) -> Result<Batch, Refusal> {
    let values: Vec<serde_json::Value> =
        serde_json::from_slice(body).map_err(|error| Refusal::new(Cause::Invalid, error))?;
    let record = |value: serde_json::Value| {
        let body = Some(AnyValue { value: Some(Value::StringValue(value.to_string())) });
        LogRecord { body, ..LogRecord::default() }
    };
    let log_records = values.into_iter().map(record).collect();
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    Ok(Batch::decode(Signal::Logs, request.into())?)
}

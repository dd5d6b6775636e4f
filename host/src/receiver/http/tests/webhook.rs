//! A receiver for tests, as small as one can be: each text of a JSON list becomes a log record.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{header::CONTENT_TYPE, request::Parts};
use serde::{
    Deserialize, Deserializer as _,
    de::{SeqAccess, Visitor},
};
use wire::{
    Batch, RequestWriter, Signal,
    writer::{Logs, ScopeEnvelope},
};

use crate::{
    component::{BuildContext, Factory, Receiver, ReceiverFactory},
    config::{ConfigError, Finding, Node},
    receiver::http::{
        Cause, Door, Doors, HttpReceiver, HttpServerConfig, Protocol, Received, Refusal, RequestsConfig,
        doubts, must,
    },
};

pub(super) struct WebhookFactory;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookConfig {
    #[serde(rename = "..server")]
    server: HttpServerConfig,
    path: String,
    /// The resource attribute `service.name` of the records.
    service: String,
    #[serde(rename = "..requests")]
    requests: RequestsConfig,
}

#[derive(Clone)]
pub(super) struct Webhook {
    path: String,
    service: Arc<str>,
}

impl Default for WebhookConfig {
    fn default() -> WebhookConfig {
        WebhookConfig {
            server: HttpServerConfig::default(),
            path: "/events".to_owned(),
            service: "webhook".to_owned(),
            requests: RequestsConfig::default(),
        }
    }
}

impl WebhookConfig {
    fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::all([
            self.server.validate(),
            must(!self.service.is_empty(), "service", || "service: must not be empty".to_owned()),
            self.requests.validate(self.server.limit_bytes()),
        ])
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

#[async_trait::async_trait]
impl ReceiverFactory for WebhookFactory {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        WebhookFactory.open(config, context).map(|receiver| Arc::new(receiver) as Arc<dyn Receiver>)
    }
}

impl WebhookFactory {
    pub(super) fn open(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<HttpReceiver<Webhook>, ConfigError> {
        let WebhookConfig { server, path, service, requests } = config.read_valid(WebhookConfig::validate)?;
        let webhook = Webhook { path, service: service.into() };
        HttpReceiver::new(webhook, "localhost:8088", server, requests, context)
    }
}

#[async_trait::async_trait]
impl Protocol for Webhook {
    type Accepted = ();
    type Entrance<'a> = &'a Door;

    fn serves(&self, path: &str) -> bool {
        path == self.path
    }

    fn entrance<'a>(&self, doors: &'a Doors, _: &str) -> Result<&'a Door, Refusal> {
        doors.open_for(Signal::Logs)
    }

    fn check(&self, head: &Parts) -> Result<(), Refusal> {
        let is_json = head.headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/json");
        if is_json { Ok(()) } else { Err(Refusal::unsupported_type("application/json")) }
    }

    async fn take<'a>(&self, request: Received<'a, &'a Door>) -> Result<(), Refusal> {
        let service = self.service.clone();
        request.submit(move |body| read(body, &service)).await
    }
}

/// Makes a batch of the body: each text of the list becomes a log record as soon as it is read.
fn read(body: &Bytes, service: &str) -> Result<Batch, Refusal> {
    let mut request = RequestWriter::logs();
    let mut resource = request.resource(|resource| {
        resource.attribute("service.name", service);
    });
    let mut document = serde_json::Deserializer::from_slice(body);
    let list = Records(resource.scope(|_| ()));
    let read = document.deserialize_seq(list).and_then(|()| document.end());
    read.map_err(|error| Refusal::new(Cause::Invalid, error))?;
    Ok(Batch::decode(Signal::Logs, request.finish().into())?)
}

/// Writes a log record for each item of a list.
struct Records<'a>(ScopeEnvelope<'a, Logs>);

impl<'de> Visitor<'de> for Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<String>()? {
            self.0.log(|log| {
                log.body(item.as_str());
            });
        }
        Ok(())
    }
}

//! Names and attributes by the semantic conventions.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

use super::{Entry, Operation, SERVICES};

pub(in crate::cli::generate) fn string(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub(in crate::cli::generate) fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(super) fn server_name(entry: &Entry) -> String {
    match entry {
        Entry::Http { method, route } => format!("{method} {route}"),
        Entry::Rpc { method } => (*method).to_owned(),
        Entry::Message { topic } => format!("process {topic}"),
    }
}

pub(super) fn client_name(entry: &Entry) -> String {
    match entry {
        Entry::Http { method, .. } => (*method).to_owned(),
        Entry::Rpc { method } => (*method).to_owned(),
        Entry::Message { topic } => format!("send {topic}"),
    }
}

/// Returns the attributes of the called service's span. `id` fills the route's placeholder.
pub(super) fn server_attributes(operation: &Operation, id: u32) -> Vec<KeyValue> {
    match &operation.entry {
        Entry::Http { method, route } => vec![
            string("http.request.method", *method),
            string("http.route", *route),
            string("url.path", path(route, id)),
            string("url.scheme", "http"),
            string("server.address", host(operation.service)),
            integer("server.port", 8080),
            string("network.protocol.version", "1.1"),
            string(
                "user_agent.original",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            ),
            integer("http.response.status_code", 200),
        ],
        Entry::Rpc { method } => rpc(method, operation.service),
        Entry::Message { topic } => messaging(topic, "process", id),
    }
}

/// Returns the attributes of the caller's span.
pub(super) fn client_attributes(operation: &Operation, id: u32) -> Vec<KeyValue> {
    match &operation.entry {
        Entry::Http { method, route } => vec![
            string("http.request.method", *method),
            string("url.full", format!("http://{}:8080{}", host(operation.service), path(route, id))),
            string("server.address", host(operation.service)),
            integer("server.port", 8080),
            integer("http.response.status_code", 200),
        ],
        Entry::Rpc { method } => rpc(method, operation.service),
        Entry::Message { topic } => messaging(topic, "send", id),
    }
}

pub(super) fn query_attributes(system: &str, verb: &str, table: &str, text: &str) -> Vec<KeyValue> {
    vec![
        string("db.system.name", system),
        string("db.namespace", "shop"),
        string("db.operation.name", verb),
        string("db.collection.name", table),
        string("db.query.text", text),
        string("server.address", format!("{system}.shop.internal")),
        integer("server.port", if system == "redis" { 6379 } else { 5432 }),
    ]
}

fn rpc(method: &str, service: usize) -> Vec<KeyValue> {
    vec![
        string("rpc.system.name", "grpc"),
        string("rpc.method", method),
        string("server.address", host(service)),
        integer("server.port", 9090),
        string("rpc.response.status_code", "OK"),
    ]
}

fn messaging(topic: &str, operation: &str, id: u32) -> Vec<KeyValue> {
    vec![
        string("messaging.system", "kafka"),
        string("messaging.destination.name", topic),
        string("messaging.operation.type", operation),
        string("messaging.destination.partition.id", (id % 12).to_string()),
        integer("messaging.kafka.offset", i64::from(id)),
    ]
}

fn path(route: &str, id: u32) -> String {
    route.replace("{id}", &id.to_string())
}

fn host(service: usize) -> String {
    format!("{}.shop.internal", SERVICES.get(service).map_or("unknown", |service| service.name))
}

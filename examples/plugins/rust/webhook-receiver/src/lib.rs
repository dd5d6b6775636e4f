//! Takes events as JSON over HTTP, each as a log record: an object, or a list of objects.

use spanloom_plugin::serde_json::{self, Map, Value as Json};
use spanloom_plugin::wire::writer::{LogWriter, RequestWriter};
use spanloom_plugin::{clock, prelude::*};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Webhook {
    /// The resource attribute `service.name` of the records.
    service: String,
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(untagged)]
enum Events {
    One(Map<String, Json>),
    Many(Vec<Map<String, Json>>),
}

impl Default for Webhook {
    fn default() -> Webhook {
        Webhook { service: "webhook".to_owned() }
    }
}

impl Receiver for Webhook {
    fn describe(of_crate: Description) -> Description {
        of_crate.with_schema(include_str!("../config.schema.json"))
    }

    fn listens() -> Vec<Listener> {
        vec![Listener::http("localhost:8088", [Route::post("/events"), Route::post("/events/*")])]
    }

    fn emits() -> Vec<Signal> {
        vec![Signal::Logs]
    }

    fn receive(&mut self, request: ReceivedRequest) -> Result<Reply, Failure> {
        let events = match serde_json::from_slice(&request.body) {
            Ok(Events::One(event)) => vec![event],
            Ok(Events::Many(events)) => events,
            Err(_) => return Ok(Reply::rejected(400, "not an object or a list of objects in JSON")),
        };
        let (now, mut logs) = (clock::now_unix_nano(), RequestWriter::logs());
        let mut resource = logs.resource(|resource| {
            resource.attribute("service.name", self.service.as_str());
        });
        let mut scope = resource.scope(|_| ());
        for event in &events {
            scope.log(|log| write(log.time_unix_nano(now), event));
        }
        Ok(Reply::taken(LogsBatch::from_otlp(&logs.finish())?).answered(Answer::status(202)))
    }
}

/// Writes the field `message` as the body, and the others as attributes.
fn write(log: &mut LogWriter<'_>, event: &Map<String, Json>) {
    for (key, value) in event {
        match value {
            Json::String(text) if key == "message" => log.body(text.as_str()),
            Json::String(text) => log.attribute(key, text.as_str()),
            Json::Bool(bool) => log.attribute(key, *bool),
            Json::Number(number) => match number.as_i64() {
                Some(int) => log.attribute(key, int),
                None => log.attribute(key, number.as_f64().unwrap_or_default()),
            },
            other => log.attribute(key, other.to_string().as_str()),
        };
    }
}

spanloom_plugin::receiver!(Webhook);

#[cfg(test)]
mod tests;

//! The host functions other than those on batches: log, metrics and clock; and, if granted, HTTP and the
//! store.

use std::time::Duration;

use tracing::Level;
use wasmtime::{Result, component::Resource};

use super::bindings::imported::{
    clock,
    http::{self, Header, HttpError, Request, Response},
    log, metrics,
    metrics::Label,
    schedule,
    store::{self, StoreError},
    types,
};
use crate::plugin::{
    guest::{
        Guest, clock as time,
        instruments::{Counter, Gauge, Histogram},
    },
    outside::{
        NotKept,
        http::{HttpError as Error, HttpRequest, HttpResponse},
    },
};

impl types::Host for Guest {}

impl log::Host for Guest {
    fn log(&mut self, level: log::Level, message: String) -> Result<()> {
        self.say(self::level(level), &message);
        Ok(())
    }

    fn enabled(&mut self, level: log::Level) -> Result<bool> {
        Ok(self.log.is_enabled(self::level(level)))
    }
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Trace => Level::TRACE,
        log::Level::Debug => Level::DEBUG,
        log::Level::Info => Level::INFO,
        log::Level::Warn => Level::WARN,
        log::Level::Error => Level::ERROR,
    }
}

impl clock::Host for Guest {
    fn now_unix_nano(&mut self) -> Result<u64> {
        Ok(time::now_unix_nano())
    }

    fn monotonic_nano(&mut self) -> Result<u64> {
        Ok(time::monotonic_nano())
    }
}

impl schedule::Host for Guest {
    fn wake_after(&mut self, delay_ms: u64) -> Result<()> {
        Guest::wake_after(self, delay_ms);
        Ok(())
    }
}

impl metrics::Host for Guest {}

impl metrics::HostCounter for Guest {
    fn new(&mut self, name: String, help: String, labels: Vec<Label>) -> Result<Resource<Counter>> {
        let counter = self.counter(&name, &help, pairs(labels));
        Ok(self.table.push(counter)?)
    }

    fn add(&mut self, counter: Resource<Counter>, count: u64) -> Result<()> {
        self.table.get(&counter)?.add(count);
        Ok(())
    }

    fn drop(&mut self, counter: Resource<Counter>) -> Result<()> {
        self.table.delete(counter)?;
        Ok(())
    }
}

impl metrics::HostGauge for Guest {
    fn new(&mut self, name: String, help: String, labels: Vec<Label>) -> Result<Resource<Gauge>> {
        let gauge = self.gauge(&name, &help, pairs(labels));
        Ok(self.table.push(gauge)?)
    }

    fn set(&mut self, gauge: Resource<Gauge>, value: f64) -> Result<()> {
        self.table.get(&gauge)?.set(value);
        Ok(())
    }

    fn drop(&mut self, gauge: Resource<Gauge>) -> Result<()> {
        self.table.delete(gauge)?;
        Ok(())
    }
}

impl metrics::HostHistogram for Guest {
    fn new(&mut self, name: String, help: String, labels: Vec<Label>) -> Result<Resource<Histogram>> {
        let histogram = self.histogram(&name, &help, pairs(labels));
        Ok(self.table.push(histogram)?)
    }

    fn record(&mut self, histogram: Resource<Histogram>, value: f64) -> Result<()> {
        self.table.get(&histogram)?.record(value);
        Ok(())
    }

    fn drop(&mut self, histogram: Resource<Histogram>) -> Result<()> {
        self.table.delete(histogram)?;
        Ok(())
    }
}

fn pairs(labels: Vec<Label>) -> Vec<(String, String)> {
    labels.into_iter().map(|Label { name, value }| (name, value)).collect()
}

impl http::Host for Guest {
    async fn send(&mut self, request: Request) -> Result<Result<Response, HttpError>> {
        Ok(self.send_out(outgoing(request)).await.map(response).map_err(http_error))
    }
}

fn outgoing(request: Request) -> HttpRequest {
    HttpRequest {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|Header { name, value }| (name, value)).collect(),
        body: request.body.into(),
        timeout: request.timeout_ms.map(|timeout_ms| Duration::from_millis(timeout_ms.into())),
    }
}

/// A header whose value is not text is left out.
fn response(response: HttpResponse) -> Response {
    let headers = response.headers.iter().filter_map(|(name, value)| {
        Some(Header { name: name.as_str().to_owned(), value: value.to_str().ok()?.to_owned() })
    });
    Response { status: response.status.as_u16(), headers: headers.collect(), body: response.body.into() }
}

fn http_error(error: Error) -> HttpError {
    match error {
        Error::Denied(why) => HttpError::Denied(why),
        Error::Invalid(why) => HttpError::Invalid(why),
        Error::Timeout => HttpError::Timeout,
        Error::Unreachable(why) => HttpError::Unreachable(why),
        Error::TooLarge => HttpError::TooLarge,
        Error::Credentials(why) => HttpError::Credentials(why),
    }
}

impl store::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        Ok(self.outside.kept(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), StoreError>> {
        Ok(self.outside.keep(key, value).map_err(|why| match why {
            NotKept::Full => StoreError::Full,
            NotKept::Denied(why) => StoreError::Denied(why),
        }))
    }

    fn delete(&mut self, key: String) -> Result<()> {
        self.outside.forget(&key);
        Ok(())
    }

    fn keys(&mut self, prefix: String) -> Result<Vec<String>> {
        Ok(self.outside.keys(&prefix))
    }
}

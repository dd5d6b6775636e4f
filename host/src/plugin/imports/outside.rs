//! What reaches outside, by grant only.

use std::time::{Duration, Instant};

use wasmtime::Result;

use crate::plugin::{
    bindings::imported::{
        http::{self, Header, HttpError, Request, Response},
        store,
    },
    guest::Guest,
    http::{HttpError as Error, HttpRequest, HttpResponse},
};

impl http::Host for Guest {
    /// While the others take their time, the guest's stands still.
    async fn send(&mut self, request: Request) -> Result<Result<Response, HttpError>> {
        let begun = Instant::now();
        let outcome = self.outside.http.send(outgoing(request)).await;
        self.deadline += begun.elapsed();
        Ok(outcome.map(response).map_err(http_error))
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
    fn get(&mut self, _: String) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn set(&mut self, _: String, _: Vec<u8>) -> Result<Result<(), store::StoreError>> {
        Ok(Err(store::StoreError::Denied("nothing is granted".into())))
    }

    fn delete(&mut self, _: String) -> Result<()> {
        Ok(())
    }

    fn keys(&mut self, _: String) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

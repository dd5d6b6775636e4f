//! What reaches outside, by grant only.

use std::time::Duration;

use wasmtime::Result;

use crate::plugin::{
    guest::{
        Guest,
        bindings::imported::{
            http::{self, Header, HttpError, Request, Response},
            store::{self, StoreError},
        },
    },
    outside::{
        http::{HttpError as Error, HttpRequest, HttpResponse},
        store::Full,
    },
};

impl http::Host for Guest {
    /// While the others take their time, the guest's stands still.
    async fn send(&mut self, request: Request) -> Result<Result<Response, HttpError>> {
        let _standstill = self.deadline.stand_still();
        let outcome = self.outside.http.send(outgoing(request)).await;
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

/// Without the grant, reading finds nothing and only writing says why.
impl store::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        Ok(self.outside.store.as_ref().and_then(|store| store.get(&key)).map(Into::into))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), StoreError>> {
        Ok(match &self.outside.store {
            Some(store) => store.set(key, value).map_err(|Full| StoreError::Full),
            None => Err(StoreError::Denied(
                "`store` is not granted; to grant it, write `grants: { store: true }`".into(),
            )),
        })
    }

    fn delete(&mut self, key: String) -> Result<()> {
        if let Some(store) = &self.outside.store {
            store.delete(&key);
        }
        Ok(())
    }

    fn keys(&mut self, prefix: String) -> Result<Vec<String>> {
        Ok(self.outside.store.as_ref().map(|store| store.keys(&prefix)).unwrap_or_default())
    }
}

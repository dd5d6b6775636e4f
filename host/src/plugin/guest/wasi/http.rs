//! `wasi:http` on top of [`HttpClient::send`], with the same origins, credentials and limits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::output::{OnLine, Output};
use crate::plugin::{
    guest::deadline::Deadline,
    outside::http::{Http, HttpError, HttpRequest, HttpResponse},
};

/// The maximum number of requests of one guest whose request or response bodies are in the host's memory.
pub(super) const MAX_REQUESTS: usize = 8;

/// The hooks of one guest.
pub(super) struct GrantedHttp {
    client: Arc<dyn Http>,
    /// Called with the reason why a request was denied, which `wasi:http` cannot express.
    on_line: OnLine,
    slots: Arc<Semaphore>,
    /// The guest's deadline, which stands still while a request is under way.
    deadline: Deadline,
}

type Closing = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Closing), Error>> + Send>;

/// A body that has fully arrived, and its slot.
struct Held {
    body: Full<Bytes>,
    _slot: OwnedSemaphorePermit,
}

impl GrantedHttp {
    pub(super) fn new(client: Arc<dyn Http>, on_line: OnLine, deadline: Deadline) -> GrantedHttp {
        GrantedHttp { client, on_line, slots: Arc::new(Semaphore::new(MAX_REQUESTS)), deadline }
    }

    #[cfg(test)]
    pub(super) fn deadline(&self) -> Deadline {
        self.deadline.clone()
    }
}

impl WasiHttpHooks for GrantedHttp {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Closing,
    ) -> Sending {
        let Ok(slot) = self.slots.clone().try_acquire_owned() else {
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        let (client, on_line) = (self.client.clone(), self.on_line.clone());
        let standstill = self.deadline.stand_still();
        Box::new(async move {
            let _standstill = standstill;
            let limit = client.limits().timeout;
            let sending = send(&*client, &on_line, request, options);
            let response =
                tokio::time::timeout(limit, sending).await.map_err(|_| Error::HttpResponseTimeout)??;
            let held = |body: Bytes| Held { body: body.into(), _slot: slot }.boxed_unsync();
            Ok((response.map(held), Box::new(async { Ok(()) }) as Closing))
        })
    }
}

async fn send(
    client: &dyn Http,
    on_line: &OnLine,
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<http::Response<Bytes>, Error> {
    let request = read(request, options, client.limits().max_request_bytes).await?;
    match client.send(request).await {
        Ok(HttpResponse { status, headers, body }) => {
            let mut response = http::Response::new(body);
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            Ok(response)
        }
        Err(error) => Err(refused(error, on_line)),
    }
}

/// Reads a guest's request. The guest gets a response only when it is complete, so the timeout for the first
/// byte limits the whole time.
async fn read(
    request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
    limit_bytes: usize,
) -> Result<HttpRequest, Error> {
    let (head, body) = request.into_parts();
    let mut headers = Vec::with_capacity(head.headers.len());
    for (name, value) in &head.headers {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| Error::HttpProtocolError)?;
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    let body = Limited::new(body, limit_bytes).collect().await.map_err(|error| {
        match error.is::<LengthLimitError>() {
            true => Error::HttpRequestBodySize(None),
            false => Error::HttpProtocolError,
        }
    })?;
    Ok(HttpRequest {
        method: head.method.as_str().to_owned(),
        url: head.uri.to_string(),
        headers,
        body: body.to_bytes(),
        timeout: options.and_then(|options| options.first_byte_timeout),
    })
}

fn refused(error: HttpError, on_line: &OnLine) -> Error {
    let said = error.to_string();
    let error = match error {
        HttpError::Timeout => return Error::HttpResponseTimeout,
        HttpError::TooLarge => return Error::HttpResponseBodySize(None),
        HttpError::Unreachable(_) => return Error::DestinationUnavailable,
        HttpError::Denied(_) => Error::HttpRequestDenied,
        HttpError::Credentials(_) => Error::ConfigurationError,
        HttpError::Invalid(_) => Error::HttpProtocolError,
    };
    on_line(Output::Stderr, &said);
    error
}

impl Body for Held {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context).map_err(|never| match never {})
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! Keeps web pages out: a browser on this machine may reach the endpoint, whatever page it shows.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::answer;

/// A plugin may be large, and be compiled on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Refuses what a page may have sent, and what takes too long. The state is the host that the config names.
///
/// A page's requests that change something carry its `Origin`. A page whose name is made to lead here after it was
/// loaded (DNS rebinding) is of the same origin as we are, but its name is in `Host`.
pub(super) async fn guard(State(host): State<Arc<str>>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET && request.headers().contains_key(header::ORIGIN) {
        return answer::error(StatusCode::FORBIDDEN, "requests of web pages are refused");
    }
    if !may_ask(&request, &host) {
        let why = "the request is for another host: ask for an IP address, localhost, or the host of service.admin.endpoint";
        return answer::error(StatusCode::FORBIDDEN, why);
    }
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            answer::error(StatusCode::GATEWAY_TIMEOUT, "it took too long; the status tells what came of it")
        }
    }
}

/// Every host that the request names must be one that no one else can make lead here. No browser names none.
fn may_ask(request: &Request, configured: &str) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let is_own = |authority: &Authority| {
        let name = authority.host().trim_end_matches('.');
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || name.eq_ignore_ascii_case(configured)
    };
    let in_header = hosts.all(|host| Authority::try_from(host.as_bytes()).is_ok_and(|host| is_own(&host)));
    in_header && request.uri().authority().is_none_or(is_own)
}

//! Keeps out web pages, since a browser on this machine may reach the endpoint whatever page it shows, and changes of those who
//! may only look.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{access::Access, answer};

/// A plugin may be large, and be compiled on a busy machine.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Of one way to the endpoint.
pub(super) struct Door {
    /// That the config names.
    pub(super) host: String,
    pub(super) access: Access,
}

/// Refuses what a page may have sent, changes of those who may not make any, and what takes too long.
///
/// A page's requests that change something carry its `Origin`. A page whose name is made to lead here after it was
/// loaded (DNS rebinding) is of the same origin as we are, but its name is in `Host`.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let is_change = !request.method().is_safe();
    if is_change && request.headers().contains_key(header::ORIGIN) {
        return answer::error(StatusCode::FORBIDDEN, "requests of web pages are refused");
    }
    if !may_ask(&request, &door.host) {
        let why = "the request is for another host: ask for an IP address, localhost, or the host of service.admin.endpoint";
        return answer::error(StatusCode::FORBIDDEN, why);
    }
    if is_change && let Err(why) = door.access.check_change(request.headers()) {
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

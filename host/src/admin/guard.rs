//! Keeps out web pages, since a browser on this machine may reach the endpoint for any page; and refuses
//! changes from requests that may only look.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{access::Access, answer};

/// The time limit of a request. A plugin may be large, and the machine that compiles it may be busy.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The rules of one way to the endpoint: an address or the socket.
pub(super) struct Door {
    /// The host of `service.admin.endpoint`.
    pub(super) host: String,
    pub(super) access: Access,
}

/// Refuses requests that a web page may have sent, changes that the access does not permit, and requests that
/// take too long.
///
/// A page's request that changes something carries its `Origin`. With DNS rebinding, a page's name leads to
/// this machine after the page was loaded. The page then has the same origin as this endpoint, but its name
/// is in `Host`.
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

/// Returns true if each host that the request names is an IP address, `localhost` or the configured host: no
/// one else can make these names lead here. A request without a host is permitted, since a browser always
/// names one.
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

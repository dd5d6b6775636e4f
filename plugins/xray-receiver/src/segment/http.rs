//! The request that a segment has served, or that a subsegment has sent.

use super::attributes::Attributes;
use crate::json::Object;

pub(super) fn write<'t>(segment: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    let Some(http) = segment.object("http") else { return };
    if let Some(request) = http.object("request") {
        out.text("http.method", request.text("method"));
        out.text("http.url", request.text("url"));
        out.text("http.user_agent", request.text("user_agent"));
        if let Some(client) = request.text("client_ip") {
            out.push("http.client_ip", &*client);
            // Without this attribute, the exporter would take the address for that of a proxy's client.
            out.push("aws.xray.x_forwarded_for", request.is("x_forwarded_for"));
        }
    }
    if let Some(status) = status(segment) {
        out.push("http.status_code", status);
    }
    if let Some(length) = http.object("response").and_then(|response| response.int("content_length")) {
        out.push("http.response_content_length", length);
    }
}

pub(super) fn status(segment: &Object<'_>) -> Option<i64> {
    segment.object("http")?.object("response")?.int("status")
}

//! The HTTP request that a span describes.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use spanloom_plugin::flat::{Attributes, FlatSpan};
use spanloom_plugin::json::Writer;
use spanloom_plugin::{SpanKind, ValueRef};

use super::fields::Fields;
use super::key::Key;
use crate::document::Detail;

#[derive(Debug, Default)]
pub(crate) struct Http<'a> {
    method: Option<&'a str>,
    url: Option<Url<'a>>,
    user_agent: Option<&'a str>,
    client_ip: Option<&'a str>,
    /// Whether the client's address is taken from a proxy.
    forwarded: bool,
    status: Option<i64>,
    content_length: Option<i64>,
}

#[derive(Debug)]
enum Url<'a> {
    Whole(&'a str),
    Parts { scheme: &'a str, host: &'a str, port: Option<i64>, target: Target<'a> },
}

#[derive(Debug)]
enum Target<'a> {
    Whole(&'a str),
    Parts { path: &'a str, query: Option<&'a str> },
}

/// The keys that make a span one about HTTP.
const TELLING: [Key; 11] = [
    Key::HttpMethod,
    Key::HttpStatusCode,
    Key::HttpUrl,
    Key::HttpUserAgent,
    Key::HttpClientIp,
    Key::HttpScheme,
    Key::HttpHost,
    Key::HttpTarget,
    Key::HttpServerName,
    Key::NetHostPort,
    Key::UrlPath,
];

impl<'a> Http<'a> {
    /// Returns the request, or `None` if the span is not about HTTP.
    pub(crate) fn of(span: &FlatSpan<'a>, fields: &Fields<'a>) -> Option<Http<'a>> {
        if !TELLING.iter().any(|key| fields.has(*key)) {
            return None;
        }
        let peer = fields.text(Key::NetPeerIp).or_else(|| address(fields, Key::NetworkPeerAddress));
        let client = fields.text(Key::HttpClientIp).or_else(|| address(fields, Key::ClientAddress));
        Some(Http {
            method: fields.text(Key::HttpMethod),
            url: Url::of(span.kind(), fields),
            user_agent: fields.text(Key::HttpUserAgent),
            client_ip: client.or(peer),
            forwarded: client.is_some() && fields.bool(Key::XrayForwardedFor).unwrap_or(client != peer),
            status: fields.int(Key::HttpStatusCode),
            content_length: content_length(span, fields),
        })
    }

    pub(crate) fn write(&self, json: &mut Writer, detail: Detail) {
        json.object(|json| {
            json.key("request").object(|json| {
                if self.forwarded {
                    json.field("x_forwarded_for", true);
                }
                detail.text(json, "method", self.method);
                match &self.url {
                    Some(Url::Whole(url)) => detail.text(json, "url", Some(url)),
                    Some(parts) => detail.text(json, "url", Some(&parts.assemble())),
                    None => {}
                }
                detail.text(json, "user_agent", self.user_agent);
                detail.text(json, "client_ip", self.client_ip);
            });
            if self.status.is_some() || self.content_length.is_some() {
                json.key("response").object(|json| {
                    if let Some(status) = self.status {
                        json.field("status", status);
                    }
                    if let Some(length) = self.content_length {
                        json.field("content_length", length);
                    }
                });
            }
        });
    }
}

impl<'a> Url<'a> {
    /// Returns the span's URL, otherwise a URL of its parts, assembled as in the HTTP semantic conventions.
    fn of(kind: SpanKind, fields: &Fields<'a>) -> Option<Url<'a>> {
        if let Some(url) = fields.text(Key::HttpUrl) {
            return Some(Url::Whole(url));
        }
        let (names, ports): (&[Key], [Key; 2]) = if kind == SpanKind::Server {
            let names = &[Key::HttpServerName, Key::NetHostName, Key::HostName, Key::ServerAddress];
            (names, [Key::NetHostPort, Key::ServerPort])
        } else {
            let names = &[Key::NetPeerName, Key::ServerAddress, Key::NetPeerIp, Key::NetworkPeerAddress];
            (names, [Key::NetPeerPort, Key::ServerPort])
        };
        // `http.host` is a Host header and includes the port.
        let (host, port) = match fields.text(Key::HttpHost) {
            Some(host) => (host, None),
            None => (fields.first_text(names)?, ports.iter().find_map(|key| fields.int(*key))),
        };
        let scheme = fields.text(Key::HttpScheme).unwrap_or("http");
        let port = port.filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
        let target = match fields.text(Key::HttpTarget) {
            Some(target) => Target::Whole(target),
            None => Target::Parts {
                path: fields.text(Key::UrlPath).unwrap_or("/"),
                query: fields.text(Key::UrlQuery),
            },
        };
        Some(Url::Parts { scheme, host, port, target })
    }

    /// Writes each part and each delimiter once, because senders differ in whether the parts include
    /// delimiters.
    fn assemble(&self) -> String {
        let Url::Parts { scheme, host, port, target } = self else { return String::new() };
        let mut url = format!("{}://{}", scheme.trim_end_matches([':', '/']), in_url(host));
        if let Some(port) = port {
            url.push(':');
            url.push_str(&port.to_string());
        }
        let (path, query) = match target {
            Target::Whole(target) => (*target, None),
            Target::Parts { path, query } => (*path, *query),
        };
        if !path.starts_with('/') {
            url.push('/');
        }
        url.push_str(path);
        if let Some(query) =
            query.map(|query| query.trim_start_matches('?')).filter(|query| !query.is_empty())
        {
            url.push(if path.contains('?') { '&' } else { '?' });
            url.push_str(query);
        }
        url
    }
}

/// Returns a host as it is written in a URL: an IPv6 address is in brackets, with its zone encoded (RFC
/// 6874).
pub(crate) fn in_url(host: &str) -> Cow<'_, str> {
    let (address, zone) = host.split_once('%').map_or((host, None), |(address, zone)| (address, Some(zone)));
    if address.parse::<Ipv6Addr>().is_err() {
        return Cow::Borrowed(host);
    }
    Cow::Owned(match zone {
        Some(zone) => format!("[{address}%25{}]", zone.strip_prefix("25").unwrap_or(zone)),
        None => format!("[{address}]"),
    })
}

/// Returns an IP address. The stable conventions also allow names and socket paths, which are not a
/// `client_ip`.
fn address<'a>(fields: &Fields<'a>, key: Key) -> Option<&'a str> {
    fields.text(key).filter(|text| text.parse::<IpAddr>().is_ok())
}

/// Returns the length of the received message, from the span or from the first event that has one.
fn content_length(span: &FlatSpan<'_>, fields: &Fields<'_>) -> Option<i64> {
    if fields.text(Key::MessageType) == Some("RECEIVED") {
        return fields.int(Key::MessageSize);
    }
    if let Some(length) = fields.int(Key::HttpContentLength) {
        return Some(length);
    }
    span.events().find_map(|event| received_bytes(event.attributes()))
}

fn received_bytes(attributes: Attributes<'_>) -> Option<i64> {
    attributes.clone().find_key("message.type").filter(|kind| *kind == ValueRef::Text("RECEIVED"))?;
    let sizes = ["messaging.message_payload_size_bytes", "messaging.message.body.size"];
    match sizes.iter().find_map(|key| attributes.clone().find_key(key)) {
        Some(ValueRef::Int(size)) => Some(size),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Senders write the delimiters between the parts of a URL, or leave them out.
    #[test]
    fn a_url_of_parts_has_each_mark_once() {
        let check = |scheme, host, port, target, expected: &str| {
            assert_eq!(Url::Parts { scheme, host, port, target }.assemble(), expected);
        };
        let parts = |path, query| Target::Parts { path, query };
        check("https", "a", None, parts("/b", Some("c=1")), "https://a/b?c=1");
        check("https", "a", None, parts("/b", Some("?c=1")), "https://a/b?c=1");
        check("https", "a", None, parts("/b", Some("?")), "https://a/b");
        check("https", "a", None, parts("/b?c=1", Some("d=2")), "https://a/b?c=1&d=2");
        check("https://", "a", None, parts("b", None), "https://a/b");
        check("http", "a", Some(81), Target::Whole("b?c"), "http://a:81/b?c");
        check("http", "::1", Some(81), parts("/", None), "http://[::1]:81/");
        check("http", "fe80::1%eth0", None, parts("/", None), "http://[fe80::1%25eth0]/");
        check("http", "[::1]:81", None, parts("/", None), "http://[::1]:81/");
        check("http", "a:81", None, parts("/", None), "http://a:81/");
    }
}

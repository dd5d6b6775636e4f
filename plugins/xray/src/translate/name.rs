//! Names segments: X-Ray expects the name of a service or a resource, but a span has the name of an
//! operation.

use std::borrow::Cow;

use spanloom_plugin::SpanKind;

use super::fields::Fields;
use super::key::Key;

/// "A maximum of 200 characters" (X-Ray developer guide, segment documents).
const MAX_NAME_CHARS: usize = 200;

/// A name before cleaning.
pub(crate) struct Name<'a> {
    pub(crate) text: Cow<'a, str>,
    /// Whether the name is that of an AWS service.
    pub(crate) is_aws_service: bool,
}

/// The sources of a span's name beside its attributes.
pub(crate) struct Naming<'a> {
    pub(crate) kind: SpanKind,
    pub(crate) is_local_root: bool,
    pub(crate) span_name: &'a str,
    /// The service name of the resource.
    pub(crate) service: Option<&'a str>,
}

impl<'a> Naming<'a> {
    /// Returns the name from the first source that has one.
    pub(crate) fn name(&self, fields: &Fields<'a>) -> Name<'a> {
        let own = |text: &'a str| Name { text: Cow::Borrowed(text), is_aws_service: false };
        if let Some(name) = self.local_service(fields).or_else(|| self.remote_service(fields)) {
            return own(name);
        }
        if let Some(name) = fields.text(Key::PeerService) {
            return own(name);
        }
        if let Some(name) = fields.text(Key::AwsService) {
            return Name { text: Cow::Borrowed(name), is_aws_service: true };
        }
        if let Some(text) = database(fields) {
            return Name { text, is_aws_service: false };
        }
        let service = self.service.filter(|_| self.kind == SpanKind::Server);
        let hosts = [Key::RpcService, Key::HttpHost, Key::NetPeerName, Key::ServerAddress];
        own(service.or_else(|| fields.first_text(&hosts)).unwrap_or(self.span_name))
    }

    fn local_service(&self, fields: &Fields<'a>) -> Option<&'a str> {
        let serves = self.kind == SpanKind::Server || (self.kind == SpanKind::Internal && self.is_local_root);
        fields.text(Key::AwsLocalService).filter(|_| serves)
    }

    fn remote_service(&self, fields: &Fields<'a>) -> Option<&'a str> {
        let calls = matches!(self.kind, SpanKind::Client | SpanKind::Producer | SpanKind::Consumer);
        remote_service(fields).filter(|_| calls)
    }
}

/// Returns the name of the called service. AWS services have X-Ray's names.
pub(crate) fn remote_service<'a>(fields: &Fields<'a>) -> Option<&'a str> {
    let name = fields.text(Key::AwsRemoteService)?;
    if !fields.is_aws_api() {
        return Some(name);
    }
    Some(name.strip_prefix("AWS.SDK.").or_else(|| name.strip_prefix("AWS::")).unwrap_or(name))
}

/// Returns the database with its host, like `orders@db.example.com`.
fn database<'a>(fields: &Fields<'a>) -> Option<Cow<'a, str>> {
    let name = fields.text(Key::DbName)?;
    let host = match fields.text(Key::DbConnectionString) {
        Some(connection) => host(connection.strip_prefix("jdbc:").unwrap_or(connection)),
        None => fields.text(Key::ServerAddress),
    };
    Some(host.map_or(Cow::Borrowed(name), |host| Cow::Owned(format!("{name}@{host}"))))
}

/// Returns the host of a URL, without user and port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', ';']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// Removes the characters that X-Ray forbids in names, and cuts the name to the longest that it allows.
pub(crate) fn clean(name: Cow<'_, str>) -> Cow<'_, str> {
    let plain = |byte: u8| is_plain(byte);
    let name =
        if name.bytes().all(plain) { name } else { Cow::Owned(name.chars().filter(allowed).collect()) };
    if name.is_empty() {
        return Cow::Borrowed("span");
    }
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => Cow::Owned(name.get(..end).unwrap_or_default().to_owned()),
        None => name,
    }
}

/// Returns whether X-Ray allows the character: letters (nearly `\p{L}`: those that may begin a Unicode
/// identifier), numbers, blanks and some marks.
fn allowed(c: &char) -> bool {
    match u8::try_from(*c) {
        Ok(byte) if byte.is_ascii() => is_plain(byte),
        // Two marks that may begin identifiers, for compatibility with older versions of Unicode.
        _ if matches!(c, '\u{1885}' | '\u{1886}') => false,
        _ => (unicode_ident::is_xid_start(*c) && c.is_alphabetic()) || c.is_numeric(),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" _.:/%&#=+-@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_x_ray_forbids() {
        let check = |name: &str, expected: &str| assert_eq!(clean(name.into()), expected);
        check("GET /a?b=1&c", "GET /ab=1&c");
        check("größe 漢字 ٣", "größe 漢字 ٣");
        check("{}()!\u{0}", "span");
        check("", "span");
        check(&"ü".repeat(200), &"ü".repeat(200));
        check(&format!("x{}", "漢".repeat(200)), &format!("x{}", "漢".repeat(199)));
        check(&"a".repeat(201), &"a".repeat(200));
    }

    #[test]
    fn the_host_of_a_connection_is_found() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(host(url), expected);
        check("mysql://db.dev.example.com:3306", Some("db.dev.example.com"));
        check("postgresql://user:p@ss@db/orders?ssl=1", Some("db"));
        check("sqlserver://db;databaseName=orders", Some("db"));
        check("redis://[::1]:6379", Some("::1"));
        check("oracle:thin:@db:1521", None);
        check("file:///data.db", None);
    }
}

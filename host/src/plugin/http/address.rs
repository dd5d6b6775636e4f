//! Which addresses a granted name may stand for: not those where clouds keep their metadata services.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that led to link-local addresses only.
#[derive(Debug)]
pub(super) struct LinkLocal;

/// The system's resolver without link-local addresses. Asked for each new connection, so a name that changes its
/// address later (DNS rebinding) gets no further.
pub(super) struct GlobalResolver;

impl Resolve for GlobalResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = without_link_local(&found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

impl fmt::Display for LinkLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address is link-local")
    }
}

impl Error for LinkLocal {}

/// Whether the URL's host is a link-local address, in whichever spelling; such a host meets no resolver.
pub(super) fn names_link_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse().is_ok_and(is_link_local)
}

fn without_link_local(found: &[SocketAddr]) -> Result<Vec<SocketAddr>, LinkLocal> {
    let allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|address| !is_link_local(address.ip())).collect();
    if allowed.is_empty() && !found.is_empty() { Err(LinkLocal) } else { Ok(allowed) }
}

/// 169.254.0.0/16, fe80::/10, and the metadata services' own: fd00:ec2::/32 (AWS), fd20:ce::254 (Google Cloud).
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            address.is_unicast_link_local()
                || (first, second) == (0xfd00, 0x0ec2)
                || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
                || embedded(address).is_some_and(|address| address.is_link_local())
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 (64:ff9b::/96), 6to4 (2002::/16).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Some(join(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    #[test]
    fn every_spelling_of_a_metadata_address_is_known() {
        for host in [
            "169.254.169.254",
            "169.254.170.2",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "[::ffff:169.254.169.254]",
            "[::a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::]",
        ] {
            assert!(names_link_local(&Url::parse(&format!("http://{host}/latest")).unwrap()), "{host}");
        }
        for host in ["127.0.0.1", "10.0.0.1", "[::1]", "[fd00::1]", "[2001:db8::1]", "169.254.example"] {
            assert!(!names_link_local(&Url::parse(&format!("http://{host}/")).unwrap()), "{host}");
        }
    }

    /// A name may have a link-local address beside others (mDNS); it may not have only such.
    #[test]
    fn link_local_addresses_of_a_name_are_left_out() {
        let (metadata, other) = (socket("169.254.169.254"), socket("192.0.2.1"));
        assert_eq!(without_link_local(&[metadata, other]).unwrap(), [other]);
        assert!(without_link_local(&[metadata]).is_err());
        assert!(without_link_local(&[]).unwrap().is_empty());
    }
}

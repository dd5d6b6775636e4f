//! Decides which addresses a granted name may lead to: none where clouds have their metadata services.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The error for a name that leads only to addresses that [`is_link_local`] refuses.
#[derive(Debug)]
pub(super) struct LinkLocal;

/// The system's resolver without link-local addresses. It is asked for each new connection, so a name that
/// changes its address later (DNS rebinding) does not get past it.
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
        f.write_str("the address is link-local or of a metadata service")
    }
}

impl Error for LinkLocal {}

/// Returns true if the URL's host is a link-local address in any spelling. No resolver is asked for such a
/// host.
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

/// Metadata services that are not at a link-local address: of Alibaba Cloud, Azure and Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// Returns true if the address is link-local, a cloud's metadata service, or an IPv6 form of such an IPv4
/// address.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_link_local_v4(address),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || is_metadata_v6(address)
                || embedded(address).into_iter().flatten().any(is_link_local_v4)
        }
    }
}

fn is_link_local_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || METADATA_V4.contains(&address)
}

/// Returns true for fd00:ec2::/32 (AWS), fd00:c1::/32 (Oracle Cloud) and fd20:ce::254 (Google Cloud).
fn is_metadata_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    matches!((first, second), (0xfd00, 0x0ec2 | 0x00c1))
        || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
}

/// Returns the IPv4 addresses that a gateway or this machine may take an IPv6 address for: mapped, compatible
/// and translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96, and 64:ff9b:1::/48 with a prefix of 48 or of 96
/// bits), 6to4 (2002::/16), and Teredo (2001::/32, with the peer's address inverted).
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let join = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => [join(high, low), None],
        [0, 0, 0, 0, 0xffff, 0, high, low] => [join(high, low), None],
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [join(high, low), None],
        // A prefix of 48 bits is followed by two bytes of the address, a byte that is zero, and the other two
        // bytes.
        [0x64, 0xff9b, 1, first, second, third, high, low] => {
            [join(high, low), join(first, (second << 8) | (third >> 8))]
        }
        [0x2002, high, low, ..] => [join(high, low), None],
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            [join(server_high, server_low), join(!high, !low)]
        }
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    /// Scenario: URLs spell metadata addresses in every known form, and other addresses.
    /// Guarantees: exactly the metadata addresses are refused.
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
            "[2001:0:c000:201::5601:5601]",
            "[::ffff:0:169.254.169.254]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[64:ff9b:1:a9fe:a9:fe00::]",
            "100.100.100.200",
            "0x64.0144.25800",
            "[::ffff:100.100.100.200]",
            "[64:ff9b::100.100.100.200]",
            "168.63.129.16",
            "[::ffff:168.63.129.16]",
            "[64:ff9b::168.63.129.16]",
            "[2002:a83f:8110::1]",
            "192.0.0.192",
            "[::ffff:192.0.0.192]",
            "[64:ff9b::192.0.0.192]",
            "[fd00:c1::a9fe:a9fe]",
        ] {
            assert!(names_link_local(&Url::parse(&format!("http://{host}/latest")).unwrap()), "{host}");
        }
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "[::1]",
            "[fd00::1]",
            "[2001:db8::1]",
            "169.254.example",
            "100.100.100.201",
            "168.63.129.17",
            "192.0.0.193",
            "[64:ff9b::192.0.2.1]",
            "[2001:0:c000:201::3fff:fdfe]",
        ] {
            assert!(!names_link_local(&Url::parse(&format!("http://{host}/")).unwrap()), "{host}");
        }
    }

    /// Scenario: a name has a link-local address beside another (mDNS), or alone.
    /// Guarantees: the link-local address is left out, and a name with no other is refused.
    #[test]
    fn link_local_addresses_of_a_name_are_left_out() {
        let (metadata, other) = (socket("169.254.169.254"), socket("192.0.2.1"));
        assert_eq!(without_link_local(&[metadata, other]).unwrap(), [other]);
        assert!(without_link_local(&[metadata]).is_err());
        assert!(without_link_local(&[]).unwrap().is_empty());
    }
}

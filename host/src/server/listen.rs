//! Binds an endpoint as a config writes it.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use anyhow::Context;
use tokio::net::TcpListener;

/// Binds `host:port`. A name with several addresses (`localhost` is 127.0.0.1 and usually ::1) is bound on
/// each address that this machine has, all with the same port. An empty host and 0.0.0.0 mean every address of
/// IPv4 and IPv6, as in Go, and port 0 a free port.
pub async fn listen(endpoint: &str) -> anyhow::Result<Vec<TcpListener>> {
    let addresses = resolve(endpoint).await.with_context(|| format!("cannot resolve endpoint {endpoint}"))?;
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut missing = None;
    for mut address in addresses {
        if let Some(first) = listeners.first()
            && address.port() == 0
        {
            address.set_port(first.local_addr()?.port());
        }
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_not_ours(&error) => missing = Some(error),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot listen on {address} ({endpoint})"));
            }
        }
    }
    match missing {
        Some(error) if listeners.is_empty() => {
            Err(error).with_context(|| format!("cannot listen on {endpoint}"))
        }
        _ => Ok(listeners),
    }
}

/// Resolves an endpoint. IPv4 comes first: if port 0 picks a free port, an IPv4-only client must find it.
async fn resolve(endpoint: &str) -> anyhow::Result<Vec<SocketAddr>> {
    if let Some(port) = endpoint.strip_prefix("0.0.0.0:").or_else(|| endpoint.strip_prefix(':')) {
        let port = port.parse().context("the port is not a number below 65536")?;
        // On Linux the IPv6 wildcard accepts IPv4 too, unless the machine has no IPv6 at all.
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let probe = std::net::TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
        return Ok(vec![match probe {
            Ok(_) => everywhere,
            Err(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        }]);
    }
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host(endpoint).await?.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    anyhow::ensure!(!addresses.is_empty(), "the name has no address");
    Ok(addresses)
}

/// Returns whether this machine lacks the address, or its address family.
fn is_not_ours(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: `localhost` is bound with port 0.
    /// Guarantees: all its addresses get the same port, and the first is IPv4.
    #[tokio::test]
    async fn every_address_of_a_name_gets_the_same_port() {
        let listeners = listen("localhost:0").await.unwrap();
        let ports: Vec<u16> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert!(!ports.is_empty());
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0), "{ports:?}");
        assert!(listeners[0].local_addr().unwrap().is_ipv4());
    }

    /// Scenario: the port is in use.
    /// Guarantees: the error names the address.
    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = listen(&address).await.unwrap_err();
        assert!(format!("{error:#}").contains(&address), "{error:#}");
    }

    /// Scenario: the endpoint has no host, or the unspecified address of IPv4.
    /// Guarantees: IPv4 is answered, and so is IPv6 if the machine has it.
    #[tokio::test]
    async fn every_address_includes_those_of_ipv6() {
        for endpoint in [":0", "0.0.0.0:0"] {
            let listeners = listen(endpoint).await.unwrap();
            let address = listeners[0].local_addr().unwrap();
            assert!(address.ip().is_unspecified());
            let port = address.port();
            tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            if std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
                tokio::net::TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.unwrap();
            }
        }
    }
}

//! Binds an endpoint as a config writes it.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::Context;
use rustix::net::SocketType;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_util::either::Either;

use super::{Peer, unix::UnixSocket};
use crate::running::{SharedSocket, Sockets};

/// What a server listens on.
#[derive(Debug)]
pub enum Listener {
    /// With its entry in the [`Sockets`] of the component, if it has one.
    Tcp(TcpListener, Option<Arc<SharedSocket>>),
    Unix(UnixSocket),
}

/// The stream of a connection.
pub(super) type Socket = Either<TcpStream, UnixStream>;

/// A value of the key `transport`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `tcp`: IPv4 and IPv6.
    Tcp,
    /// `tcp4`: IPv4 alone.
    Tcp4,
    /// `tcp6`: IPv6 alone.
    Tcp6,
    /// `unix`: the endpoint is the path of a socket.
    Unix,
}

impl Transport {
    /// Reads the value of the key. An empty value is `tcp`.
    pub fn from_name(name: &str) -> Option<Transport> {
        Some(match name {
            "" | "tcp" => Transport::Tcp,
            "tcp4" => Transport::Tcp4,
            "tcp6" => Transport::Tcp6,
            "unix" => Transport::Unix,
            _ => return None,
        })
    }

    fn has(self, address: &SocketAddr) -> bool {
        match self {
            Transport::Tcp4 => address.is_ipv4(),
            Transport::Tcp6 => address.is_ipv6(),
            Transport::Tcp | Transport::Unix => true,
        }
    }
}

impl Listener {
    /// Returns the address, or `None` for a Unix socket.
    pub fn address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp(listener, _) => listener.local_addr().map(Some),
            Listener::Unix(_) => Ok(None),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Listener::Tcp(listener, _) => {
                let (stream, address) = listener.accept().await?;
                Ok((Either::Left(stream), Peer::at(address)))
            }
            Listener::Unix(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                Ok((Either::Right(stream), Peer::of_this_machine()))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener, None)
    }
}

/// Writes the address or the path.
impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listener::Tcp(listener, _) => match listener.local_addr() {
                Ok(address) => write!(f, "{address}"),
                Err(error) => write!(f, "{error}"),
            },
            Listener::Unix(socket) => write!(f, "{}", socket.name().display()),
        }
    }
}

/// Waits until the peer has sent something.
pub(super) async fn readable(socket: &Socket) -> io::Result<()> {
    match socket {
        Either::Left(stream) => stream.readable().await,
        Either::Right(stream) => stream.readable().await,
    }
}

/// Returns whether a text is `host:port`. The host may be empty.
pub fn has_port(endpoint: &str) -> bool {
    endpoint.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// Binds the endpoint of a transport: [`listen`], or a Unix socket at the endpoint's path. A socket that `sockets`
/// offers is taken over instead.
pub async fn listen_on(
    endpoint: &str,
    transport: Transport,
    sockets: &Sockets,
) -> anyhow::Result<Vec<Listener>> {
    if transport == Transport::Unix {
        let socket = UnixSocket::bind(Path::new(endpoint)).await;
        let socket = socket.with_context(|| format!("cannot listen on {endpoint}"))?;
        return Ok(vec![Listener::Unix(socket)]);
    }
    let new = |address| async move { TcpListener::bind(address).await?.into_std() };
    let bind = |address| async move {
        let (listener, shared) = sockets.bind(SocketType::STREAM, address, new).await?;
        Ok((TcpListener::from_std(listener)?, shared))
    };
    let listeners = bind_each(endpoint, transport, bind, |(listener, _)| listener.local_addr()).await?;
    Ok(listeners.into_iter().map(|(listener, shared)| Listener::Tcp(listener, Some(shared))).collect())
}

/// Binds `host:port`. A name with several addresses (`localhost` is 127.0.0.1 and usually ::1) is bound on
/// each address that this machine has, all with the same port. An empty host and 0.0.0.0 mean every address of
/// IPv4 and IPv6, as in Go, and port 0 a free port.
pub async fn listen(endpoint: &str) -> anyhow::Result<Vec<TcpListener>> {
    bind_each(endpoint, Transport::Tcp, TcpListener::bind, TcpListener::local_addr).await
}

/// Binds a socket on each address of the endpoint, as [`listen`] does. `bind` makes a socket, and `address_of`
/// returns where it is bound.
pub async fn bind_each<S, F: Future<Output = io::Result<S>>>(
    endpoint: &str,
    transport: Transport,
    bind: impl Fn(SocketAddr) -> F,
    address_of: impl Fn(&S) -> io::Result<SocketAddr>,
) -> anyhow::Result<Vec<S>> {
    let addresses =
        resolve(endpoint, transport).await.with_context(|| format!("cannot resolve endpoint {endpoint}"))?;
    let mut listeners: Vec<S> = Vec::new();
    let mut missing = None;
    for mut address in addresses {
        if let Some(first) = listeners.first()
            && address.port() == 0
        {
            address.set_port(address_of(first)?.port());
        }
        match bind(address).await {
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
async fn resolve(endpoint: &str, transport: Transport) -> anyhow::Result<Vec<SocketAddr>> {
    if let Some(port) = endpoint.strip_prefix("0.0.0.0:").or_else(|| endpoint.strip_prefix(':')) {
        let port = port.parse().context("the port is not a number below 65536")?;
        if transport == Transport::Tcp4 {
            return Ok(vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))]);
        }
        // On Linux the IPv6 wildcard accepts IPv4 too, unless the machine has no IPv6 at all.
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let probe = std::net::TcpListener::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)));
        return Ok(vec![match probe {
            Ok(_) => everywhere,
            Err(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        }]);
    }
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host(endpoint).await?.collect();
    addresses.retain(|address| transport.has(address));
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.dedup();
    anyhow::ensure!(!addresses.is_empty(), "the name has no address of this transport");
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

    /// Scenario: `localhost` and no host at all are bound with `tcp4`.
    /// Guarantees: only IPv4 is listened on.
    #[tokio::test]
    async fn tcp4_leaves_ipv6_out() {
        for endpoint in ["localhost:0", ":0"] {
            let listeners = listen_on(endpoint, Transport::Tcp4, &Sockets::default()).await.unwrap();
            let addresses: Vec<_> = listeners.iter().map(|l| l.address().unwrap().unwrap()).collect();
            assert!(addresses.iter().all(SocketAddr::is_ipv4) && addresses.len() == 1, "{addresses:?}");
        }
        assert!(listen_on("127.0.0.1:0", Transport::Tcp6, &Sockets::default()).await.is_err());
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

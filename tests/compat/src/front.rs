//! What stands before a stub in some topics: a server with TLS, a proxy, or a Unix socket. Each passes the bytes on
//! to the stub, and notes what it learnt of the connection.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixListener},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The variable that holds the address of the server with TLS.
const TLS: &str = "TLS";
/// The variable that holds the address of the proxy.
pub(crate) const PROXY: &str = "PROXY";
/// The socket's name in the working directory.
const SOCKET: &str = "stub.sock";
/// The proxy passes connections to this port of any host on to the server with TLS, and all others to the stub.
pub(crate) const TLS_PORT: &str = "4443";

const HEAD_LIMIT_BYTES: usize = 64 << 10;

/// What a front does. A proxy comes after the server with TLS that it leads to.
#[derive(Clone)]
pub(crate) enum Kind {
    Tls(Arc<ServerConfig>),
    Proxy,
    Socket,
}

pub(crate) struct Front {
    address: Option<(&'static str, SocketAddr)>,
    notes: Notes,
    server: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<BTreeSet<String>>>);

impl Front {
    pub(crate) async fn all(kinds: &[Kind], stub: SocketAddr, folder: &Path) -> Result<Vec<Front>> {
        let mut fronts: Vec<Front> = Vec::new();
        for kind in kinds {
            let tls = fronts.iter().filter_map(Front::address).find(|(name, _)| *name == TLS);
            let front = match kind {
                Kind::Tls(config) => Self::tls(TlsAcceptor::from(config.clone()), stub).await?,
                Kind::Proxy => Self::proxy(stub, tls.map_or(stub, |(_, at)| at)).await?,
                Kind::Socket => Self::socket(stub, &folder.join(SOCKET))?,
            };
            fronts.push(front);
        }
        Ok(fronts)
    }

    /// Returns the name of the variable, and the address.
    pub(crate) fn address(&self) -> Option<(&'static str, SocketAddr)> {
        self.address
    }

    pub(crate) fn notes(&self) -> BTreeSet<String> {
        self.notes.0.lock().map(|notes| notes.clone()).unwrap_or_default()
    }

    async fn tls(acceptor: TlsAcceptor, stub: SocketAddr) -> Result<Front> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Some((TLS, listener.local_addr()?));
        let notes = Notes::default();
        let noted = notes.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(secured(acceptor.clone(), client, stub, noted.clone()));
            }
        });
        Ok(Front { address, notes, server })
    }

    async fn proxy(stub: SocketAddr, tls: SocketAddr) -> Result<Front> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Some((PROXY, listener.local_addr()?));
        let notes = Notes::default();
        let noted = notes.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(proxied(client, stub, tls, noted.clone()));
            }
        });
        Ok(Front { address, notes, server })
    }

    fn socket(stub: SocketAddr, path: &Path) -> Result<Front> {
        let listener = UnixListener::bind(path)?;
        let notes = Notes::default();
        let noted = notes.clone();
        let server = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                noted.add("by the socket".to_owned());
                tokio::spawn(passed_on(client, stub));
            }
        });
        Ok(Front { address: None, notes, server })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Notes {
    fn add(&self, note: String) {
        if let Ok(mut notes) = self.0.lock() {
            notes.insert(note);
        }
    }
}

async fn secured(acceptor: TlsAcceptor, client: TcpStream, stub: SocketAddr, notes: Notes) {
    // A handshake that fails shows in the sender's answer.
    let Ok(client) = acceptor.accept(client).await else { return };
    let (_, session) = client.get_ref();
    let version = session.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
    let name = session.server_name().unwrap_or("no name");
    let certificate = if session.peer_certificates().is_some() { "a certificate" } else { "no certificate" };
    let alpn = session.alpn_protocol().unwrap_or(b"nothing").escape_ascii();
    notes.add(format!("{version} to {name}, {certificate}, {alpn} by ALPN"));
    passed_on(client, stub).await;
}

/// Passes one connection on: behind `CONNECT` as it is, else with the request that named another host.
async fn proxied(mut client: TcpStream, stub: SocketAddr, tls: SocketAddr, notes: Notes) {
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match client.read_buf(&mut head).await {
            Ok(1..) if head.len() <= HEAD_LIMIT_BYTES => {}
            _ => return notes.add("no request to the proxy".to_owned()),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default();
    let is_login = |line: &&str| line.to_ascii_lowercase().starts_with("proxy-authorization:");
    let login = text.lines().find(is_login).and_then(|line| line.split_once(": ")).map(|(_, login)| login);
    notes.add(format!("{line}, {}", login.unwrap_or("no login")));
    let to = if line.contains(&format!(":{TLS_PORT} ")) { tls } else { stub };
    let Ok(mut server) = TcpStream::connect(to).await else { return };
    let begun = if line.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await
    } else {
        server.write_all(&head).await
    };
    if begun.is_ok() {
        // A connection ends when either side wants it to.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

async fn passed_on(mut client: impl AsyncRead + AsyncWrite + Unpin, stub: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(stub).await {
        // A connection ends when either side wants it to.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

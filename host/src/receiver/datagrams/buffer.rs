//! The kernel's buffer of a socket, and what it drops.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use rustix::{
    fs::fstat,
    net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force, socket_recv_buffer_size},
};
use tokio::net::UdpSocket;

use super::Dropped;
use crate::running::SharedSocket;

/// The tables of the sockets of this network namespace: proc(5), `/proc/net/udp`.
const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
/// The columns of a table.
const INODE: usize = 9;
const DROPS: usize = 12;

/// Gives the socket a larger buffer, and logs if it cannot become as large. Returns its size in bytes.
///
/// Without `CAP_NET_ADMIN` the kernel allows `net.core.rmem_max`. It doubles each size for its own needs (socket(7),
/// `SO_RCVBUF`).
pub(super) fn enlarge(socket: &UdpSocket, wanted_bytes: usize, receiver: &str) -> usize {
    let set = set_socket_recv_buffer_size_force(socket, wanted_bytes)
        .or_else(|_| set_socket_recv_buffer_size(socket, wanted_bytes));
    let bytes = socket_recv_buffer_size(socket).unwrap_or_default() / 2;
    if let Err(error) = set {
        tracing::warn!(receiver, %error, "cannot enlarge the buffer of the socket");
    } else if bytes < wanted_bytes {
        let (kib, wanted_kib) = (bytes >> 10, wanted_bytes >> 10);
        tracing::info!(
            receiver,
            kib,
            wanted_kib,
            "the kernel allows a smaller buffer than `read_buffer_mib`; raise net.core.rmem_max for larger bursts"
        );
    }
    bytes
}

/// Counts what the kernel drops of a socket, mostly because its buffer is full.
pub(super) struct KernelDrops {
    inode: u64,
    /// Knows what was counted, also by the receiver that had the socket before.
    socket: Arc<SharedSocket>,
    dropped: Dropped,
}

impl KernelDrops {
    pub(super) fn of(
        socket: &UdpSocket,
        shared: Arc<SharedSocket>,
        dropped: Dropped,
    ) -> io::Result<KernelDrops> {
        Ok(KernelDrops { inode: fstat(socket)?.st_ino, socket: shared, dropped })
    }

    /// Counts what was dropped since the last look. Without `/proc` nothing is counted.
    pub(super) async fn look(&mut self) {
        for table in TABLES {
            let Ok(table) = tokio::fs::read_to_string(table).await else { continue };
            if let Some(drops) = drops(&table, self.inode) {
                let counted = self.socket.counted_drops.swap(drops, Relaxed);
                self.dropped.add(drops.saturating_sub(counted) as usize);
            }
        }
    }
}

fn drops(table: &str, inode: u64) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let is_it = columns.nth(INODE)?.parse() == Ok(inode);
        let drops = columns.nth(DROPS - INODE - 1)?;
        is_it.then(|| drops.parse().ok())?
    })
}

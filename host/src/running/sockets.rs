//! Sockets that pass from a component to the one that takes its place. What the kernel holds for them passes along:
//! connections that nobody has accepted yet, and datagrams that nobody has read. So a reload turns no sender away.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
};

use rustix::net::{SocketType, getsockname, sockopt::socket_type};

/// The sockets of a started component. Clones are the same sockets.
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    in_use: Vec<Weak<SharedSocket>>,
    offer: Offer,
}

/// Sockets of components that are being replaced. They are open until they are taken over, released or dropped. Clones
/// are the same sockets.
#[derive(Clone, Debug, Default)]
pub struct Offer(Arc<Mutex<Vec<Arc<SharedSocket>>>>);

/// A second descriptor of a bound socket. The socket is open as long as either is.
#[derive(Debug)]
pub struct SharedSocket {
    descriptor: OwnedFd,
    /// How many of the datagrams that the kernel dropped have been counted.
    pub counted_drops: AtomicU64,
}

impl Sockets {
    /// Binds a socket, or takes over one that is offered. The component holds what is returned beside the socket for as
    /// long as it uses the socket.
    ///
    /// If the address is in use, offered sockets with the same port are closed before another try: they may be bound to
    /// `localhost`, and this one to every address.
    ///
    /// # Errors
    /// `bind` fails, or the process has too many open files.
    pub async fn bind<S: AsFd + From<OwnedFd>, F: Future<Output = io::Result<S>>>(
        &self,
        kind: SocketType,
        address: SocketAddr,
        bind: impl Fn(SocketAddr) -> F,
    ) -> io::Result<(S, Arc<SharedSocket>)> {
        let offer = self.known().offer.clone();
        if let Some(shared) = offer.take(|offered| offered.is(kind, address)) {
            let socket = S::from(shared.descriptor.try_clone()?);
            self.note(&shared);
            return Ok((socket, shared));
        }
        let socket = match bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && offer.release(kind, address.port()) => {
                bind(address).await?
            }
            bound => bound?,
        };
        let descriptor = socket.as_fd().try_clone_to_owned()?;
        let shared = Arc::new(SharedSocket { descriptor, counted_drops: AtomicU64::new(0) });
        self.note(&shared);
        Ok((socket, shared))
    }

    /// Lets the component take over these sockets.
    pub fn may_take(&self, offer: &Offer) {
        self.known().offer = offer.clone();
    }

    fn note(&self, shared: &Arc<SharedSocket>) {
        self.known().in_use.push(Arc::downgrade(shared));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offer {
    /// Adds the sockets that a component uses now. They stay open when it ends.
    pub fn add(&self, sockets: &Sockets) {
        let in_use: Vec<_> = sockets.known().in_use.iter().filter_map(Weak::upgrade).collect();
        self.sockets().extend(in_use);
    }

    /// Closes what nobody has taken over.
    pub fn end(&self) {
        self.sockets().clear();
    }

    fn take(&self, is_it: impl Fn(&SharedSocket) -> bool) -> Option<Arc<SharedSocket>> {
        let mut sockets = self.sockets();
        let found = sockets.iter().position(|shared| is_it(shared))?;
        Some(sockets.swap_remove(found))
    }

    /// Closes the sockets with this port. Returns whether there were any.
    fn release(&self, kind: SocketType, port: u16) -> bool {
        let mut sockets = self.sockets();
        let before = sockets.len();
        sockets.retain(|shared| !shared.has_port(kind, port));
        sockets.len() < before
    }

    fn sockets(&self) -> MutexGuard<'_, Vec<Arc<SharedSocket>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedSocket {
    fn is(&self, kind: SocketType, address: SocketAddr) -> bool {
        self.address() == Some(address) && socket_type(&self.descriptor) == Ok(kind)
    }

    fn has_port(&self, kind: SocketType, port: u16) -> bool {
        self.address().is_some_and(|address| self.is(kind, address) && address.port() == port)
    }

    fn address(&self) -> Option<SocketAddr> {
        getsockname(&self.descriptor).ok().and_then(|bound| SocketAddr::try_from(bound).ok())
    }
}

#[cfg(test)]
mod tests;

//! The parts of receivers that take UDP datagrams.
//!
//! A thread for each socket does nothing but read datagrams into one bounded queue. Workers take many at a time
//! from it, and hand them to [`Datagrams`]. While all workers are busy, the queue fills. A datagram that finds it
//! full is dropped and counted: UDP has no way to tell its sender to slow down. So is one that finds the
//! kernel's buffer of the socket full.

mod buffer;
mod config;
mod queue;
mod socket;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use metrics::Counter;

pub use config::DatagramsConfig;

use self::{buffer::KernelDrops, queue::Queue, socket::Reader};
use crate::{
    log_line::throttle::Throttle,
    running::Running,
    telemetry::{Labels, Telemetry},
};

/// The name of the transport in metrics and in the log.
pub const TRANSPORT: &str = "udp";

/// One datagram.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub from: IpAddr,
    pub bytes: Bytes,
}

/// Takes the datagrams of one port. Called from as many tasks as the port has workers. Each call is given up to
/// a thousand datagrams, and is not cancelled.
#[async_trait::async_trait]
pub trait Datagrams: Send + Sync + 'static {
    async fn take(&self, datagrams: Vec<Datagram>);
}

/// A port of a receiver, ready to be opened.
pub struct DatagramPort<'a> {
    /// The id of the receiver.
    pub receiver: &'a str,
    /// The keys of the receiver that lead to the port's config. Empty if the receiver has one port.
    pub keys: &'a str,
    /// The endpoint, unless the config has one: `localhost:2000`.
    pub default_endpoint: &'a str,
    pub config: &'a DatagramsConfig,
    /// The number of workers.
    pub workers: usize,
    pub telemetry: &'a Telemetry,
}

/// Counts datagrams that are dropped, and logs some of them, and how many they were in the end: nobody knows what
/// telemetry was in them, so no account has them.
pub struct Dropped {
    receiver: String,
    count: Counter,
    all: AtomicU64,
    reason: &'static str,
    throttle: Throttle,
}

impl DatagramPort<'_> {
    /// Binds each address of the endpoint, and reads until `running.stop`. Then the port takes what is in the
    /// queue, and its tasks end. Returns the addresses.
    ///
    /// # Errors
    /// An address cannot be bound. The error names the receiver and the keys.
    pub async fn open(self, to: Arc<dyn Datagrams>, running: &Running) -> anyhow::Result<Vec<SocketAddr>> {
        let sockets = socket::bind(&self, &running.sockets).await?;
        let queue = Arc::new(Queue::new(self.config.queue_bytes()));
        let (mut addresses, mut readings) = (Vec::new(), Vec::new());
        for (socket, shared) in sockets {
            let address = socket.local_addr()?;
            let (receiver, protocol) = (self.receiver, TRANSPORT);
            let buffer_bytes = buffer::enlarge(&socket, self.config.read_buffer_bytes(), receiver);
            tracing::info!(receiver, protocol, %address, "listening");
            addresses.push(address);
            let drops = KernelDrops::of(&socket, shared, self.dropped("read_buffer_full"))?;
            let reader = Reader {
                max_datagram: self.config.max_datagram,
                buffer_bytes,
                queue: queue.filling(),
                queue_full: self.dropped("queue_full"),
                too_large: self.dropped("too_large"),
                stop: running.stop.clone(),
            };
            readings.push(reader.start(socket, drops)?);
        }
        for reading in readings {
            running.tasks.spawn(running.listeners.track_future(reading));
        }
        for _ in 0..self.workers.max(1) {
            running.tasks.spawn(work(queue.clone(), to.clone()));
        }
        Ok(addresses)
    }

    fn dropped(&self, reason: &'static str) -> Dropped {
        Dropped::new(self.receiver, reason, self.telemetry)
    }
}

async fn work(queue: Arc<Queue>, to: Arc<dyn Datagrams>) {
    while let Some(datagrams) = queue.next().await {
        to.take(datagrams).await;
    }
}

impl Dropped {
    /// `reason` is a label of the counter.
    pub fn new(receiver: &str, reason: &'static str, telemetry: &Telemetry) -> Dropped {
        let labels: Labels<'_> = &[("receiver", receiver), ("transport", TRANSPORT), ("reason", reason)];
        let count = telemetry.counter("spanloom_receiver_dropped_datagrams", labels);
        Dropped {
            receiver: receiver.to_owned(),
            count,
            all: AtomicU64::new(0),
            reason,
            throttle: Throttle::default(),
        }
    }

    pub fn add(&self, datagrams: usize) {
        if datagrams == 0 {
            return;
        }
        self.count.increment(datagrams as u64);
        self.all.fetch_add(datagrams as u64, Relaxed);
        if let Some(withheld) = self.throttle.admit_about(datagrams) {
            let (receiver, reason) = (self.receiver.as_str(), self.reason);
            let datagrams = datagrams as u64 + withheld.items;
            tracing::warn!(receiver, datagrams, reason, "dropped datagrams");
        }
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let (receiver, reason, datagrams) = (self.receiver.as_str(), self.reason, self.all.load(Relaxed));
        if datagrams > 0 {
            tracing::warn!(
                receiver,
                datagrams,
                reason,
                "dropped datagrams in all, whose telemetry counts nowhere"
            );
        }
    }
}

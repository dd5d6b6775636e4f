//! Stand-in until the crate lands.
use bytes::Bytes;
use smallvec::SmallVec;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}
#[derive(Clone, Debug)]
pub struct Batch {
    signal: Signal,
    chunks: SmallVec<[Bytes; 1]>,
    items: usize,
}
#[derive(Debug)]
pub struct WireError(String);
impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for WireError {}
impl Batch {
    pub fn decode(signal: Signal, bytes: Bytes) -> Result<Batch, WireError> {
        Ok(Batch { signal, items: bytes.len() / 500, chunks: SmallVec::from_buf([bytes]) })
    }
    pub fn signal(&self) -> Signal {
        self.signal
    }
    pub fn items(&self) -> usize {
        self.items
    }
    pub fn encoded_len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }
    pub fn merge(&mut self, other: Batch) {
        self.items += other.items;
        self.chunks.extend(other.chunks);
    }
    pub fn split_off_items(&mut self, n: usize) -> Batch {
        let rest = self.items - n;
        self.items = n;
        Batch { signal: self.signal, chunks: SmallVec::new(), items: rest }
    }
    pub fn chunks(&self) -> SmallVec<[Bytes; 1]> {
        self.chunks.clone()
    }
}
impl std::fmt::Display for Signal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        })
    }
}
pub mod json {
    use super::*;
    pub fn from_json(_: Signal, _: &[u8]) -> Result<Vec<u8>, WireError> {
        Err(WireError("not yet".into()))
    }
    pub fn to_json(_: &Batch) -> Vec<u8> {
        Vec::new()
    }
}
impl Batch {
    pub fn empty(signal: Signal) -> Batch {
        Batch { signal, chunks: SmallVec::new(), items: 0 }
    }
}

//! Reads requests from files.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, bail};
use serde_json::Value;
use wire::{Batch, Signal};

const LIMIT_BYTES: u64 = 64 << 20;

/// Reads an OTLP request. A `.binpb` file is protobuf and has the signal `of_binary`; any other file is JSON.
pub(super) fn read(path: &Path, of_binary: Signal) -> anyhow::Result<Batch> {
    let wrong = || format!("{} is not an OTLP request", path.display());
    let bytes = read_limited(path)?;
    if path.extension().is_some_and(|end| end == "binpb") {
        return Batch::decode(of_binary, bytes.into()).with_context(wrong);
    }
    from_json(&bytes).with_context(wrong)
}

/// Reads an OTLP/JSON request of any signal.
pub(in crate::cli) fn from_json(json: &[u8]) -> anyhow::Result<Batch> {
    let document: Value = serde_json::from_slice(json)?;
    let of = |key: &str| document.get(key).is_some();
    let signal = match document {
        _ if of("resourceSpans") => Signal::Traces,
        _ if of("resourceMetrics") => Signal::Metrics,
        _ if of("resourceLogs") => Signal::Logs,
        _ => bail!("it has none of `resourceSpans`, `resourceMetrics` and `resourceLogs`"),
    };
    let request = wire::json::from_json(signal, json)?;
    Ok(Batch::decode(signal, request.into())?)
}

/// Reads a whole file, up to a limit.
pub(in crate::cli) fn read_limited(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let file = fs::File::open(path).with_context(cannot)?;
    let mut bytes = Vec::new();
    file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        bail!("{} is larger than {LIMIT_BYTES} bytes", path.display());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: JSON requests of each signal are read, and one of none.
    /// Guarantees: the signal is read from the field's name, and an empty request is valid, since it may be a
    /// golden file.
    #[test]
    fn the_signal_of_json_is_read_from_it() {
        for signal in Signal::ALL {
            let empty = wire::json::to_json(&Batch::empty(signal));
            let named = match signal {
                Signal::Traces => "{\"resourceSpans\": []}",
                Signal::Metrics => "{\"resourceMetrics\": []}",
                Signal::Logs => "{\"resourceLogs\": []}",
            };
            assert_eq!(from_json(named.as_bytes()).unwrap().signal(), signal);
            assert_eq!(empty, b"{}");
        }
        let error = format!("{:#}", from_json(b"{\"spans\": []}").unwrap_err());
        assert!(error.contains("`resourceSpans`"), "{error}");
    }
}

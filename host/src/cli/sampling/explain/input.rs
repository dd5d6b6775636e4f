//! Reads the traces that are to be explained.

use std::path::Path;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde::de::IgnoredAny;
use wire::{Batch, Signal, SpanBatch};

use crate::cli::plugin::fixture;

/// Reads the requests of traces in a file: JSON, one or several, as lines or not; or protobuf, one, or several with
/// lengths before them, as the exporter `file` writes them. Requests of other signals are skipped.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<SpanBatch>> {
    let bytes = fixture::read_limited(path)?;
    // No JSON is valid protobuf, while protobuf may begin like JSON: with a line break and a brace.
    let batches = match protobuf(bytes.clone().into()) {
        Some(batches) => batches,
        None => json(&bytes).with_context(|| path.display().to_string())?,
    };
    let traces = batches.into_iter().filter_map(|batch| match batch {
        Batch::Spans(spans) if !spans.is_empty() => Some(spans),
        _ => None,
    });
    let traces: Vec<SpanBatch> = traces.collect();
    if traces.is_empty() {
        bail!("{}: there is no span in it", path.display());
    }
    Ok(traces)
}

fn json(bytes: &[u8]) -> anyhow::Result<Vec<Batch>> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {}
        None => return Ok(Vec::new()),
        Some(_) => bail!(
            "this is neither OTLP/JSON, nor a request of traces in protobuf, nor such requests with their lengths before them"
        ),
    }
    let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    let (mut batches, mut start) = (Vec::new(), 0);
    while let Some(document) = documents.next() {
        let number = batches.len() + 1;
        document.with_context(|| format!("request {number} is not JSON"))?;
        let end = documents.byte_offset();
        let request = bytes.get(start..end).unwrap_or_default();
        batches.push(fixture::from_json(request).with_context(|| format!("request {number} is not OTLP"))?);
        start = end;
    }
    Ok(batches)
}

/// Returns the only request, or all of those with their lengths before them.
fn protobuf(bytes: Bytes) -> Option<Vec<Batch>> {
    if let Ok(batch) = Batch::decode(Signal::Traces, bytes.clone()) {
        return Some(vec![batch]);
    }
    let (mut batches, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let length = u32::from_be_bytes(*rest.first_chunk::<4>()?) as usize;
        let request = rest.slice_ref(rest.get(4..4 + length)?);
        batches.push(Batch::decode(Signal::Traces, request).ok()?);
        rest = rest.slice(4 + length..);
    }
    Some(batches)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a"}]}]}]}"#;

    fn read_text(bytes: &[u8]) -> Result<Vec<usize>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let read = read(file.path()).map(|batches| batches.iter().map(SpanBatch::items).collect());
        read.map_err(|error| format!("{error:#}"))
    }

    /// Scenario: the same request is read as JSON, as lines, as protobuf, and as the exporter `file` writes protobuf.
    /// Guarantees: each is understood, requests of other signals are skipped, and anything else is refused by name.
    #[test]
    fn traces_are_read_in_every_form_that_spanloom_writes() {
        let Batch::Spans(spans) = fixture::from_json(SPAN.as_bytes()).unwrap() else { panic!("spans") };
        let request = spans.chunks().concat();
        let prefixed = [&(request.len() as u32).to_be_bytes()[..], &request].concat();
        let lines = format!("{SPAN}\n{{\"resourceLogs\":[]}}\n{SPAN}\n");
        assert_eq!(read_text(SPAN.as_bytes()), Ok(vec![1]));
        assert_eq!(read_text(lines.as_bytes()), Ok(vec![1, 1]));
        assert_eq!(read_text(&request), Ok(vec![1]));
        assert_eq!(read_text(&prefixed.repeat(3)), Ok(vec![1, 1, 1]));
        for (bytes, why) in [
            (&b"{\"resourceLogs\":[]}"[..], "there is no span in it"),
            (b"", "there is no span in it"),
            (b"\n", "there is no span in it"),
            (b"{\"resourceSpans\":[]}{", "request 2 is not JSON"),
            (b"{\"spans\":[]}", "request 1 is not OTLP"),
            (b"traces", "neither OTLP/JSON, nor"),
            (&prefixed[..prefixed.len() - 1], "neither OTLP/JSON, nor"),
        ] {
            let error = read_text(bytes).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}

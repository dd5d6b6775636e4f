//! The bodies of the fuzz targets. The tests run the same bodies for a short while.
#![allow(dead_code, reason = "each target runs one of them")]

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanloom_wire::{Batch, EditError, Signal, SpanBatch, TextColumn, Value, WireErrorKind, json, mend};

/// Checks any bytes. They are accepted exactly if prost decodes them and their ids have valid lengths.
/// Accepted bytes go through JSON and splits. Bytes that are refused only for texts, ids
/// and values that nest too deep are accepted after `mend`.
pub(crate) fn check(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    for signal in Signal::ALL {
        let theirs = match signal {
            Signal::Traces => ExportTraceServiceRequest::decode(data).is_ok(),
            Signal::Metrics => ExportMetricsServiceRequest::decode(data).is_ok(),
            Signal::Logs => ExportLogsServiceRequest::decode(data).is_ok(),
        };
        match Batch::decode(signal, bytes.clone()) {
            Ok(batch) => {
                assert!(theirs, "{signal}: accepted, and prost refuses it");
                split(batch);
            }
            Err(error) => {
                let is_id = matches!(error.kind, WireErrorKind::Id { .. });
                assert!(!theirs || is_id, "{signal}: refused, and prost accepts it: {error}");
                assert!(error.offset <= data.len(), "{error}");
            }
        }
        if let Ok(mended) = mend(signal, data) {
            split(Batch::decode(signal, mended.bytes.into()).expect("a mended request"));
        }
        // Any bytes may be read as JSON without a panic.
        let _ = json::from_json(signal, data);
    }
}

fn split(mut batch: Batch) {
    let (signal, items) = (batch.signal(), batch.items());
    let json = json::to_json(&batch);
    // Protobuf may nest deeper than the JSON reader keeps. What it reads is a valid request.
    if let Ok(bytes) = json::from_json(signal, &json) {
        let again = Batch::decode(signal, bytes.into()).expect("JSON becomes a valid request");
        assert_eq!(again.encoded_len(), again.chunks().concat().len());
    }
    let rest = batch.split_off_items(items / 2);
    assert_eq!(batch.items() + rest.items(), items);
    batch.merge(rest).expect("the same signal");
    let encoded = Bytes::from(batch.chunks().concat());
    assert_eq!(encoded.len(), batch.encoded_len());
    assert_eq!(Batch::decode(signal, encoded).expect("a valid request").items(), items);
}

/// Runs a program of edits on a batch. The data is the length of the program, the program, then a request.
/// After each step the batch reads like the bytes that it encodes to.
pub(crate) fn edits(data: &[u8]) {
    let Some((len, data)) = data.split_first() else { return };
    let (program, request) = data.split_at(usize::from(*len).min(data.len()).min(32));
    let Ok(mut batch) = SpanBatch::decode(Bytes::copy_from_slice(request)) else { return };
    for step in program.chunks_exact(2) {
        let outcome = edit(&mut batch, step[0], step[1]);
        assert!(matches!(outcome, Ok(()) | Err(EditError::Row { .. })), "{outcome:?}");
        let encoded = Bytes::from(batch.chunks().concat());
        assert_eq!(encoded.len(), batch.encoded_len());
        assert_same(&batch, &SpanBatch::decode(encoded).expect("a valid request"));
    }
}

const KEYS: [&str; 4] = ["", "a", "b", "service.name"];

fn edit(batch: &mut SpanBatch, what: u8, by: u8) -> Result<(), EditError> {
    let row = usize::from(by) / 4;
    let key = KEYS[usize::from(by) % 4];
    let to = KEYS[row % 4];
    match what % 12 {
        0 => batch.retain(|row| (row as u8).wrapping_mul(what) & 4 != by & 4),
        1 => batch.set(row, key, &Value::Int(i64::from(what) << (by % 60)))?,
        2 => batch.set(row, key, &Value::Str(&"text ".repeat(usize::from(by))))?,
        3 => batch.remove(row, key)?,
        4 => batch.set_status(row, i32::from(what) - 100, key)?,
        5 => batch.set_name(row, key)?,
        6 => batch.rename(key, to)?,
        7 => batch.remove_all(key)?,
        8 => {
            let rows: Vec<u32> =
                (0..batch.items() as u32).filter(|row| row % 3 != u32::from(by) % 3).collect();
            let ends = (1..=rows.len() as u32).collect();
            let column = TextColumn::new("x".repeat(rows.len()), ends, rows).expect("a column");
            batch.set_text(key, &column)?;
        }
        9 => batch.set_resource(row, key, &Value::Double(f64::from(by)))?,
        10 => batch.remove_from_resource(row, key)?,
        _ => {
            let rest = batch.split_off_items(row);
            batch.merge(rest);
        }
    }
    Ok(())
}

fn assert_same(batch: &SpanBatch, again: &SpanBatch) {
    assert_eq!(batch.items(), again.items());
    assert_eq!(batch.trace_ids(), again.trace_ids());
    assert_eq!(batch.start_times_unix_nano(), again.start_times_unix_nano());
    assert_eq!(batch.status_codes(), again.status_codes());
    assert_eq!(batch.names(), again.names());
    assert_eq!(batch.traces().ids(), again.traces().ids());
    let (flat, flat_again) = (batch.flat(), again.flat());
    assert_eq!(flat.attribute_ends, flat_again.attribute_ends);
    assert_eq!(flat.attributes.kinds, flat_again.attributes.kinds);
    for (span, again) in batch.spans().zip(again.spans()) {
        assert_eq!(span.encoded(), again.encoded());
        // Values are compared as text, because NaN is not equal to itself.
        let attributes = |attributes: Vec<(&str, Value<'_>)>| format!("{attributes:?}");
        assert_eq!(attributes(span.attributes().collect()), attributes(again.attributes().collect()));
        let (resource, again) = (span.resource(), again.resource());
        assert_eq!(attributes(resource.attributes().collect()), attributes(again.attributes().collect()));
    }
}

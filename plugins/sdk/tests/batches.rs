//! Reads and edits batches natively, with the same calls as in the host.

use std::time::Duration;

use spanloom_plugin::{EditError, prelude::*, wire::RequestWriter};

fn shop() -> SpanBatch {
    let spans =
        testing::spans("shop").span("GET /").attribute("url.full", "https://a/?q").attribute("size", 7);
    let spans = spans.span("SELECT").child_of(1).lasting(Duration::from_secs(2)).error("deadlock");
    spans
        .service("cart")
        .trace(2)
        .span("PUT")
        .attribute("ratio", 0.5)
        .attribute("tags", Value::Json("[1]".into()))
        .into()
}

#[test]
fn columns_have_an_entry_for_each_span_that_has_the_attribute() {
    let spans = shop();
    assert_eq!(spans.len(), 3);
    assert_eq!(spans.names().dense(3), [Some("GET /"), Some("SELECT"), Some("PUT")]);
    assert_eq!(spans.text("url.full"), TextColumn::from_iter([(0, "https://a/?q")]));
    assert_eq!(spans.numbers("ratio").iter().collect::<Vec<_>>(), [(2, Number::Double(0.5))]);
    assert_eq!(spans.durations_nano(), [1_000_000, 2_000_000_000, 1_000_000]);
    assert_eq!(spans.status_codes().nth(1), Some(StatusCode::Error));
    assert_eq!(spans.trace_ids()[2], 2_u128.to_be_bytes());
    assert_eq!(spans.parent_span_ids()[1], 1_u64.to_be_bytes());
    assert_eq!(spans.resources_of_spans(), [0, 0, 1]);
    assert_eq!(spans.resource_text("service.name").dense(2), [Some("shop"), Some("cart")]);
}

#[test]
fn trace_states_are_of_the_spans_that_have_one() {
    let json = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [
        {"name": "a"}, {"name": "b", "traceState": "ot=th:8"}, {"name": "c", "traceState": ""}]}]}]}"#;
    let spans = testing::from_json(json).expect("spans");
    assert_eq!(spans.trace_states(), TextColumn::from_iter([(1, "ot=th:8")]));
}

#[test]
fn kinds_and_codes_that_otlp_does_not_have_are_told_apart_in_columns() {
    let json = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [
        {"name": "a", "kind": 2, "status": {"code": 1}}, {"name": "b", "kind": 6, "status": {"code": 3}}, {"name": "c"}]}]}]}"#;
    let spans = testing::from_json(json).expect("spans");
    assert_eq!(spans.kind_numbers(), [2, 255, 0]);
    assert_eq!(spans.status_numbers(), [1, 255, 0]);
    assert_eq!(spans.kinds().nth(1), Some(SpanKind::Unspecified));
    assert_eq!(spans.status_codes().nth(1), Some(StatusCode::Unset));
}

#[test]
fn flat_spans_tell_what_rows_tell() {
    let spans = shop();
    let flat = spans.flat();
    for (number, flat) in (0..).zip(flat.spans()) {
        let row = spans.span(number).expect("a span");
        assert_eq!(flat.trace_id().as_slice(), row.trace_id);
        assert_eq!(flat.span_id().as_slice(), row.span_id);
        assert_eq!(flat.parent_span_id().map_or([0; 8].as_slice(), <[u8; 8]>::as_slice), row.parent_span_id);
        assert_eq!((flat.name(), flat.kind()), (row.name.as_str(), row.kind));
        assert_eq!(
            (flat.status_code(), flat.status_message()),
            (row.status.code, row.status.message.as_str())
        );
        assert_eq!(flat.duration_nano(), row.end_time_unix_nano - row.start_time_unix_nano);
        assert_eq!(flat.resource().number() as u32, row.resource);
        let attributes = row.attributes.iter().map(|attribute| {
            (
                attribute.key.as_str(),
                match &attribute.value {
                    Value::Text(text) => ValueRef::Text(text),
                    Value::Int(number) => ValueRef::Int(*number),
                    Value::Double(number) => ValueRef::Double(*number),
                    Value::Bool(truth) => ValueRef::Bool(*truth),
                    Value::Bytes(bytes) => ValueRef::Bytes(bytes),
                    Value::Json(json) => ValueRef::Json(json),
                },
            )
        });
        assert_eq!(flat.attributes().collect::<Vec<_>>(), attributes.collect::<Vec<_>>());
    }
    let service = flat.resources().nth(1).and_then(|cart| cart.attributes().find_key("service.name"));
    assert_eq!(service, Some(ValueRef::Text("cart")));
}

#[test]
fn edits_are_seen_by_later_reads_and_by_the_decoded_bytes() {
    let mut spans = shop();
    spans.set_text("team", &TextColumn::from_iter([(0, "web"), (2, "basket")])).expect("set");
    spans.set(1, "team", "data").expect("set");
    spans.rename_all("team", "owner").expect("renamed");
    spans.set_status(0, StatusCode::Ok, "").expect("set");
    spans.set_names(&TextColumn::from_iter([(1, "query")])).expect("set");
    spans.resource_set(1, "zone", true).expect("set");
    assert_eq!(spans.text("owner").dense(3), [Some("web"), Some("data"), Some("basket")]);
    assert_eq!(spans.resource_get(1, "zone"), Some(Value::Bool(true)));
    spans.retain(&[true, true, false]).expect("kept");
    let decoded = spans.decode().expect("OTLP");
    assert_eq!(decoded.items(), 2);
    assert_eq!(decoded.names().iter().collect::<Vec<_>>(), [(0, "GET /"), (1, "query")]);
    assert_eq!(decoded.status_codes(), [1, 2]);
}

#[test]
fn an_edit_that_does_not_fit_is_refused_and_changes_nothing() {
    let mut spans = shop();
    let before = spans.otlp();
    assert_eq!(spans.set(3, "team", "web"), Err(EditError::NoSuchRow(3)));
    assert!(matches!(spans.retain(&[true]), Err(EditError::WrongLength(_))));
    let twice = TextColumn::from_iter([(1, "a"), (1, "b")]);
    assert!(matches!(spans.set_text("team", &twice), Err(EditError::BadColumn(_))));
    assert!(matches!(spans.set(0, "team", Value::Json("{".into())), Err(EditError::BadValue(_))));
    assert!(matches!(spans.replace(&[0xff]), Err(EditError::BadOtlp(_))));
    assert_eq!(spans.otlp(), before);
}

#[test]
fn batches_come_apart_and_together() {
    let mut spans = shop();
    let mut rest = spans.split_off(1);
    assert_eq!((spans.len(), rest.len()), (1, 2));
    rest.merge(spans);
    assert_eq!(rest.names().dense(3), [Some("SELECT"), Some("PUT"), Some("GET /")]);
    let parts = rest.partition(&[1, 0, 1]).expect("parts");
    assert_eq!(parts.iter().map(SpanBatch::len).collect::<Vec<_>>(), [1, 2]);
}

/// Scenario: a plugin writes a request with the SDK's own kinds and codes. Guarantees that the batch reads back
/// the same.
#[test]
fn what_the_writer_makes_is_a_batch() {
    let kinds = [
        SpanKind::Unspecified,
        SpanKind::Internal,
        SpanKind::Server,
        SpanKind::Client,
        SpanKind::Producer,
        SpanKind::Consumer,
    ];
    let codes = [StatusCode::Unset, StatusCode::Ok, StatusCode::Error].repeat(2);
    let mut request = RequestWriter::traces();
    let mut resource = request.resource(|resource| {
        resource.attribute("service.name", "shop");
    });
    let mut scope = resource.scope(|_| ());
    for (kind, code) in kinds.iter().zip(&codes) {
        scope.span(|span| {
            span.name("GET /").kind(*kind).status(*code, "");
        });
    }
    let spans = SpanBatch::from_otlp(&request.finish()).expect("a request");
    assert_eq!(spans.kinds().collect::<Vec<_>>(), kinds);
    assert_eq!(spans.status_codes().collect::<Vec<_>>(), codes);
    assert_eq!(spans.resource_text("service.name").get(0), Some("shop"));
}

//! Wrong edits: wrong lengths, indices and columns. Each must be an error and leave the batch as it was.

use crate::{
    Processed, one,
    spanloom::plugin::spans::{EditError, NumberColumn, SpanBatch, Status, StatusCode, TextColumn, Value},
    tell,
};

/// Makes every edit in every wrong way, and tells how many were refused and which were not.
pub(crate) fn wrongly(spans: SpanBatch) -> Processed {
    let before = spans.otlp();
    let mut tried = attempts(&spans);
    let changed = spans.otlp() != before;
    let total = tried.len();
    tried.retain(|(_, refused)| !refused);
    let taken: Vec<&str> = tried.iter().map(|(what, _)| *what).collect();
    tell(&spans, "guest.refused", &format!("{} of {total}", total - taken.len()));
    tell(&spans, "guest.taken", &taken.join(", "));
    tell(&spans, "guest.changed", &changed.to_string());
    one(spans)
}

fn attempts(spans: &SpanBatch) -> Vec<(&'static str, bool)> {
    let rows = spans.len();
    let n = rows as usize;
    let text = Value::Text("x".into());
    let status = Status { code: StatusCode::Ok, message: String::new() };
    let text_column = |arena: &str, ends: &[u32], rows: &[u32]| {
        let column = TextColumn { arena: arena.into(), ends: ends.into(), rows: rows.into() };
        spans.set_text_column("k", &column).is_err() && spans.set_names(&column).is_err()
    };
    let number_column = |bits: &[u64], kinds: &[u8], rows: &[u32]| {
        let column = NumberColumn { bits: bits.into(), kinds: kinds.into(), rows: rows.into() };
        spans.set_number_column("k", &column).is_err()
    };
    let json = |text: &str| {
        matches!(spans.set(0, "k", &Value::Json(text.into())), Err(EditError::BadValue(_)))
            && matches!(spans.resource_set(0, "k", &Value::Json(text.into())), Err(EditError::BadValue(_)))
    };
    vec![
        ("retain nothing", matches!(spans.retain(&[]), Err(EditError::WrongLength(_)))),
        ("retain one too few", spans.retain(&vec![false; n - 1]).is_err()),
        ("retain one too many", spans.retain(&vec![false; n + 1]).is_err()),
        ("retain a million", spans.retain(&vec![true; 1_000_000]).is_err()),
        ("texts: too few", spans.set_texts("k", &vec![Some("x".into()); n - 1]).is_err()),
        ("texts: too many", spans.set_texts("k", &vec![Some("x".into()); n + 1]).is_err()),
        ("column: row past the end", text_column("x", &[1], &[rows])),
        ("column: last row of all", text_column("x", &[1], &[u32::MAX])),
        ("column: rows descend", text_column("xy", &[1, 2], &[1, 0])),
        ("column: a row twice", text_column("xy", &[1, 2], &[0, 0])),
        ("column: more ends than rows", text_column("xy", &[1, 2], &[0])),
        ("column: more rows than ends", text_column("x", &[1], &[0, 1])),
        ("column: ends descend", text_column("xy", &[2, 1], &[0, 1])),
        ("column: end past the arena", text_column("x", &[2], &[0])),
        ("column: end far past the arena", text_column("x", &[u32::MAX], &[0])),
        ("column: half a character", text_column("é", &[1], &[0])),
        ("numbers: row past the end", number_column(&[1], &[0], &[rows])),
        ("numbers: rows descend", number_column(&[1, 2], &[0, 0], &[1, 0])),
        ("numbers: unknown kind", number_column(&[1], &[3], &[0])),
        ("numbers: fewer kinds", number_column(&[1, 2], &[0], &[0, 1])),
        ("numbers: fewer bits", number_column(&[1], &[0, 0], &[0, 1])),
        ("set: no such row", matches!(spans.set(rows, "k", &text), Err(EditError::NoSuchRow(_)))),
        ("set: last row of all", spans.set(u32::MAX, "k", &text).is_err()),
        ("remove: no such row", spans.remove(rows, "k").is_err()),
        ("set-name: no such row", spans.set_name(rows, "x").is_err()),
        ("set-status: no such row", spans.set_status(rows, &status).is_err()),
        ("resource-set: no such resource", spans.resource_set(spans.resource_count(), "k", &text).is_err()),
        ("resource-remove: no such resource", spans.resource_remove(u32::MAX, "k").is_err()),
        ("json: none", json("")),
        ("json: half", json("[1,")),
        ("json: two", json("1 2")),
        ("json: too deep", json(&"[".repeat(100_000))),
        ("json: too deep, and whole", json(&("[".repeat(500) + &"]".repeat(500)))),
        ("partition: too few", spans.partition(&vec![0; n - 1]).is_err()),
        ("partition: too many", spans.partition(&vec![0; n + 1]).is_err()),
        ("partition: too many parts", spans.partition(&vec![1024; n]).is_err()),
        ("partition: parts without end", spans.partition(&vec![u32::MAX; n]).is_err()),
        ("replace: garbage", matches!(spans.replace(b"garbage"), Err(EditError::BadOtlp(_)))),
        ("replace: half a request", spans.replace(&spans.otlp()[..spans.otlp().len() / 2]).is_err()),
        ("read: no such span", spans.span(rows).is_none() && spans.get(u32::MAX, "k").is_none()),
        ("read: no such resource", spans.resource(u32::MAX).is_none() && spans.scope(u32::MAX).is_none()),
    ]
}

/// Tries to replace the spans by damaged bytes of every kind.
pub(crate) fn replace_by_garbage(spans: SpanBatch) -> Processed {
    let otlp = spans.otlp();
    let mut believed = 0;
    for at in 0..otlp.len().min(400) {
        let mut damaged = otlp.clone();
        damaged[at] ^= 0xff;
        // Some damage gives another valid request, which is undone.
        if spans.replace(&damaged).is_ok() {
            believed += 1;
            let _ = (spans.len(), spans.flat(), spans.span(0), spans.texts("http.url"));
            spans.replace(&otlp).expect("what it was");
        }
    }
    tell(&spans, "guest.believed", if believed > 0 { "some" } else { "none" });
    one(spans)
}

/// Replaces the spans by each span twice.
pub(crate) fn replace_by_more(spans: SpanBatch) -> Processed {
    spans.replace(&[spans.otlp(), spans.otlp()].concat()).expect("two requests are one");
    one(spans)
}

/// Returns the spans, and the same spans again in a batch that the plugin made.
pub(crate) fn make_more(spans: SpanBatch) -> Processed {
    let more = SpanBatch::from_otlp(&spans.otlp()).expect("a request");
    Ok(vec![crate::Batch::Spans(spans), crate::Batch::Spans(more)])
}

/// Makes batches: drops one, and merges the spans into another.
pub(crate) fn make_for_nothing(spans: SpanBatch) -> Processed {
    drop(SpanBatch::from_otlp(&spans.otlp()).expect("a request"));
    let all = SpanBatch::from_otlp(&[]).expect("an empty request");
    all.merge(spans);
    one(all)
}

/// Moves the spans from the part that has them to a part that is empty.
pub(crate) fn replace_empty_part(spans: SpanBatch) -> Processed {
    let otlp = spans.otlp();
    let all = spans.split_off(0);
    spans.replace(&otlp).expect("what was there");
    all.replace(&[]).expect("an empty request");
    Ok(vec![crate::Batch::Spans(all), crate::Batch::Spans(spans)])
}

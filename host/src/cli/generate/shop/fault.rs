//! Makes a span fail, and with it every span that waits for it.

use std::collections::HashSet;

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{
        Span, Status,
        span::{Event, SpanKind},
        status::StatusCode,
    },
};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Language, SERVICES, ShopSpan, convention::string};

struct Fault {
    exception: &'static str,
    message: &'static str,
}

const QUERY_FAULTS: [Fault; 3] = [
    Fault { exception: "PoolTimeoutError", message: "timed out waiting for a connection from the pool" },
    Fault { exception: "DeadlockDetected", message: "deadlock detected, transaction was rolled back" },
    Fault { exception: "ConnectionResetError", message: "connection reset by peer" },
];

const WORK_FAULTS: [Fault; 3] = [
    Fault { exception: "CardDeclinedError", message: "card was declined: insufficient funds" },
    Fault { exception: "IllegalStateException", message: "order total does not match its items" },
    Fault { exception: "ValueError", message: "currency code 'XXX' is not known" },
];

/// Makes one of the innermost spans fail. The failure spreads to every span that waits for it.
pub(super) fn fail(spans: &mut [ShopSpan], rng: &mut StdRng) {
    let parents: HashSet<&[u8]> = spans.iter().map(|span| span.span.parent_span_id.as_slice()).collect();
    let leaves: Vec<usize> = spans
        .iter()
        .enumerate()
        .filter(|(_, span)| !parents.contains(span.span.span_id.as_slice()))
        .map(|(place, _)| place)
        .collect();
    let Some(leaf) = leaves.choose(rng).and_then(|leaf| spans.get_mut(*leaf)) else { return };
    let is_query = leaf.span.attributes.iter().any(|attribute| attribute.key == "db.system.name");
    let faults = if is_query { &QUERY_FAULTS } else { &WORK_FAULTS };
    let Some(fault) = faults.choose(rng) else { return };
    throw(leaf, fault, rng);
    let mut waiting = std::mem::take(&mut leaf.span.parent_span_id);
    leaf.span.parent_span_id.clone_from(&waiting);
    while let Some(ShopSpan { span, .. }) = spans.iter_mut().find(|span| span.span.span_id == waiting) {
        if span.kind == SpanKind::Producer as i32 {
            break;
        }
        mark(span, "", "500");
        waiting.clone_from(&span.parent_span_id);
    }
}

fn throw(leaf: &mut ShopSpan, fault: &Fault, rng: &mut StdRng) {
    let language = SERVICES.get(leaf.service).map_or(Language::Go, |service| service.language);
    let line = rng.random_range(20..400);
    leaf.span.events.push(Event {
        time_unix_nano: leaf.span.end_time_unix_nano,
        name: "exception".to_owned(),
        attributes: vec![
            string("exception.type", fault.exception),
            string("exception.message", fault.message),
            string("exception.stacktrace", stack_trace(language, fault, &leaf.span.name, line)),
        ],
        dropped_attributes_count: 0,
    });
    mark(&mut leaf.span, fault.message, fault.exception);
}

fn mark(span: &mut Span, message: &str, error_type: &str) {
    span.status = Some(Status { code: StatusCode::Error as i32, message: message.to_owned() });
    set(span, "http.response.status_code", Value::IntValue(500));
    set(span, "rpc.response.status_code", Value::StringValue("INTERNAL".to_owned()));
    span.attributes.push(string("error.type", error_type));
}

/// Sets the value of an attribute, if the span has the attribute.
fn set(span: &mut Span, key: &str, value: Value) {
    let found = span.attributes.iter_mut().find(|attribute| attribute.key == key);
    if let Some(KeyValue { value: Some(old), .. }) = found {
        old.value = Some(value);
    }
}

fn stack_trace(language: Language, fault: &Fault, name: &str, line: u32) -> String {
    let Fault { exception, message } = fault;
    let function: String =
        name.chars().map(|character| if character.is_alphanumeric() { character } else { '_' }).collect();
    let (caller, entry) = (line / 2, line / 3);
    match language {
        Language::Java => format!(
            "com.shop.{exception}: {message}\n\tat com.shop.service.Handler.{function}(Handler.java:{line})\n\tat com.shop.service.Server.dispatch(Server.java:{caller})\n\tat java.base/java.lang.Thread.run(Thread.java:{entry})"
        ),
        Language::Python => format!(
            "Traceback (most recent call last):\n  File \"/app/server.py\", line {entry}, in dispatch\n    return handler(request)\n  File \"/app/handlers.py\", line {line}, in {function}\n    raise {exception}(message)\n{exception}: {message}"
        ),
        Language::Nodejs => format!(
            "{exception}: {message}\n    at {function} (/app/src/handlers.js:{line}:15)\n    at async dispatch (/app/src/server.js:{caller}:9)\n    at async Server.<anonymous> (/app/src/server.js:{entry}:5)"
        ),
        Language::Go => format!(
            "goroutine {entry} [running]:\nshop/internal/handler.{function}(...)\n\t/app/internal/handler/handler.go:{line} +0x1f4\nshop/internal/server.(*Server).dispatch(...)\n\t/app/internal/server/server.go:{caller} +0x98"
        ),
    }
}

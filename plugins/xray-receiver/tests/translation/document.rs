//! Helpers that bring a document to the spans of the receiver, and to the documents of the exporter.

use serde_json::{Map, Value, json};
use spanloom_plugin::prelude::*;
use spanloom_plugin::wire::RequestWriter;
use spanloom_xray_receiver::{Rejected, translate};

pub(crate) const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";

/// The databases that the exporter writes `sql` for.
const SQL: [&str; 8] = ["db2", "derby", "mariadb", "mssql", "mysql", "oracle", "postgresql", "sqlite"];

/// Returns the spans of a datagram as an OTLP request.
pub(crate) fn translated(datagram: &[u8]) -> Result<Vec<u8>, Rejected> {
    let mut out = RequestWriter::traces();
    let count = translate(datagram, &mut out)?;
    assert_eq!(out.items(), count);
    Ok(out.finish())
}

pub(crate) fn spans(segment: &str) -> SpanBatch {
    let otlp = translated(format!("{HEADER}{segment}").as_bytes()).expect("a segment");
    SpanBatch::from_otlp(&otlp).expect("OTLP")
}

pub(crate) fn otlp(spans: &SpanBatch) -> Value {
    testing::to_json(spans)
}

/// Returns the documents that the exporter sends.
pub(crate) fn documents(spans: &SpanBatch) -> Vec<Value> {
    let documents = spanloom_xray::documents("{}", spans).expect("a config");
    documents.iter().map(|document| serde_json::from_str(document).expect("JSON")).collect()
}

/// Returns the segment and its subsegments as independent documents, in their order.
pub(crate) fn flat(segment: &Value) -> Vec<Value> {
    let mut own = segment.clone();
    let subsegments = own.as_object_mut().expect("an object").remove("subsegments");
    let mut all = vec![own];
    for subsegment in
        subsegments.iter().flat_map(|list| list.as_array()).flatten().filter(|of| of.is_object())
    {
        for mut document in flat(subsegment) {
            document["trace_id"] = segment["trace_id"].clone();
            document["type"] = json!("subsegment");
            if document.get("parent_id").is_none_or(Value::is_null) {
                document["parent_id"] = segment["id"].clone();
            }
            all.push(document);
        }
    }
    all
}

/// Removes from an independent document what the README says is lost on the way through spans.
pub(crate) fn kept(mut document: Value) -> Value {
    let fields = document.as_object_mut().expect("an object");
    for lost in ["precursor_ids", "traced"] {
        fields.remove(lost);
    }
    fields.retain(|_, value| !value.is_null() && *value != json!(false));
    if fields.get("in_progress") == Some(&json!(true)) || !fields.contains_key("end_time") {
        fields.remove("end_time");
        fields.insert("in_progress".to_owned(), json!(true));
    }
    if !matches!(fields.get("namespace").and_then(Value::as_str), Some("aws" | "remote")) {
        fields.remove("namespace");
    }
    if fields.get("cause").is_some_and(|cause| !cause.is_object()) {
        fields.remove("cause");
    }
    let keep = |fields: &mut Map<String, Value>, part: &str, known: &[&str]| match fields
        .get_mut(part)
        .and_then(Value::as_object_mut)
    {
        Some(object) => object.retain(|key, _| known.contains(&key.as_str())),
        None => drop(fields.remove(part)),
    };
    keep(fields, "service", &["version"]);
    let aws = [
        "account_id",
        "operation",
        "region",
        "request_id",
        "retries",
        "queue_url",
        "table_name",
        "table_names",
        "cloudwatch_logs",
        "ec2",
        "ecs",
        "eks",
        "elastic_beanstalk",
        "xray",
    ];
    keep(fields, "aws", &aws);
    if let Some(xray) =
        fields.get_mut("aws").and_then(|aws| aws.get_mut("xray")).and_then(Value::as_object_mut)
    {
        xray.retain(|key, _| ["sdk", "sdk_version"].contains(&key.as_str()));
    }
    keep(fields, "sql", &["database_type", "sanitized_query", "user"]);
    if let Some(links) = fields.get_mut("links").and_then(Value::as_array_mut) {
        links.retain(|link| link["id"].as_str().is_some_and(|id| id.len() == 16));
    }
    keep_objects(fields.get_mut("metadata"));
    let system = fields.get("sql").map(|sql| system(&sql["database_type"]));
    match system {
        Some(Some(system)) => fields["sql"]["database_type"] = json!(system),
        Some(None) => drop(fields.remove("sql")),
        None => {}
    }
    document
}

/// Keeps the namespaces of the metadata that are objects.
fn keep_objects(metadata: Option<&mut Value>) {
    if let Some(metadata) = metadata.and_then(Value::as_object_mut) {
        metadata.retain(|_, namespace| namespace.is_object());
    }
}

/// Returns the name of a database in the semantic conventions.
fn system(of_sdk: &Value) -> Option<String> {
    let system = of_sdk.as_str()?.to_lowercase().replace("sqlite3", "sqlite");
    SQL.contains(&system.as_str()).then_some(system)
}

/// Checks that a document has all that another has.
#[track_caller]
pub(crate) fn contains(whole: &Value, part: &Value, at: &str) {
    match (whole, part) {
        (whole, Value::Object(part)) => {
            for (key, part) in part {
                contains(whole.get(key).unwrap_or(&Value::Null), part, &format!("{at}/{key}"));
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{at}: {whole:?} and {part:?}");
            for (index, (whole, part)) in whole.iter().zip(part).enumerate() {
                contains(whole, part, &format!("{at}/{index}"));
            }
        }
        _ => assert!(is_same(whole, part), "{at}: {part} went in, {whole} came out"),
    }
}

fn is_same(whole: &Value, part: &Value) -> bool {
    match (whole.as_f64(), part.as_f64()) {
        (Some(whole), Some(part)) => whole == part,
        // What is missing is false or zero, and ids that are numbers become texts.
        _ if *part == json!(false) => whole.is_null() || *whole == json!(false),
        _ if part.is_null() => whole.is_null() || *whole == json!(0),
        (None, Some(part)) => whole.as_str() == Some(part.to_string().as_str()),
        _ => whole == part || whole.as_str().map(str::to_lowercase) == part.as_str().map(str::to_lowercase),
    }
}

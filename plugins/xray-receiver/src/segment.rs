//! Translates segments to spans by the rules of the Collector's `awsxrayreceiver`. The README describes where they
//! differ.

mod attributes;
mod aws;
mod cause;
mod http;
mod indexed;
mod links;
mod resource;
mod sql;
mod stack;

use std::borrow::Cow;

use spanloom_plugin::wire::writer::{RequestWriter, SpanWriter, Traces};

use crate::Rejected;
use crate::json::Object;
use crate::{ids, seconds};
use attributes::Attributes;

/// The numbers of `SpanKind`.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// The number of the `StatusCode` of an error.
const ERROR: i32 = 2;

/// A document whose ids, names and times are valid: a segment or an independent subsegment, and the subsegments
/// in it.
pub(crate) struct Document<'t> {
    trace_id: [u8; 16],
    fields: &'t Object<'t>,
    is_segment: bool,
    /// The language that stack traces are written in.
    language: Cow<'t, str>,
    /// In the order of the document, with the outermost first.
    segments: Vec<Segment<'t>>,
}

/// A segment or subsegment.
struct Segment<'t> {
    fields: &'t Object<'t>,
    name: Cow<'t, str>,
    id: [u8; 8],
    parent_id: Option<[u8; 8]>,
    is_segment: bool,
    start_unix_nano: u64,
    /// `None` if it is in progress.
    end_unix_nano: Option<u64>,
}

impl<'t> Document<'t> {
    /// Reads what each segment must have.
    pub(crate) fn read(fields: &'t Object<'t>) -> Result<Document<'t>, Rejected> {
        let trace_id = fields.text("trace_id").and_then(|text| ids::trace_id(&text));
        let parent_id = match fields.text("parent_id") {
            Some(text) => Some(ids::span_id(&text).ok_or(Rejected::ParentId)?),
            None => None,
        };
        let is_subsegment = fields.text("type").is_some_and(|kind| kind.eq_ignore_ascii_case("subsegment"));
        let mut document = Document {
            trace_id: trace_id.ok_or(Rejected::TraceId)?,
            fields,
            is_segment: !is_subsegment || parent_id.is_none(),
            language: stack::language(fields).unwrap_or(Cow::Borrowed(stack::DEFAULT)),
            segments: Vec::new(),
        };
        let outermost = Segment::read(fields, parent_id, document.is_segment)?;
        document.add(outermost)?;
        Ok(document)
    }

    /// Returns the number of spans.
    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn write(&self, out: &mut RequestWriter<Traces>) {
        let mut resource = out.resource(|out| {
            resource::write(self.fields, self.is_segment, &mut Attributes::new(out.attributes()));
        });
        let mut scope = resource.scope(|_| ());
        for segment in &self.segments {
            scope.span(|span| segment.write(self.trace_id, &self.language, span));
        }
    }

    /// Adds a segment and its subsegments. The depth is that of the JSON, which is limited.
    fn add(&mut self, segment: Segment<'t>) -> Result<(), Rejected> {
        let Segment { fields, id, .. } = segment;
        self.segments.push(segment);
        for subsegment in fields.objects("subsegments") {
            self.add(Segment::read(subsegment, Some(id), false)?)?;
        }
        Ok(())
    }
}

impl<'t> Segment<'t> {
    fn read(
        fields: &'t Object<'t>,
        parent_id: Option<[u8; 8]>,
        is_segment: bool,
    ) -> Result<Segment<'t>, Rejected> {
        let id = fields.text("id").and_then(|text| ids::span_id(&text));
        let end_unix_nano = match fields.get("end_time").filter(|_| !fields.is("in_progress")) {
            Some(time) => Some(seconds::unix_nano(time).ok_or(Rejected::EndTime)?),
            None => None,
        };
        Ok(Segment {
            fields,
            name: fields.text("name").ok_or(Rejected::Name)?,
            id: id.ok_or(Rejected::Id)?,
            parent_id,
            is_segment,
            start_unix_nano: fields
                .get("start_time")
                .and_then(seconds::unix_nano)
                .ok_or(Rejected::StartTime)?,
            end_unix_nano,
        })
    }

    fn write(&self, trace_id: [u8; 16], language: &str, span: &mut SpanWriter<'_>) {
        span.trace_id(trace_id).span_id(self.id);
        if let Some(parent_id) = self.parent_id {
            span.parent_span_id(parent_id);
        }
        span.name(&self.name).kind(self.kind());
        span.start_time_unix_nano(self.start_unix_nano);
        span.end_time_unix_nano(self.end_unix_nano.unwrap_or_default());
        self.write_attributes(&mut Attributes::new(span.attributes()));
        let end_unix_nano = self.end_unix_nano.unwrap_or(self.start_unix_nano);
        cause::write_events(self.fields, language, end_unix_nano, span);
        links::write(self.fields, span);
        if self.is_failed() {
            span.status(ERROR, &cause::message(self.fields));
        }
    }

    /// Returns the number of the kind: a segment serves a request, and a subsegment with a namespace is a call.
    fn kind(&self) -> i32 {
        match self.fields.text("namespace").as_deref() {
            _ if self.is_segment => SERVER,
            Some("aws" | "remote") => CLIENT,
            _ => INTERNAL,
        }
    }

    fn is_failed(&self) -> bool {
        let fields = self.fields;
        ["error", "fault", "throttle"].iter().any(|flag| fields.is(flag))
            || matches!(fields.get("cause"), Some(cause) if cause::is_told(cause))
            || http::status(fields).is_some_and(|status| !(100..400).contains(&status))
    }

    fn write_attributes(&self, out: &mut Attributes<'_, 't>) {
        let fields = self.fields;
        let namespace = fields.text("namespace").unwrap_or_default();
        match &*namespace {
            "aws" => out.push("aws.service", &*self.name),
            // The SDK for Python writes `local`, which means none.
            "" | "local" | "remote" => {}
            other => out.push("aws.xray.namespace", other),
        }
        if self.end_unix_nano.is_none() {
            out.push("aws.xray.inprogress", true);
        }
        for (flag, key) in [
            ("error", "aws.xray.error"),
            ("fault", "aws.xray.fault"),
            ("throttle", "aws.xray.throttle"),
            ("traced", "aws.xray.traced"),
        ] {
            if fields.is(flag) {
                out.push(key, true);
            }
        }
        out.text("enduser.id", fields.text("user"));
        http::write(fields, out);
        cause::write_attributes(fields, out);
        aws::write(fields, out);
        sql::write(fields, Some(&*self.name).filter(|_| namespace != "aws"), out);
        indexed::write_annotations(fields, out);
        indexed::write_metadata(fields, out);
        if let Some(ids) = fields.get("precursor_ids") {
            out.push("aws.xray.precursor_ids", ids);
        }
    }
}

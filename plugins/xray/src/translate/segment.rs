//! Writes one segment document.

use std::borrow::Cow;

use spanloom_plugin::SpanKind;
use spanloom_plugin::ValueRef;
use spanloom_plugin::flat::FlatSpan;
use spanloom_plugin::json::Writer;

use super::attributes::{AnnotationNames, Attribute};
use super::aws::{self, Call};
use super::cause::{Cause, Fault};
use super::fields::{self, Fields};
use super::http::Http;
use super::key::{Group, Key};
use super::keys::Taken;
use super::resource::Resource;
use super::sql::Sql;
use super::{Rules, links};
use crate::document::{self, Cut, Detail};
use crate::ids::TraceId;

/// The content of a span, for all of its documents.
pub(crate) struct Told<'a, 's> {
    pub(crate) span: FlatSpan<'a>,
    pub(crate) fields: &'s Fields<'a>,
    pub(crate) attributes: &'s [Attribute<'a>],
    /// The attributes of the resource that the span asks to index.
    pub(crate) resource_annotations: Vec<(usize, ValueRef<'a>)>,
    has_platform: bool,
    http: Option<Http<'a>>,
    sql: Option<Sql<'a>>,
    call: Call<'a>,
    fault: Fault,
    cause: Cause<'a>,
}

pub(crate) struct Segment<'a, 's> {
    pub(crate) span: &'s Told<'a, 's>,
    pub(crate) resource: &'s Resource<'a>,
    pub(crate) id: [u8; 8],
    pub(crate) parent_id: Option<[u8; 8]>,
    pub(crate) name: Cow<'a, str>,
    pub(crate) namespace: Option<&'static str>,
    pub(crate) subsegment: bool,
    /// Whether this is the segment of the calling service of a split span. It contains nothing about the
    /// call.
    pub(crate) is_service: bool,
    pub(crate) has_links: bool,
}

impl<'a, 's> Told<'a, 's> {
    pub(crate) fn new(span: FlatSpan<'a>, fields: &'s Fields<'a>, resource: &Resource<'a>) -> Told<'a, 's> {
        Told {
            attributes: &[],
            resource_annotations: Vec::new(),
            has_platform: resource.platform.is_some(),
            http: Http::of(&span, fields),
            sql: Sql::of(span.name(), fields),
            call: Call::of(fields, resource),
            fault: Fault::of(&span, fields),
            cause: Cause::of(&span, fields, resource.language),
            span,
            fields,
        }
    }

    /// Returns the keys that the span itself asks to index.
    pub(crate) fn explicit_annotations(&self) -> Vec<String> {
        self.fields.get(Key::XrayAnnotations).map(fields::list).unwrap_or_default()
    }

    /// Returns the groups that are in the document in another form. An attribute that the document does not
    /// use stays in the metadata, whereas the Collector drops it.
    pub(crate) fn taken(&self) -> Taken {
        Taken::default()
            .with(Group::Http, self.http.is_some())
            .with(Group::Aws, self.has_platform)
            .with(Group::Sql, self.sql.is_some())
            .with(Group::User, self.user().is_some())
            .with(Group::StatusText, self.cause.has_status_text)
            .with(Group::Restored, true)
            .with(
                Group::Annotations,
                matches!(self.fields.get(Key::XrayAnnotations), Some(ValueRef::Json(_))),
            )
    }

    pub(crate) fn is_local_root(&self) -> bool {
        self.fields.text(Key::AwsSpanKind) == Some("LOCAL_ROOT")
    }

    pub(crate) fn kind(&self) -> SpanKind {
        self.span.kind()
    }

    fn user(&self) -> Option<&'a str> {
        self.fields.text(Key::EnduserId)
    }
}

impl Segment<'_, '_> {
    /// Writes the document in as much detail as fits, and returns the last cut that was needed.
    pub(crate) fn document(
        &self,
        json: &mut Writer,
        rules: &Rules,
        names: &mut AnnotationNames,
    ) -> Option<Cut> {
        document::fit(json, |json, detail| {
            json.object(|json| {
                self.write_head(json, rules, detail);
                self.write_outcome(json, detail);
                self.write_attributes(json, rules, names, detail);
                self.write_place(json, detail);
            });
        })
    }

    fn write_head(&self, json: &mut Writer, rules: &Rules, detail: Detail) {
        let span = &self.span.span;
        json.field("name", &*self.name);
        json.key("id").hex(&self.id);
        json.key("start_time").seconds(span.start_time_unix_nano());
        if let Some(version) = self.resource.service_version {
            json.key("service").object(|json| detail.text(json, "version", Some(version)));
        }
        detail.text(json, "origin", self.resource.origin);
        if !self.subsegment {
            detail.text(json, "resource_arn", self.resource.arn);
        }
        detail.text(json, "user", self.span.user());
        if self.has_links {
            links::write(json, span, rules, detail);
        }
        json.field("trace_id", TraceId::new(span.trace_id()).as_str());
        if self.span.fields.bool(Key::XrayInProgress) == Some(true) {
            json.field("in_progress", true);
        } else {
            json.key("end_time").seconds(span.end_time_unix_nano());
        }
    }

    fn write_outcome(&self, json: &mut Writer, detail: Detail) {
        if let Some(http) = self.span.http.as_ref().filter(|_| !self.is_service) {
            http.write(json.key("http"), detail);
        }
        let Fault { error, fault, throttle } = self.span.fault;
        json.field("fault", fault).field("error", error).field("throttle", throttle);
        self.span.cause.write(json, self.span.span.trace_id(), &self.id, detail);
    }

    fn write_attributes(
        &self,
        json: &mut Writer,
        rules: &Rules,
        names: &mut AnnotationNames,
        detail: Detail,
    ) {
        let call = Some(&self.span.call).filter(|_| !self.is_service);
        aws::write(json, self.resource, call, rules, detail);
        if detail.annotations {
            self.write_annotations(json, names);
        }
        if detail.metadata_bytes > 0 {
            self.write_metadata(json, rules, detail);
        }
    }

    fn write_place(&self, json: &mut Writer, detail: Detail) {
        detail.text(json, "namespace", self.namespace);
        if let Some(parent) = &self.parent_id {
            json.key("parent_id").hex(parent);
        }
        if self.subsegment {
            json.field("type", "subsegment");
        }
        if let Some(sql) = &self.span.sql {
            sql.write(json.key("sql"), detail);
        }
    }
}

//! Decides between segment and subsegment. A local root that makes a call, the first span of its service,
//! becomes both.

use std::borrow::Cow;

use spanloom_plugin::SpanKind;

use super::fields::Fields;
use super::key::Key;
use super::name::{self, Name, Naming};
use super::resource::Resource;
use super::segment::{Segment, Told};
use crate::ids::derived;

/// Returns the segments of a span: one, or two for a local root that makes a call: the call's subsegment, and
/// its parent, the segment of the calling service.
pub(crate) fn segments<'a, 's>(
    told: &'s Told<'a, 's>,
    resource: &'s Resource<'a>,
) -> impl Iterator<Item = Segment<'a, 's>> {
    let one = segment(told, resource);
    let pair = match (told.is_local_root(), told.kind()) {
        (true, SpanKind::Client | SpanKind::Producer | SpanKind::Consumer) => {
            let (dependency, service) = split(one, told, resource);
            [Some(dependency), Some(service)]
        }
        (true, _) => [Some(Segment { subsegment: false, namespace: None, ..one }), None],
        (false, _) => [Some(one), None],
    };
    pair.into_iter().flatten()
}

fn segment<'a, 's>(told: &'s Told<'a, 's>, resource: &'s Resource<'a>) -> Segment<'a, 's> {
    let span = &told.span;
    let kind = told.kind();
    let naming = Naming {
        kind,
        is_local_root: told.is_local_root(),
        span_name: span.name(),
        service: resource.service_name,
    };
    let Name { text, is_aws_service } = naming.name(told.fields);
    let parent_id = span.parent_span_id().copied();
    let subsegment = kind != SpanKind::Server && parent_id.is_some();
    let is_aws = is_aws_service || told.fields.is_aws_api();
    Segment {
        span: told,
        resource,
        id: *span.span_id(),
        parent_id,
        name: name::clean(text),
        namespace: if is_aws { Some("aws") } else { namespace(kind, subsegment, told.fields) },
        subsegment,
        is_service: false,
        has_links: true,
    }
}

/// Returns the namespace of a call to something other than an AWS service.
fn namespace(kind: SpanKind, subsegment: bool, fields: &Fields<'_>) -> Option<&'static str> {
    let remote = match kind {
        SpanKind::Client => true,
        SpanKind::Producer | SpanKind::Consumer => subsegment && fields.has(Key::AwsRemoteService),
        _ => false,
    };
    remote.then_some("remote")
}

/// Returns the call and the calling service. The links go to the service if the span is a consumer, otherwise
/// to the call.
fn split<'a, 's>(
    one: Segment<'a, 's>,
    told: &'s Told<'a, 's>,
    resource: &'s Resource<'a>,
) -> (Segment<'a, 's>, Segment<'a, 's>) {
    let span = &told.span;
    let consumes = told.kind() == SpanKind::Consumer;
    let service_id = derived(span.trace_id(), span.span_id(), 0);
    let own_name = told.fields.text(Key::AwsLocalService).or(resource.service_name).unwrap_or(span.name());
    let service = Segment {
        span: told,
        resource,
        id: service_id,
        parent_id: one.parent_id,
        name: name::clean(Cow::Borrowed(own_name)),
        namespace: None,
        subsegment: false,
        is_service: true,
        has_links: consumes,
    };
    let dependency = Segment {
        parent_id: Some(service_id),
        namespace: one.namespace.or(Some("remote")),
        subsegment: true,
        has_links: !consumes,
        ..one
    };
    (dependency, service)
}

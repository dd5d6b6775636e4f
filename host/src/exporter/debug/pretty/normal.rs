//! `verbosity: normal`: shows one line for each span, data point or log record.

mod logs;
mod metrics;
mod traces;

pub(super) use self::logs::severity;

use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{
    color::{Paint, Style},
    data::Data,
    text::fit,
    value::bare,
};

const SERVICE_WIDTH: usize = 20;
const NAME_WIDTH: usize = 44;
const KEY_WIDTH: usize = 40;
const VALUE_WIDTH: usize = 48;
/// The most attributes of a span that are shown.
const ATTRIBUTE_LIMIT: usize = 4;

pub(super) fn render(data: &Data, paint: Paint) -> String {
    match data {
        Data::Traces(resources) => traces::render(resources, paint),
        Data::Metrics(resources) => metrics::render(resources, paint),
        Data::Logs(resources) => logs::render(resources, paint),
    }
}

/// Returns `key=value key=value`, with dim keys.
fn inline<'a>(attributes: impl Iterator<Item = &'a KeyValue>, paint: Paint) -> String {
    let pairs = attributes.map(|attribute| {
        let key = paint.apply(Style::Dim, &format!("{}=", fit(&attribute.key, KEY_WIDTH)));
        format!("{key}{}", bare(attribute.value.as_ref(), VALUE_WIDTH))
    });
    pairs.collect::<Vec<_>>().join(" ")
}

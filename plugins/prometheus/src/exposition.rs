//! What a scrape sees, in three formats.

mod escaping;
mod labels;
mod line;
mod negotiate;
mod number;
mod openmetrics;
mod protobuf;
mod text;
mod view;

use escaping::Escaping;
use negotiate::Format;
pub(crate) use negotiate::{Wanted, negotiate};

use crate::{config::Settings, series::Store};
use view::View;

/// The body of the answer.
pub(crate) fn render(settings: &Settings, store: &Store, wanted: Wanted) -> Vec<u8> {
    let view = View::new(settings, store, wanted.escaping);
    // A buffer that grows is there twice while it does, and a guest's memory never shrinks.
    let out = Vec::with_capacity(view.expected_bytes());
    match wanted.format {
        Format::Text => text::write(&view, out),
        Format::OpenMetrics => openmetrics::write(&view, out),
        Format::Protobuf => protobuf::write(&view, out),
    }
}

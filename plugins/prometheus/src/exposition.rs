//! What a scrape sees, in three formats.

mod escaping;
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

/// The body of the answer. `capacity` is how long it may become, by what the last one was.
pub(crate) fn render(settings: &Settings, store: &Store, wanted: Wanted, capacity: usize) -> Vec<u8> {
    let view = View::new(settings, store, wanted.escaping);
    let out = Vec::with_capacity(capacity);
    match wanted.format {
        Format::Text => text::write(&view, out),
        Format::OpenMetrics => openmetrics::write(&view, out),
        Format::Protobuf => protobuf::write(&view, out),
    }
}

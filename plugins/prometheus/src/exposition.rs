//! Writes scrapes in three formats.

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

/// Writes scrapes, and remembers their length.
#[derive(Default)]
pub(crate) struct Renderer {
    last: Option<Rendered>,
}

struct Rendered {
    wanted: Wanted,
    series: usize,
    bytes: usize,
}

/// Values grow longer, so the buffer has this share (one part in 32) more room than the last scrape took.
const ROOM: usize = 32;

impl Renderer {
    /// Returns the body of the response.
    pub(crate) fn render(&mut self, settings: &Settings, store: &Store, wanted: Wanted) -> Vec<u8> {
        let view = View::new(settings, store, wanted.escaping);
        let series = store.len();
        // A growing buffer is in memory twice while it is copied, and the memory of a guest never shrinks.
        let expected_bytes = match &self.last {
            Some(last) if last.wanted == wanted && last.series == series => last.bytes + last.bytes / ROOM,
            _ => view.expected_bytes(),
        };
        let out = Vec::with_capacity(expected_bytes);
        let out = match wanted.format {
            Format::Text => text::write(&view, out),
            Format::OpenMetrics => openmetrics::write(&view, out),
            Format::Protobuf => protobuf::write(&view, out),
        };
        self.last = Some(Rendered { wanted, series, bytes: out.len() });
        out
    }
}

//! Writes scrapes in three formats.

mod escaping;
mod filter;
mod labels;
mod line;
mod negotiate;
mod number;
mod openmetrics;
mod protobuf;
mod text;
mod view;

pub(crate) use filter::Filter;
pub(crate) use negotiate::{Wanted, negotiate};

use escaping::Escaping;
use negotiate::Format;

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
    pub(crate) fn render(
        &mut self,
        settings: &Settings,
        store: &Store,
        wanted: Wanted,
        filter: &Filter,
    ) -> Vec<u8> {
        let view = View::new(settings, store, wanted.escaping, filter);
        if !filter.is_none() {
            return write(&view, wanted.format, view.expected_bytes());
        }
        let series = store.len();
        // A growing buffer is in memory twice while it is copied, and the memory of a guest never shrinks.
        let expected_bytes = match &self.last {
            Some(last) if last.wanted == wanted && last.series == series => last.bytes + last.bytes / ROOM,
            _ => view.expected_bytes(),
        };
        let out = write(&view, wanted.format, expected_bytes);
        self.last = Some(Rendered { wanted, series, bytes: out.len() });
        out
    }
}

fn write(view: &View<'_>, format: Format, expected_bytes: usize) -> Vec<u8> {
    let out = Vec::with_capacity(expected_bytes);
    match format {
        Format::Text => text::write(view, out),
        Format::OpenMetrics => openmetrics::write(view, out),
        Format::Protobuf => protobuf::write(view, out),
    }
}

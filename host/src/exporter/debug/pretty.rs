//! `format: pretty`: tables, trees and colours, for people at a terminal.

mod color;
mod data;
mod detailed;
mod metric;
mod normal;
mod table;
mod text;
mod tree;
mod value;

use std::time::SystemTime;

pub use self::color::ColorMode;
pub(super) use self::color::Paint;
use self::{
    color::Style,
    data::Data,
    text::{bytes, clock},
};
use super::Verbosity;

/// Decoding can make two hundred bytes out of two. A batch above these limits is counted and not shown.
const BYTES_LIMIT: usize = 8 << 20;
const ITEMS_LIMIT: usize = 50_000;

pub(super) fn render(
    batch: &wire::Batch,
    verbosity: Verbosity,
    paint: Paint,
) -> Result<String, prost::DecodeError> {
    let line = |counts: &str| basic(batch, counts, SystemTime::now(), paint);
    if batch.encoded_len() > BYTES_LIMIT || batch.items() > ITEMS_LIMIT {
        return Ok(line(&format!("{:>7} items, too many to show", batch.items())));
    }
    let data = Data::decode(batch)?;
    Ok(match verbosity {
        Verbosity::Basic => line(&data.counts()),
        Verbosity::Normal => normal::render(&data, paint),
        Verbosity::Detailed => detailed::render(&data, paint),
    })
}

/// Returns one line: the time, the signal, the counts and the size.
fn basic(batch: &wire::Batch, counts: &str, now: SystemTime, paint: Paint) -> String {
    let time = paint.apply(Style::Dim, &clock(now));
    let signal = paint.apply(Style::Bold, &format!("{:<7}", batch.signal().to_string()));
    let size = paint.apply(Style::Dim, &format!("{:>10}", bytes(batch.encoded_len() as u64)));
    format!("{time}  {signal}  {counts}  {size}\n")
}

#[cfg(test)]
mod tests;

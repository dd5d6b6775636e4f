//! Receives segment documents of the AWS X-Ray SDKs, and makes spans of them.

mod datagram;
mod ids;
mod json;
mod seconds;
mod segment;
mod surrogates;

use spanloom_plugin::wire::writer::{RequestWriter, Traces};

use segment::Document;

pub use datagram::Rejected;

/// Appends the spans of one datagram to a request: one for the segment, and one for each subsegment in it.
/// Returns how many there are.
///
/// # Errors
/// The datagram is not a segment document with a header. Then nothing is appended.
pub fn translate(datagram: &[u8], out: &mut RequestWriter<Traces>) -> Result<usize, Rejected> {
    let text = datagram::document(datagram)?;
    let segment = json::parse(&text)?;
    let document = Document::read(&segment)?;
    document.write(out);
    Ok(document.len())
}

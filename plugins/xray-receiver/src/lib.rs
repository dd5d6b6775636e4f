//! Receives segment documents of the AWS X-Ray SDKs, and makes spans of them.

mod datagram;
mod ids;
mod json;
mod seconds;
mod segment;
mod surrogates;

use spanloom_plugin::prelude::*;
use spanloom_plugin::wire::writer::{RequestWriter, Traces};

use segment::Document;

pub use datagram::Rejected;

/// The receiver `awsxray`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct XRayReceiver {}

impl Receiver for XRayReceiver {
    fn describe(of_crate: Description) -> Description {
        let described = of_crate.with_schema(include_str!("../config.schema.json"));
        Description { name: "awsxray".to_owned(), ..described }
    }

    fn listens() -> Vec<Listener> {
        vec![Listener::datagrams("localhost:2000")]
    }

    fn emits() -> Vec<Signal> {
        vec![Signal::Traces]
    }

    fn receive(&mut self, request: ReceivedRequest) -> Result<Reply, Failure> {
        let mut replies = self.receive_all(vec![request])?;
        replies.pop().ok_or_else(|| Failure::permanent("there is no reply"))
    }

    /// Puts the spans of all datagrams into one batch, which the first datagram with spans brings.
    fn receive_all(&mut self, requests: Vec<ReceivedRequest>) -> Result<Vec<Reply>, Failure> {
        let mut spans = RequestWriter::traces();
        let translated = requests.iter().map(|request| translate(&request.body, &mut spans));
        let mut replies: Vec<Reply> = translated.map(reply).collect();
        let first = replies.iter_mut().find_map(|reply| match reply {
            Reply::Taken { batches, .. } => Some(batches),
            Reply::Rejected { .. } => None,
        });
        if let Some(batches) = first {
            batches.push(SpanBatch::from_otlp(&spans.finish())?.into());
        }
        Ok(replies)
    }
}

spanloom_plugin::receiver!(XRayReceiver);

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

/// Returns the reply to a datagram, without its spans. Nobody is answered.
fn reply(translated: Result<usize, Rejected>) -> Reply {
    match translated {
        Ok(_) => Reply::of(Vec::new()),
        Err(rejected) => Reply::rejected(400, rejected.reason()),
    }
}

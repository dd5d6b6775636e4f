//! Compresses answers for clients that accept gzip, as Prometheus does.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, header};

use crate::cpu::{self, Work};

/// Compressing more than this at a time counts as long work.
const SHORT_BYTES: usize = 4 << 20;
/// The usual ratio of compressed metrics.
const USUAL_RATIO: usize = 8;

/// Returns whether a client's `Accept-Encoding` prefers gzip to an answer that is not compressed.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut best = Preferences { gzip: None, identity: None };
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        value.to_str().unwrap_or_default().split(',').for_each(|coding| best.note(coding));
    }
    best.gzip.is_some_and(|gzip| gzip > best.identity.unwrap_or(0.0))
}

/// Returns the body as gzip, compressed in its turn, or as it was if that fails.
pub async fn gzip(body: Vec<u8>) -> Result<Vec<u8>, Vec<u8>> {
    let size = if body.len() > SHORT_BYTES { Work::Long } else { Work::Short };
    cpu::run(size, move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / USUAL_RATIO), Compression::fast());
        encoder.write_all(&body).and_then(|()| encoder.finish()).map_err(|_| body)
    })
    .await
}

/// The weights of two encodings.
struct Preferences {
    gzip: Option<f64>,
    identity: Option<f64>,
}

impl Preferences {
    /// Reads one element of `Accept-Encoding`, like `gzip;q=0.5`.
    fn note(&mut self, coding: &str) {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let weight = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        let name = name.trim();
        let prefer = |of: &mut Option<f64>| *of = Some(of.unwrap_or(0.0).max(weight));
        if name.eq_ignore_ascii_case("gzip") || name == "*" {
            prefer(&mut self.gzip);
        }
        if name.eq_ignore_ascii_case("identity") || name == "*" {
            prefer(&mut self.identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn accepts(values: &[&str]) -> bool {
        let values = values.iter().map(|value| (header::ACCEPT_ENCODING, value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        values.for_each(|(name, value)| {
            headers.append(name, value);
        });
        accepts_gzip(&headers)
    }

    /// Scenario: what Prometheus, browsers and others send.
    /// Guarantees: gzip is chosen if it is named and weighs more than an answer that is not compressed.
    #[test]
    fn gzip_is_for_those_who_name_it() {
        for values in [&["gzip"][..], &["gzip, deflate, br"], &["br", "x, GZIP ; q=0.2"], &["*;q=0.5, gzip"]]
        {
            assert!(accepts(values), "{values:?}");
        }
        let others = [
            &[][..],
            &[""],
            &["identity"],
            &["*"],
            &["deflate"],
            &["gzip;q=0"],
            &["gzip;q=x"],
            &["gzip, identity"],
            &["gzip;q=0.5, identity;q=0.6"],
        ];
        for values in others {
            assert!(!accepts(values), "{values:?}");
        }
    }

    /// Scenario: bodies of no byte, of a few, and of more than a turn of short work.
    /// Guarantees: each is the same when it is inflated.
    #[tokio::test]
    async fn a_body_is_the_same_inside() {
        for length in [0, 7, SHORT_BYTES + 1] {
            let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let compressed = gzip(body.clone()).await.unwrap();
            let mut inflated = Vec::new();
            GzDecoder::new(compressed.as_slice()).read_to_end(&mut inflated).unwrap();
            assert!(inflated == body, "{length}");
        }
    }
}

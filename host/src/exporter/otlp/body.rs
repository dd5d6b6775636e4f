//! A request body whose chunks of bytes are sent as they are.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use smallvec::SmallVec;

/// Yields each chunk as a frame. The size is known in advance.
#[derive(Clone, Debug)]
pub struct Chunks {
    chunks: smallvec::IntoIter<[Bytes; 2]>,
    left_bytes: u64,
}

impl Chunks {
    pub fn new(chunks: impl IntoIterator<Item = Bytes>) -> Chunks {
        let chunks: SmallVec<[Bytes; 2]> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let left_bytes = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Chunks { chunks: chunks.into_iter(), left_bytes }
    }
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.next();
        self.left_bytes -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt as _;

    use super::*;

    /// Scenario: a body has three chunks, one of them empty.
    /// Guarantees: the frames are the other chunks without a copy, and the size is exact at each step.
    #[tokio::test]
    async fn frames_are_the_chunks_themselves() {
        let chunks = [Bytes::from(vec![1; 100]), Bytes::new(), Bytes::from(vec![2; 50])];
        let mut body = Chunks::new(chunks.clone());
        assert_eq!(body.size_hint().exact(), Some(150));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.as_ptr(), chunks[0].as_ptr());
        assert_eq!(body.size_hint().exact(), Some(50));
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(last.as_ptr(), chunks[2].as_ptr());
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }
}

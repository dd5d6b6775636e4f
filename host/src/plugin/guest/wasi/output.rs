//! Splits a guest's output into lines.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::{
    async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

/// The limit of a line. The rest is left out.
const LINE_LIMIT_BYTES: usize = 8 << 10;
/// The limit of one write.
const WRITE_LIMIT_BYTES: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// A function that is called with each line, without its end.
pub(super) type OnLine = Arc<dyn Fn(Output, &str) + Send + Sync>;

/// A stream that calls `on_line` for each line written. Its clones write to the same line.
#[derive(Clone)]
pub(super) struct Lines(Arc<Mutex<Line>>);

struct Line {
    output: Output,
    on_line: OnLine,
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(output: Output, on_line: OnLine) -> Lines {
        Lines(Arc::new(Mutex::new(Line { output, on_line, begun: Vec::new() })))
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(bytes);
    }
}

impl Line {
    fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (rest, after) = bytes.split_at(end);
            self.extend(rest);
            self.end();
            bytes = after.get(1..).unwrap_or_default();
        }
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_LIMIT_BYTES.saturating_sub(self.begun.len());
        self.begun.extend(bytes.iter().take(room));
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.begun);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            (self.on_line)(self.output, line);
        }
    }
}

/// A guest that trapped often leaves its last line without an end.
impl Drop for Line {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    /// Does not end a line.
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_LIMIT_BYTES)
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines that result from these writes.
    fn heard(writes: &[&[u8]]) -> Vec<String> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let lines =
            Lines::new(Output::Stderr, Arc::new(move |_, line| ear.lock().unwrap().push(line.to_owned())));
        writes.iter().for_each(|bytes| lines.push(bytes));
        drop(lines);
        Arc::into_inner(heard).unwrap().into_inner().unwrap()
    }

    #[test]
    fn lines_are_told_whole_however_they_were_written() {
        assert_eq!(heard(&[b"one\ntw", b"o\r\n\n", b"", b"last"]), ["one", "two", "last"]);
        assert_eq!(heard(&[b"caf\xc3", b"\xa9 \xff\n"]), ["café \u{fffd}"]);
        assert!(heard(&[]).is_empty());
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let chunk = [b'x'; 1000];
        let mut writes = vec![chunk.as_slice(); 100];
        writes.push(b"\nnext\n");
        assert_eq!(heard(&writes), ["x".repeat(LINE_LIMIT_BYTES), "next".to_owned()]);
    }
}

//! Keeps the last output of a guest before its call failed: the text of a panic, or an exception with its
//! traceback.
//!
//! The guest's logged errors and the lines of its standard error are recorded here and in the log. So
//! languages need no special support: the SDK's panic hook logs an error, and the runtimes of JavaScript and
//! Python print uncaught exceptions.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use crate::plugin::load::text::one_line;

/// The bytes that are kept of the beginning, where JavaScript has its message.
const FIRST_BYTES: usize = 192;
/// The bytes that are kept of the end, where Python has its exception.
const LAST_BYTES: usize = 320;

/// The last words of one guest. Clones share them.
#[derive(Clone, Default)]
pub(in crate::plugin) struct LastWords(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Whether there are any, so that a call without output need not lock.
    is_said: AtomicBool,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    first: String,
    last: String,
    is_cut: bool,
}

impl LastWords {
    pub(in crate::plugin) fn add(&self, line: &str) {
        self.0.is_said.store(true, Relaxed);
        self.said().add(line);
    }

    /// Clears the last words before a call.
    pub(in crate::plugin) fn clear(&self) {
        if self.0.is_said.swap(false, Relaxed) {
            *self.said() = Said::default();
        }
    }

    /// Returns the last words in one line, or `None` if the guest wrote nothing in this call.
    pub(in crate::plugin) fn take(&self) -> Option<String> {
        if !self.0.is_said.swap(false, Relaxed) {
            return None;
        }
        let Said { first, last, is_cut } = std::mem::take(&mut *self.said());
        let between = if is_cut { " … " } else { "" };
        Some(format!("{first}{between}{last}").trim().to_owned()).filter(|said| !said.is_empty())
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn add(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        if !self.first.is_empty() {
            self.push("; ");
        }
        // Only the two ends of a long line are kept.
        let tail = line.ceil_char_boundary(line.len().saturating_sub(LAST_BYTES));
        if tail > FIRST_BYTES {
            let head = line.floor_char_boundary(FIRST_BYTES);
            self.push(&one_line(line.get(..head).unwrap_or_default(), FIRST_BYTES));
            self.is_cut = true;
            self.push(&one_line(line.get(tail..).unwrap_or_default(), LAST_BYTES));
        } else {
            self.push(&one_line(line, FIRST_BYTES + LAST_BYTES));
        }
    }

    fn push(&mut self, text: &str) {
        let room = if self.last.is_empty() { FIRST_BYTES.saturating_sub(self.first.len()) } else { 0 };
        let (first, rest) = text.split_at_checked(text.floor_char_boundary(room)).unwrap_or((text, ""));
        self.first.push_str(first);
        self.last.push_str(rest);
        let excess = self.last.len().saturating_sub(LAST_BYTES);
        if excess > 0 {
            self.last.drain(..self.last.ceil_char_boundary(excess));
            self.is_cut = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(lines: &[&str]) -> Option<String> {
        let words = LastWords::default();
        lines.iter().for_each(|line| words.add(line));
        words.take()
    }

    #[test]
    fn lines_become_one_and_control_characters_do_nothing() {
        assert_eq!(words(&[]), None);
        assert_eq!(words(&["", " \n"]), None);
        assert_eq!(words(&["Error: bad", "    at f\u{1b}[31m\r\n"]).unwrap(), "Error: bad; at f\\u{1b}[31m");
    }

    /// The beginning and the end of a traceback are kept, and no character is cut.
    #[test]
    fn of_much_the_beginning_and_the_end_are_kept() {
        let frames: Vec<String> = (0..100).map(|frame| format!("  frame é {frame}")).collect();
        let mut lines = vec!["Traceback (most recent call last):"];
        lines.extend(frames.iter().map(String::as_str));
        lines.push("ValueError: bad");
        let said = words(&lines).unwrap();
        assert!(said.starts_with("Traceback (most recent call last):; frame é 0;"), "{said}");
        assert!(said.contains(" … ") && said.ends_with("; ValueError: bad"), "{said}");
        assert!(said.len() <= FIRST_BYTES + LAST_BYTES + 8, "{} bytes", said.len());
        let long = words(&[&"é".repeat(1 << 20)]).unwrap();
        assert!(long.len() <= FIRST_BYTES + LAST_BYTES + 8, "{} bytes", long.len());
    }

    #[test]
    fn a_call_has_its_own_last_words() {
        let words = LastWords::default();
        words.add("of the call before");
        words.clear();
        assert_eq!(words.take(), None);
        words.add("said");
        assert_eq!((words.take().as_deref(), words.take()), (Some("said"), None));
    }
}

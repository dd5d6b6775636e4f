//! The operator's view: the admin endpoint, and files that replace a plugin's file.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{Spanloom, otlp::client::http_client};

/// Compiling CPython in a debug build takes minutes on a busy machine, and is repeated if other tests' plugins have taken
/// its place in the cache.
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(300);
const OUTCOME_POLL: Duration = Duration::from_millis(5);

/// Looks at one plugin of one process.
#[derive(Clone, Copy, Debug)]
pub struct Operator<'a> {
    admin: SocketAddr,
    plugin: &'a str,
}

impl<'a> Operator<'a> {
    pub fn of(spanloom: &Spanloom, plugin: &'a str) -> Operator<'a> {
        Operator { admin: spanloom.admin, plugin }
    }

    /// Returns the plugin's part of what `spanloom status` shows.
    pub async fn status(&self) -> Value {
        let answer = http_client().get(format!("http://{}/v1/status", self.admin)).send().await;
        let text = answer.expect("the admin endpoint").text().await.expect("text");
        let mut status: Value = serde_json::from_str(&text).expect("JSON");
        let plugins = status["plugins"].as_array_mut().expect("a list");
        let plugin = plugins.iter_mut().find(|plugin| plugin["name"] == self.plugin);
        plugin.unwrap_or_else(|| panic!("no {} in {text}", self.plugin)).take()
    }

    /// Returns the last attempt to replace the plugin; null if there was none.
    pub async fn last(&self) -> Value {
        self.status().await["last"].take()
    }

    /// Replaces the plugin's file, and returns the attempt once it has this outcome.
    pub async fn replace(&self, file: &Path, bytes: &[u8], outcome: &str) -> Value {
        let before = self.last().await;
        move_into_place(file, bytes);
        self.attempt_after(&before, outcome).await
    }

    /// Returns the attempt that follows `before`, once it has this outcome.
    pub async fn attempt_after(&self, before: &Value, outcome: &str) -> Value {
        let deadline = Instant::now() + OUTCOME_TIMEOUT;
        loop {
            let last = self.last().await;
            if last["outcome"] == outcome && last["at"] != before["at"] {
                return last;
            }
            assert!(Instant::now() < deadline, "not {outcome}, but {last}, after {before}");
            sleep(OUTCOME_POLL).await;
        }
    }
}

/// Replaces a file by renaming, so that a reader finds the old file or the new one, and never a part.
pub fn move_into_place(file: &Path, bytes: &[u8]) {
    let new = file.with_extension("new");
    fs::write(&new, bytes).expect("a file");
    fs::rename(new, file).expect("renamed");
}

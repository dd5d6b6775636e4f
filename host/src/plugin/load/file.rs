//! Reads a plugin's file. A config may pin the file by its hash.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;

use super::card::{Card, CardError, SIZE_LIMIT_BYTES};
use crate::{files, hash::Sha256};

/// How long a file that is being written may stay unchanged before it counts as finished.
pub const WRITERS_PATIENCE: Duration = Duration::from_secs(2);
/// The limit of the whole wait for the rest of a file.
const REST_LIMIT: Duration = Duration::from_secs(30);
/// The time between two looks at the file.
const REST_INTERVAL: Duration = Duration::from_millis(50);

/// A plugin's file. It is read whole before anything in it is used.
#[derive(Debug)]
pub struct PluginFile {
    pub bytes: Bytes,
    pub sha256: Sha256,
}

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("{path}: {error}")]
    TooLarge { path: String, error: CardError },
    #[error("{path} is not the file that is pinned: {}", found.map_or_else(no_component, |found| format!("its sha256 is {found}")))]
    OtherHash {
        path: String,
        /// The hash of the file; `None` if the file is not a wasm component, since the hash would tell what
        /// is in it.
        found: Option<Sha256>,
    },
}

fn no_component() -> String {
    "it is no wasm component".to_owned()
}

/// The magic number of wasm, and the version of components.
const COMPONENT_HEAD: &[u8] = b"\0asm\x0d\0\x01\0";

impl PluginFile {
    /// Returns a file of bytes that are in memory.
    pub fn of_bytes(bytes: impl Into<Bytes>) -> PluginFile {
        let bytes = bytes.into();
        PluginFile { sha256: Sha256::of(&bytes), bytes }
    }

    /// Reads the file as [`PluginFile::read`] does, within the time limit of file access.
    pub async fn read_in_time(path: &Path, pinned: Option<Sha256>) -> Result<PluginFile, FileError> {
        let read = {
            let path = path.to_owned();
            move || PluginFile::read(&path, pinned)
        };
        let unreadable = |error| FileError::Unreadable { path: path.display().to_string(), error };
        files::in_time(read).await.map_err(unreadable)?
    }

    /// Reads the file as [`PluginFile::read_in_time`] does. If the file is cut short or not the pinned one,
    /// and was written to just now, this waits for the rest of it.
    pub async fn read_whole(path: &Path, pinned: Option<Sha256>) -> Result<PluginFile, FileError> {
        let give_up = Instant::now() + REST_LIMIT;
        let mut told = false;
        loop {
            let read = PluginFile::read_in_time(path, pinned).await;
            let may_lack_its_rest = match &read {
                Ok(file) => file.is_cut_short(),
                Err(error) => matches!(error, FileError::OtherHash { .. }),
            };
            let is_being_written = may_lack_its_rest && is_being_written(path).await;
            if !is_being_written || Instant::now() >= give_up {
                return read;
            }
            if !told {
                tracing::info!(path = %path.display(), "the plugin's file is still being written: waiting for the rest");
                told = true;
            }
            tokio::time::sleep(REST_INTERVAL).await;
        }
    }

    /// Returns the hash, if the file is a wasm component. The hash of another file would tell what is in that
    /// file.
    pub fn shown_hash(&self) -> Option<Sha256> {
        self.bytes.starts_with(COMPONENT_HEAD).then_some(self.sha256)
    }

    /// Checks the file against the pinned hash.
    ///
    /// # Errors
    /// Another hash is pinned.
    pub fn check_pin(&self, path: &Path, pinned: Option<Sha256>) -> Result<(), FileError> {
        match pinned {
            Some(pinned) if pinned != self.sha256 => {
                Err(FileError::OtherHash { path: path.display().to_string(), found: self.shown_hash() })
            }
            _ => Ok(()),
        }
    }

    fn is_cut_short(&self) -> bool {
        matches!(Card::read(&self.bytes), Err(CardError::Empty | CardError::CutShort(_)))
    }

    /// Reads the file, and checks it against `pinned` before anything else. Blocks while the file system
    /// does.
    pub fn read(path: &Path, pinned: Option<Sha256>) -> Result<PluginFile, FileError> {
        let shown = || path.display().to_string();
        let unreadable = |error| FileError::Unreadable { path: shown(), error };
        let (file, metadata) = files::open(path).map_err(unreadable)?;
        let too_large = |len| FileError::TooLarge { path: shown(), error: CardError::TooLarge(len) };
        let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if len > SIZE_LIMIT_BYTES {
            return Err(too_large(len));
        }
        let mut bytes = Vec::with_capacity(len);
        // A file of procfs says that it is empty. Reading it may take away data that another reader waits
        // for.
        if len > 0 {
            file.take(SIZE_LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        }
        // The file may have grown meanwhile.
        if bytes.len() > SIZE_LIMIT_BYTES {
            return Err(too_large(bytes.len()));
        }
        let file = PluginFile::of_bytes(bytes);
        file.check_pin(path, pinned)?;
        Ok(file)
    }
}

/// Returns true if the file was last written to a short time ago.
async fn is_being_written(path: &Path) -> bool {
    let path = path.to_owned();
    let written = files::in_time(move || fs::metadata(path).and_then(|metadata| metadata.modified())).await;
    let age = written.flatten().map(|written| SystemTime::now().duration_since(written).unwrap_or_default());
    age.is_ok_and(|age| age < WRITERS_PATIENCE)
}

impl FileError {
    /// Returns the key of the plugin's config that the error is about.
    pub fn key(&self) -> &'static str {
        match self {
            FileError::Unreadable { .. } | FileError::TooLarge { .. } => "path",
            FileError::OtherHash { .. } => "sha256",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component's header, and a custom section without a name.
    const SMALLEST: &[u8] = b"\0asm\x0d\0\x01\0\0\x01\0";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Scenario: a file is pinned, and other files are at its path.
    /// Guarantees: only the pinned file is read, and the message shows the hash of another component.
    #[test]
    fn a_pinned_file_is_read_only_if_it_is_that_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, "").unwrap();
        let pinned: Sha256 = EMPTY.to_uppercase().parse().unwrap();
        assert_eq!(PluginFile::read(&path, Some(pinned)).unwrap().sha256.to_string(), EMPTY);
        fs::write(&path, "x").unwrap();
        let error = PluginFile::read(&path, Some(pinned)).unwrap_err();
        assert_eq!(error.key(), "sha256");
        assert!(error.to_string().ends_with("pinned: it is no wasm component"), "{error}");
        assert!(PluginFile::read(&path, None).is_ok());
        fs::write(&path, SMALLEST).unwrap();
        let error = PluginFile::read(&path, Some(pinned)).unwrap_err();
        let found = PluginFile::of_bytes(SMALLEST).sha256;
        assert!(error.to_string().ends_with(&format!("its sha256 is {found}")), "{error}");
    }

    /// Scenario: files that are not components are hashed.
    /// Guarantees: their hash is not shown, since it would tell what is in them.
    #[test]
    fn the_hash_of_what_is_no_component_is_not_shown() {
        let module = b"\0asm\x01\0\0\0";
        for bytes in [b"".as_slice(), b"root:x:0:0", module] {
            assert_eq!(PluginFile::of_bytes(bytes).shown_hash(), None);
        }
        let cut_short = PluginFile::of_bytes(&SMALLEST[..9]);
        assert_eq!(cut_short.shown_hash(), Some(cut_short.sha256));
    }

    /// Scenario: a file is cut short or not the pinned one, and its writer goes on.
    /// Guarantees: the read waits and returns the whole file.
    #[tokio::test]
    async fn the_rest_of_a_file_that_is_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        let whole = PluginFile::of_bytes(SMALLEST).sha256;
        for pinned in [None, Some(whole)] {
            fs::write(&path, &SMALLEST[..9]).unwrap();
            let writer = tokio::spawn({
                let path = path.clone();
                async move {
                    tokio::time::sleep(REST_INTERVAL * 4).await;
                    fs::write(path, SMALLEST).unwrap();
                }
            });
            assert_eq!(PluginFile::read_whole(&path, pinned).await.unwrap().sha256, whole);
            writer.await.unwrap();
        }
    }

    /// Scenario: a file is cut short and has not changed for two seconds.
    /// Guarantees: the read returns at once.
    #[tokio::test]
    async fn a_file_that_nobody_writes_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, &SMALLEST[..9]).unwrap();
        let before = SystemTime::now() - WRITERS_PATIENCE;
        fs::File::open(&path).unwrap().set_modified(before).unwrap();
        assert_eq!(PluginFile::read_whole(&path, None).await.unwrap().bytes, SMALLEST[..9]);
        let pinned = PluginFile::of_bytes(SMALLEST).sha256;
        assert_eq!(PluginFile::read_whole(&path, Some(pinned)).await.unwrap_err().key(), "sha256");
    }

    /// Scenario: paths lead to a device, a folder and nowhere.
    /// Guarantees: each is an error, and none blocks the read.
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        for path in ["/dev/zero", "/", "/nowhere"] {
            let error = PluginFile::read(Path::new(path), None).unwrap_err();
            assert!(error.to_string().starts_with(&format!("cannot read {path}: ")), "{error}");
        }
        // A reader of this file waits for a message of the kernel.
        if Path::new("/proc/kmsg").exists() {
            let file = PluginFile::read(Path::new("/proc/kmsg"), None);
            assert!(file.is_err() || file.is_ok_and(|file| file.bytes.is_empty()));
        }
    }
}

//! A plugin's file, and the hash that a config may pin it by.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::Path,
    str::FromStr,
    thread,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::Digest as _;

use super::card::{Card, CardError, SIZE_LIMIT_BYTES};

/// For how long a file that is being written may stay as it is.
pub const WRITERS_PATIENCE: Duration = Duration::from_secs(2);
/// For how long in all the rest of a file is waited for.
const REST_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at it.
const REST_INTERVAL: Duration = Duration::from_millis(50);

/// Read whole, before anything of it is believed.
#[derive(Debug)]
pub struct PluginFile {
    pub bytes: Bytes,
    pub sha256: Sha256,
}

/// Written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    #[error("{path}: {error}")]
    TooLarge { path: String, error: CardError },
    #[error("{path} is not the file that is pinned: its sha256 is {found}")]
    OtherHash { path: String, found: Sha256 },
}

impl PluginFile {
    /// What is in memory already.
    pub fn of_bytes(bytes: impl Into<Bytes>) -> PluginFile {
        let bytes = bytes.into();
        PluginFile { sha256: Sha256::of(&bytes), bytes }
    }

    /// Reads the file as [`PluginFile::read`] does. If it is cut short, or not the one that is pinned, and was written to just
    /// now, the rest of it is waited for. Blocks.
    pub fn read_whole(path: &Path, pinned: Option<Sha256>) -> Result<PluginFile, FileError> {
        let give_up = Instant::now() + REST_LIMIT;
        let mut told = false;
        loop {
            let read = PluginFile::read(path, pinned);
            let may_lack_its_rest = match &read {
                Ok(file) => file.is_cut_short(),
                Err(error) => matches!(error, FileError::OtherHash { .. }),
            };
            if !may_lack_its_rest || !is_being_written(path) || Instant::now() >= give_up {
                return read;
            }
            if !told {
                tracing::info!(path = %path.display(), "the plugin's file is being written: its rest is waited for");
                told = true;
            }
            thread::sleep(REST_INTERVAL);
        }
    }

    fn is_cut_short(&self) -> bool {
        matches!(Card::read(&self.bytes), Err(CardError::Empty | CardError::CutShort(_)))
    }

    /// Reads the file; `pinned` is held against its bytes before anything else is. Blocks.
    pub fn read(path: &Path, pinned: Option<Sha256>) -> Result<PluginFile, FileError> {
        let shown = || path.display().to_string();
        let unreadable = |error| FileError::Unreadable { path: shown(), error };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        // Opening a pipe would wait for its writer.
        if !metadata.is_file() {
            return Err(unreadable(io::Error::other("it is not a file")));
        }
        let too_large = |len| FileError::TooLarge { path: shown(), error: CardError::TooLarge(len) };
        let len = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        if len > SIZE_LIMIT_BYTES {
            return Err(too_large(len));
        }
        let mut bytes = Vec::with_capacity(len);
        let file = fs::File::open(path).map_err(unreadable)?;
        file.take(SIZE_LIMIT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        // It may have grown meanwhile.
        if bytes.len() > SIZE_LIMIT_BYTES {
            return Err(too_large(bytes.len()));
        }
        let sha256 = Sha256::of(&bytes);
        match pinned {
            Some(pinned) if pinned != sha256 => Err(FileError::OtherHash { path: shown(), found: sha256 }),
            _ => Ok(PluginFile { bytes: bytes.into(), sha256 }),
        }
    }
}

/// As far as the time tells that it was last written to.
fn is_being_written(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = written.map(|written| SystemTime::now().duration_since(written).unwrap_or_default());
    age.is_ok_and(|age| age < WRITERS_PATIENCE)
}

impl FileError {
    /// The key of the plugin's config that it is about.
    pub fn key(&self) -> &'static str {
        match self {
            FileError::Unreadable { .. } | FileError::TooLarge { .. } => "path",
            FileError::OtherHash { .. } => "sha256",
        }
    }
}

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// Of a file of at most the size that a plugin's may have, without keeping its bytes. Blocks.
    pub fn of_file(path: &Path) -> io::Result<Sha256> {
        let file = fs::File::open(path)?;
        let mut hasher = sha2::Sha256::new();
        let limit_bytes = SIZE_LIMIT_BYTES as u64;
        if io::copy(&mut file.take(limit_bytes + 1), &mut hasher)? > limit_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Sha256(hasher.finalize().into()))
    }
}

impl FromStr for Sha256 {
    type Err = String;

    fn from_str(text: &str) -> Result<Sha256, String> {
        let mut hash = [0; 32];
        let is_hex = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_hex {
            return Err("a sha256 is 64 hex digits, as `sha256sum` prints them".to_owned());
        }
        for (byte, pair) in std::iter::zip(&mut hash, text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
        }
        Ok(Sha256(hash))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Sha256, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

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
        assert!(
            error
                .to_string()
                .ends_with("its sha256 is 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
            "{error}"
        );
        assert!(PluginFile::read(&path, None).is_ok());
    }

    /// A component's header, and a custom section without a name.
    const SMALLEST: &[u8] = b"\0asm\x0d\0\x01\0\0\x01\0";

    #[test]
    fn the_rest_of_a_file_that_is_being_written_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        let whole = PluginFile::of_bytes(SMALLEST).sha256;
        for pinned in [None, Some(whole)] {
            fs::write(&path, &SMALLEST[..9]).unwrap();
            let writer = thread::spawn({
                let path = path.clone();
                move || {
                    thread::sleep(REST_INTERVAL * 4);
                    fs::write(path, SMALLEST).unwrap();
                }
            });
            assert_eq!(PluginFile::read_whole(&path, pinned).unwrap().sha256, whole);
            writer.join().unwrap();
        }
    }

    #[test]
    fn a_file_that_nobody_writes_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        fs::write(&path, &SMALLEST[..9]).unwrap();
        let before = SystemTime::now() - WRITERS_PATIENCE;
        fs::File::open(&path).unwrap().set_modified(before).unwrap();
        assert_eq!(PluginFile::read_whole(&path, None).unwrap().bytes, SMALLEST[..9]);
        let pinned = PluginFile::of_bytes(SMALLEST).sha256;
        assert_eq!(PluginFile::read_whole(&path, Some(pinned)).unwrap_err().key(), "sha256");
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        for path in ["/dev/zero", "/", "/nowhere"] {
            let error = PluginFile::read(Path::new(path), None).unwrap_err();
            assert!(error.to_string().starts_with(&format!("cannot read {path}: ")), "{error}");
        }
    }

    #[test]
    fn a_hash_is_64_hex_digits() {
        for text in ["", "abc", &EMPTY[1..], &EMPTY.replace('e', "é"), &EMPTY.replace('e', "+")] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
    }
}

//! The hash that identifies the content of a file.

use std::{
    fmt,
    io::{self, Read as _},
    path::Path,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de::Error as _};
use sha2::Digest as _;

use crate::files;

/// A SHA-256 hash, written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    pub fn of(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    /// Returns the hash of bytes in pieces.
    pub fn of_pieces(pieces: &[impl AsRef<[u8]>]) -> Sha256 {
        let mut hasher = sha2::Sha256::new();
        pieces.iter().for_each(|piece| hasher.update(piece));
        Sha256(hasher.finalize().into())
    }

    /// Returns the hash of a file of at most this size, without keeping the file's bytes. Blocks.
    pub fn of_file(path: &Path, limit_bytes: u64) -> io::Result<Sha256> {
        let (file, metadata) = files::open(path)?;
        let mut hasher = sha2::Sha256::new();
        // A file of procfs claims to be empty. Reading it could take data that another reader waits for.
        let taken = if metadata.len() == 0 { 0 } else { limit_bytes + 1 };
        if io::copy(&mut file.take(taken), &mut hasher)? > limit_bytes {
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

    /// Scenario: texts are too short, or hold characters other than hex digits.
    /// Guarantees: none is read as a hash.
    #[test]
    fn a_hash_is_64_hex_digits() {
        for text in ["", "abc", &EMPTY[1..], &EMPTY.replace('e', "é"), &EMPTY.replace('e', "+")] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
    }
}

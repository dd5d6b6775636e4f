//! The lines of Apache's htpasswd.

use std::{collections::HashMap, str::FromStr, sync::Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest;
use subtle::ConstantTimeEq;

use super::{HtpasswdConfig, wrong};
use crate::{config::ConfigError, files};

const FILE_LIMIT_BYTES: usize = 16 << 20;

pub(super) struct Htpasswd(HashMap<String, Password>);

enum Password {
    Plain(Vec<u8>),
    Sha1(Vec<u8>),
    /// And the SHA-256 of the password that last matched.
    Bcrypt(String, Mutex<Option<Vec<u8>>>),
}

impl Htpasswd {
    /// Reads the file, then the inline lines. An error names the line, never what it holds.
    pub(super) fn load(config: &HtpasswdConfig) -> Result<Htpasswd, ConfigError> {
        let mut users = HashMap::new();
        if let Some(path) = &config.file {
            match files::read_text(path, FILE_LIMIT_BYTES) {
                Ok(text) => read(&format!("htpasswd: file: {}", path.display()), &text, &mut users)?,
                Err(error) => {
                    return wrong(&format!("htpasswd: file: cannot read {}: {error}", path.display()));
                }
            }
        }
        if let Some(text) = &config.inline {
            read("htpasswd: inline", &text.0, &mut users)?;
        }
        Ok(Htpasswd(users))
    }

    pub(super) fn admits(&self, user: &str, password: &[u8]) -> bool {
        self.0.get(user).is_some_and(|known| known.is(password))
    }
}

fn read(place: &str, text: &str, users: &mut HashMap<String, Password>) -> Result<(), ConfigError> {
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line.split_once(':').filter(|(user, _)| !user.is_empty());
        let entry = entry.and_then(|(user, password)| Some((user.to_owned(), Password::parse(password)?)));
        let Some((user, password)) = entry else {
            return wrong(&format!(
                "{place}: line {number}: expected user:password, the password plain, {{SHA}} or bcrypt ($2y$)"
            ));
        };
        users.insert(user, password);
    }
    Ok(())
}

impl Password {
    /// `None` for a hash that we cannot check: taken for a plain password, it would be one.
    fn parse(text: &str) -> Option<Password> {
        if let Some(encoded) = text.strip_prefix("{SHA}") {
            return STANDARD.decode(encoded).ok().map(Password::Sha1);
        }
        if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            bcrypt::HashParts::from_str(text).ok()?;
            return Some(Password::Bcrypt(text.to_owned(), Mutex::new(None)));
        }
        let is_another_hash = text.starts_with('$') || text.starts_with("{SSHA}");
        (!is_another_hash).then(|| Password::Plain(text.as_bytes().to_vec()))
    }

    fn is(&self, password: &[u8]) -> bool {
        match self {
            Password::Plain(known) => known.ct_eq(password).into(),
            Password::Sha1(known) => {
                let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password);
                known.ct_eq(hash.as_ref()).into()
            }
            Password::Bcrypt(hash, last) => {
                let digest = digest::digest(&digest::SHA256, password);
                let last = || last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                if last().as_ref().is_some_and(|last| last.ct_eq(digest.as_ref()).into()) {
                    return true;
                }
                let matches = bcrypt::verify(password, hash).unwrap_or(false);
                if matches {
                    *last() = Some(digest.as_ref().to_vec());
                }
                matches
            }
        }
    }
}

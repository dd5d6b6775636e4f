//! Reads and checks the lines of Apache's htpasswd.

use std::{
    collections::BTreeMap,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{digest, hmac, rand::SystemRandom};
use subtle::ConstantTimeEq;

use super::{HtpasswdConfig, wrong};
use crate::{component::auth::Verdict, config::ConfigError, extension::auth::WRONG, files};

const FILE_LIMIT_BYTES: usize = 16 << 20;

pub(super) struct Htpasswd {
    users: BTreeMap<String, Arc<Password>>,
    /// A key of this process only, so that the kept hashes are useless to someone who reads the memory later.
    key: hmac::Key,
}

enum Password {
    /// The keyed hash of the password.
    Plain(hmac::Tag),
    Sha1(Vec<u8>),
    Bcrypt {
        hash: String,
        /// The keyed hash of the password that last matched.
        last: Mutex<Option<hmac::Tag>>,
    },
}

impl Htpasswd {
    /// Reads the file, then the inline lines. An error names the line, but never contains its text.
    pub(super) fn load(config: &HtpasswdConfig) -> Result<Htpasswd, ConfigError> {
        let Ok(key) = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()) else {
            return wrong("htpasswd: the system has no random numbers");
        };
        let mut htpasswd = Htpasswd { users: BTreeMap::new(), key };
        if let Some(path) = &config.file {
            match files::read_text(path, FILE_LIMIT_BYTES) {
                Ok(text) => htpasswd.read(&format!("htpasswd: file: {}", path.display()), &text)?,
                Err(error) => {
                    return wrong(&format!("htpasswd: file: cannot read {}: {error}", path.display()));
                }
            }
        }
        if let Some(text) = &config.inline {
            htpasswd.read("htpasswd: inline", &text.0)?;
        }
        Ok(htpasswd)
    }

    /// Checks a password. An unknown user is checked like an existing one, always the same one for each name,
    /// so that the response time does not reveal which users exist.
    pub(super) fn check(&self, user: &str, password: &[u8]) -> Verdict {
        let known = self.users.get(user);
        let stand_in = self.stand_in(user);
        let Some(entry) = known.or(stand_in) else { return Verdict::Known(Err(WRONG)) };
        let is_known = known.is_some();
        let answer = move |matches: bool| if matches && is_known { Ok(()) } else { Err(WRONG) };
        let tag = hmac::sign(&self.key, password);
        match &**entry {
            Password::Plain(known) => Verdict::Known(answer(is_same(known, &tag))),
            Password::Sha1(known) => {
                let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password);
                Verdict::Known(answer(known.ct_eq(hash.as_ref()).into()))
            }
            Password::Bcrypt { last, .. } => {
                let last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if is_known && last.as_ref().is_some_and(|last| is_same(last, &tag)) {
                    return Verdict::Known(Ok(()));
                }
                drop(last);
                let (entry, password) = (entry.clone(), password.to_vec());
                Verdict::Costly(Box::new(move || answer(entry.is_bcrypt_of(&password, tag))))
            }
        }
    }

    /// Returns the user by whose password an unknown user is checked. This takes the same time for every
    /// name.
    fn stand_in(&self, user: &str) -> Option<&Arc<Password>> {
        let tag = hmac::sign(&self.key, user.as_bytes());
        let number = tag.as_ref().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let at = number.checked_rem(self.users.len() as u64)?;
        self.users.values().nth(usize::try_from(at).ok()?)
    }

    fn read(&mut self, place: &str, text: &str) -> Result<(), ConfigError> {
        for (line, number) in text.lines().map(str::trim).zip(1..) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = line.split_once(':').filter(|(user, _)| !user.is_empty());
            let entry = entry
                .and_then(|(user, password)| Some((user.to_owned(), Password::parse(password, &self.key)?)));
            let Some((user, password)) = entry else {
                return wrong(&format!(
                    "{place}: line {number}: expected user:password, the password plain, {{SHA}} or bcrypt ($2y$)"
                ));
            };
            self.users.insert(user, Arc::new(password));
        }
        Ok(())
    }
}

impl Password {
    /// Returns `None` for a hash of an unsupported kind: as a plain password, its text would be accepted.
    fn parse(text: &str, key: &hmac::Key) -> Option<Password> {
        if let Some(encoded) = text.strip_prefix("{SHA}") {
            return STANDARD.decode(encoded).ok().map(Password::Sha1);
        }
        if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| text.starts_with(prefix)) {
            bcrypt::HashParts::from_str(text).ok()?;
            return Some(Password::Bcrypt { hash: text.to_owned(), last: Mutex::new(None) });
        }
        let is_another_hash = text.starts_with('$') || text.starts_with("{SSHA}");
        (!is_another_hash).then(|| Password::Plain(hmac::sign(key, text.as_bytes())))
    }

    /// Checks the password by bcrypt, and keeps its keyed hash if it matches.
    fn is_bcrypt_of(&self, password: &[u8], tag: hmac::Tag) -> bool {
        let Password::Bcrypt { hash, last } = self else { return false };
        let matches = bcrypt::verify(password, hash).unwrap_or(false);
        if matches {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag);
        }
        matches
    }
}

fn is_same(one: &hmac::Tag, other: &hmac::Tag) -> bool {
    one.as_ref().ct_eq(other.as_ref()).into()
}

//! Keeps the compiled functions of a plugin's last version, so that only functions that differ are compiled
//! for the next version. Versions of one plugin share nearly all functions, above all those of libraries and
//! of the language's runtime.
//!
//! The functions are in memory only during a compilation, and on disk in between. Cranelift decides which
//! functions are the same: it asks by a hash of everything that its output depends on, its own version
//! included.
//!
//! One function in twenty is compiled again although it is the same, even on an engine of its own. A
//! compilation reuses its contexts from one function to the next, and their remaining content in Cranelift
//! 0.135 seems to be part of its hash.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_bytes::ByteBuf;

/// The limit of the functions that are kept for one plugin; further ones are not kept. The functions of
/// QuickJS take 6 MiB.
const LIMIT_BYTES: usize = 128 << 20;

type Key = [u8; 32];
type Compiled = HashMap<Key, ByteBuf>;

/// The engine's store of functions. It holds functions only during a compilation.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Functions(Mutex<Option<Session>>);

#[derive(Debug, Default)]
struct Session {
    /// The functions of the previous version.
    known: Compiled,
    /// The functions of this version.
    used: Compiled,
    used_bytes: usize,
    /// The bytes of functions that had to be compiled.
    new_bytes: usize,
}

/// The kept functions are written again if more than one part in this many had to be compiled.
const STALE_PART: usize = 20;

/// The functions to keep for the next version.
pub(super) struct Unkept {
    functions: Compiled,
    path: PathBuf,
}

impl Functions {
    /// Lets the compilation find the functions of this file. There may be one compilation at a time.
    pub(super) fn reuse<T>(&self, path: &Path, compile: impl FnOnce() -> T) -> (T, Option<Unkept>) {
        let known = super::read_whole(path).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        *self.session() = Some(Session { known: known.unwrap_or_default(), ..Session::default() });
        let outcome = compile();
        let session = self.session().take().unwrap_or_default();
        let unkept = Unkept { functions: session.used, path: path.to_owned() };
        let is_stale = session.new_bytes > session.used_bytes / STALE_PART;
        (outcome, is_stale.then_some(unkept))
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unkept {
    pub(super) fn keep(&self) -> std::io::Result<()> {
        let bytes = postcard::to_allocvec(&self.functions).map_err(std::io::Error::other)?;
        super::store(&self.path, &bytes)
    }
}

impl Session {
    fn take(&mut self, key: Key, compiled: ByteBuf) {
        self.used_bytes += compiled.len();
        if self.used_bytes <= LIMIT_BYTES {
            self.used.insert(key, compiled);
        }
    }
}

impl wasmtime::CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        let (mut session, key) = (self.session(), Key::try_from(key).ok()?);
        let session = session.as_mut()?;
        if let Some(known) = session.known.remove(&key) {
            session.take(key, known.clone());
            return Some(Cow::Owned(known.into_vec()));
        }
        session.used.get(&key).map(|compiled| Cow::Owned(compiled.to_vec()))
    }

    fn insert(&self, key: &[u8], compiled: Vec<u8>) -> bool {
        let mut session = self.session();
        let (Some(session), Ok(key)) = (session.as_mut(), Key::try_from(key)) else { return false };
        session.new_bytes += compiled.len();
        session.take(key, ByteBuf::from(compiled));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasmtime::{CacheStore as _, Config, Engine, component::Component};

    use super::*;

    fn component(functions: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module {functions}))")).unwrap()
    }

    /// Scenario: two versions of a component share a function.
    /// Guarantees: the function is compiled once, and functions that the second version lacks are forgotten.
    #[test]
    fn a_function_that_the_version_before_had_is_not_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions");
        let functions = Arc::new(Functions::default());
        let mut config = Config::new();
        config.enable_incremental_compilation(functions.clone()).unwrap();
        let engine = Engine::new(&config).unwrap();
        let compile = |text: &str| {
            let bytes = component(text);
            let (component, unkept) = functions.reuse(&path, || Component::from_binary(&engine, &bytes));
            component.unwrap();
            unkept.inspect(|unkept| unkept.keep().unwrap()).map(|unkept| unkept.functions)
        };
        let (one, two, three) =
            ("(func (result i32) i32.const 1)", "(func (param i64))", "(func (param f32))");
        let first = compile(&[one, two].concat()).unwrap();
        assert!(compile(&[one, two].concat()).is_none(), "nothing had to be compiled");
        let second = compile(&[two, three].concat()).unwrap();
        let common = second.keys().filter(|key| first.contains_key(*key)).count();
        assert!(common > 0 && common < first.len().min(second.len()), "{common}");
        assert!(
            functions.get(&[0; 32]).is_none() && !functions.insert(&[0; 32], vec![1]),
            "none is compiling"
        );
    }

    /// Scenario: the file of functions cannot be read.
    /// Guarantees: everything is compiled, and the file is replaced.
    #[test]
    fn what_cannot_be_read_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("functions");
        std::fs::write(&path, "no functions").unwrap();
        let functions = Functions::default();
        let (found, _) = functions.reuse(&path, || functions.get(&[0; 32]).is_some());
        assert!(!found);
        functions.reuse(&path, || functions.insert(&[0; 32], vec![7])).1.unwrap().keep().unwrap();
        assert_eq!(functions.reuse(&path, || functions.get(&[0; 32]).unwrap().into_owned()).0, [7]);
    }
}

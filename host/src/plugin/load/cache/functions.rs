//! Functions of the last version of a plugin, compiled: of the next one only what differs is compiled. Versions of one plugin
//! have nearly all in common, the libraries and the language's runtime above all.
//!
//! They are in memory only while something is compiled, and on disk between. Which function of the one version is which of
//! the other is for Cranelift to say: it asks by a hash of all that its output depends on, its own version included.
//!
//! One in twenty is compiled again though it is the same, on an engine of its own as well: a compilation reuses its contexts
//! from one function to the next, and what Cranelift 0.135 leaves in them is, it seems, part of what it hashes.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_bytes::ByteBuf;

/// What the functions of one compilation may take; the others are not kept. Those of QuickJS take 6 MiB.
const LIMIT_BYTES: usize = 128 << 20;

type Key = [u8; 32];
type Compiled = HashMap<Key, ByteBuf>;

/// The engine's store of functions. It holds none but during a compilation.
#[derive(Debug, Default)]
pub(in crate::plugin) struct Functions(Mutex<Option<Session>>);

#[derive(Debug, Default)]
struct Session {
    /// Of the version before.
    known: Compiled,
    /// Of this one.
    used: Compiled,
    used_bytes: usize,
    /// Of those that had to be compiled.
    new_bytes: usize,
}

/// What is kept is good enough for the next version until so large a part is another, as one to this.
const STALE_PART: usize = 20;

/// What is to be kept for the next version.
pub(super) struct Unkept {
    functions: Compiled,
    path: PathBuf,
}

impl Functions {
    /// Has the compilation find the functions that this file has. There may be one at a time.
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

    /// What one version has in common with the one before is not compiled again, and what it does not have is forgotten.
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

//! Keeps compiled components on disk, so that a start does not compile them again. Compiling a Python plugin
//! takes seconds.
//!
//! An entry is named by the component's hash, by wasmtime's version and settings, and by the machine's
//! features. It is machine code that will run in this process. So an entry is only used if it is whole and
//! its folder can be changed by nobody but this user and root. This is checked each time ([`owned`]). If it
//! does not hold, no entry is read from the folder or written to it.

mod functions;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::SystemTime,
};

use sha2::{Digest, Sha256 as Hasher};
use wasmtime::{Engine, Result, component::Component};

use super::card::Code;
use crate::{files::owned, hash::Sha256, memory};
pub(in crate::plugin) use functions::Functions;
use functions::Unkept as UnkeptFunctions;

/// The number of entries that are kept. The least recently used ones are removed first.
const ENTRY_LIMIT: usize = 64;
/// The size limit of an entry. A larger one is not read.
const ENTRY_LIMIT_BYTES: usize = 1 << 30;
const HASH_BYTES: usize = 32;

/// A folder of compiled components.
pub(in crate::plugin) struct Cache {
    folder: Option<PathBuf>,
    functions: Arc<Functions>,
}

/// A compiled component that is not on disk yet. It may be written later, while the plugin runs already.
pub(in crate::plugin) struct Unkept {
    path: PathBuf,
    component: Component,
    functions: Option<UnkeptFunctions>,
}

impl Cache {
    /// Returns the cache in the user's cache folder (`XDG_CACHE_HOME`, `~/.cache`).
    pub(in crate::plugin) fn of_user() -> Cache {
        let folder = user_folder().map(|cache| cache.join("spanloom").join("compiled"));
        Cache::in_folder(folder)
    }

    pub(super) fn in_folder(folder: Option<PathBuf>) -> Cache {
        Cache { folder, functions: Arc::default() }
    }

    /// Returns the folder, if there is one and it can be trusted. The first time that it cannot, this warns.
    pub(in crate::plugin) fn folder(&self) -> Option<PathBuf> {
        static IS_TOLD: AtomicBool = AtomicBool::new(false);
        let folder = self.folder.as_ref()?;
        let owned = owned::make(folder).and_then(|()| owned::check(folder));
        if let Err(error) = &owned
            && tracing::enabled!(tracing::Level::WARN)
            && !IS_TOLD.swap(true, Relaxed)
        {
            tracing::warn!(
                "compiled plugins are not kept in {}, so that each start compiles them: {error}",
                folder.display()
            );
        }
        owned.ok()
    }

    /// Returns the store where the engine looks for compiled functions.
    pub(in crate::plugin) fn functions(&self) -> &Arc<Functions> {
        &self.functions
    }

    /// Returns the compiled component, from the cache if it is there. Otherwise it is compiled, and functions
    /// that it shares with an earlier plugin of the same `name` are reused.
    pub(in crate::plugin) fn compile(
        &self,
        engine: &Engine,
        name: &str,
        bytes: &[u8],
        hash: Sha256,
        code: Code,
    ) -> Result<(Component, Option<Unkept>)> {
        // The grant lasts until the component is compiled.
        let mut grant = memory::Grant::default();
        let Some(folder) = self.folder() else {
            grant.more(code.compiling_bytes())?;
            return Ok((Component::from_binary(engine, bytes)?, None));
        };
        let path = folder.join(entry_name(engine, hash));
        if let Some(component) = load(engine, &path) {
            return Ok((component, None));
        }
        grant.more(code.compiling_bytes())?;
        let known = folder.join(functions_name(engine, name));
        let (component, functions) = self.functions.reuse(&known, || Component::from_binary(engine, bytes));
        let component = component?;
        let unkept = Unkept { path, component: component.clone(), functions };
        Ok((component, Some(unkept)))
    }
}

impl Unkept {
    pub(in crate::plugin) fn keep(self) {
        // The folder may have another owner or mode by now.
        if self.path.parent().is_none_or(|folder| owned::check(folder).is_err()) {
            return;
        }
        let component = self.component.serialize().map_err(io::Error::other);
        let component = component.and_then(|code| store(&self.path, &code));
        let functions = self.functions.map_or(Ok(()), |functions| functions.keep());
        if let Err(error) = component.and(functions) {
            tracing::debug!("a compiled plugin is not kept: {error}");
        }
        if let Some(folder) = self.path.parent() {
            evict(folder);
        }
    }
}

/// Warns if compiled plugins are not kept. A plugin may have been compiled before the log was set up, and
/// then no warning was written.
pub(crate) fn check() {
    Cache::of_user().folder();
}

fn user_folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).filter(|path| path.is_absolute())
}

fn entry_name(engine: &Engine, hash: Sha256) -> String {
    let mut compiler = SipHash::default();
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut compiler);
    format!("{hash}-{:016x}", std::hash::Hasher::finish(&compiler))
}

/// Returns the name of the file of functions. It has a hash, since a plugin may have any name.
fn functions_name(engine: &Engine, name: &str) -> String {
    format!("functions-{}", entry_name(engine, Sha256::of(name.as_bytes())))
}

type SipHash = std::collections::hash_map::DefaultHasher;

/// Reads an entry, which is the hash of the content and then the content. Returns `None` if the entry is not
/// whole.
fn read_whole(path: &Path) -> Option<Vec<u8>> {
    let mut entry = owned::read(path, ENTRY_LIMIT_BYTES).ok()?;
    let (hash, content) = entry.split_at_checked(HASH_BYTES)?;
    if Hasher::digest(content).as_slice() != hash {
        tracing::warn!("{} is damaged, and is made again", path.display());
        return None;
    }
    // An entry's time of modification is the time of its last use.
    let _ = fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    entry.drain(..HASH_BYTES);
    Some(entry)
}

fn load(engine: &Engine, path: &Path) -> Option<Component> {
    let code = read_whole(path)?;
    #[expect(
        unsafe_code,
        reason = "the code is wasmtime's own, from a folder that only this user and root can change"
    )]
    // SAFETY: wasmtime requires that the bytes come from `Component::serialize`. They were written by
    // `store`, are whole, and nobody else could have put them there. wasmtime refuses the code of another
    // version.
    let component = unsafe { Component::deserialize(engine, code) };
    component.inspect_err(|error| tracing::debug!("{} is of no use: {error}", path.display())).ok()
}

/// Writes an entry atomically, since other processes may read it at the same time.
fn store(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut file, &Hasher::digest(content))?;
    io::Write::write_all(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}

fn evict(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut by_age: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    by_age.sort();
    let excess = by_age.len().saturating_sub(ENTRY_LIMIT);
    for (_, path) in by_age.into_iter().take(excess) {
        // Another process may have removed the entry already.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const COMPONENT: &str =
        "(component (core module $m (func (export \"f\"))) (core instance (instantiate $m)))";

    fn entries(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// Scenario: a component is compiled twice, and its entry is then damaged.
    /// Guarantees: the entry is used, a damaged one is not, and compiling again replaces it.
    #[test]
    fn a_compiled_component_is_kept_and_a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = wat::parse_str(COMPONENT).unwrap();
        let engine = Engine::default();
        let cache = Cache::in_folder(Some(folder.path().join("compiled")));
        let compile = || {
            let (_, unkept) =
                cache.compile(&engine, "p", &bytes, Sha256::of(&bytes), Code::default()).unwrap();
            unkept.map(Unkept::keep)
        };
        compile();
        let [entry] = &entries(&folder.path().join("compiled"))[..] else { panic!("not one entry") };
        assert!(load(&engine, entry).is_some());
        let mut code = fs::read(entry).unwrap();
        *code.last_mut().unwrap() ^= 1;
        fs::write(entry, code).unwrap();
        assert!(load(&engine, entry).is_none());
        compile();
        assert!(load(&engine, entry).is_some());
    }

    fn set_mode(folder: &Path, mode: u32) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn exporting(name: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module $m) (export \"{name}\" (core module $m)))")).unwrap()
    }

    /// Scenario: others get the right to change the cache's folder, or the folder above it, after entries
    /// were written. Their code would run in this process.
    /// Guarantees: the entries are not used while others have that right.
    #[test]
    fn a_folder_that_others_can_change_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path().join("above");
        let compiled = above.join("compiled");
        let cache = Cache::in_folder(Some(compiled.clone()));
        let engine = Engine::default();
        let bytes = exporting("own");
        let compile = || cache.compile(&engine, "p", &bytes, Sha256::of(&bytes), Code::default()).unwrap();
        compile().1.unwrap().keep();
        let entry = fs::canonicalize(&compiled).unwrap().join(entry_name(&engine, Sha256::of(&bytes)));
        let other = Component::from_binary(&engine, &exporting("other")).unwrap();
        store(&entry, &other.serialize().unwrap()).unwrap();
        let is_taken = || compile().0.get_export_index(None, "other").is_some();
        assert!(is_taken(), "the file is the version that runs");
        for open in [&above, &compiled] {
            set_mode(open, 0o777);
            assert!(!is_taken(), "{}", open.display());
            set_mode(open, 0o700);
        }
        assert!(is_taken());
    }

    /// Scenario: others get the right to change the folder while a component is compiled.
    /// Guarantees: the component is not written there.
    #[test]
    fn what_was_compiled_is_not_put_where_others_can_change_it() {
        let folder = tempfile::tempdir().unwrap();
        let compiled = folder.path().join("compiled");
        let cache = Cache::in_folder(Some(compiled.clone()));
        let bytes = wat::parse_str(COMPONENT).unwrap();
        let (_, unkept) =
            cache.compile(&Engine::default(), "p", &bytes, Sha256::of(&bytes), Code::default()).unwrap();
        set_mode(&compiled, 0o777);
        unkept.unwrap().keep();
        assert_eq!(entries(&compiled), Vec::<PathBuf>::new());
    }
}

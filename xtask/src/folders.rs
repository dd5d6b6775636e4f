//! The folders that tasks use: the clone, the cache outside it, and cargo's target folder.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Returns the root of the clone.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns the folder for tools that outlive a clone: `$SPANLOOM_CACHE`, else the user's cache folder.
pub fn cache() -> Result<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given("SPANLOOM_CACHE")
        .or_else(|| given("XDG_CACHE_HOME").map(|cache| cache.join("spanloom")))
        .or_else(|| given("HOME").map(|home| home.join(".cache").join("spanloom")))
        .context("no cache folder: set SPANLOOM_CACHE to a folder that may be written")
}

/// Returns the folder where cargo puts what it builds.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |given| root().join(given))
}

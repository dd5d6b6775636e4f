//! Finds the built-in plugins, which the binary embeds. `cargo xtask` compiles them into `plugins/` of the
//! target folder. Plugins that were compiled from other sources than the present ones are not embedded. Also
//! finds the files that `spanloom plugin new` hands out (`embedded.rs`).

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[expect(unreachable_pub, reason = "it belongs to a crate")]
#[path = "../plugins/build/src/sources.rs"]
mod sources;

mod embedded;

/// The plugin whose file is looked for. If it is there, all are.
const ONE_OF_THEM: &str = "plugins/builtin-batch.wasm";
const HELP: &str = "run `cargo xtask plugins --builtin`";

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=SPANLOOM_BUILTINS");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(error) = embedded::write(&root(), &out) {
        println!("cargo::error=the templates of plugins: {error}");
        return ExitCode::FAILURE;
    }
    match folder() {
        Ok(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            println!("cargo::rustc-env=SPANLOOM_BUILTINS={}", folder.display());
            println!("cargo::rerun-if-env-changed=SPANLOOM_COMMIT");
            println!("cargo::rustc-env=SPANLOOM_BUILD={}", described());
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("cargo::error={why}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the root of the clone.
fn root() -> PathBuf {
    let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    host.parent().map_or_else(|| host.clone(), Path::to_owned)
}

/// Returns what `spanloom --version` says of the build: the target, and the commit if `$SPANLOOM_COMMIT` names
/// it. Git is not asked, so that a commit alone compiles nothing anew.
fn described() -> String {
    let target = env::var("TARGET").unwrap_or_default();
    match env::var("SPANLOOM_COMMIT") {
        Ok(commit) if !commit.is_empty() => format!("{target}, {commit}"),
        _ => target,
    }
}

/// Returns `$SPANLOOM_BUILTINS`, whatever it holds. Otherwise returns the folder in the target folder, if it
/// was compiled from these sources.
fn folder() -> Result<PathBuf, String> {
    if let Some(folder) = env::var_os("SPANLOOM_BUILTINS") {
        return Ok(folder.into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let target = out.ancestors().find(|folder| folder.join(ONE_OF_THEM).is_file());
    let folder = target.map(|target| target.join("plugins"));
    let folder = folder.ok_or_else(|| format!("the built-in plugins are not compiled yet: {HELP} once"))?;
    if is_of_these_sources(&folder)
        .map_err(|error| format!("the sources of the built-in plugins: {error}"))?
    {
        Ok(folder)
    } else {
        Err(format!("the built-in plugins in {} are of other sources: {HELP}", folder.display()))
    }
}

fn is_of_these_sources(folder: &Path) -> io::Result<bool> {
    let root = root();
    // If this is a folder, cargo looks at every file below it.
    for place in sources::places(&root)? {
        println!("cargo::rerun-if-changed={}", place.display());
    }
    let noted = fs::read_to_string(folder.join(sources::STATE_FILE)).unwrap_or_default();
    Ok(noted == sources::state(&root)?)
}

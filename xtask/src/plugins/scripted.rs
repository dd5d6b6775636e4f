//! Builds the plugins in languages that have their own build tools. Each language's folder holds
//! `build.sh NAME FILE`.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use super::{c, folder};
use crate::{
    folders, shell,
    summary::{Outcome, Summary},
    tools::{node, python},
};

/// A language with a folder in `examples/plugins`.
struct Language {
    name: &'static str,
    /// Installs the programs that the script calls, and returns their folder.
    programs: fn() -> Result<PathBuf>,
    /// Makes the other files that its script needs for a plugin, and returns their folder: the script's
    /// `BINDINGS`.
    bindings: Option<fn(&str) -> Result<PathBuf>>,
    /// The plugins that the language has.
    plugins: &'static [&'static str],
}

const LANGUAGES: [Language; 3] = [
    Language {
        name: "c",
        programs: || python::environment("plugins-c", "examples/plugins/c/requirements.txt"),
        bindings: Some(c::bindings),
        plugins: &["redactor", "keep-errors"],
    },
    Language {
        name: "javascript",
        programs: || Ok(node::modules("plugins-javascript", "examples/plugins/javascript")?.join(".bin")),
        bindings: None,
        plugins: &["redactor", "keep-errors", "webhook-receiver"],
    },
    Language {
        name: "python",
        programs: || python::environment("plugins-python", "examples/plugins/python/requirements.txt"),
        bindings: None,
        plugins: &["redactor", "keep-errors", "webhook-receiver"],
    },
];

/// Adds one step for each language: builds its changed plugins as `target/plugins/LANGUAGE-NAME.wasm`.
pub(super) fn steps(summary: &mut Summary) {
    for language in &LANGUAGES {
        summary.step(&format!("plugins in {}", language.name), || match (language.programs)() {
            Ok(programs) => {
                language.plugins.iter().try_for_each(|plugin| build(language, plugin, &programs))?;
                Ok(Outcome::READY)
            }
            Err(error) => Ok(Outcome::skipped(format!("{error:#}"))),
        });
    }
}

fn build(language: &Language, plugin: &str, programs: &Path) -> Result<()> {
    let source = folders::root().join("examples/plugins").join(language.name);
    fs::create_dir_all(folder())?;
    let component = folder().canonicalize()?.join(format!("{}-{plugin}.wasm", language.name));
    let stamp = component.with_extension("inputs");
    let inputs = fingerprint(&source)?;
    if component.exists() && fs::read_to_string(&stamp).is_ok_and(|built| built == inputs) {
        println!("{} is up to date", component.display());
        return Ok(());
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    let paths = env::join_paths([programs.to_owned()].into_iter().chain(env::split_paths(&paths)))?;
    let mut script = Command::new(source.join("build.sh"));
    if let Some(bindings) = language.bindings {
        script.env("BINDINGS", bindings(plugin)?);
    }
    shell::run(script.arg(plugin).arg(&component).env("PATH", paths))?;
    Ok(fs::write(stamp, inputs)?)
}

/// Returns a hash of the plugin's sources and of the interface. The sources pin the versions of the tools.
fn fingerprint(source: &Path) -> Result<String> {
    let mut git = Command::new("git");
    git.current_dir(folders::root()).args(["ls-files", "--cached", "--others", "--exclude-standard", "wit"]);
    let listed = shell::ask(git.arg(source)).context("git ls-files failed: is this a git clone?")?;
    let mut hasher = DefaultHasher::new();
    for path in listed.lines() {
        path.hash(&mut hasher);
        // A link, or a file that was deleted, has no content.
        fs::read(folders::root().join(path)).unwrap_or_default().hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

//! A plugin whose folder says in `spanloom-plugin.yaml` how it is built.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use spanloom_plugin_build::{BuildError, Interface};

use super::{
    manifest::{BindingsLanguage, FILE, ManifestConfig},
    programs::Programs,
};
use crate::{
    cli::Terminal,
    config::{ConfigError, Node},
};

/// A folder with a manifest.
pub(in crate::cli::plugin) struct Project {
    folder: PathBuf,
    manifest: ManifestConfig,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::plugin) enum ProjectError {
    #[error("{0}")]
    Missing(String),
    #[error("`{step}` failed: {status}")]
    Step { step: String, status: ExitStatus },
    #[error("`{step}` could not be started: {error}")]
    Start { step: String, error: io::Error },
    #[error("the steps of {FILE} wrote no {{output}}")]
    NoOutput,
    #[error("the output of the build: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Project {
    /// Reads the folder's manifest. Returns `None` if it has none.
    pub(in crate::cli::plugin) fn open(folder: &Path) -> Option<Result<Project, ConfigError>> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file).ok()?;
        let read = || -> Result<Project, ConfigError> {
            let node = Node::parse(&file.display().to_string(), &text)?;
            let manifest = node.read_valid(ManifestConfig::validate)?;
            // The steps run in the folder, and the paths that they are given hold everywhere.
            Ok(Project { folder: folder.canonicalize().unwrap_or_else(|_| folder.to_owned()), manifest })
        };
        Some(read())
    }

    pub(super) fn name(&self) -> &str {
        &self.manifest.name
    }

    fn interface(&self) -> Result<Interface, BuildError> {
        Interface::read(&self.folder.join(&self.manifest.wit), &self.manifest.world)
    }

    /// Makes the bindings anew that the manifest asks for, so that they are those of the world as it is.
    pub(in crate::cli::plugin) fn write_bindings(&self) -> Result<(), BuildError> {
        let Some(wanted) = &self.manifest.bindings else { return Ok(()) };
        let interface = self.interface()?;
        let files = match wanted.language {
            BindingsLanguage::C => interface.in_c()?,
            BindingsLanguage::Go => interface.in_go(&wanted.package, &wanted.exports)?,
        };
        let folder = self.folder.join(&wanted.folder);
        for (name, content) in files {
            let path = folder.join(name);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            let written = made.and_then(|()| replace_if_changed(&path, &content));
            written.map_err(|error| BuildError::Read { path, error })?;
        }
        Ok(())
    }

    /// Runs the build, and returns the component. The programs print their own progress and errors.
    pub(super) fn build(&self, is_install: bool, terminal: &mut Terminal<'_>) -> anyhow::Result<Built> {
        if let Err(error) = self.provide(is_install, terminal)? {
            return Ok(Err(error));
        }
        if let Err(error) = self.write_bindings() {
            return Ok(Err(error.into()));
        }
        let work = tempfile::tempdir()?;
        let output = work.path().join("plugin.wasm");
        for step in &self.manifest.steps {
            writeln!(terminal.err, "$ {step}")?;
            if let Err(error) = self.step(step, &output) {
                return Ok(Err(error));
            }
        }
        Ok(self.component(&output))
    }

    fn component(&self, output: &Path) -> Built {
        if !output.is_file() {
            return Err(ProjectError::NoOutput);
        }
        let module = fs::read(output)?;
        Ok(self.interface()?.component(module)?)
    }

    /// Checks that the programs of the steps are there. Installs missing ones only if that was asked for.
    fn provide(
        &self,
        is_install: bool,
        terminal: &mut Terminal<'_>,
    ) -> anyhow::Result<Result<(), ProjectError>> {
        let programs = Programs::new(&self.manifest, &self.folder);
        let mut missing = programs.missing();
        if is_install {
            for command in programs.installs(&missing) {
                writeln!(terminal.err, "$ {command}")?;
                if let Err(error) = self.run(command, Command::new("sh").args(["-c", command])) {
                    return Ok(Err(error));
                }
            }
            missing = programs.missing();
        }
        let advice: Vec<String> = missing.iter().map(|name| programs.advice(name)).collect();
        Ok(if advice.is_empty() { Ok(()) } else { Err(ProjectError::Missing(advice.join("\n  "))) })
    }

    fn step(&self, step: &str, output: &Path) -> Result<(), ProjectError> {
        let programs = Programs::new(&self.manifest, &self.folder);
        let output = output.display().to_string();
        let mut words = step.split_whitespace().map(|word| word.replace("{output}", &output));
        let name = words.next().unwrap_or_default();
        let program = programs.find(&name).unwrap_or_else(|| PathBuf::from(&name));
        self.run(step, Command::new(program).args(words))
    }

    fn run(&self, step: &str, command: &mut Command) -> Result<(), ProjectError> {
        let programs = Programs::new(&self.manifest, &self.folder);
        command.current_dir(&self.folder).env("PATH", programs.path()).envs(&self.manifest.environment);
        // Standard output says what was built, and nothing else.
        let status = command.stdin(Stdio::null()).stdout(io::stderr()).status();
        let status = status.map_err(|error| ProjectError::Start { step: step.to_owned(), error })?;
        if status.success() { Ok(()) } else { Err(ProjectError::Step { step: step.to_owned(), status }) }
    }
}

type Built = Result<Vec<u8>, ProjectError>;

/// Writes the file unless it has this content, so that compilers do not compile it again.
fn replace_if_changed(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) { Ok(()) } else { fs::write(path, content) }
}

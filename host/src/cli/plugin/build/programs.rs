//! Finds the programs that a plugin's build runs.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::manifest::{FILE, ManifestConfig};

/// Where the package managers of Node and Python put programs, below a project's folder.
const OWN: [&str; 2] = ["node_modules/.bin", ".venv/bin"];

/// The folders in which programs are looked for: the project's own, and then `PATH`.
pub(super) struct Programs<'a> {
    manifest: &'a ManifestConfig,
    folder: &'a Path,
}

impl<'a> Programs<'a> {
    pub(super) fn new(manifest: &'a ManifestConfig, folder: &'a Path) -> Self {
        Self { manifest, folder }
    }

    fn folders(&self) -> Vec<PathBuf> {
        let own = OWN.iter().map(|own| self.folder.join(own));
        own.chain(env::split_paths(&env::var_os("PATH").unwrap_or_default())).collect()
    }

    /// Returns the `PATH` of the steps.
    pub(super) fn path(&self) -> OsString {
        env::join_paths(self.folders()).unwrap_or_else(|_| env::var_os("PATH").unwrap_or_default())
    }

    /// Returns the program's file. A name with a slash is a path below the project's folder.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(self.folder.join(name)).filter(|file| file.is_file());
        }
        let others =
            self.manifest.programs.get(name).map(|program| program.or.as_slice()).unwrap_or_default();
        let folders = self.folders();
        let mut names = [name].into_iter().chain(others.iter().map(String::as_str));
        names.find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
    }

    /// Returns the programs of the steps that are not there.
    pub(super) fn missing(&self) -> Vec<&'a str> {
        let programs = self.manifest.steps.iter().filter_map(|step| step.split_whitespace().next());
        let mut missing: Vec<&str> = programs.filter(|name| self.find(name).is_none()).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Returns the commands that install missing programs below the project's folder.
    pub(super) fn installs(&self, missing: &[&str]) -> Vec<&'a str> {
        let known = missing.iter().filter_map(|name| self.manifest.programs.get(*name));
        let mut commands: Vec<&str> = known.filter_map(|program| program.install.as_deref()).collect();
        commands.sort_unstable();
        commands.dedup();
        commands
    }

    /// Says what to type so that the program is there.
    pub(super) fn advice(&self, name: &str) -> String {
        let Some(program) = self.manifest.programs.get(name) else {
            return format!("no `{name}` in the PATH; {FILE} does not say where it comes from");
        };
        let from = program.from.as_deref().map(|from| format!("get {from}"));
        let Some(install) = &program.install else {
            return format!("no `{name}`: {}", from.unwrap_or_else(|| "put it into the PATH".to_owned()));
        };
        let folder = self.folder.display();
        let typed = format!("no `{name}`: type `cd {folder} && {install}`, or build with `--install`");
        let installer = install.split_whitespace().next().unwrap_or_default();
        match from {
            Some(from) if self.find(installer).is_none() => {
                format!("{typed}; for `{installer}`, first {from}")
            }
            _ => typed,
        }
    }
}

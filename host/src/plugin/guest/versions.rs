//! The table of the interface's versions that this host serves. Reading cards, linking and calling all use
//! it.

use std::sync::Arc;

use wasmtime::{
    Result,
    component::{InstancePre, Linker},
};

use super::{Guest, interface::ComponentExports, v0_1, v0_2};
use crate::plugin::load::card::{Card, CardError, ExternName, Role};

/// A version of the package `spanloom:plugin`, and its room.
pub(in crate::plugin) struct Version {
    /// The version as in the names that a component imports and exports: `0.1.0`.
    pub(in crate::plugin) name: &'static str,
    /// The interfaces of the package that a plugin may import.
    pub(in crate::plugin) imports: &'static [&'static str],
    /// Links the functions that a plugin may import.
    pub(in crate::plugin) link: fn(&mut Linker<Guest>) -> Result<()>,
    /// Finds the functions that a component exports.
    pub(in crate::plugin) exports: fn(&InstancePre<Guest>) -> Arc<dyn ComponentExports>,
}

/// Every version that is served, the oldest first.
pub(in crate::plugin) static SERVED: [&Version; 2] = [&v0_1::VERSION, &v0_2::VERSION];

/// Finds a version by its name.
pub(in crate::plugin) fn find(name: &str) -> Option<&'static Version> {
    SERVED.into_iter().find(|version| version.name == name)
}

/// Returns the names of all versions that are served.
pub(in crate::plugin) fn names() -> Vec<&'static str> {
    SERVED.iter().map(|version| version.name).collect()
}

impl Card {
    /// Returns the role if this host can run the plugin, regardless of grants. Called before compiling.
    ///
    /// # Errors
    /// The version is not served, an import does not exist, or the component has no role or several.
    pub fn admit(&self) -> Result<Role, CardError> {
        let interfaces = self.version()?.map(|version| version.imports).unwrap_or_default();
        let is_unknown = |name: &&ExternName| !name.is_served(interfaces);
        let unknown: Vec<String> =
            self.imports.iter().filter(is_unknown).map(ExternName::to_string).collect();
        if !unknown.is_empty() {
            return Err(CardError::UnknownImports(unknown));
        }
        match self.roles().as_slice() {
            [] => Err(CardError::NoRole),
            [role] => Ok(*role),
            roles => Err(CardError::ManyRoles(roles.to_vec())),
        }
    }

    /// Returns the version of the interface that the component was built against, or `None` if it names no
    /// version.
    ///
    /// # Errors
    /// The version is not served, or there are several.
    pub(in crate::plugin) fn version(&self) -> Result<Option<&'static Version>, CardError> {
        let built: Vec<&str> = self.interface_versions().into_iter().collect();
        let served = match built.as_slice() {
            [] => return Ok(None),
            [name] => find(name),
            _ => None,
        };
        let refused = || CardError::Version {
            built: built.iter().map(|name| (*name).to_owned()).collect(),
            served: names(),
        };
        served.map(Some).ok_or_else(refused)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fmt::Write as _,
        fs,
        path::{Path, PathBuf},
    };

    use sha2::{Digest, Sha256};

    use super::*;

    fn wit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
    }

    /// Returns the files of `wit/` by name.
    fn entries(folder: &Path) -> BTreeMap<String, PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect()
    }

    /// Returns the sum of each file of a folder, as `sha256sum` prints it.
    fn sums(folder: &Path) -> String {
        entries(folder).into_iter().fold(String::new(), |mut sums, (name, path)| {
            for byte in Sha256::digest(fs::read(path).unwrap()) {
                write!(sums, "{byte:02x}").unwrap();
            }
            sums + &format!("  {name}\n")
        })
    }

    /// Scenario: every folder of the interface that has a list of sums beside it is read.
    /// Guarantees: no file of a released version has been changed, added or removed. Plugins in the field
    /// were built against it.
    #[test]
    fn a_released_version_of_the_interface_never_changes() {
        let lists = entries(&wit()).into_iter().filter_map(|(name, path)| {
            let version = name.strip_suffix(".sha256")?.to_owned();
            Some((version, fs::read_to_string(path).unwrap()))
        });
        let lists: Vec<_> = lists.collect();
        assert!(lists.iter().any(|(version, _)| version == "0.1.0"), "the first version's list is missing");
        for (version, list) in lists {
            let changed =
                format!("a released version has changed: restore wit/{version}, and make a new version");
            assert_eq!(sums(&wit().join(version)), list, "{changed}");
        }
    }

    /// Scenario: the folders of the interface are compared with the table of versions.
    /// Guarantees: no folder is without a room, so that the host serves every version that there is.
    #[test]
    fn every_version_of_the_interface_is_served() {
        let folders = entries(&wit()).into_iter().filter(|(_, path)| path.is_dir());
        let folders: Vec<String> = folders.map(|(name, _)| name).collect();
        assert_eq!(folders, names());
        assert!(folders.iter().all(|name| find(name).is_some()));
    }
}

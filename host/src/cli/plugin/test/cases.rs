//! Finds the cases. A case is a request, the plugin's config for it, and the expected outcome.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use wire::{Batch, Signal};

use crate::cli::plugin::fixture;

/// A request to give to a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// The file's name without its extension.
    pub(super) name: String,
    pub(super) input: PathBuf,
    /// The config's file; `None` means the config `{}`.
    pub(super) config: Option<PathBuf>,
    /// The path of the golden file, whether the file exists or not.
    pub(super) golden: PathBuf,
}

const CASE_LIMIT: usize = 10_000;

/// Returns the cases of folders and single files, in the order of the paths and of their names.
pub(super) fn find(paths: &[PathBuf]) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if metadata.is_dir() {
            cases.extend(of_folder(path)?);
        } else {
            let Some(name) = name_of(path) else {
                bail!("{} is not a request: it must end in .json or .binpb", path.display());
            };
            let folder = path.parent().unwrap_or(Path::new(""));
            cases.push(Case::new(name, path.clone(), folder));
        }
    }
    if cases.len() > CASE_LIMIT {
        bail!("there are {} cases; no more than {CASE_LIMIT} are run at a time", cases.len());
    }
    Ok(cases)
}

fn of_folder(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let mut inputs = inputs_in(folder)?;
    if inputs.is_empty() {
        let above = folder.canonicalize()?.parent().map(Path::to_owned);
        inputs = above.map_or(Ok(inputs), |above| inputs_in(&above))?;
    }
    if inputs.is_empty() {
        bail!("{} has no request: put one there, as NAME.json or NAME.binpb", folder.display());
    }
    Ok(inputs.into_iter().map(|(name, input)| Case::new(name, input, folder)).collect())
}

/// Returns the requests in a folder, by name.
fn inputs_in(folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut inputs: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let Some(name) = name_of(&path).filter(|_| path.is_file()) else { continue };
        if let Some(other) = inputs.insert(name, path.clone()) {
            bail!("{} and {} would be one case: give one another name", other.display(), path.display());
        }
    }
    Ok(inputs)
}

/// Returns the name of the case whose request the file is; `None` for other files.
fn name_of(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let name = file.strip_suffix(".json").or_else(|| file.strip_suffix(".binpb"))?;
    let is_other = name == "config" || name.ends_with(".config") || name.ends_with(".golden");
    (!is_other && !name.is_empty()).then(|| name.to_owned())
}

impl Case {
    fn new(name: String, input: PathBuf, folder: &Path) -> Case {
        let configs = [format!("{name}.config"), "config".to_owned()];
        let files = configs.iter().flat_map(|stem| ["json", "yaml"].map(|end| format!("{stem}.{end}")));
        let config = files.map(|file| folder.join(file)).find(|path| path.is_file());
        let golden = folder.join(format!("{name}.golden.json"));
        Case { name, input, config, golden }
    }

    /// Reads the request. `of_binary` is the signal of a `.binpb` file.
    pub(super) fn read(&self, of_binary: Signal) -> anyhow::Result<Batch> {
        fixture::read(&self.input, of_binary)
    }

    /// Reads the file as it is.
    pub(super) fn read_body(&self) -> anyhow::Result<Vec<u8>> {
        fixture::read_limited(&self.input)
    }

    /// Reads the golden file; `None` if there is none.
    pub(super) fn read_golden(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.golden.exists() { fixture::read_limited(&self.golden).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        folder
    }

    fn relative(root: &Path, path: &Path) -> String {
        path.strip_prefix(root).unwrap().display().to_string()
    }

    /// Scenario: a folder has two requests, a config for one, a config for the folder, and other files.
    /// Guarantees: each request is a case with the nearest config and the path of its golden file.
    #[test]
    fn each_request_of_a_folder_is_a_case() {
        let folder =
            folder(&["a.json", "b.binpb", "b.config.yaml", "config.json", "a.golden.json", "notes.md"]);
        let root = folder.path();
        let cases = find(&[root.to_owned()]).unwrap();
        let shown: Vec<[String; 3]> = (cases.iter())
            .map(|case| {
                let config = relative(root, case.config.as_ref().unwrap());
                [relative(root, &case.input), config, relative(root, &case.golden)]
            })
            .collect();
        assert_eq!(
            shown,
            [["a.json", "config.json", "a.golden.json"], ["b.binpb", "b.config.yaml", "b.golden.json"]]
                .map(|case| case.map(str::to_owned))
        );
    }

    /// Scenario: a folder has a config and a golden file, and the folder above it has the request.
    /// Guarantees: the folder is a case, so that several plugins can share requests.
    #[test]
    fn a_folder_without_requests_takes_those_of_the_folder_above_it() {
        let folder =
            folder(&["shop.json", "config.json", "redactor/config.json", "redactor/shop.golden.json"]);
        let root = folder.path().canonicalize().unwrap();
        let [case] = &find(&[root.join("redactor")]).unwrap()[..] else { panic!("not one case") };
        assert_eq!(relative(&root, &case.input), "shop.json");
        assert_eq!(relative(&root, case.config.as_ref().unwrap()), "redactor/config.json");
        assert_eq!(relative(&root, &case.golden), "redactor/shop.golden.json");
    }

    /// Scenario: paths lead to an empty folder, to two requests of one name, to another file, and to none.
    /// Guarantees: each error says what would be right.
    #[test]
    fn what_is_no_case_is_refused_with_what_would_be_one() {
        let empty = folder(&["nothing/config.json"]);
        let twice = folder(&["a.json", "a.binpb"]);
        let other = folder(&["a.txt"]);
        for (path, expected) in [
            (empty.path().join("nothing"), "put one there, as NAME.json or NAME.binpb"),
            (twice.path().to_owned(), "would be one case"),
            (other.path().join("a.txt"), "it must end in .json or .binpb"),
            (other.path().join("none.json"), "cannot read"),
        ] {
            let error = format!("{:#}", find(&[path]).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}

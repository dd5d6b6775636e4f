//! Follows the way from a path to its file, and finds every name on it that may later lead elsewhere.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// The number of links that the kernel follows at most.
const LINKS_LIMIT: usize = 40;

/// Returns the symlinks on the way, wherever they lead, and then the file, or the first name that is missing.
/// In a ConfigMap's volume these are `redact.wasm`, `..data` and `..2024/redact.wasm`. The folder of a name
/// is never a symlink itself.
pub(super) fn names(path: &Path) -> Vec<PathBuf> {
    let mut ahead: VecDeque<Step> = steps(path).collect();
    let (mut here, mut names, mut links) = (PathBuf::from("/"), Vec::new(), 0);
    while let Some(step) = ahead.pop_front() {
        let name = match step {
            Step::Root => {
                here = PathBuf::from("/");
                continue;
            }
            Step::Up => {
                here.pop();
                continue;
            }
            Step::Into(name) => here.join(name),
        };
        match fs::read_link(&name) {
            Ok(target) => {
                links += 1;
                names.push(name);
                if links > LINKS_LIMIT {
                    return names;
                }
                for step in steps(&target).collect::<Vec<_>>().into_iter().rev() {
                    ahead.push_front(step);
                }
            }
            // The name exists and is not a link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && !ahead.is_empty() => here = name,
            Err(_) => {
                names.push(name);
                return names;
            }
        }
    }
    names
}

enum Step {
    Root,
    Up,
    Into(OsString),
}

fn steps(path: &Path) -> impl Iterator<Item = Step> {
    path.components().filter_map(|component| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Into(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Scenario: paths lead through links, through missing folders, and into a loop.
    /// Guarantees: every link, and the file or the first missing name, is returned; a loop ends at the limit.
    #[test]
    fn every_link_on_the_way_is_a_name_and_so_is_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name);
        fs::create_dir(at("..1")).unwrap();
        fs::write(at("..1/a"), "").unwrap();
        symlink("..1", at("..data")).unwrap();
        symlink("..data/a", at("a")).unwrap();
        symlink(at("up/../a"), at("b")).unwrap();
        fs::create_dir(at("up")).unwrap();
        symlink("loop", at("loop")).unwrap();
        assert_eq!(names(&at("a")), [at("a"), at("..data"), at("..1/a")]);
        assert_eq!(names(&at("b")), [at("b"), at("a"), at("..data"), at("..1/a")]);
        assert_eq!(names(&at("..data/none")), [at("..data"), at("..1/none")]);
        assert_eq!(names(&at("gone/below/a")), [at("gone")]);
        assert_eq!(names(&at("loop/a")).len(), LINKS_LIMIT + 1);
    }
}

//! The memory limit of the container that the process runs in: Linux control groups, version 2 and version 1
//! (kernel.org, admin-guide/cgroup-v2 and cgroup-v1/memory).

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Version 1 writes "no limit" as the largest number of whole pages.
const NO_LIMIT_BYTES: usize = 1 << 60;

/// Returns the lowest limit of the process's group and of the groups above it.
pub(super) fn limit_bytes() -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of(&groups, Path::new("/sys/fs/cgroup"))
}

fn limit_of(groups: &str, root: &Path) -> Option<usize> {
    groups.lines().filter_map(|line| limit_in_hierarchy(line, root)).min()
}

/// A line is `hierarchy:controllers:path`; version 2 is hierarchy 0 and names no controllers.
fn limit_in_hierarchy(line: &str, root: &Path) -> Option<usize> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (root, file): (PathBuf, _) = if hierarchy == "0" && controllers.is_empty() {
        (root.to_owned(), "memory.max")
    } else if controllers.split(',').any(|controller| controller == "memory") {
        (root.join("memory"), "memory.limit_in_bytes")
    } else {
        return None;
    };
    // In a container, the path may be the host's, and only its last part may exist here.
    let path = Path::new(path.trim_start_matches('/'));
    let groups = path.ancestors().map(|group| root.join(group));
    groups.filter_map(|group| read(&group.join(file))).min()
}

fn read(file: &Path) -> Option<usize> {
    let text = fs::read_to_string(file).ok()?;
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_files(files: &[(&str, &str)], groups: &str) -> Option<usize> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        limit_of(groups, root.path())
    }

    #[test]
    fn the_least_limit_on_the_way_up_counts() {
        let files =
            [("pods/memory.max", "1000\n"), ("pods/one/memory.max", "max\n"), ("memory.max", "5000\n")];
        assert_eq!(with_files(&files, "0::/pods/one\n"), Some(1000));
        assert_eq!(with_files(&files, "0::/\n"), Some(5000));
    }

    /// A container sees its own group as the root, although its path may be the one on the host.
    #[test]
    fn a_path_that_is_not_there_leads_to_the_root() {
        assert_eq!(with_files(&[("memory.max", "5000\n")], "0::/kubepods/pod1/abc\n"), Some(5000));
    }

    #[test]
    fn version_1_has_a_hierarchy_for_memory() {
        let files = [("memory/docker/abc/memory.limit_in_bytes", "2000\n")];
        let groups = "12:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n";
        assert_eq!(with_files(&files, groups), Some(2000));
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(with_files(&[("memory.max", "max\n")], "0::/\n"), None);
        let files = [("memory/memory.limit_in_bytes", "9223372036854771712\n")];
        assert_eq!(with_files(&files, "4:memory:/\n"), None);
        assert_eq!(with_files(&[], "0::/\n"), None);
    }
}

//! Checks that only this user and root can change a folder and every folder above it.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

/// The permission bits that must not be set: writing by the group and by all others.
const OTHERS_WRITE: u32 = 0o022;
/// With this bit only the owner of a file may rename or remove it, as in a folder for temporary files.
const STICKY: u32 = 0o1000;

/// Creates the folder, if there is none, so that only this user can read it.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Returns the folder's path without links, after checking it. Call this each time before trusting the
/// folder's files.
///
/// # Errors
/// Another user could put a file there, because the folder or one above it belongs to that user, or others
/// may write to it.
pub(crate) fn check(folder: &Path) -> io::Result<PathBuf> {
    let folder = fs::canonicalize(folder)?;
    // The check starts at the root, because the entries of a folder that has passed cannot be replaced during
    // the next check.
    let mut above: Vec<&Path> = folder.ancestors().collect();
    let own = above.remove(0);
    for folder in above.into_iter().rev() {
        check_one(folder, true)?;
    }
    check_one(own, false)?;
    Ok(folder)
}

/// Reads a file of a folder that has just been checked.
///
/// # Errors
/// The file belongs to another user, or others may write to it, because it was created when they could change
/// the folder.
pub(crate) fn read(path: &Path, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let (file, found) = super::open(path)?;
    if !is_trusted(&found) || found.mode() & OTHERS_WRITE != 0 {
        let why = "it belongs to another user, or others may write to it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    super::read_from(file, limit_bytes)
}

fn check_one(folder: &Path, may_be_shared: bool) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let refused = |why: String| {
        let why = format!("{}: {why}", folder.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
    };
    let (uid, mode) = (found.uid(), found.mode());
    if !found.is_dir() {
        return refused("it is not a folder".to_owned());
    }
    if !is_trusted(&found) {
        return refused(format!("it belongs to another user ({uid})"));
    }
    let is_shared = may_be_shared && mode & STICKY != 0;
    if mode & OTHERS_WRITE != 0 && !is_shared {
        return refused(format!("others may write there (mode {:o})", mode & 0o7777));
    }
    Ok(())
}

fn is_trusted(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn set_mode(folder: &Path, mode: u32) {
        fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A folder three deep, and the folder in the middle.
    fn nested() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let middle = root.path().join("middle");
        let folder = middle.join("folder");
        make(&folder).unwrap();
        (root, middle, folder)
    }

    #[test]
    fn a_folder_is_made_for_its_user_alone_and_trusted() {
        let (_root, _, folder) = nested();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert_eq!(check(&folder).unwrap(), fs::canonicalize(&folder).unwrap());
    }

    /// The check is made each time, because permissions may change.
    #[test]
    fn a_folder_is_not_trusted_while_others_may_write_to_one_above_it() {
        let (_root, middle, folder) = nested();
        for (mode, is_trusted) in
            [(0o755, true), (0o777, false), (0o775, false), (0o1777, true), (0o700, true)]
        {
            set_mode(&middle, mode);
            assert_eq!(check(&folder).is_ok(), is_trusted, "{mode:o}");
        }
        set_mode(&folder, 0o1777);
        assert!(check(&folder).is_err(), "others may put files there, if not remove any");
    }

    #[test]
    fn a_file_that_others_may_have_written_is_not_read() {
        let (_root, _, folder) = nested();
        let path = folder.join("file");
        fs::write(&path, "x").unwrap();
        for (mode, is_read) in [(0o600, true), (0o644, true), (0o666, false), (0o620, false)] {
            set_mode(&path, mode);
            assert_eq!(read(&path, 10).is_ok(), is_read, "{mode:o}");
        }
        set_mode(&path, 0o600);
        // Only root can change a file's owner.
        if chown(&path, Some(54_321), None).is_ok() {
            assert!(read(&path, 10).is_err());
        }
    }

    /// The target of a link is checked, whoever made the link.
    #[test]
    fn a_link_is_followed_to_what_is_checked() {
        let (root, middle, folder) = nested();
        let link = root.path().join("link");
        symlink(&folder, &link).unwrap();
        assert_eq!(check(&link).unwrap(), check(&folder).unwrap());
        set_mode(&middle, 0o777);
        assert!(check(&link).is_err());
    }

    /// The owner of a folder above could replace this folder.
    #[test]
    fn a_folder_below_one_of_another_user_is_not_trusted() {
        let (_root, middle, folder) = nested();
        // Only root can change a folder's owner.
        if chown(&middle, Some(54_321), None).is_err() {
            return;
        }
        let error = check(&folder).unwrap_err().to_string();
        assert!(error.ends_with("it belongs to another user (54321)"), "{error}");
    }
}

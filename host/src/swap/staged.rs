//! Stages a file that is to replace the configured one. The replacement is atomic, and the next start of the
//! process uses the new file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tempfile::NamedTempFile;

use crate::files;

/// A file that was written beside the configured one, under a name of its own. It is removed unless it is put
/// in place.
#[derive(Debug)]
pub(crate) struct Staged {
    file: NamedTempFile,
    to: PathBuf,
}

impl Staged {
    /// Writes the bytes to a file that can be renamed to `path`.
    ///
    /// # Errors
    /// The folder of `path` cannot be written to.
    pub(crate) async fn write(bytes: Bytes, path: &Path) -> io::Result<Staged> {
        let path = path.to_owned();
        let write = move || {
            // If the path is a link, the file behind the link is replaced.
            let to = fs::canonicalize(&path).unwrap_or(path);
            let mut file = NamedTempFile::new_in(folder(&to))?;
            io::Write::write_all(&mut file, &bytes)?;
            if let Ok(before) = fs::metadata(&to) {
                file.as_file().set_permissions(before.permissions())?;
            }
            file.as_file().sync_all()?;
            Ok(Staged { file, to })
        };
        files::in_time(write).await?
    }

    /// Replaces the configured file with this one.
    pub(crate) async fn put_in_place(self) -> io::Result<()> {
        let put = move || {
            let Staged { file, to } = self;
            file.persist(&to)?;
            // Where the file system can promise it, the rename survives a power failure too.
            let _ = fs::File::open(folder(&to)).and_then(|folder| folder.sync_all());
            Ok(())
        };
        files::in_time(put).await?
    }
}

fn folder(of: &Path) -> &Path {
    of.parent().unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Scenario: a staged file is put in place of a file that a link leads to.
    /// Guarantees: the file changes only then, behind the link, and keeps its mode.
    #[tokio::test]
    async fn the_bytes_take_the_place_of_the_file_once_they_are_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.wasm"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a.wasm", &link).unwrap();
        let staged = Staged::write(Bytes::from_static(b"new"), &link).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        staged.put_in_place().await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(folder.path()), ["a.wasm", "link"]);
    }

    /// Scenario: a staged file is dropped.
    /// Guarantees: no file is left.
    #[tokio::test]
    async fn what_is_not_put_in_place_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        drop(Staged::write(Bytes::from_static(b"new"), &path).await.unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

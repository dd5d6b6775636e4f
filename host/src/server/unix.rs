//! Unix sockets that listen, and their files.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::{
        ffi::{OsStrExt as _, OsStringExt as _},
        fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::net::{UnixListener, UnixStream};

/// The time that a process may take from binding a socket to listening on it.
const BOUND_TO_LISTENING: Duration = Duration::from_millis(50);

/// A Unix socket that listens.
#[derive(Debug)]
pub struct UnixSocket {
    pub(super) listener: UnixListener,
    /// The path, as the config writes it.
    name: PathBuf,
    /// `None` for a socket without a file.
    _file: Option<SocketFile>,
}

/// The file of a socket that this process listens on. The file is removed when this is dropped, unless
/// another process has put its own socket at the path.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl UnixSocket {
    /// Listens at this path. The socket of a process that has ended is replaced. The process's umask decides
    /// who may connect. A path that begins with `@` is a name without a file, as in Go.
    ///
    /// # Errors
    /// Another process listens at the path, the path holds something else than a socket, or the system
    /// refuses.
    pub async fn bind(name: &Path) -> io::Result<UnixSocket> {
        if let Some(rest) = name.as_os_str().as_bytes().strip_prefix(b"@") {
            let abstract_name = OsString::from_vec([&b"\0"[..], rest].concat());
            let listener = UnixListener::bind(PathBuf::from(abstract_name))?;
            return Ok(UnixSocket { listener, name: name.to_owned(), _file: None });
        }
        let path = std::path::absolute(name)?;
        if make_sure_that_it_is_free(&path).await? {
            fs::remove_file(&path)?;
        }
        let listener = UnixListener::bind(&path)?;
        let found = fs::symlink_metadata(&path)?;
        Ok(UnixSocket { listener, name: name.to_owned(), _file: Some(SocketFile::new(path, &found)) })
    }

    /// Returns the path, as the config writes it.
    pub fn name(&self) -> &Path {
        &self.name
    }
}

impl SocketFile {
    /// Takes charge of a socket's file, which has this metadata.
    pub fn new(path: PathBuf, found: &fs::Metadata) -> SocketFile {
        SocketFile { path, inode: (found.dev(), found.ino()) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).map(|found| (found.dev(), found.ino()));
        if found.is_ok_and(|found| found == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Checks that a socket can be put at the path. Returns true if a process that has ended left its socket
/// there.
///
/// # Errors
/// Another process listens at the path, or the path holds something else than a socket.
pub async fn make_sure_that_it_is_free(path: &Path) -> io::Result<bool> {
    let other = |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => other("there is a file that is no socket"),
        Ok(_) if is_left_behind(path).await => Ok(true),
        Ok(_) => other("another process listens there"),
    }
}

/// Returns true if the process that made the socket has ended.
///
/// A socket that was bound a moment ago, and does not listen yet, refuses connections too. So it is asked twice.
pub async fn is_left_behind(socket: &Path) -> bool {
    refuses(socket).await && {
        tokio::time::sleep(BOUND_TO_LISTENING).await;
        refuses(socket).await
    }
}

async fn refuses(socket: &Path) -> bool {
    let connected = UnixStream::connect(socket).await;
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a socket is bound, used and dropped; a killed process has left another socket behind.
    /// Guarantees: both paths can be listened on, and no file is left.
    #[tokio::test]
    async fn a_socket_replaces_one_that_was_left_behind_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("new.sock"), folder.path().join("old.sock"));
        drop(std::os::unix::net::UnixListener::bind(&old).unwrap());
        for path in [&new, &old] {
            let socket = UnixSocket::bind(path).await.unwrap();
            UnixStream::connect(path).await.unwrap();
            drop(socket);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Scenario: the path leads to a socket in use, or to a file.
    /// Guarantees: binding fails with the reason, and both stay.
    #[tokio::test]
    async fn what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("a.sock"), folder.path().join("file"));
        let _first = UnixSocket::bind(&path).await.unwrap();
        fs::write(&file, "text").unwrap();
        for (path, why) in [(&path, "another process listens there"), (&file, "a file that is no socket")] {
            let error = UnixSocket::bind(path).await.unwrap_err().to_string();
            assert!(error.ends_with(why), "{error}");
            assert!(path.exists());
        }
    }

    /// Scenario: the path begins with `@`.
    /// Guarantees: clients of that name are answered, and there is no file.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_name_without_a_file_is_one_of_linuxs_abstract_names() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("spanloom-test-{}", std::process::id());
        let _socket = UnixSocket::bind(Path::new(&format!("@{name}"))).await.unwrap();
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        std::os::unix::net::UnixStream::connect_addr(&address).unwrap();
        assert!(!Path::new(&format!("@{name}")).exists());
    }
}

//! The Unix socket for changes. Only this user and root can open it.

use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

use super::{CONNECTIONS_LIMIT, SILENCE_TIMEOUT};
use crate::{
    files::owned,
    running::Running,
    server::unix::{SocketFile, is_left_behind, make_sure_that_it_is_free},
};

/// The time limit of a connection: one request, which takes at most the guard's time limit, and the reading
/// of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(150);
/// The pause between two attempts to accept when no file descriptor is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens. Its file is removed when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    file: SocketFile,
}

/// Returns the path of the socket of a process whose TCP endpoint has this port. The socket is in the first
/// folder that can be made this user's own. So each process on a machine has a socket of its own, and the
/// same path after a restart.
///
/// # Errors
/// There is no such folder.
pub(super) fn usual_path(port: u16) -> anyhow::Result<PathBuf> {
    let mut why = Vec::new();
    for folder in folders(&|name| env::var_os(name), rustix::process::geteuid().as_raw()) {
        match owned::make(&folder).and_then(|()| owned::check(&folder)) {
            Ok(folder) => return Ok(folder.join(format!("admin-{port}.sock"))),
            Err(error) => why.push(format!("{}: {error}", folder.display())),
        }
    }
    anyhow::bail!("no folder of this user's own: {}", why.join("; "))
}

/// Returns the folders in the order of preference: the one that systemd made for this service
/// (`RuntimeDirectory=`), the one that it made for this user, root's own, and the temporary folder.
fn folders(env: &dyn Fn(&str) -> Option<OsString>, uid: u32) -> Vec<PathBuf> {
    let set = |name| env(name).filter(|value| !value.is_empty());
    // The variable may hold several folders.
    let of_service = set("RUNTIME_DIRECTORY").and_then(|folders| env::split_paths(&folders).next());
    let of_user = set("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("spanloom"));
    let of_root = (uid == 0).then(|| PathBuf::from("/run/spanloom"));
    let temporary = env::temp_dir().join(format!("spanloom-{uid}"));
    let folders = [of_service, of_user, of_root, Some(temporary)];
    folders.into_iter().flatten().filter(|folder| folder.is_absolute()).collect()
}

impl Socket {
    /// Listens at this path. The socket of a process that has ended is replaced.
    ///
    /// # Errors
    /// Another process listens at the path, the path holds something else than a socket, or the system
    /// refuses.
    pub(super) async fn bind(path: &Path) -> anyhow::Result<Socket> {
        let path = std::path::absolute(path)?;
        let taken = || format!("cannot listen on {}", path.display());
        make_sure_that_it_is_free(&path).await.with_context(taken)?;
        Socket::put(&path).with_context(taken)
    }

    /// Creates the socket in a folder that only this user can enter, and then renames it. So the path never
    /// leads to a socket that others can open.
    fn put(path: &Path) -> io::Result<Socket> {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let beside = tempfile::Builder::new().prefix(".").rand_bytes(6).tempdir_in(folder)?;
        let bound = beside.path().join("s");
        let listener = UnixListener::bind(&bound)?;
        fs::set_permissions(&bound, fs::Permissions::from_mode(0o600))?;
        let found = fs::symlink_metadata(&bound)?;
        fs::rename(&bound, path)?;
        Ok(Socket { listener, file: SocketFile::new(path.to_owned(), &found) })
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Answers requests until `running.stop`.
    pub(super) fn serve(self, routes: Router, running: &Running) {
        let (stop, tasks) = (running.stop.clone(), running.tasks.clone());
        let Socket { listener, file } = self;
        let serving = async move {
            let _file = file;
            let slots = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
            while let Ok(slot) = slots.clone().acquire_owned().await {
                let Ok((stream, _)) = listener.accept().await else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let answering = stop.clone().run_until_cancelled_owned(answer(stream, routes.clone()));
                tasks.spawn(async move {
                    let _ = timeout(CONNECTION_TIMEOUT, answering).await;
                    drop(slot);
                });
            }
        };
        running.tasks.spawn(running.stop.clone().run_until_cancelled_owned(serving));
    }
}

/// Removes the sockets in a folder whose processes have ended. These processes had other ports.
pub(super) async fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_named_so = name.starts_with("admin-") && name.ends_with(".sock");
        let is_socket = fs::symlink_metadata(&path).is_ok_and(|found| found.file_type().is_socket());
        if is_named_so && is_socket && is_left_behind(&path).await {
            let _ = fs::remove_file(&path);
        }
    }
}

async fn answer(stream: UnixStream, routes: Router) {
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE_TIMEOUT).keep_alive(false);
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    if let Err(error) = connection.await {
        tracing::debug!(error, "a connection to the admin socket ended");
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// Scenario: the variables of systemd and of the user are set, empty or absent.
    /// Guarantees: the folders are in the order of preference, and root has one of its own.
    #[test]
    fn the_folder_is_the_services_or_the_users_own() {
        let env = |name: &str| match name {
            "RUNTIME_DIRECTORY" => Some("/run/collector:/run/other".into()),
            "XDG_RUNTIME_DIR" => Some("/run/user/7".into()),
            _ => None,
        };
        let temporary = env::temp_dir().join("spanloom-7");
        assert_eq!(
            folders(&env, 7),
            [Path::new("/run/collector"), Path::new("/run/user/7/spanloom"), &temporary]
        );
        assert_eq!(folders(&|_| Some("".into()), 7), [temporary]);
        assert_eq!(folders(&|_| None, 0)[0], Path::new("/run/spanloom"));
    }

    /// Scenario: a socket is bound and dropped.
    /// Guarantees: only this user may open it, and no file is left.
    #[tokio::test]
    async fn a_socket_is_this_users_alone_and_goes_with_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let socket = Socket::bind(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(socket);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// Scenario: a killed process has left its socket behind.
    /// Guarantees: another process can listen at the path.
    #[tokio::test]
    async fn the_socket_of_a_process_that_has_ended_makes_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).await.unwrap();
        UnixStream::connect(&path).await.unwrap();
        drop(socket);
    }

    /// Scenario: a folder holds sockets in use, sockets that were left behind, and a file.
    /// Guarantees: only the sockets of the endpoint that were left behind are removed.
    #[tokio::test]
    async fn sockets_that_were_left_behind_are_swept_away_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let _running = Socket::bind(&at("admin-1.sock")).await.unwrap();
        for name in ["admin-2.sock", "other.sock"] {
            drop(std::os::unix::net::UnixListener::bind(at(name)).unwrap());
        }
        fs::write(at("admin-3.sock"), "a file").unwrap();
        sweep(folder.path()).await;
        let left =
            ["admin-1.sock", "admin-2.sock", "admin-3.sock", "other.sock"].map(|name| at(name).exists());
        assert_eq!(left, [true, false, true, true]);
    }

    /// Scenario: the path leads to a socket in use, to a file, or to another process's socket by the time the
    /// first is dropped.
    /// Guarantees: binding fails with the reason, and the other socket is not removed.
    #[tokio::test]
    async fn what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("a.sock"), folder.path().join("file"));
        let first = Socket::bind(&path).await.unwrap();
        fs::write(&file, "text").unwrap();
        for (path, why) in [(&path, "another process listens there"), (&file, "a file that is no socket")] {
            let error = format!("{:#}", Socket::bind(path).await.unwrap_err());
            assert!(error.starts_with(&format!("cannot listen on {}: ", path.display())), "{error}");
            assert!(error.ends_with(why), "{error}");
        }
        // A socket removes only its own file.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("b.sock")).unwrap());
        fs::rename(folder.path().join("b.sock"), &path).unwrap();
        drop(first);
        assert!(path.exists());
    }
}

//! Reads files that a config or an operator names, without waiting for a writer, and for a limited time; and
//! opens those that lines of text go to.
//!
//! A path may lead to a pipe, a device, a file of procfs or a network mount that is gone. Opening or reading
//! such a file may block its thread for good, and no other thread can end that.

pub(crate) mod kept;
pub(crate) mod outputs;
pub(crate) mod owned;

use std::{
    fs::{self, File, Metadata},
    io::{self, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::fs::{Mode, OFlags};
use tokio::sync::Semaphore;

/// The longest time that [`in_time`] waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// The maximum number of concurrent reads, including abandoned ones.
const READS_LIMIT: usize = 4;

/// Opens a regular file for reading. Returns at once, even for a pipe or device whose opening would block.
///
/// # Errors
/// The path leads to something other than a regular file.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Opening a device may have an effect, so the path is checked first. The file behind the path may change
    // before it is opened, so the open file is checked again.
    regular(fs::metadata(path)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = regular(file.metadata()?)?;
    Ok((file, metadata))
}

/// Reads a regular file of at most `limit_bytes`.
///
/// # Errors
/// Also fails if the file is larger, or has no data at the moment, like some files of procfs.
pub(crate) fn read(path: &Path, limit_bytes: usize) -> io::Result<Vec<u8>> {
    read_from(open(path)?.0, limit_bytes)
}

fn read_from(file: File, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit_bytes {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit_bytes} bytes")));
    }
    Ok(bytes)
}

/// Does the same as [`read`] for a file that must be UTF-8.
pub(crate) fn read_text(path: &Path, limit_bytes: usize) -> io::Result<String> {
    let bytes = read(path, limit_bytes)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8 text"))
}

/// Runs a read on a thread that may block, and gives up after ten seconds. The thread of an abandoned read
/// stays until its file answers; there are at most four.
///
/// # Errors
/// The read takes too long, or four other reads have not returned.
pub(crate) async fn in_time<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    static READS: std::sync::LazyLock<Arc<Semaphore>> =
        std::sync::LazyLock::new(|| Arc::new(Semaphore::new(READS_LIMIT)));
    in_time_of(PATIENCE, &READS, read).await
}

async fn in_time_of<T: Send + 'static>(
    patience: Duration,
    reads: &Arc<Semaphore>,
    read: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let reading = async {
        let turn = reads.clone().acquire_owned().await.map_err(io::Error::other)?;
        let reading = tokio::task::spawn_blocking(move || {
            let read = read();
            drop(turn);
            read
        });
        reading.await.map_err(io::Error::other)
    };
    tokio::time::timeout(patience, reading).await.unwrap_or_else(|_| {
        let why = format!("the file system did not answer within {} s", patience.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

fn regular(metadata: Metadata) -> io::Result<Metadata> {
    if metadata.is_file() { Ok(metadata) } else { Err(io::Error::other("it is not a file")) }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    /// Opening a pipe without a writer waits for one, unless the open is non-blocking.
    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert_eq!(read(path, 10).unwrap_err().to_string(), "it is not a file", "{}", path.display());
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert_eq!(read(&path, 3).unwrap_err().to_string(), "larger than 3 bytes");
    }

    /// Reads that do not return are given up, and their number is limited.
    #[tokio::test]
    async fn a_read_that_does_not_come_back_is_given_up_and_keeps_its_place() {
        let reads = Arc::new(Semaphore::new(2));
        let (hold, held) = sync_channel::<()>(0);
        let held = Arc::new(std::sync::Mutex::new(held));
        let brief = Duration::from_millis(20);
        for _ in 0..2 {
            let held = held.clone();
            let hangs = move || held.lock().map(|held| held.recv().is_ok()).is_ok();
            let error = in_time_of(brief, &reads, hangs).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        assert!(in_time_of(brief, &reads, || ()).await.is_err(), "both places are taken");
        drop(hold);
        in_time_of(PATIENCE, &reads, || ()).await.unwrap();
    }
}

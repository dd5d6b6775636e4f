//! Writes the file, and rotates it when it is full.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{
    RotationConfig,
    backups::Backups,
    config::{FileConfig, Mode},
};

pub(super) struct Output {
    path: PathBuf,
    /// `None` if the new file could not be opened after a rotation. The next write tries again.
    file: Option<File>,
    length_bytes: u64,
    rotation: Option<RotationConfig>,
}

impl Output {
    /// Opens the file at `path`. `keep` says that an existing file is appended to.
    pub(super) fn open(path: PathBuf, config: &FileConfig, keep: bool) -> io::Result<Output> {
        if let (Some(folder), Some(mode)) = (path.parent(), config.new_folders()) {
            make_folder(folder, mode)?;
        }
        let (file, length_bytes) = open(&path, keep || config.append || config.rotation.is_some())?;
        let output = Output { path, file: Some(file), length_bytes, rotation: config.rotation };
        // Of many files, each is looked after when it rotates.
        if let Some(rotation) = config.rotation.filter(|_| !config.group_by.enabled) {
            output.prune(&Backups::of(&output.path, rotation), Timestamp::now());
        }
        Ok(output)
    }

    /// Writes one record in one write. If the file would become too long, it is rotated first. After an error
    /// the file ends where it ended before.
    pub(super) fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(rotation) = self.rotation
            && self.length_bytes > 0
            && self.length_bytes + record.len() as u64 > rotation.max_bytes()
        {
            self.rotate(rotation)?;
        }
        let length_bytes = self.length_bytes;
        let file = self.file()?;
        if let Err(error) = file.write_all(record) {
            // A failure to truncate is ignored: a pipe cannot be truncated, and a file on a full disk can.
            let _ = file.set_len(length_bytes);
            return Err(error);
        }
        self.length_bytes += record.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        match &self.file {
            // A terminal or a pipe cannot be synced.
            Some(file) if file.metadata()?.is_file() => file.sync_data(),
            _ => Ok(()),
        }
    }

    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.file {
            Some(file) => Ok(file),
            none => {
                let (file, length_bytes) = open(&self.path, true)?;
                self.length_bytes = length_bytes;
                Ok(none.insert(file))
            }
        }
    }

    fn rotate(&mut self, rotation: RotationConfig) -> io::Result<()> {
        let backups = Backups::of(&self.path, rotation);
        let now = Timestamp::now();
        self.sync()?;
        fs::rename(&self.path, backups.free_name(now))?;
        self.file = None;
        self.length_bytes = 0;
        self.prune(&backups, now);
        self.file().map(|_| ())
    }

    fn prune(&self, backups: &Backups, now: Timestamp) {
        if let Err(error) = backups.prune(now) {
            tracing::warn!(path = %self.path.display(), "cannot remove old backups: {error}");
        }
    }
}

/// Opens the file and returns its length. The file is opened for appending, so that other programs may
/// truncate it.
fn open(path: &Path, keep: bool) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let is_file = file.metadata()?.is_file();
    if is_file && !keep {
        file.set_len(0)?;
    }
    let length_bytes = if is_file { file.metadata()?.len() } else { 0 };
    Ok((file, length_bytes))
}

/// Makes the folder and those above it that are missing.
fn make_folder(folder: &Path, Mode(mode): Mode) -> io::Result<()> {
    // The folder of a file in the working directory has no name.
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(mode).create(folder)
}

//! Writes the file, and rotates it when it is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{FileConfig, RotationConfig, backups::Backups};

pub(super) struct Output {
    path: PathBuf,
    /// `None` if the new file could not be opened after a rotation. The next write tries again.
    file: Option<File>,
    length_bytes: u64,
    rotation: Option<RotationConfig>,
}

impl Output {
    pub(super) fn open(config: &FileConfig) -> io::Result<Output> {
        let path = PathBuf::from(&config.path);
        if let Some(folder) = path.parent().filter(|_| config.create_directory) {
            fs::create_dir_all(folder)?;
        }
        let keep = config.append || config.rotation.is_some();
        let (file, length_bytes) = open(&path, keep)?;
        Ok(Output { path, file: Some(file), length_bytes, rotation: config.rotation })
    }

    /// Writes one record in one write. If the file would become too long, it is rotated first. After an error
    /// the file ends where it ended before.
    pub(super) fn write(&mut self, record: &[u8]) -> io::Result<()> {
        if let Some(rotation) = self.rotation
            && self.length_bytes > 0
            && self.length_bytes + record.len() as u64 > rotation.max_megabytes.saturating_mul(1 << 20)
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
        if let Err(error) = backups.prune(now) {
            tracing::warn!(path = %self.path.display(), "cannot remove old backups: {error}");
        }
        self.file().map(|_| ())
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

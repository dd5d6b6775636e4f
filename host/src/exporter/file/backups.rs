//! Backups of the file: `spans-2026-11-22T13-49-00.123-size.json` beside `spans.json`, as the Collector names
//! them. `size` is why the file was set aside. Backups of Collectors before 0.146 are without it, and are
//! removed by the same rules.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, tz::TimeZone};

use super::RotationConfig;

const TIME_FORMAT: &str = "%Y-%m-%dT%H-%M-%S.%3f";
const REASON: &str = "-size";
/// The ends of the names of backups that another program compressed.
const PACKED: [&str; 2] = [".gz", ".zst"];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// If a name is taken, the next millisecond is tried, up to so many times.
const NAME_ATTEMPTS: i64 = 1_000;

pub(super) struct Backups {
    folder: PathBuf,
    prefix: String,
    /// The extension with its dot. Empty if the file has none.
    extension: String,
    rotation: RotationConfig,
}

struct Backup {
    path: PathBuf,
    set_aside: Timestamp,
}

impl Backups {
    pub(super) fn of(path: &Path, rotation: RotationConfig) -> Backups {
        let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let extension = match text(path.extension()) {
            none if none.is_empty() => none,
            some => format!(".{some}"),
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Backups { folder, prefix: format!("{}-", text(path.file_stem())), extension, rotation }
    }

    /// Returns a name for the next backup that no file has.
    pub(super) fn free_name(&self, now: Timestamp) -> PathBuf {
        let moments =
            (0..NAME_ATTEMPTS).filter_map(|ms| now.checked_add(Duration::from_millis(ms as u64)).ok());
        moments
            .map(|moment| self.folder.join(self.name(moment)))
            .find(|path| !path.exists())
            .unwrap_or_else(|| self.folder.join(self.name(now)))
    }

    /// Removes the backups that are too many or too old.
    pub(super) fn prune(&self, now: Timestamp) -> io::Result<()> {
        let mut backups = self.list()?;
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.set_aside));
        let oldest = SystemTime::from(now).checked_sub(DAY * self.rotation.max_days);
        for (newer, backup) in backups.into_iter().enumerate() {
            let too_many = self.rotation.max_backups > 0 && newer >= self.rotation.max_backups;
            let too_old = self.rotation.max_days > 0
                && oldest.is_some_and(|oldest| SystemTime::from(backup.set_aside) < oldest);
            if too_many || too_old {
                fs::remove_file(backup.path)?;
            }
        }
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<Backup>> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let mut backups = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if let Some(set_aside) = entry.file_name().to_str().and_then(|name| self.moment(name)) {
                backups.push(Backup { path: entry.path(), set_aside });
            }
        }
        Ok(backups)
    }

    fn name(&self, moment: Timestamp) -> String {
        let moment = moment.to_zoned(self.time_zone()).strftime(TIME_FORMAT);
        format!("{}{moment}{REASON}{}", self.prefix, self.extension)
    }

    /// Returns when the backup of this name was made, or `None` if the name is not a backup's.
    fn moment(&self, name: &str) -> Option<Timestamp> {
        let name = PACKED.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(name);
        let time = name.strip_prefix(&self.prefix)?.strip_suffix(&self.extension)?;
        // Another program may have another reason to set a file aside, which is a word too.
        let before_reason = time.rsplit_once('-').map(|(time, _)| time);
        let read = |time: &str| jiff::civil::DateTime::strptime(TIME_FORMAT, time).ok();
        let time = read(time).or_else(|| read(before_reason?))?;
        time.to_zoned(self.time_zone()).ok().map(|zoned| zoned.timestamp())
    }

    fn time_zone(&self) -> TimeZone {
        if self.rotation.localtime { TimeZone::system() } else { TimeZone::UTC }
    }
}

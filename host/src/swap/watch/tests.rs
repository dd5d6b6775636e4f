//! Tests the watch with real files, which are replaced in every usual way. A test that nothing is reported
//! makes a later change, and checks that the next report is about that change.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::*;

/// Files in a folder that is watched.
struct Bench {
    folder: tempfile::TempDir,
    watch: Watch,
    settled: mpsc::Receiver<Settled>,
}

/// A limit far above what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Turns the safety poll off, which would find every change in the end. Only events, or the polls that a test
/// sets, remain.
fn by_events() -> WatchSettings {
    WatchSettings { safety_poll: PATIENCE * 2, ..WatchSettings::default() }
}

fn by_polling() -> WatchSettings {
    let poll = Duration::from_millis(50);
    WatchSettings { poll, force_polling: true, ..by_events() }
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

impl Bench {
    /// Watches these names in the folder, with their present content as known. Returns once later changes
    /// give events.
    async fn new(folder: tempfile::TempDir, names: &[&str], settings: WatchSettings) -> Bench {
        let (watch, settled) = Watch::start(settings);
        let mut bench = Bench { folder, watch, settled };
        let known = |path: &Path| fs::read(path).map_or(Sha256([0; 32]), |it| Sha256::of(&it));
        let files = names.iter().map(|name| bench.at(name));
        let mut files: Vec<_> = files.map(|path| WatchedFile { known: Some(known(&path)), path }).collect();
        bench.write("old", "");
        File::options()
            .write(true)
            .open(bench.at("old"))
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        files.push(WatchedFile { path: bench.at("old"), known: Some(Sha256::of(b"older")) });
        bench.watch.set(files);
        bench.reports("old", "").await;
        bench
    }

    /// Creates `a` and `b`, each with the content `1`.
    async fn two_files(settings: WatchSettings) -> Bench {
        let folder = temporary();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), "1").unwrap();
        }
        Bench::new(folder, &["a", "b"], settings).await
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.at(name), content).unwrap();
    }

    /// Writes the content to another file, which then replaces the named one.
    fn rename_over(&self, name: &str, content: &str) {
        self.write("new", content);
        fs::rename(self.at("new"), self.at(name)).unwrap();
    }

    /// Checks that the next report is about this content. A write begins by emptying the file; on a busy machine
    /// its writer may be held up there for longer than a file has to be still.
    async fn reports(&mut self, name: &str, content: &str) {
        let about =
            |content: &str| Settled { path: self.at(name), sha256: Some(Sha256::of(content.as_bytes())) };
        let (expected, emptied) = (about(content), about(""));
        let mut next = async || tokio::time::timeout(PATIENCE, self.settled.recv()).await.unwrap().unwrap();
        let mut settled = next().await;
        if settled == emptied && expected != emptied {
            settled = next().await;
        }
        assert_eq!(settled, expected, "{name} with {content}");
    }

    /// Checks that no report is left, by a change of `b` that must be reported next.
    async fn is_quiet(&mut self) {
        let mark = format!("{:?}", std::time::Instant::now());
        self.write("b", &mark);
        self.reports("b", &mark).await;
    }
}

async fn replaced_in_every_way(settings: WatchSettings) {
    let mut bench = Bench::two_files(settings).await;
    bench.is_quiet().await;
    bench.rename_over("a", "renamed");
    bench.reports("a", "renamed").await;
    bench.write("a", "truncated and written");
    bench.reports("a", "truncated and written").await;
    // The content has the same length, and the file the same time of modification, as before.
    let written = fs::metadata(bench.at("a")).unwrap().modified().unwrap();
    bench.write("a", "truncated and Written");
    File::options().write(true).open(bench.at("a")).unwrap().set_modified(written).unwrap();
    bench.reports("a", "truncated and Written").await;
    fs::remove_file(bench.at("a")).unwrap();
    bench.is_quiet().await;
    bench.write("a", "created again");
    bench.reports("a", "created again").await;
    symlink(bench.at("a"), bench.at("link")).unwrap();
    bench.write("other", "through a link");
    fs::remove_file(bench.at("a")).unwrap();
    symlink("other", bench.at("a")).unwrap();
    bench.reports("a", "through a link").await;
    bench.write("other", "behind a link");
    bench.reports("a", "behind a link").await;
    bench.is_quiet().await;
}

/// Scenario: a file is renamed over, truncated and written, deleted and created, and replaced by a link.
/// Guarantees: each new content is reported once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_replaced_is_reported_once_however_it_is_done() {
    replaced_in_every_way(by_events()).await;
}

/// Scenario: the same, without events.
/// Guarantees: polling reports each new content once.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_events_come_it_is_found_by_looking() {
    replaced_in_every_way(by_polling()).await;
}

/// Scenario: a file is touched, rewritten, replaced and created again with the same content.
/// Guarantees: nothing is reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_touched_or_written_anew_with_the_same_content_is_not_reported() {
    for settings in [by_events(), by_polling()] {
        let mut bench = Bench::two_files(settings).await;
        bench.is_quiet().await;
        File::options().write(true).open(bench.at("a")).unwrap().set_modified(SystemTime::now()).unwrap();
        bench.is_quiet().await;
        bench.write("a", "1");
        bench.is_quiet().await;
        bench.rename_over("a", "1");
        bench.is_quiet().await;
        fs::remove_file(bench.at("a")).unwrap();
        bench.is_quiet().await;
        bench.write("a", "1");
        bench.is_quiet().await;
    }
}

/// Updates a mounted ConfigMap as kubelet does: a new folder, and a new link to it that replaces the old
/// link.
fn publish(root: &Path, version: &str, content: &str) {
    let folder = format!("..{version}");
    fs::create_dir(root.join(&folder)).unwrap();
    fs::write(root.join(&folder).join("a"), content).unwrap();
    symlink(&folder, root.join("..data_tmp")).unwrap();
    let before = fs::read_link(root.join("..data"));
    fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    if let Ok(before) = before {
        fs::remove_dir_all(root.join(before)).unwrap();
    }
}

/// Scenario: a ConfigMap is updated, with the same content, and then replaced by a link to elsewhere.
/// Guarantees: each new content is reported, and the same content is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_that_is_updated_is_reported() {
    for settings in [by_events(), by_polling()] {
        let folder = temporary();
        fs::create_dir(folder.path().join("volume")).unwrap();
        let volume = folder.path().join("volume");
        publish(&volume, "1", "1");
        symlink("..data/a", volume.join("a")).unwrap();
        // The config names the file through a link of its own.
        symlink("volume/a", folder.path().join("a")).unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        let mut bench = Bench::new(folder, &["a", "b"], settings).await;
        bench.is_quiet().await;
        for version in ["2", "3", "4"] {
            publish(&volume, version, version);
            bench.reports("a", version).await;
        }
        // A new folder with the same content.
        publish(&volume, "5", "4");
        bench.is_quiet().await;
        // A link to a file in another folder.
        bench.write("elsewhere", "5");
        symlink("elsewhere", bench.at("new")).unwrap();
        fs::rename(bench.at("new"), bench.at("a")).unwrap();
        bench.reports("a", "5").await;
    }
}

/// Scenario: the folder of a file is replaced, and its parent is deleted and created again.
/// Guarantees: each new content is reported.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_may_be_replaced_and_deleted_and_come_back() {
    let folder = temporary();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("plugins/below")).unwrap();
    fs::write(at("plugins/below/a"), "1").unwrap();
    let mut bench = Bench::new(temporary(), &["b"], by_events()).await;
    let a = WatchedFile { path: at("plugins/below/a"), known: Some(Sha256::of(b"1")) };
    let b = WatchedFile { path: bench.at("b"), known: Some(Sha256::of(b"")) };
    bench.watch.set([a.clone(), b]);
    bench.is_quiet().await;
    let reported = async |bench: &mut Bench, content: &str| {
        let settled = tokio::time::timeout(PATIENCE, bench.settled.recv()).await.unwrap().unwrap();
        let sha256 = Some(Sha256::of(content.as_bytes()));
        assert_eq!(settled, Settled { path: a.path.clone(), sha256 }, "{content}");
    };
    fs::create_dir(at("new")).unwrap();
    fs::write(at("new/a"), "2").unwrap();
    fs::rename(at("plugins/below"), at("old")).unwrap();
    fs::rename(at("new"), at("plugins/below")).unwrap();
    reported(&mut bench, "2").await;
    fs::write(at("plugins/below/a"), "3").unwrap();
    reported(&mut bench, "3").await;
    fs::remove_dir_all(at("plugins")).unwrap();
    bench.is_quiet().await;
    fs::create_dir_all(at("plugins/below")).unwrap();
    fs::write(at("plugins/below/a"), "4").unwrap();
    reported(&mut bench, "4").await;
}

/// Scenario: a writer keeps the file open, and pauses for longer than a still file needs.
/// Guarantees: the file is reported once, after the writer has closed it.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_not_whole_before_its_writer_has_closed_it() {
    let settings = WatchSettings { settle: Duration::from_millis(20), patience: PATIENCE * 2, ..by_events() };
    let mut bench = Bench::two_files(settings).await;
    bench.is_quiet().await;
    let mut file = File::create(bench.at("a")).unwrap();
    for _ in 0..4 {
        file.write_all(b"part ").unwrap();
        // This takes longer than a file needs to be still.
        bench.is_quiet().await;
    }
    drop(file);
    bench.reports("a", "part part part part ").await;
    bench.is_quiet().await;
}

/// Scenario: a writer began before the watch, and pauses for longer than a still file needs.
/// Guarantees: the file is reported only when it is whole.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_being_written_at_the_start_is_not_whole_either() {
    let folder = temporary();
    let mut file = File::create(folder.path().join("a")).unwrap();
    file.write_all(b"part ").unwrap();
    let (watch, mut settled) =
        Watch::start(WatchSettings { settle: Duration::from_millis(20), ..by_events() });
    let path = folder.path().join("a");
    watch.set([WatchedFile { path: path.clone(), known: Some(Sha256::of(b"known")) }]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    file.write_all(b"part").unwrap();
    drop(file);
    let whole = tokio::time::timeout(PATIENCE, settled.recv()).await.unwrap().unwrap();
    assert_eq!(whole, Settled { path, sha256: Some(Sha256::of(b"part part")) });
}

/// Scenario: a writer opens the file for each of 50 parts.
/// Guarantees: the file is reported once, with all parts.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_slowly_is_reported_once_and_whole() {
    for settings in [by_events(), by_polling()] {
        // The time is much longer than the time between two parts.
        let mut bench = Bench::two_files(WatchSettings { settle: Duration::from_secs(2), ..settings }).await;
        for _ in 0..50 {
            let mut file = File::options().append(true).open(bench.at("a")).unwrap();
            file.write_all(b" part").unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bench.reports("a", &format!("1{}", " part".repeat(50))).await;
        bench.is_quiet().await;
    }
}

/// Scenario: 200 files are replaced twice.
/// Guarantees: no content is reported twice in a row, and the last report of each file is its last content.
#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_each_reported_once_and_the_latest_wins() {
    let folder = temporary();
    let names: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    for name in &names {
        fs::write(folder.path().join(name), "1").unwrap();
    }
    let shown: Vec<&str> = names.iter().map(String::as_str).chain(["b"]).collect();
    let mut bench = Bench::new(folder, &shown, by_events()).await;
    bench.is_quiet().await;
    for content in ["2", "3"] {
        for name in &names {
            bench.rename_over(name, content);
        }
    }
    let mut latest = BTreeMap::new();
    while latest.len() < names.len() || latest.values().any(|hash| *hash != Some(Sha256::of(b"3"))) {
        let settled = tokio::time::timeout(PATIENCE, bench.settled.recv()).await.unwrap().unwrap();
        let before = latest.insert(settled.path, settled.sha256);
        assert_ne!(before, Some(settled.sha256));
    }
    bench.is_quiet().await;
}

/// Scenario: files change while no report is taken.
/// Guarantees: only the latest content of each file waits, and no content is reported twice.
#[tokio::test(flavor = "multi_thread")]
async fn reports_that_no_one_takes_wait_the_latest_of_each_file() {
    let mut bench = Bench::new(temporary(), &["a", "b", "c"], by_events()).await;
    bench.write("a", "1");
    bench.reports("a", "1").await;
    // From here on, one report is in the channel.
    bench.write("c", "1");
    while bench.settled.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for content in ["2", "3", "4"] {
        bench.rename_over("a", content);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    bench.reports("c", "1").await;
    let mut last = String::new();
    while last != "4" {
        let settled = tokio::time::timeout(PATIENCE, bench.settled.recv()).await.unwrap().unwrap();
        let content =
            (1..5).map(|n| n.to_string()).find(|n| settled.sha256 == Some(Sha256::of(n.as_bytes())));
        let content = content.unwrap();
        assert!(content > last, "{content} after {last}");
        last = content;
    }
}

/// Scenario: files are watched with a known content, without one, and again; one is not watched any more.
/// Guarantees: a content that differs from the known one is reported, a first content is not, and nor is a
/// file that is not watched.
#[tokio::test(flavor = "multi_thread")]
async fn what_differs_from_the_known_content_is_reported_and_a_first_content_is_known() {
    let mut bench = Bench::two_files(by_events()).await;
    bench.write("c", "new");
    let watched = |path, known| WatchedFile { path, known };
    bench.watch.set([
        watched(bench.at("a"), None),
        watched(bench.at("b"), None),
        watched(bench.at("c"), Some(Sha256::of(b"old"))),
    ]);
    bench.reports("c", "new").await;
    bench.is_quiet().await;
    // The watch remembers the contents of files that it watches already, and forgets other files.
    bench.watch.set([watched(bench.at("a"), None), watched(bench.at("b"), None)]);
    bench.is_quiet().await;
    bench.write("c", "newer");
    bench.is_quiet().await;
    bench.write("a", "2");
    bench.reports("a", "2").await;
}

/// Scenario: a file becomes larger than a plugin may be.
/// Guarantees: the report has no hash.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_reported_without_a_hash() {
    let mut bench = Bench::two_files(by_events()).await;
    bench.is_quiet().await;
    // The file is larger than a plugin may be, and takes no room on the disk.
    File::create(bench.at("a")).unwrap().set_len((256 << 20) + 1).unwrap();
    let settled = tokio::time::timeout(PATIENCE, bench.settled.recv()).await.unwrap().unwrap();
    assert_eq!(settled, Settled { path: bench.at("a"), sha256: None });
    bench.rename_over("a", "2");
    bench.reports("a", "2").await;
}

/// Scenario: the watch is dropped.
/// Guarantees: its channel closes.
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_its_handle() {
    let Bench { watch, mut settled, .. } = Bench::two_files(by_events()).await;
    drop(watch);
    assert_eq!(tokio::time::timeout(PATIENCE, settled.recv()).await.unwrap(), None);
}

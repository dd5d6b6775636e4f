//! The sources of the built-in plugins. Tells whether compiled plugins match the current sources.
//!
//! `cargo xtask plugins` writes the [`state`] of the sources beside the compiled plugins. The host's build
//! script, which includes this file too, compares it with the current sources, and embeds no plugin that was
//! built from other sources.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the file with the state, beside the compiled plugins.
pub const STATE_FILE: &str = "builtin.sources";

/// Returns the files, and folders of files, that the built-in plugins of the clone at `root` are made from.
/// The versions of other crates are not included.
///
/// # Errors
/// Fails if a folder cannot be read.
pub fn places(root: &Path) -> io::Result<Vec<PathBuf>> {
    let plugins = entries(&root.join("plugins"))?;
    let of_plugins = plugins
        .iter()
        .flat_map(|plugin| ["Cargo.toml", "config.schema.json", "src"].map(|name| plugin.join(name)));
    let shared = ["wit", "wire/Cargo.toml", "wire/src"].map(|place| root.join(place));
    Ok(of_plugins.chain(shared).filter(|place| place.exists()).collect())
}

/// Returns the files in an order that is always the same.
fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for place in places(root)? {
        below(place, &mut files)?;
    }
    files.retain(|file| file.is_file() && file.extension().is_none_or(|extension| extension != "md"));
    files.sort();
    Ok(files)
}

/// Returns a text that is different for different sources.
///
/// # Errors
/// Fails if a file cannot be read.
pub fn state(root: &Path) -> io::Result<String> {
    // FNV-1a suffices, because nobody tries to forge a hash.
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let mut hash = OFFSET;
    let mut take = |bytes: &[u8]| {
        let len = (bytes.len() as u64).to_le_bytes();
        for byte in len.iter().chain(bytes) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    };
    for file in files(root)? {
        take(file.strip_prefix(root).unwrap_or(&file).as_os_str().as_encoded_bytes());
        take(&fs::read(&file)?);
    }
    Ok(format!("{hash:016x}\n"))
}

fn below(place: PathBuf, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !place.is_dir() {
        files.push(place);
        return Ok(());
    }
    entries(&place)?.into_iter().try_for_each(|entry| below(entry, files))
}

/// Returns the entries of a folder, or none if the folder does not exist.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        entries => entries?.map(|entry| Ok(entry?.path())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn whatever_a_plugin_is_made_from_changes_the_state_and_nothing_else_does() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        write(root, "plugins/batch/src/deep/lib.rs", "one");
        let mut known = vec![state(root).expect("read")];
        for (file, text) in [
            ("plugins/batch/src/deep/lib.rs", "two"),
            ("plugins/batch/src/deep/other.rs", ""),
            ("plugins/batch/Cargo.toml", "[package]"),
            ("plugins/batch/config.schema.json", "{}"),
            ("plugins/sdk/src/lib.rs", "two"),
            ("wit/0.1.0/types.wit", "interface"),
            ("wire/src/lib.rs", "mod check;"),
        ] {
            write(root, file, text);
            let now = state(root).expect("read");
            assert!(!known.contains(&now), "{file}");
            known.push(now);
        }
        for file in
            ["plugins/batch/README.md", "plugins/batch/tests/golden.rs", "host/src/lib.rs", "wit/README.md"]
        {
            write(root, file, "text");
            assert_eq!(state(root).ok().as_ref(), known.last(), "{file}");
        }
    }
}

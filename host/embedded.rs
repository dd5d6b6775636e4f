//! Writes the files that `spanloom plugin new` hands out as a Rust source: the templates, the plugin interface,
//! and the SDK for Rust. So the binary alone can begin a plugin.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// The folders of the SDK for Rust, as in the clone. It is a workspace of its own, so that its crates find their
/// versions and each other.
const SDK: [&str; 4] = ["plugins/sdk/src", "plugins/sdk/wit", "wire/src", "wire/interface"];
const SDK_FILES: [&str; 4] =
    ["LICENSE", "plugins/sdk/Cargo.toml", "plugins/sdk/README.md", "wire/Cargo.toml"];
const SDK_MEMBERS: &str = "members = [\"plugins/sdk\", \"wire\"]";

/// Writes `embedded.rs` into `out`, for the clone at `root`.
///
/// # Errors
/// Fails if a file cannot be read or written.
pub(crate) fn write(root: &Path, out: &Path) -> io::Result<()> {
    let mut source = String::new();
    let templates = root.join("host/templates");
    table(&mut source, "TEMPLATES", &files(&templates, &templates)?);
    let interfaces = root.join("wit");
    let mut versions = files(&interfaces, &interfaces)?;
    versions.retain(|(name, _)| name.ends_with(".wit"));
    table(&mut source, "INTERFACES", &versions);
    let sdk = out.join("sdk");
    fs::create_dir_all(&sdk)?;
    table(&mut source, "SDK", &sdk_files(root, &sdk)?);
    fs::write(out.join("embedded.rs"), source)
}

fn sdk_files(root: &Path, out: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for folder in SDK {
        found.extend(files(root, &root.join(folder))?);
    }
    found.retain(|(name, _)| !name.split(['/', '.']).any(|part| part == "tests"));
    for file in SDK_FILES {
        let path = root.join(file);
        println!("cargo::rerun-if-changed={}", path.display());
        if !file.ends_with("Cargo.toml") {
            found.push((file.to_owned(), path));
            continue;
        }
        let made = out.join(file.replace('/', "-"));
        fs::write(&made, member(&fs::read_to_string(path)?))?;
        found.push((file.to_owned(), made));
    }
    let manifest = root.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let made = out.join("Cargo.toml");
    let names: Vec<String> = found.iter().filter(|(name, _)| name.ends_with("Cargo.toml")).try_fold(
        Vec::new(),
        |mut names, (_, path)| {
            names.extend(inherited(&fs::read_to_string(path)?));
            Ok::<_, io::Error>(names)
        },
    )?;
    fs::write(&made, workspace(&fs::read_to_string(manifest)?, &names))?;
    found.push(("Cargo.toml".to_owned(), made));
    found.sort();
    Ok(found)
}

/// Returns a crate's manifest without what only the clone needs: the dependencies of tests, and lints.
fn member(manifest: &str) -> String {
    without_tables(manifest, &["[dev-dependencies]", "[lints]"])
}

/// Returns the dependencies that a manifest takes from its workspace.
fn inherited(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().filter(|line| line.contains("workspace = true"));
    lines.filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned())).collect()
}

/// Returns the workspace's manifest with the SDK's members and their dependencies alone.
fn workspace(manifest: &str, names: &[String]) -> String {
    let kept = without_tables(manifest, &["[workspace.lints", "[profile"]);
    let mut is_dependency = false;
    let mut lines = vec!["# The SDK for plugins in Rust, as the binary `spanloom` brought it."];
    for line in kept.lines() {
        if line.starts_with('[') {
            is_dependency = line == "[workspace.dependencies]";
        }
        let name = line.split([' ', '=']).next().unwrap_or_default();
        match name {
            "members" => lines.push(SDK_MEMBERS),
            "default-members" | "exclude" => {}
            _ if is_dependency && !line.starts_with('[') && !names.iter().any(|known| known == name) => {}
            _ => lines.push(line),
        }
    }
    lines.join("\n") + "\n"
}

/// Returns a manifest without the tables whose first line begins so.
fn without_tables(manifest: &str, tables: &[&str]) -> String {
    let mut is_kept = true;
    let mut kept = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_kept = !tables.iter().any(|table| line.starts_with(table));
        }
        if is_kept {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Returns the files below a folder, with their paths below `root`. Cargo is told to look at them.
fn files(root: &Path, folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(root, &path)?);
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            found.push((name.replace('\\', "/"), path.clone()));
        }
    }
    found.sort();
    Ok(found)
}

fn table(source: &mut String, name: &str, files: &[(String, PathBuf)]) {
    let _ = writeln!(source, "pub(super) static {name}: &[(&str, &str)] = &[");
    for (path, file) in files {
        let _ = writeln!(source, "    ({path:?}, include_str!({file:?})),");
    }
    let _ = writeln!(source, "];");
}

//! Lists the crates in the binary, and in the plugins that it embeds, in the format of CycloneDX.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::Release;
use crate::{folders, shell, summary::Outcome, tools};

const CARGO_CYCLONEDX: &str = "0.5.9";
/// The name of the lists that cargo-cyclonedx writes, without `.json`.
const LIST: &str = "spanloom-sbom";

pub(super) fn make(release: &Release) -> Result<Outcome> {
    let tool = match tools::cargo_tool("cargo-cyclonedx", CARGO_CYCLONEDX) {
        Ok(tool) => tool,
        Err(error) => return Ok(Outcome::skipped(format!("no cargo-cyclonedx: {error:#}"))),
    };
    let members = members()?;
    let mut command = Command::new(tool);
    command.current_dir(folders::root()).args(["cyclonedx", "--quiet", "--format", "json"]);
    command.args(["--spec-version", "1.5", "--target", &release.target, "--override-filename", LIST]);
    let listed = shell::run(command.env("SOURCE_DATE_EPOCH", &release.epoch));
    let whole = listed.and_then(|()| whole(&members));
    // The tool has written a list beside the manifest of each member.
    for folder in members.keys() {
        let _ = fs::remove_file(list_in(folder));
    }
    let path = release.out.join(format!("spanloom-{}-{}.cdx.json", release.version, release.target));
    fs::write(&path, format!("{:#}\n", whole?))?;
    println!("{}", path.display());
    Ok(Outcome::PASSED)
}

/// Returns the folder of each member of the workspace, and whether the binary embeds the member as a plugin.
fn members() -> Result<BTreeMap<PathBuf, bool>> {
    let mut metadata = shell::cargo();
    metadata.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&shell::ask(&mut metadata).context("cargo metadata failed")?)?;
    let plugins = folders::root().join("plugins");
    let member = |package: &Value| {
        let folder = Path::new(package.get("manifest_path")?.as_str()?).parent()?.to_owned();
        let mut targets = list(package, "targets").iter();
        let is_module = targets.any(|target| list(target, "kind").iter().any(|kind| kind == "cdylib"));
        let is_embedded = is_module && folder.starts_with(&plugins);
        Some((folder, is_embedded))
    };
    Ok(list(&metadata, "packages").iter().filter_map(member).collect())
}

/// Returns the list of the binary, with the plugins and what they are made of added.
fn whole(members: &BTreeMap<PathBuf, bool>) -> Result<Value> {
    let mut whole = read(&folders::root().join("host"))?;
    let mut embedded = Vec::new();
    for folder in members.iter().filter_map(|(folder, is_embedded)| is_embedded.then_some(folder)) {
        let plugin = read(folder)?;
        let component = plugin.pointer("/metadata/component").context("a list without its subject")?;
        let mut component = component.clone();
        if let Some(fields) = component.as_object_mut() {
            // What cargo calls its targets.
            fields.remove("components");
        }
        embedded.extend(component.get("bom-ref").cloned());
        add(&mut whole, "components", "bom-ref", &[component])?;
        add(&mut whole, "components", "bom-ref", list(&plugin, "components"))?;
        add(&mut whole, "dependencies", "ref", list(&plugin, "dependencies"))?;
    }
    let binary = whole.pointer("/metadata/component/bom-ref").cloned();
    let dependencies = whole.get_mut("dependencies").and_then(Value::as_array_mut).into_iter().flatten();
    let needed = dependencies.filter(|entry| entry.get("ref") == binary.as_ref());
    let needed = needed.filter_map(|entry| entry.get_mut("dependsOn")?.as_array_mut());
    needed.for_each(|needed| needed.extend(embedded.iter().cloned()));
    Ok(whole)
}

/// Adds entries to a list of the whole, except those whose key the list has.
fn add(whole: &mut Value, name: &str, key: &str, entries: &[Value]) -> Result<()> {
    let known = whole.get_mut(name).and_then(Value::as_array_mut).with_context(|| format!("no {name}"))?;
    for entry in entries {
        if !known.iter().any(|other| other.get(key) == entry.get(key)) {
            known.push(entry.clone());
        }
    }
    known.sort_by_cached_key(|entry| entry.get(key).and_then(Value::as_str).map(str::to_owned));
    Ok(())
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn list_in(folder: &Path) -> PathBuf {
    folder.join(format!("{LIST}.json"))
}

/// Reads what the tool has written of a member. References hold the path of the clone, which is made the same for all.
fn read(folder: &Path) -> Result<Value> {
    let path = list_in(folder);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let root = format!("file://{}", folders::root().display());
    Ok(serde_json::from_str(&text.replace(&root, "file:///spanloom"))?)
}

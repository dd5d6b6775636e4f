use std::{fs, path::Path};

use super::*;
use crate::{
    config::{Config, load},
    plugin::config::PluginConfig,
};

/// Makes a plugin in the folder. Returns the exit, output and error output.
fn make_in(folder: &Path, name: &str, lang: &str, role: NewRole) -> (Exit, String, String) {
    let path = Some(folder.join(name));
    make(&NewArgs { name: name.to_owned(), role, lang: lang.to_owned(), path, sdk: None })
}

fn make(args: &NewArgs) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit =
        run(args, &mut Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false }).unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Returns the paths and texts of the files below a folder.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Returns each language with each role that it has, and a name for the plugin.
fn all() -> impl Iterator<Item = (&'static Language, NewRole, String)> {
    let roles = |language: &'static Language| {
        let has = move |role: &NewRole| language.has(Role::from(*role));
        let name = move |role| (language, role, format!("my-{}-{}", language.word, Role::from(role)));
        NewRole::value_variants().iter().copied().filter(has).map(name)
    };
    LANGUAGES.iter().flat_map(roles)
}

/// Scenario: a plugin of each role is made in each language that has it.
/// Guarantees: the files have no placeholders, and the config names the plugin's file.
#[test]
fn every_language_and_role_gets_a_folder_whose_config_names_its_plugin() {
    let folder = tempfile::tempdir().unwrap();
    for (language, role, name) in all() {
        let (exit, out, err) = make_in(folder.path(), &name, language.word, role);
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
        let made = folder.path().join(&name);
        for (file, text) in files(&made) {
            let is_placeholder = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(!text.split("{{").skip(1).any(is_placeholder), "{file}: {text}");
            assert!(!file.contains("{{") && !file.ends_with(".in"), "{file}");
        }
        assert!(made.join("README.md").is_file() && made.join(".gitignore").is_file(), "{name}");
        let file = made.join("spanloom.yaml").display().to_string();
        let root = load::load(&[file], &[], &|_| None).unwrap().root;
        let (config, findings) = Config::read(&root);
        assert!(findings.is_empty(), "{findings:?}");
        let plugin = PluginConfig::of(&config, &name.replace('-', "_")).unwrap();
        assert_eq!(plugin.path, made.join(format!("{name}.wasm")));
    }
}

/// Scenario: a plugin of each role is made in each language that has it.
/// Guarantees: every language has processors and samplers; what the author writes is short; a language with a
/// manifest builds the plugin of that name, and its bindings are there.
#[test]
fn every_language_begins_with_a_short_source_and_a_way_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    for (language, role, name) in all() {
        assert!(language.has(Role::Processor) && language.has(Role::Sampler), "{}", language.word);
        make_in(folder.path(), &name, language.word, role);
        let made = folder.path().join(&name);
        let is_source = |file: &str| {
            let name = file.rsplit('/').next().unwrap_or_default();
            name == "lib.rs" || name.starts_with("plugin.") && !name.contains("test")
        };
        let below = |part: &str| format!("{}/{part}/", made.display());
        let others = ["sdk", "wit", "bindings", "spanloom"].map(below);
        for (file, text) in files(&made) {
            if is_source(&file) && !others.iter().any(|other| file.starts_with(other)) {
                assert!(text.lines().count() <= 45, "{file}: {} lines", text.lines().count());
            }
        }
        match Project::open(&made) {
            Some(project) => {
                project.unwrap().write_bindings().unwrap();
                assert!(made.join("wit/deps/spanloom/types.wit").is_file(), "{name}");
            }
            None => {
                assert!(made.join("Cargo.toml").is_file() && made.join("sdk/Cargo.toml").is_file(), "{name}")
            }
        }
    }
}

/// Scenario: a plugin of each role is made in Rust.
/// Guarantees: the next steps and the README end with a command that sends what the plugin's config receives.
#[test]
fn the_next_steps_send_what_the_plugin_receives() {
    let folder = tempfile::tempdir().unwrap();
    for role in NewRole::value_variants().iter().copied() {
        let name = format!("my-{}", Role::from(role));
        let (_, out, _) = make_in(folder.path(), &name, "rust", role);
        let made = folder.path().join(&name);
        let readme = fs::read_to_string(made.join("README.md")).unwrap();
        let is_otlp = fs::read_to_string(made.join("spanloom.yaml")).unwrap().contains("  otlp:\n");
        assert_eq!(is_otlp, role != NewRole::Receiver);
        let send = match is_otlp {
            true => "spanloom generate traces --rate 2",
            false => "curl --data @fixtures/events.json localhost:8088/events",
        };
        assert!(out.contains(&format!("Next:\n  cd {}\n", made.display())), "{out}");
        assert!(out.ends_with(&format!("  {send}     (in another terminal)\n")), "{out}");
        assert!(readme.contains(&format!("\n    {send}\n")), "{readme}");
    }
}

/// Scenario: the folder exists.
/// Guarantees: the command fails, and leaves the folder as it is.
#[test]
fn what_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    let (exit, _, err) = make_in(folder.path(), "mine", "rust", NewRole::Processor);
    assert_eq!(exit, Exit::Wrong);
    assert!(err.contains("mine exists: give another folder with --path"), "{err}");
    assert_eq!(fs::read_dir(folder.path().join("mine")).unwrap().count(), 0);
}

/// Scenario: names are not valid for cargo or for a config.
/// Guarantees: each is refused.
#[test]
fn a_name_that_cargo_or_a_config_would_not_take_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "Tag", "7up", "tag_team", "tag team", "../tag", "é"] {
        let (exit, _, err) = make_in(folder.path(), name, "rust", NewRole::Processor);
        assert_eq!(exit, Exit::Wrong, "{name}");
        assert!(
            err.starts_with("error:") && !name.is_empty() || err.contains("is not a valid plugin name"),
            "{name}: {err}"
        );
    }
}

/// Scenario: a language has no template for a role.
/// Guarantees: the command fails, says which roles it has, and makes nothing.
#[test]
fn a_role_that_a_language_does_not_have_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, _, err) = make_in(folder.path(), "mine", "c", NewRole::Connector);
    assert_eq!(exit, Exit::Wrong);
    assert_eq!(err, "error: there is no template for a connector in c yet; c has: processor, sampler\n");
    assert!(!folder.path().join("mine").exists());
}

/// Scenario: `--sdk` names a folder without an SDK, and one with an SDK.
/// Guarantees: the first is refused with which folder to name; the second is used instead of the binary's.
#[test]
fn a_given_sdk_is_used_and_must_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let args = |sdk: &Path| NewArgs {
        name: "tag".to_owned(),
        role: NewRole::Processor,
        lang: "rust".to_owned(),
        path: Some(folder.path().join("tag")),
        sdk: Some(sdk.to_owned()),
    };
    let (exit, _, err) = make(&args(folder.path()));
    assert_eq!(exit, Exit::Wrong);
    assert!(err.contains("name the folder `plugins/sdk`"), "{err}");
    let sdk = folder.path().join("clone/plugins/sdk");
    fs::create_dir_all(&sdk).unwrap();
    fs::write(sdk.join("Cargo.toml"), "").unwrap();
    assert_eq!(make(&args(&sdk)).0, Exit::Done);
    let manifest = fs::read_to_string(folder.path().join("tag/Cargo.toml")).unwrap();
    assert!(manifest.contains("clone/plugins/sdk"), "{manifest}");
    assert!(!folder.path().join("tag/sdk").exists());
}

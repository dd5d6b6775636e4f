use std::{fs, path::Path};

use super::*;
use crate::{
    config::{Config, load},
    plugin::config::PluginConfig,
};

/// Makes a plugin in the folder, beside an SDK. Returns the exit, output and error output.
fn make_in(folder: &Path, name: &str, role: NewRole) -> (Exit, String, String) {
    let sdk = folder.join("clone/plugins/sdk");
    fs::create_dir_all(&sdk).unwrap();
    fs::write(sdk.join("Cargo.toml"), "").unwrap();
    let path = Some(folder.join(name));
    let args = NewArgs { name: name.to_owned(), role, lang: Language::Rust, path, sdk: Some(sdk) };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit =
        run(&args, &mut Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false }).unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// Scenario: a plugin of each role is made.
/// Guarantees: each folder has all files without placeholders, a short source, and a config that names the
/// plugin's file.
#[test]
fn every_role_gets_a_folder_whose_config_names_its_plugin() {
    let folder = tempfile::tempdir().unwrap();
    for role in NewRole::value_variants().iter().copied() {
        let name = format!("my-{}", Role::from(role));
        let (exit, out, err) = make_in(folder.path(), &name, role);
        assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
        let made = folder.path().join(&name);
        for file in ["Cargo.toml", "README.md", "spanloom.yaml", "src/lib.rs", "src/tests.rs"] {
            let text = fs::read_to_string(made.join(file)).unwrap();
            assert!(!text.contains("{{"), "{file}: {text}");
        }
        let lines = fs::read_to_string(made.join("src/lib.rs")).unwrap().lines().count();
        assert!(lines <= 45, "{name}: {lines} lines");
        let file = made.join("spanloom.yaml").display().to_string();
        let root = load::load(&[file], &[], &|_| None).unwrap().root;
        let (config, findings) = Config::read(&root);
        assert!(findings.is_empty(), "{findings:?}");
        let plugin = PluginConfig::of(&config, &name.replace('-', "_")).unwrap();
        assert_eq!(plugin.path, made.join(format!("{name}.wasm")));
    }
}

/// Scenario: a plugin of each role is made.
/// Guarantees: the next steps and the README end with a command that sends what the plugin's config receives. The paths of
/// the next steps begin at the working folder, those of the README at the plugin's.
#[test]
fn the_next_steps_send_what_the_plugin_receives() {
    let folder = tempfile::tempdir().unwrap();
    for role in NewRole::value_variants().iter().copied() {
        let name = format!("my-{}", Role::from(role));
        let (_, out, _) = make_in(folder.path(), &name, role);
        let made = folder.path().join(&name);
        let readme = fs::read_to_string(made.join("README.md")).unwrap();
        let config = fs::read_to_string(made.join("spanloom.yaml")).unwrap();
        let is_otlp = config.contains("  otlp:\n");
        assert_eq!(is_otlp, role != NewRole::Receiver, "{config}");
        let send = |below: &str| match is_otlp {
            true => "spanloom generate traces --rate 2".to_owned(),
            false => format!("curl --data @{below}fixtures/events.json localhost:8088/events"),
        };
        let below = format!("{}/", made.display());
        assert!(out.ends_with(&format!("  {}     (in another terminal)\n", send(&below))), "{out}");
        assert!(readme.contains(&format!("\n    {}\n", send(""))), "{readme}");
    }
}

/// Scenario: the folder exists.
/// Guarantees: the command fails, and leaves the folder as it is.
#[test]
fn what_is_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("mine")).unwrap();
    let (exit, _, err) = make_in(folder.path(), "mine", NewRole::Processor);
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
        let (exit, _, err) = make_in(folder.path(), name, NewRole::Processor);
        assert_eq!(exit, Exit::Wrong, "{name}");
        assert!(
            err.starts_with("error:") && !name.is_empty() || err.contains("is not a valid plugin name"),
            "{name}: {err}"
        );
    }
}

/// Scenario: `--sdk` names a folder without an SDK.
/// Guarantees: the command fails and says which folder to name.
#[test]
fn a_folder_that_is_no_sdk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let args = NewArgs {
        name: "tag".to_owned(),
        role: NewRole::Processor,
        lang: Language::Rust,
        path: Some(folder.path().join("tag")),
        sdk: Some(folder.path().to_owned()),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit =
        run(&args, &mut Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false }).unwrap();
    assert_eq!(exit, Exit::Wrong);
    assert!(String::from_utf8(err).unwrap().contains("name the folder `plugins/sdk`"));
}

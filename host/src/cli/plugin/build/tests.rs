use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// Makes a project whose manifest has these lines after its name.
fn project(folder: &Path, lines: &str) -> PathBuf {
    fs::write(folder.join("spanloom-plugin.yaml"), format!("name: mine\n{lines}")).unwrap();
    folder.to_owned()
}

fn build(folder: PathBuf, install: bool) -> (Exit, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut terminal = Terminal { out: &mut out, err: &mut err, colour: false, colour_out: false };
    let exit = run(&BuildArgs { folder, output: None, install }, &mut terminal).unwrap();
    (exit, String::from_utf8(err).unwrap())
}

/// Scenario: a folder has neither a manifest nor a crate.
/// Guarantees: the error says what is missing and how to begin.
#[test]
fn a_folder_without_a_plugin_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, err) = build(folder.path().to_owned(), false);
    assert_eq!(exit, Exit::Wrong);
    assert!(
        err.ends_with("no spanloom-plugin.yaml and no Cargo.toml; `spanloom plugin new` starts a plugin\n"),
        "{err}"
    );
}

/// Scenario: a program of a step is not there, and neither is what would install it.
/// Guarantees: the error says what to type, and nothing runs.
#[test]
fn a_missing_program_is_named_with_what_to_type() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "steps: [touch ran, 'no-such-compiler {output}']
programs:
  no-such-compiler: { or: [nor-this-one], install: no-such-installer it, from: 'it (https://compiler.example)' }
";
    let folder = project(folder.path(), lines);
    let (exit, err) = build(folder.clone(), false);
    assert_eq!(exit, Exit::Wrong);
    let place = folder.canonicalize().unwrap();
    let expected = format!(
        "error: {}: no `no-such-compiler`: type `cd {} && no-such-installer it`, or build with `--install`; for \
         `no-such-installer`, first get it (https://compiler.example)\n",
        folder.display(),
        place.display()
    );
    assert_eq!(err, expected);
    assert!(!folder.join("ran").exists());
}

/// Scenario: a program is missing and the build may install it; the installed program writes no component.
/// Guarantees: the program is installed below the folder and runs; the error says what is wrong with its output.
#[test]
fn a_missing_program_is_installed_if_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "steps: ['compiler-of-mine text {output}']
programs:
  compiler-of-mine: { install: 'mkdir -p .venv/bin && cp compiler .venv/bin/compiler-of-mine && chmod +x .venv/bin/*' }
";
    fs::write(folder.path().join("compiler"), "#!/bin/sh\necho \"$1\" >\"$2\"\n").unwrap();
    let world = "package a:b; world plugin {}";
    fs::create_dir(folder.path().join("wit")).unwrap();
    fs::write(folder.path().join("wit/world.wit"), world).unwrap();
    let (exit, err) = build(project(folder.path(), lines), true);
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("\n$ compiler-of-mine text {output}\n"), "{err}");
    assert!(err.contains("no component can be made of the module"), "{err}");
    let (exit, err) = build(project(folder.path(), "steps: ['false {output}']"), false);
    assert_eq!(exit, Exit::Failed);
    assert!(err.contains("`false {output}` failed: exit status: 1"), "{err}");
    let (_, err) = build(project(folder.path(), "steps: ['true {output}']"), false);
    assert!(err.contains("the steps of spanloom-plugin.yaml wrote no {output}"), "{err}");
}

/// Scenario: a manifest has mistakes.
/// Guarantees: each is shown at its key.
#[test]
fn a_manifest_with_a_mistake_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (lines, expected) in [
        ("steps: [touch ran]", "steps: one of them must write the file `{output}`"),
        ("step: ['touch {output}']", "step"),
        ("steps: ['touch {output}', ' ']", "steps: a step must name a program"),
        ("bindings: { language: cobol, folder: b }\nsteps: ['touch {output}']", "cobol"),
    ] {
        let (exit, err) = build(project(folder.path(), lines), false);
        assert_eq!(exit, Exit::Wrong, "{lines}: {err}");
        assert!(err.contains(expected), "{lines}: {err}");
    }
}

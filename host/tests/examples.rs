//! Checks the configs that users start from: the files in `examples/`. The configs on pages are checked by `book`.

#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use std::{fs, path::Path};

use spanloom::{builtin, service::open};

#[tokio::main(flavor = "current_thread")]
async fn check(name: &str, config: &str) {
    let env = |name: &str| (name == "TEAM_TOKEN").then(|| "sesame".to_owned());
    match open(&[config.to_owned()], &[], &env, &builtin::registry()).await {
        Ok(opened) => assert_eq!(opened.warnings.len(), 0, "{name}: {:?}", opened.warnings),
        Err(error) => panic!("{name}:\n{error}"),
    }
}

/// Scenario: every config in `examples/` is opened.
/// Guarantees: each is valid and gives no warning.
#[test]
fn every_example_is_a_config_without_warnings() {
    let examples = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")).unwrap();
    let mut checked = 0;
    for path in examples
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
    {
        let name = path.display().to_string();
        check(&name, &format!("file:{name}"));
        checked += 1;
    }
    assert!(checked > 0, "there are examples");
}

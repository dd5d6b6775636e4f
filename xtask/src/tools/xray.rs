//! Builds, once, the applications with the AWS X-Ray SDKs for Node, Go and Java. The one for Python runs beside moto.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use super::{Ready, node, once};
use crate::{folders, shell};

/// Installs the SDK for Node: `SPANLOOM_XRAY_NODE` is its `node_modules`.
pub fn node() -> Result<Ready> {
    Ok(vec![("SPANLOOM_XRAY_NODE", node::modules("xray-node", "tests/clients/xray/node")?)])
}

/// Builds the application in Go with the compiler of the machine: `SPANLOOM_XRAY_GO` is the program.
pub fn go() -> Result<Ready> {
    if shell::ask(Command::new("go").arg("version")).is_none() {
        bail!("no Go in the PATH");
    }
    let source = folders::root().join("tests/clients/xray/go");
    let folder = folders::cache()?.join("xray-go");
    let program = folder.join("app");
    once(&folder, &text_of(&source, &["go.mod", "go.sum", "main.go"])?, || {
        let mut go = Command::new("go");
        go.args(["build", "-trimpath", "-o"]).arg(&program).arg(".");
        shell::run(go.current_dir(&source).env("CGO_ENABLED", "0"))
    })?;
    Ok(vec![("SPANLOOM_XRAY_GO", program)])
}

/// Builds the application in Java with the JDK and Maven of the machine: `SPANLOOM_XRAY_JAVA` is the folder of its
/// classes and libraries.
pub fn java() -> Result<Ready> {
    for (program, version) in [("java", "-version"), ("mvn", "-version")] {
        if shell::ask(Command::new(program).arg(version)).is_none() {
            bail!("no {program} in the PATH");
        }
    }
    let source = folders::root().join("tests/clients/xray/java");
    let folder = folders::cache()?.join("xray-java");
    let files = ["pom.xml", "src/main/java/shop/App.java"];
    once(&folder, &text_of(&source, &files)?, || {
        for file in files {
            let to = folder.join(file);
            fs::create_dir_all(to.parent().context("a folder")?)?;
            fs::copy(source.join(file), to)?;
        }
        shell::run(Command::new("mvn").args(["-q", "-B", "package"]).current_dir(&folder))
    })?;
    Ok(vec![("SPANLOOM_XRAY_JAVA", folder.join("target"))])
}

/// Returns the text of these files. When it changes, what was made of them is made again.
fn text_of(folder: &Path, files: &[&str]) -> Result<String> {
    files.iter().try_fold(String::new(), |text, file| {
        let path = folder.join(file);
        Ok(text + &fs::read_to_string(&path).with_context(|| path.display().to_string())?)
    })
}

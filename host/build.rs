//! Finds the built-in plugins, which the binary embeds: `cargo xtask` compiles them into `plugins/` of the target folder.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Each of them is there if this one is.
const ONE_OF_THEM: &str = "plugins/builtin-batch.wasm";

fn main() -> ExitCode {
    println!("cargo::rerun-if-env-changed=SPANLOOM_BUILTINS");
    match folder() {
        Some(folder) => {
            println!("cargo::rerun-if-changed={}", folder.display());
            println!("cargo::rustc-env=SPANLOOM_BUILTINS={}", folder.display());
            ExitCode::SUCCESS
        }
        None => {
            println!(
                "cargo::error=the built-in plugins are not compiled yet: run `cargo xtask plugins --builtin` once"
            );
            ExitCode::FAILURE
        }
    }
}

/// `$SPANLOOM_BUILTINS`, else beside what cargo is building.
fn folder() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("SPANLOOM_BUILTINS") {
        return Some(folder.into());
    }
    let out = env::var_os("OUT_DIR")?;
    let target = Path::new(&out).ancestors().find(|folder| folder.join(ONE_OF_THEM).is_file())?;
    Some(target.join("plugins"))
}

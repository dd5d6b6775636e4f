//! Builds the plugins that misbehave, for the end-to-end tests: `target/plugins/guest-NAME.wasm`.

use std::fs;

use anyhow::{Context, Result};
use spanloom_plugin_build::{TARGET, encode};

use super::folder;
use crate::{
    folders, shell,
    summary::{Outcome, Summary},
    tools::wasm,
};

/// The examples of the crate in `tests/guests`.
const GUESTS: [&str; 9] = [
    "processor",
    "processor-single",
    "processor-by-trace",
    "sampler",
    "exporter",
    "snoop",
    "heir",
    "marker",
    "connector",
];

/// Settings that shorten the build; these plugins need not be fast.
const QUICK: [&str; 2] = ["profile.release.lto=\"off\"", "profile.release.debug=false"];

pub(super) fn step(summary: &mut Summary) {
    summary.step("plugins that misbehave", || {
        let toolchain = match wasm::install() {
            Ok(toolchain) => toolchain,
            Err(error) => return Ok(Outcome::skipped(format!("no toolchain for plugins: {error:#}"))),
        };
        let mut cargo = toolchain.cargo("build");
        cargo.args(["--release", "--package", "spanloom-guests", "--examples"]);
        shell::run(cargo.args(QUICK.iter().flat_map(|setting| ["--config", setting])))?;
        GUESTS.iter().try_for_each(|guest| component(guest))?;
        Ok(Outcome::READY)
    });
}

/// Makes a component from the core module that the compiler wrote.
fn component(guest: &str) -> Result<()> {
    let module = folders::target().join(TARGET).join("release/examples").join(guest.replace('-', "_"));
    let module = module.with_extension("wasm");
    let module = fs::read(&module).with_context(|| format!("no {}", module.display()))?;
    fs::create_dir_all(folder())?;
    Ok(fs::write(folder().join(format!("guest-{guest}.wasm")), encode(&module)?)?)
}

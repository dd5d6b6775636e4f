//! The plugins that misbehave, for the end-to-end tests: `target/plugins/guest-NAME.wasm`.

use std::fs;

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

use super::folder;
use crate::{
    folders, shell,
    summary::{Outcome, Summary},
    tools::wasm,
};

/// Examples of `tests/guests`.
const GUESTS: [&str; 5] = ["processor", "processor-single", "processor-by-trace", "sampler", "exporter"];

pub(super) fn step(summary: &mut Summary) {
    summary.step("plugins that misbehave", || match wasm::install() {
        Ok(toolchain) => {
            let mut cargo = toolchain.cargo("build");
            shell::run(cargo.args(["--release", "--package", "spanloom-guests", "--examples"]))?;
            GUESTS.iter().try_for_each(|guest| encode(guest))?;
            Ok(Outcome::READY)
        }
        Err(error) => Ok(Outcome::skipped(format!("no toolchain for {}: {error:#}", wasm::TARGET))),
    });
}

/// Makes a component of the core module that the compiler made.
fn encode(guest: &str) -> Result<()> {
    let module = folders::target().join(wasm::TARGET).join("release/examples").join(guest.replace('-', "_"));
    let module = module.with_extension("wasm");
    let module = fs::read(&module).with_context(|| format!("no {}", module.display()))?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::create_dir_all(folder())?;
    Ok(fs::write(folder().join(format!("guest-{guest}.wasm")), component)?)
}

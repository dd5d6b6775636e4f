//! `cargo xtask dist`: makes the files of a release, and their checksums.
//!
//! Each kind of package is made by a script in `deploy/`, which is given the binary, the version and a folder, and prints the
//! paths of what it makes. It ends with 3 where this machine lacks a program; its last line names the program. The same
//! commit, built with the same toolchain, gives the same bytes.

mod build;
mod sbom;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{
    folders, shell,
    summary::{Outcome, Summary},
};

/// The exit code of a script that cannot run here.
const LACKS_A_PROGRAM: i32 = 3;
const SUMS: &str = "SHA256SUMS";

#[derive(Args)]
pub struct DistArgs {
    /// Make only these, and fail if one of them cannot be made here
    kinds: Vec<Kind>,
    /// Put the files here instead of target/dist
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Package this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Build for this target instead of this machine's, such as aarch64-unknown-linux-gnu
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// An archive that runs where it is unpacked
    Tarball,
    /// A package for Debian and Ubuntu, with a systemd unit
    Debian,
    /// A package for pip, pipx and uv
    Wheel,
    /// Packages for npm
    Npm,
    /// An archive of the container image, made with podman or buildah
    Image,
    /// A list of the crates in the binary, in the format of CycloneDX
    Sbom,
}

/// What is packaged.
struct Release {
    /// `None` if nothing is made of the binary.
    binary: Option<PathBuf>,
    target: String,
    version: &'static str,
    /// The time of every file in the packages, in seconds since 1970.
    epoch: String,
    out: PathBuf,
}

pub fn run(args: &DistArgs) -> Result<ExitCode> {
    let release = release(args)?;
    let mut summary = Summary::default();
    for kind in Kind::value_variants() {
        if args.kinds.is_empty() || args.kinds.contains(kind) {
            summary.step(&kind.name(), || {
                let outcome = kind.make(&release)?;
                if outcome.counts.skipped > 0 && !args.kinds.is_empty() {
                    bail!("{}", outcome.notes.join("; "));
                }
                Ok(outcome)
            });
        }
    }
    summary.step(SUMS, || checksums(&release.out));
    println!("\n{}", release.out.display());
    Ok(summary.finish())
}

fn release(args: &DistArgs) -> Result<Release> {
    let target = match &args.target {
        Some(target) => target.clone(),
        None => build::host()?,
    };
    let epoch = env::var("SOURCE_DATE_EPOCH").ok().or_else(commit_time).unwrap_or_else(|| "0".to_owned());
    let binary = match &args.binary {
        Some(given) => Some(given.canonicalize().with_context(|| format!("no {}", given.display()))?),
        None if args.kinds == [Kind::Sbom] => None,
        None => Some(build::binary(&target, &epoch)?),
    };
    let out = args.out.clone().unwrap_or_else(|| folders::target().join("dist"));
    fs::create_dir_all(&out).with_context(|| format!("cannot create {}", out.display()))?;
    let out = out.canonicalize()?;
    Ok(Release { binary, target, version: env!("CARGO_PKG_VERSION"), epoch, out })
}

fn commit_time() -> Option<String> {
    shell::ask(Command::new("git").current_dir(folders::root()).args(["log", "-1", "--format=%ct"]))
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn make(self, release: &Release) -> Result<Outcome> {
        let script = match self {
            Kind::Sbom => return sbom::make(release),
            Kind::Image => "archive.sh",
            Kind::Tarball | Kind::Debian | Kind::Wheel | Kind::Npm => "build.sh",
        };
        let path = folders::root().join("deploy").join(self.name()).join(script);
        let mut command = Command::new(&path);
        let binary = release.binary.as_deref().context("no binary")?;
        command.args([binary, Path::new(release.version), &release.out]);
        command.env("SOURCE_DATE_EPOCH", &release.epoch).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("cannot start {}", path.display()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        match output.status.code() {
            Some(0) => {
                print!("{}", String::from_utf8_lossy(&output.stdout));
                Ok(Outcome::PASSED)
            }
            Some(LACKS_A_PROGRAM) => Ok(Outcome::skipped(said.lines().last().unwrap_or_default())),
            _ => bail!("{said}"),
        }
    }
}

/// Writes the checksums of all files of a release in the folder, those of an earlier run too.
fn checksums(out: &Path) -> Result<Outcome> {
    let mut names = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name.to_string_lossy().starts_with("spanloom") {
            names.push(name);
        }
    }
    names.sort();
    let mut command = Command::new("sha256sum");
    let sums = shell::ask(command.current_dir(out).arg("--").args(&names)).context("sha256sum failed")?;
    fs::write(out.join(SUMS), format!("{sums}\n"))?;
    println!("{sums}");
    Ok(Outcome::PASSED)
}

//! `spanloom plugin new`: makes a folder with a new plugin.

mod template;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{Exit, Terminal};
use crate::plugin::Role;
use template::Template;

/// Start a plugin: a folder with its source, its tests, and a config that runs it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: from nothing to a processor that changes live spans.
  spanloom plugin new tag-team
  spanloom plugin build tag-team
  spanloom run --config tag-team/spanloom.yaml
  spanloom generate traces --rate 2     (in another terminal)")]
pub struct NewArgs {
    /// The plugin's name, in lower-case letters, digits and hyphens.
    pub name: String,

    /// What the plugin does to telemetry.
    #[arg(long, value_enum, default_value_t = NewRole::Processor)]
    pub role: NewRole,

    /// The language that the plugin is written in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub lang: Language,

    /// The folder to make; ./NAME unless it is given.
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,

    /// `plugins/sdk` of a clone of Spanloom; that of the clone this program was built in, unless it is given.
    #[arg(long, value_name = "DIR")]
    pub sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NewRole {
    /// Changes, adds or leaves out spans.
    Processor,
    /// Decides which traces go on.
    Sampler,
    /// Sends spans to somewhere else.
    Exporter,
    /// Makes metrics of spans, for other pipelines.
    Connector,
    /// Makes logs of what senders send.
    Receiver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
}

/// The reason why no plugin was made.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("`{0}` is not a valid plugin name: use lower-case letters, digits and hyphens, a letter first")]
    Name(String),
    #[error("{} exists: give another folder with --path", .0.display())]
    Exists(PathBuf),
    #[error("no SDK in {}: name the folder `plugins/sdk` of a clone of Spanloom", .0.display())]
    NoSdk(PathBuf),
    #[error(
        "cannot find the SDK, which is not on crates.io yet: give the folder `plugins/sdk` of a clone with --sdk"
    )]
    WhichSdk,
    #[error("{}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

const NAME_LIMIT_CHARS: usize = 60;

pub fn run(args: &NewArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    match make(args, &folder) {
        Ok(()) => {
            let (name, folder) = (&args.name, folder.display());
            writeln!(
                terminal.out,
                "{folder}: {name}, a {role}. Next:\n  \
                 cargo test --manifest-path {folder}/Cargo.toml\n  \
                 spanloom plugin build {folder}\n  \
                 spanloom run --config {folder}/spanloom.yaml\n  \
                 {send}     (in another terminal)",
                role = Role::from(args.role),
                send = template::sending(args.role.into(), &format!("{folder}/")),
            )?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(terminal.err, "error: {error}")?;
            Ok(if matches!(error, NewError::Write { .. }) { Exit::Failed } else { Exit::Wrong })
        }
    }
}

fn make(args: &NewArgs, folder: &Path) -> Result<(), NewError> {
    if !is_name(&args.name) {
        return Err(NewError::Name(args.name.clone()));
    }
    if folder.exists() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    let Language::Rust = args.lang;
    let template = Template { name: &args.name, role: args.role.into(), sdk: &sdk(args.sdk.as_deref())? };
    for (file, text) in template.files() {
        write(&folder.join(file), &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), NewError> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, text));
    written.map_err(|error| NewError::Write { path: path.to_owned(), error })
}

/// Returns true if the name is valid for cargo and, with `_` for `-`, for a component type in a config.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= NAME_LIMIT_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
}

/// Returns the SDK's folder: the given one, or the one of the clone whose target folder holds this program.
fn sdk(given: Option<&Path>) -> Result<PathBuf, NewError> {
    if let Some(given) = given {
        return canonical(given).ok_or_else(|| NewError::NoSdk(given.to_owned()));
    }
    let program = env::current_exe().unwrap_or_default();
    let mut above = program.ancestors().skip(1);
    above.find_map(|folder| canonical(&folder.join("plugins/sdk"))).ok_or(NewError::WhichSdk)
}

fn canonical(sdk: &Path) -> Option<PathBuf> {
    sdk.join("Cargo.toml").is_file().then(|| sdk.canonicalize().ok()).flatten()
}

impl From<NewRole> for Role {
    fn from(role: NewRole) -> Role {
        match role {
            NewRole::Processor => Role::Processor,
            NewRole::Sampler => Role::Sampler,
            NewRole::Exporter => Role::Exporter,
            NewRole::Connector => Role::Connector,
            NewRole::Receiver => Role::Receiver,
        }
    }
}

#[cfg(test)]
mod tests;

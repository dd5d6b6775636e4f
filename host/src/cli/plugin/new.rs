//! `spanloom plugin new`: makes a folder with a new plugin.

pub(super) mod language;
mod role;
mod template;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use spanloom_plugin_build::BuildError;

use super::{Exit, Terminal, build::project::Project};
use crate::plugin::Role;
use language::{LANGUAGES, Language};
use role::RoleTexts;
use template::Template;

/// Start a plugin: a folder with its source, tests, config, and all that its build needs.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: from nothing to a processor that changes live spans.
  spanloom plugin new tag-team
  spanloom plugin build tag-team
  spanloom run --config tag-team/spanloom.yaml
  spanloom generate traces --rate 2     (in another terminal)

Example: a sampler in Python.
  spanloom plugin new keep-errors --lang python --role sampler")]
pub struct NewArgs {
    /// The plugin's name, in lower-case letters, digits and hyphens.
    pub name: String,

    /// What the plugin does to telemetry.
    #[arg(long, value_enum, default_value_t = NewRole::Processor)]
    pub role: NewRole,

    /// The language that the plugin is written in.
    #[arg(long, default_value = "rust", value_parser = PossibleValuesParser::new(LANGUAGES.iter().map(|language| language.word)))]
    pub lang: String,

    /// The folder to make; ./NAME unless it is given.
    #[arg(long, value_name = "DIR")]
    pub path: Option<PathBuf>,

    /// `plugins/sdk` of a clone of Spanloom, for plugins in Rust. Without it, the SDK of this program is written into
    /// the new folder.
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

/// The reason why no plugin was made.
#[derive(Debug, thiserror::Error)]
enum NewError {
    #[error("`{0}` is not a valid plugin name: use lower-case letters, digits and hyphens, a letter first")]
    Name(String),
    #[error("{} exists: give another folder with --path", .0.display())]
    Exists(PathBuf),
    #[error("no SDK in {}: name the folder `plugins/sdk` of a clone of Spanloom", .0.display())]
    NoSdk(PathBuf),
    #[error("there is no template for a {role} in {lang} yet; {lang} has: {has}")]
    NoTemplate { role: Role, lang: String, has: String },
    #[error("{0}")]
    Bindings(#[from] BuildError),
    #[error("{}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

const NAME_LIMIT_CHARS: usize = 60;

pub fn run(args: &NewArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    match make(args, &folder) {
        Ok(language) => {
            writeln!(terminal.out, "{}", next_steps(args, language, &folder))?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(terminal.err, "error: {error}")?;
            Ok(if matches!(error, NewError::Write { .. }) { Exit::Failed } else { Exit::Wrong })
        }
    }
}

/// Returns what to type next.
fn next_steps(args: &NewArgs, language: &Language, folder: &Path) -> String {
    let role = Role::from(args.role);
    let (name, send) = (&args.name, RoleTexts::of(role).send(""));
    let mut text = format!("{}: {name}, a {role} in {}. Next:\n  cd {0}", folder.display(), language.word);
    for step in language.first {
        text.push_str(&format!("\n  {step}"));
    }
    text + &format!(
        "\n  spanloom plugin build\n  \
         spanloom run --config spanloom.yaml\n  \
         {send}     (in another terminal)"
    )
}

fn make(args: &NewArgs, folder: &Path) -> Result<&'static Language, NewError> {
    if !is_name(&args.name) {
        return Err(NewError::Name(args.name.clone()));
    }
    if folder.exists() {
        return Err(NewError::Exists(folder.to_owned()));
    }
    let role = Role::from(args.role);
    let language = Language::of(&args.lang).filter(|language| language.has(role));
    let language = language.ok_or_else(|| no_template(&args.lang, role))?;
    let sdk = args.sdk.as_deref().map(|sdk| canonical(sdk).ok_or_else(|| NewError::NoSdk(sdk.to_owned())));
    let sdk = sdk.transpose()?;
    let template = Template { name: &args.name, role, language, sdk: sdk.as_deref() };
    for (file, text) in template.files() {
        write(&folder.join(file), text.as_bytes())?;
    }
    // An editor finds the bindings at once, and not only after the first build.
    if let Some(Ok(project)) = Project::open(folder) {
        project.write_bindings()?;
    }
    Ok(language)
}

fn no_template(lang: &str, role: Role) -> NewError {
    let roles = Language::of(lang).into_iter().flat_map(Language::roles);
    let has = roles.map(|role| role.to_string()).collect::<Vec<_>>().join(", ");
    NewError::NoTemplate { role, lang: lang.to_owned(), has }
}

fn write(path: &Path, content: &[u8]) -> Result<(), NewError> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, content));
    written.map_err(|error| NewError::Write { path: path.to_owned(), error })
}

/// Returns true if the name is valid for cargo and, with `_` for `-`, for a component type in a config.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= NAME_LIMIT_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(plain)
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

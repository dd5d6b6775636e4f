//! `spanloom xray-daemon`: runs in place of the AWS X-Ray daemon, with its flags and its `cfg.yaml`.

mod cfg;
mod config;
mod flags;

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};

use super::{ConfigArgs, Exit, Terminal, run};
use crate::{
    component::Registry,
    config::{ConfigError, expand::process_env, load::load, print::print},
    server,
};
use cfg::{CfgConfig, Level};

pub use flags::in_the_form_of_clap;

/// Run in place of the AWS X-Ray daemon, with its flags and its cfg.yaml
#[derive(Clone, Debug, Default, Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Segments of the X-Ray SDKs are taken on UDP port 2000 and sent to X-Ray. The SDKs' requests for sampling rules are taken on TCP \
port 2000 and forwarded, signed.

The flags are the daemon's, also with one dash (-region us-east-1). Without --config it reads /etc/amazon/xray/cfg.yaml \
or cfg.yaml, if there is one; a flag counts more than the file.

Segments are spans on their way, so everything that Spanloom does with spans can be done with them: --print-config shows \
the config that it comes to, to go on with `spanloom run`.

Exit codes, as of the daemon: 0 ended by SIGTERM or Ctrl-C; 1 failed, or a value of a flag or of cfg.yaml cannot work; 2 the flags \
cannot be read.

Example: send to another region and account, without asking the EC2 instance for its place.
  spanloom xray-daemon -o -n eu-west-1 -r arn:aws:iam::123456789012:role/xray
  spanloom xray-daemon -c cfg.yaml --print-config > spanloom.yaml"
)]
pub struct XrayDaemonArgs {
    /// ARN of the AWS resource that runs the daemon, for X-Ray's records of it
    #[arg(short = 'a', long, value_name = "ARN")]
    resource_arn: Option<String>,

    /// Do not ask the EC2 instance for its metadata
    #[arg(short = 'o', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    local_mode: Option<bool>,

    /// MB of memory for segments that wait (3 or more)
    #[arg(short = 'm', long, value_name = "MB")]
    buffer_memory: Option<u32>,

    /// AWS region that segments are sent to
    #[arg(short = 'n', long)]
    region: Option<String>,

    /// UDP address to take segments on [default: 127.0.0.1:2000]
    #[arg(short = 'b', long, value_name = "ADDRESS")]
    bind: Option<String>,

    /// TCP address to take the SDKs' requests for sampling rules on [default: 127.0.0.1:2000]
    #[arg(short = 't', long, value_name = "ADDRESS")]
    bind_tcp: Option<String>,

    /// IAM role to send segments with, of this or another account
    #[arg(short = 'r', long, value_name = "ARN")]
    role_arn: Option<String>,

    /// The daemon's config file, cfg.yaml
    #[arg(short = 'c', long, value_name = "PATH")]
    config: Option<PathBuf>,

    /// File for the log, instead of standard output
    #[arg(short = 'f', long, value_name = "PATH")]
    log_file: Option<String>,

    /// What is logged: dev, debug, info, warn, error, or prod, which is info [default: prod]
    #[arg(short = 'l', long, value_name = "LEVEL", hide_possible_values = true)]
    log_level: Option<Level>,

    /// Proxy that requests to AWS go through. It is refused: Spanloom connects to AWS itself
    #[arg(short = 'p', long, value_name = "URL")]
    proxy_address: Option<String>,

    /// Show the version
    #[arg(short = 'v', long, action = ArgAction::SetTrue)]
    version: bool,

    /// Address of the endpoint for `spanloom status`, or `none`; the daemon has none [default: 127.0.0.1:8899, if it is free]
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,

    /// Show the Spanloom config that the flags and cfg.yaml come to, and end
    #[arg(long)]
    print_config: bool,
}

/// Where the daemon looks for its config, if no flag names it.
const PLACES: [&str; 2] = ["/etc/amazon/xray/cfg.yaml", "cfg.yaml"];

/// Runs until a signal ends it.
///
/// # Errors
/// As those of `spanloom run`.
pub async fn run(
    args: &XrayDaemonArgs,
    registry: &Registry,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Exit> {
    if args.version {
        writeln!(terminal.out, "Spanloom {} in place of the AWS X-Ray daemon", env!("CARGO_PKG_VERSION"))?;
        return Ok(Exit::Done);
    }
    let cfg = match read(args) {
        Ok(cfg) => cfg,
        Err(error) => {
            writeln!(terminal.err, "{}", error.render(terminal.colour))?;
            return Ok(Exit::Failed);
        }
    };
    for doubt in cfg.doubts() {
        writeln!(terminal.err, "{}\n", doubt.warning(terminal.colour))?;
    }
    let yaml = format!("yaml:{}", config::of(&cfg, args.admin.as_deref()));
    if args.print_config {
        return match load(&[yaml], &[], &process_env) {
            Ok(loaded) => {
                terminal.out.write_all(print(&loaded.root).as_bytes())?;
                Ok(Exit::Done)
            }
            Err(error) => terminal.wrong(&error).map(as_of_the_daemon),
        };
    }
    let args = run::RunArgs { config: ConfigArgs { config: vec![yaml], set: Vec::new() } };
    run::run(&args, registry, terminal).await.map(as_of_the_daemon)
}

/// Returns the daemon's exit code: only the form of the flags is a mistake of its own.
fn as_of_the_daemon(exit: Exit) -> Exit {
    match exit {
        Exit::Done => Exit::Done,
        Exit::Failed | Exit::Wrong => Exit::Failed,
    }
}

/// Reads `cfg.yaml`, and puts the flags over it.
fn read(args: &XrayDaemonArgs) -> Result<CfgConfig, ConfigError> {
    let usual = || PLACES.iter().map(PathBuf::from).find(|path| path.exists());
    let mut cfg = match args.config.clone().or_else(usual) {
        Some(path) => cfg_of(&path)?,
        None => CfgConfig::default(),
    };
    cfg.put_over(args);
    let admin = args.admin.as_deref().filter(|admin| *admin != "none" && !server::has_port(admin));
    let admin = admin.map(|admin| {
        ConfigError::new(format!("--admin: {admin:?} is not host:port, as 127.0.0.1:8899 is, and not `none`"))
    });
    ConfigError::all([cfg.validate(), admin.map_or(Ok(()), Err)])?;
    Ok(cfg)
}

fn cfg_of(path: &Path) -> Result<CfgConfig, ConfigError> {
    let loaded = load(&[format!("file:{}", path.display())], &[], &process_env)?;
    loaded.root.read_valid(CfgConfig::validate_file)
}

#[cfg(test)]
mod tests;

//! `spanloom status`: shows what passes, what runs, and the outcomes of the last changes.

mod flow;
mod table;
mod times;

use std::{
    io::{self, IsTerminal as _},
    time::{Duration, SystemTime},
};

use clap::Args;
pub(super) use times::ago;
use tokio::time::MissedTickBehavior;

use super::{
    Exit, Terminal,
    operator::{AdminArgs, Client, ClientError, failed},
};

/// Show what passes, to which destinations, and which plugins run.
#[derive(Debug, Args)]
#[command(after_help = "\
Receivers and destinations are counted in spans, data points and log records, since Spanloom runs. REJECTED and DROPPED of \
a receiver are requests or datagrams from which nothing was taken. Of a destination, \
DELIVERED, SAMPLED OUT, DROPPED and IN FLIGHT together are what its pipeline received; QUEUE is what waits to be sent, and what \
may wait. Of a plugin, CALLS, NS/ITEM (time in the plugin for a span, data point or log record) and ERRORS are those of the version that runs, \
since it runs.

Example: look on while a new version takes over.
  spanloom status --watch
Example: what was dropped on the way to each destination, by reason.
  spanloom status --json | jq '.destinations[] | {pipeline, destination, dropped}'
Example: the hash of what runs.
  spanloom status --json | jq -r '.plugins[] | select(.name == \"redact\").sha256'")]
pub struct StatusArgs {
    /// Show the status again every second, until Ctrl-C.
    #[arg(short, long)]
    pub watch: bool,

    /// Write JSON; with --watch, one line each time.
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub admin: AdminArgs,
}

const WATCH_INTERVAL: Duration = Duration::from_secs(1);

pub async fn run(args: &StatusArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let client = args.admin.client()?;
    if args.watch {
        return watch(args, &client, terminal).await;
    }
    match shown(args, &client, terminal.colour_out).await? {
        Ok(text) => terminal.out.write_all(text.as_bytes())?,
        Err(error) => return failed(&error, terminal),
    }
    Ok(Exit::Done)
}

/// Shows the status again and again until the output is closed. If Spanloom goes away after the first status,
/// the command waits, since it may be restarting.
async fn watch(args: &StatusArgs, client: &Client, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let in_place = !args.json && io::stdout().is_terminal();
    let mut interval = tokio::time::interval(WATCH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_first = true;
    loop {
        interval.tick().await;
        match shown(args, client, terminal.colour_out).await? {
            Ok(text) => terminal.out.write_all(frame(&text, in_place, is_first || args.json).as_bytes())?,
            Err(error) if is_first => return failed(&error, terminal),
            Err(error) if in_place => {
                terminal.out.write_all(frame(&format!("{error}\n"), true, false).as_bytes())?;
            }
            Err(error) => writeln!(terminal.err, "{error}")?,
        }
        terminal.out.flush()?;
        is_first = false;
    }
}

async fn shown(
    args: &StatusArgs,
    client: &Client,
    colour: bool,
) -> serde_json::Result<Result<String, ClientError>> {
    let status = match client.status().await {
        Ok(status) => status,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(match (args.json, args.watch) {
        (true, true) => serde_json::to_string(&status)? + "\n",
        (true, false) => serde_json::to_string_pretty(&status)? + "\n",
        (false, _) => table::table(&status, SystemTime::now(), colour),
    }))
}

/// Returns the text with the control sequences to replace the text before; or with an empty line to stand
/// below it.
fn frame(text: &str, in_place: bool, is_first: bool) -> String {
    const CLEAR: &str = "\x1b[2J";
    const TO_TOP: &str = "\x1b[H";
    const CLEAR_REST_OF_LINE: &str = "\x1b[K\n";
    const CLEAR_BELOW: &str = "\x1b[J";
    match (in_place, is_first) {
        (true, _) => {
            let clear = if is_first { CLEAR } else { "" };
            // Clearing the screen before each text would flicker.
            format!("{clear}{TO_TOP}{}{CLEAR_BELOW}", text.replace('\n', CLEAR_REST_OF_LINE))
        }
        (false, true) => text.to_owned(),
        (false, false) => format!("\n{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: frames follow one another, on a terminal and elsewhere.
    /// Guarantees: only a terminal gets control sequences; elsewhere an empty line separates the frames.
    #[test]
    fn a_frame_takes_the_place_of_the_one_before_on_a_terminal_only() {
        assert_eq!(frame("a\nb\n", true, true), "\x1b[2J\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
        assert_eq!(frame("a\n", true, false), "\x1b[Ha\x1b[K\n\x1b[J");
        assert_eq!(frame("a\n", false, true) + &frame("a\n", false, false), "a\n\na\n");
    }
}

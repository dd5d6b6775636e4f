//! The `spanloom` binary. Only this file reads the command line and exits.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    ptr::null_mut,
    time::Duration,
};

use clap::Parser as _;
use spanloom::{
    cli::{Cli, Exit, Terminal, xray_daemon::in_the_form_of_clap},
    memory,
};

/// The allocator of the process. Batches are allocated and freed in pieces of hundreds of kilobytes. glibc's
/// allocator would give their pages back to the system and fault them in again, or keep the pages of a burst
/// for good. jemalloc keeps unused pages for ten seconds, and longer in an arena where no thread allocates
/// any more. Its background threads would return those pages too, but with them peaks grow by two fifths.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long a finished command waits for threads that block, because they write compiled code to disk or a
/// file system does not answer.
const LEFTOVERS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: no threads to run on: {error}");
            return Exit::Failed.into();
        }
    };
    let exit = runtime.block_on(run());
    runtime.shutdown_timeout(LEFTOVERS);
    exit
}

async fn run() -> ExitCode {
    let cli = match Cli::try_parse_from(in_the_form_of_clap(std::env::args_os())) {
        Ok(cli) => cli,
        Err(shown) => {
            // If even this text cannot be printed, there is nothing left to do.
            let _ = shown.print();
            return ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(Exit::Wrong as u8));
        }
    };
    memory::purge_by(purge);
    // Only a second call fails.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    let (colour, colour_out) = (is_coloured(err.is_terminal()), is_coloured(out.is_terminal()));
    let outcome = cli.execute(&mut Terminal { out: &mut out, err: &mut err, colour, colour_out }).await;
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) if is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            let _ = writeln!(err, "error: {error:#}");
            Exit::Failed.into()
        }
    }
}

/// Gives all unused pages back to the system. The allocator would keep them for ten seconds.
#[expect(unsafe_code, reason = "jemalloc's control is C, and no crate wraps this command of it")]
fn purge() {
    // SAFETY: the name is a C string, and the command `arena.<i>.purge` neither reads nor writes a value.
    unsafe { tikv_jemalloc_sys::mallctl(PURGE_ALL_ARENAS.as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
}

/// The name of jemalloc's command `arena.<MALLCTL_ARENAS_ALL>.purge`.
const PURGE_ALL_ARENAS: &std::ffi::CStr = c"arena.4096.purge";

/// Returns true if the output is to be coloured, by the conventions of no-color.org and
/// bixense.com/clicolors.
fn is_coloured(is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match (is_set("NO_COLOR"), is_set("CLICOLOR_FORCE")) {
        (true, _) => false,
        (false, forced) => forced || is_terminal,
    }
}

/// Returns true if the reader of the output has closed it, as `head` does.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

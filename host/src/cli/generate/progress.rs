//! Shows the progress: a bar on a terminal, and a line now and then elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::{pace::Pace, report::Report};

const BAR_INTERVAL: Duration = Duration::from_millis(100);
const LINE_INTERVAL: Duration = Duration::from_secs(5);
const BAR_STEPS: u64 = 1_000;

/// Shows the report on standard error until `done`. With `every`, each text holds the changes since the last
/// one; without, the whole report.
pub(super) async fn show(
    pace: &Pace,
    report: &Mutex<Report>,
    every: Option<Duration>,
    done: CancellationToken,
) {
    match every {
        Some(every) => show_news(pace, report, every, done).await,
        None => show_all(pace, report, done).await,
    }
}

async fn show_all(pace: &Pace, report: &Mutex<Report>, done: CancellationToken) {
    let bar = io::stderr().is_terminal().then(|| progress_bar(BAR_STEPS));
    let mut interval = tokio::time::interval(if bar.is_some() { BAR_INTERVAL } else { LINE_INTERVAL });
    // The first tick comes at once.
    interval.tick().await;
    loop {
        tokio::select! {
            () = done.cancelled() => break,
            _ = interval.tick() => {}
        }
        let brief = lock(report).brief(pace.elapsed());
        match &bar {
            Some(bar) => {
                bar.set_position((pace.progress() * BAR_STEPS as f64) as u64);
                bar.set_message(brief);
            }
            None => {
                // Standard error may be closed. The summary still goes to standard output.
                let _ = writeln!(io::stderr(), "{:>3.0} %  {brief}", pace.progress() * 100.0);
            }
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

/// Writes a line each time, which programs can read too: ` 12.0 s  20,000 spans  20,000/s  p99 1.23 ms`.
async fn show_news(pace: &Pace, report: &Mutex<Report>, every: Duration, done: CancellationToken) {
    let (mut before, mut before_at) = (lock(report).clone(), Duration::ZERO);
    let mut interval = tokio::time::interval(every);
    interval.tick().await;
    loop {
        tokio::select! {
            () = done.cancelled() => return,
            _ = interval.tick() => {}
        }
        let (now, at) = (lock(report).clone(), pace.elapsed());
        let brief = now.since(&before).brief(at.saturating_sub(before_at));
        let _ = writeln!(io::stderr(), "{:>5.1} s  {brief}", at.as_secs_f64());
        (before, before_at) = (now, at);
    }
}

fn lock(report: &Mutex<Report>) -> MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Returns a progress bar, which is shown if standard error is a terminal.
pub(in crate::cli) fn progress_bar(steps: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30.cyan/dim} {percent:>3} %  {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

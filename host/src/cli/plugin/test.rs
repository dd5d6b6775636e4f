//! `spanloom plugin test`: gives requests to a plugin in this process, and compares its output.

mod cases;
mod difference;
mod outcome;
mod pretty;
mod records;
mod report;
mod tap;
mod trial;

use std::{fs, num::NonZeroUsize, path::PathBuf};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use http::StatusCode;
use wire::Signal;

use super::open::OpenPlugin;
use crate::{
    cli::{Exit, Terminal, generate::SignalArg},
    plugin::{Limits, Role, config::LimitsConfig},
};

use self::{
    cases::Case,
    difference::Difference,
    outcome::Outcome,
    report::{CaseReport, Report, Shown, Status},
    tap::LogTap,
    trial::{Input, Ran, Trial},
};

/// Run a plugin over requests of your own, and see its output.
#[derive(Debug, Args)]
#[command(after_help = "\
A case is a request and the files beside it:
  shop.json          an OTLP request, as JSON (or shop.binpb, as protobuf), given to the plugin
  config.json        the plugin's config (or .yaml); shop.config.json is for that case alone
  shop.golden.json   the expected outcome; --update writes it
A folder without requests takes those of the folder above it, so that several plugins can share them.

A golden file holds a processor's output, a sampler's decision on each trace, or an exporter's answer and the HTTP \
requests that it tried to send. A receiver is given the file as the body of a request, whatever it holds; its golden \
file holds its answer and its telemetry. Without a golden file, the outcome is shown: for a processor, its difference from the \
request. The order of spans and attributes does not count. Each case has its own instance of the plugin, which is \
flushed at the end. Nothing leaves this process: every HTTP request is answered by --answer.

Exit codes: 0 nothing failed, 1 a case did, 2 wrong usage, file or config.

Example: look at what the plugin does to a request, then keep that.
  spanloom plugin test redact.wasm --fixtures shop.json --config '{keys: [card]}'
  spanloom plugin test redact.wasm --update
  spanloom plugin test redact.wasm")]
pub struct TestArgs {
    /// The plugin: a wasm component.
    pub file: PathBuf,

    /// Folders of cases, or requests as .json and .binpb.
    #[arg(short, long, value_name = "PATH", num_args = 1.., default_value = "fixtures")]
    pub fixtures: Vec<PathBuf>,

    /// The plugin's config for every case: a file of JSON or YAML, or the text itself.
    #[arg(short, long, value_name = "CONFIG")]
    pub config: Option<String>,

    /// Write the outcomes to the golden files.
    #[arg(short, long)]
    pub update: bool,

    /// The signal of .binpb files.
    #[arg(long, value_enum, default_value = "traces")]
    pub signal: SignalArg,

    /// The status that the plugin's HTTP requests are answered with.
    #[arg(long, value_name = "STATUS", default_value = "200")]
    pub answer: StatusCode,

    /// The format of the report.
    #[arg(long, value_enum, default_value = "diff")]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Diff,
    /// One object: {plugin, cases}.
    Json,
}

/// A test of a plugin.
struct Tester<'a> {
    args: &'a TestArgs,
    plugin: OpenPlugin,
    trial: Trial,
}

pub async fn run(args: &TestArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let tap = LogTap::install();
    let tested = match Tester::new(args, tap).await {
        Ok(tester) => tester.run().await,
        Err(error) => Err(error),
    };
    let report = match tested {
        Ok(report) => report,
        Err(error) => return super::open::wrong(&error, terminal),
    };
    match args.format {
        Format::Diff => write!(terminal.out, "{}", Shown { report: &report, colour: terminal.colour_out })?,
        Format::Json => writeln!(terminal.out, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    Ok(if report.has_failed() { Exit::Failed } else { Exit::Done })
}

impl<'a> Tester<'a> {
    async fn new(args: &'a TestArgs, tap: LogTap) -> anyhow::Result<Tester<'a>> {
        // One guest, so that each run has the same outcome.
        let limits = Limits { instances: NonZeroUsize::MIN, ..Limits::from(&LimitsConfig::default()) };
        let plugin = OpenPlugin::load(&args.file, limits.clone()).await?;
        let trial = Trial { plugin: plugin.plugin.clone(), limits, answer: args.answer, tap };
        Ok(Tester { args, plugin, trial })
    }

    async fn run(&self) -> anyhow::Result<Report> {
        let mut reports = Vec::new();
        for case in cases::find(&self.args.fixtures)? {
            reports.push(self.case(&case).await?);
        }
        Ok(Report { plugin: self.plugin.title(), cases: reports })
    }

    async fn case(&self, case: &Case) -> anyhow::Result<CaseReport> {
        let input = self.input(case)?;
        let mut report = CaseReport::new(&case.name);
        if let Input::Batch(batch) = &input
            && let Some(why) = self.plugin.does_not_take(batch.signal())
        {
            report.skipped(why);
            return Ok(report);
        }
        let config = match (&self.args.config, &case.config) {
            (Some(given), _) => self.plugin.config(given).await?,
            (None, Some(path)) => self.plugin.config_file(path).await?,
            (None, None) => self.plugin.config("{}").await?,
        };
        let Ran { outcome, faults, logs, metrics } = self.trial.run(&input, config).await?;
        (report.faults, report.logs, report.metrics) = (faults, logs, metrics);
        match outcome {
            Some(outcome) if report.faults.is_empty() && self.args.update => {
                report.status = Status::Updated;
                report.note = case.golden.display().to_string();
                fs::write(&case.golden, outcome.to_golden()?)
                    .with_context(|| format!("cannot write {}", case.golden.display()))?;
            }
            Some(outcome) => self.judge(case, &input, &outcome, &mut report)?,
            None => report.status = Status::Failed,
        }
        if !report.faults.is_empty() {
            report.status = Status::Failed;
        }
        Ok(report)
    }

    /// Reads the request of a case: a batch, or for a receiver the body as it is.
    fn input(&self, case: &Case) -> anyhow::Result<Input> {
        Ok(match self.trial.plugin.role {
            Role::Receiver => Input::Body(case.read_body()?.into()),
            _ => Input::Batch(case.read(self.args.signal.into())?),
        })
    }

    /// Compares the outcome with the golden file, if there is one.
    fn judge(
        &self,
        case: &Case,
        input: &Input,
        outcome: &Outcome,
        report: &mut CaseReport,
    ) -> anyhow::Result<()> {
        if let Some(golden) = case.read_golden()? {
            let wrong = || format!("{} is not a valid golden file", case.golden.display());
            // A receiver's golden file names the signals.
            let signal = if let Input::Batch(batch) = input { batch.signal() } else { Signal::Logs };
            let expected =
                Outcome::from_golden(self.trial.plugin.role, signal, &golden).with_context(wrong)?;
            let difference = Difference::between(&expected.records(), &outcome.records());
            let is_same = difference.is_empty();
            report.status = if is_same { Status::Passed } else { Status::Failed };
            if !is_same {
                report.note = format!("from {} (-) to the outcome (+)", case.golden.display());
                report.difference = Some(difference);
            }
            return Ok(());
        }
        report.status = Status::Shown;
        match outcome {
            Outcome::Passed(batch) => {
                let before =
                    if let Input::Batch(input) = input { records::of_batch(input) } else { Vec::new() };
                report.note = "from the input (-) to the output (+)".to_owned();
                report.difference = Some(Difference::between(&before, &records::of_batch(batch)));
            }
            Outcome::Decided(decisions) => {
                let line = |decision: &outcome::TraceDecision| {
                    let line = format!("{:10}  {}  {}", decision.shown(), decision.trace_id, decision.root);
                    match &decision.reason {
                        Some(reason) => format!("{line}  ({reason})"),
                        None => line,
                    }
                };
                report.outcome = Some(decisions.iter().map(line).collect::<Vec<_>>().join("\n"));
            }
            Outcome::Exported(_) | Outcome::Emitted(_) | Outcome::Received { .. } => {
                report.outcome = Some(outcome.to_golden()?)
            }
        }
        Ok(())
    }
}

impl CaseReport {
    fn new(case: &str) -> CaseReport {
        CaseReport {
            case: case.to_owned(),
            status: Status::Failed,
            note: String::new(),
            faults: Vec::new(),
            difference: None,
            outcome: None,
            logs: Vec::new(),
            metrics: Vec::new(),
        }
    }

    fn skipped(&mut self, why: String) {
        (self.status, self.note) = (Status::Skipped, why);
    }
}

#[cfg(test)]
mod tests;

//! `spanloom sampling explain`: shows what a config's samplers decide about given traces, and why.

mod arrival;
mod input;
mod report;
mod trial;
mod votes;

use std::{path::PathBuf, str::FromStr as _};

use clap::{Args, ValueEnum};
use wire::Signal;

use crate::{
    cli::{ConfigArgs, Exit, Terminal},
    component::Registry,
    config::expand::process_env,
    id::ComponentId,
    service::{self, Opened},
};
use report::Report;
use trial::Trial;

/// Show what a config's samplers decide about the traces in a file, and why.
#[derive(Debug, Args)]
#[command(after_help = "\
The samplers run as they would, and no telemetry is received or sent. (A sampler may ask what its grants \
permit: `xray_sampler` asks for its rules.) Processors before a sampler run too. Time is simulated: a span \
comes when it ends, and `tail_sampling` decides after its waits, in the order of time, so that limits count as they would. What ends \
after the decision is not looked at. Not simulated: the limits `num_traces`, `max_mib` and `maximum_trace_size_bytes`, and how much \
else comes in. A sampler at the head of a pipeline decides about each request by itself.

The file holds OTLP: JSON, one request or many, or protobuf; the exporter `file` writes both.

Example: why would this trace be dropped?
  spanloom sampling explain -c otel.yaml --traces traces.jsonl --trace 5b8efff798038103d269b633813fc60c
Example: how many traces would each policy keep?
  spanloom sampling explain -c otel.yaml --traces traces.jsonl --details 0")]
pub struct ExplainArgs {
    #[command(flatten)]
    pub config: ConfigArgs,

    /// The traces, as OTLP/JSON or protobuf.
    #[arg(long, value_name = "FILE")]
    pub traces: PathBuf,

    /// Only the decisions of this component: a processor, or the sampler behind one.
    #[arg(long, value_name = "ID")]
    pub component: Option<String>,

    /// Only this trace, by its id in hex. The others are decided too, since limits count them.
    #[arg(long, value_name = "TRACE")]
    pub trace: Option<String>,

    /// How many traces are shown in detail; JSON has all.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    pub details: usize,

    /// How the result is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

pub async fn run(
    args: &ExplainArgs,
    registry: &Registry,
    terminal: &mut Terminal<'_>,
) -> anyhow::Result<Exit> {
    if args.config.config.is_empty() {
        writeln!(terminal.err, "error: no config is given; name one with `--config`")?;
        return Ok(Exit::Wrong);
    }
    let opened = match service::open(&args.config.config, &args.config.set, &process_env, registry).await {
        Ok(opened) => opened,
        Err(error) => return terminal.wrong(&error),
    };
    let read = input::read(&args.traces).map_err(|error| format!("{error:#}"));
    let reports = match read {
        Ok(requests) => reports(args, &opened, &requests).await?,
        Err(why) => Err(why),
    };
    match reports {
        Ok(reports) => write(args, &reports, terminal)?,
        Err(why) => {
            writeln!(terminal.err, "error: {why}")?;
            return Ok(Exit::Wrong);
        }
    }
    Ok(Exit::Done)
}

/// Returns a report for each pipeline that has a wanted sampler, or what is wrong with the arguments.
async fn reports(
    args: &ExplainArgs,
    opened: &Opened,
    requests: &[wire::SpanBatch],
) -> anyhow::Result<Result<Vec<Report>, String>> {
    let component = args.component.as_deref().map(ComponentId::from_str).transpose();
    let component = match component {
        Ok(component) => component,
        Err(error) => return Ok(Err(format!("--component: {error}"))),
    };
    let component = component.map(|id| in_pipeline(opened, id));
    let trial = Trial { opened, component: component.as_ref() };
    let all = opened.config.service.pipelines.iter().filter(|(id, _)| id.signal == Signal::Traces);
    let deciding = |id: &&ComponentId| trial.decides(id);
    let known: Vec<&ComponentId> =
        all.clone().flat_map(|(_, pipeline)| pipeline.processors.iter().filter(deciding)).collect();
    let is_wanted = |id: &&ComponentId| component.as_ref().is_none_or(|wanted| wanted == *id);
    if !known.iter().any(is_wanted) {
        return Ok(Err(nothing_decides(component.as_ref(), &known)));
    }
    let mut reports = Vec::new();
    for (id, pipeline) in all {
        if !pipeline.processors.iter().filter(deciding).any(|id| is_wanted(&id)) {
            continue;
        }
        let steps = trial.run(&pipeline.processors, requests.to_vec()).await?;
        let mut report = Report::new(id.to_string(), requests, steps);
        if let Some(wanted) = &args.trace {
            report.traces.retain(|trace| trace.trace_id.eq_ignore_ascii_case(wanted));
            if report.traces.is_empty() {
                return Ok(Err(format!("--trace: {} has no trace {wanted}", args.traces.display())));
            }
        }
        reports.push(report);
    }
    Ok(Ok(reports))
}

/// Returns the processor of a pipeline that a sampler stands behind, or the id itself.
fn in_pipeline(opened: &Opened, id: ComponentId) -> ComponentId {
    let processors = opened.config.service.pipelines.values().flat_map(|pipeline| &pipeline.processors);
    let sampler = |processor: &ComponentId| {
        let factory = opened.registry.processor(&processor.component_type)?;
        factory.sampler(processor, opened.config.processors.get(processor)?)
    };
    let is_before = |processor: &&ComponentId| sampler(processor).is_some_and(|sampler| sampler.id == id);
    let before = processors.clone().find(is_before).cloned();
    before.filter(|_| !processors.clone().any(|processor| *processor == id)).unwrap_or(id)
}

fn nothing_decides(component: Option<&ComponentId>, known: &[&ComponentId]) -> String {
    let list = known.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    match (component, known) {
        (None, _) => "no pipeline of traces has a sampler, so every trace is kept".to_owned(),
        (Some(id), []) => format!("--component: no pipeline of traces has a sampler `{id}`, nor any other"),
        (Some(id), _) => format!("--component: no pipeline of traces has a sampler `{id}`; there are {list}"),
    }
}

fn write(args: &ExplainArgs, reports: &[Report], terminal: &mut Terminal<'_>) -> anyhow::Result<()> {
    if args.format == Format::Json {
        writeln!(terminal.out, "{}", serde_json::to_string_pretty(reports)?)?;
        return Ok(());
    }
    let texts: Vec<String> = reports.iter().map(|report| report.text(args.details)).collect();
    terminal.out.write_all(texts.join("\n").as_bytes())?;
    Ok(())
}

//! Measures what it costs to hold spans by trace: CPU for each span on its way through `groupbytrace`, and the
//! memory for each span that it holds. Both are compared with a plain copy of the same bytes, in the same run.

use std::{fs, hint::black_box, sync::Arc, time::Instant};

use bytes::Bytes;
use clap::Args;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use spanloom::{
    component::{BuildContext, Extensions, Processor, ProcessorFactory as _},
    config::Node,
    pipeline::{Batch, Consumer, Refused},
    receipt::Receipt,
    sampling::group_by_trace::GroupByTraceFactory,
    telemetry::Telemetry,
};

use crate::payload::Payload;

const SPANS: u32 = 1_000;
/// Requests whose traces differ.
const REQUESTS: usize = 200;

#[derive(Args)]
pub(crate) struct AssemblyArgs {
    /// How many times each task is measured
    #[arg(long, default_value_t = 10)]
    rounds: usize,
}

/// The end of the path: delivers at once.
struct End;

#[async_trait::async_trait]
impl Consumer for End {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        black_box(batch.data.chunks());
        batch.delivered();
        Ok(())
    }
}

/// Measures, and prints the table.
pub(crate) fn run(args: &AssemblyArgs) -> anyhow::Result<()> {
    let requests = requests()?;
    let spans = (requests.len() * SPANS as usize) as f64;
    let wire_bytes = requests.iter().map(Bytes::len).sum::<usize>() as f64;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut copies, mut passes, mut held) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let begun = Instant::now();
        requests.iter().for_each(|request| drop(black_box(request.to_vec())));
        copies.push(begun.elapsed().as_nanos() as f64 / spans);
        runtime.block_on(async {
            let processor =
                group("{wait_duration: 1h, max_mib: 8192, num_traces: 100000000, num_workers: 1}").await?;
            let before = resident_bytes()?;
            let begun = Instant::now();
            for request in &requests {
                consume(&*processor, request).await?;
            }
            let holding = begun.elapsed();
            held.push(resident_bytes()?.saturating_sub(before) as f64 / wire_bytes);
            let begun = Instant::now();
            processor.shutdown(tokio::time::Instant::now() + std::time::Duration::from_secs(600)).await;
            passes.push((holding + begun.elapsed()).as_nanos() as f64 / spans);
            anyhow::Ok(())
        })?;
    }
    let (copy, pass) = (median(&mut copies), median(&mut passes));
    println!(
        "\nHolding spans by trace, 8 spans a trace, {SPANS} spans a request ({} rounds, medians)",
        args.rounds
    );
    println!("  copy of the bytes      {copy:>8.1} ns a span");
    println!("  held and passed on     {pass:>8.1} ns a span   {:.1} times the copy", pass / copy);
    println!("  memory of held spans   {:>8.2} times their wire bytes", median(&mut held));
    Ok(())
}

async fn group(config: &str) -> anyhow::Result<Arc<dyn Processor>> {
    let node = Node::parse("bench", config)?;
    let telemetry = Telemetry::new();
    let id = "groupbytrace".parse().map_err(anyhow::Error::msg)?;
    let extensions = Extensions::default();
    let context = BuildContext { id: &id, telemetry: &telemetry, extensions: &extensions, former: None };
    Ok(GroupByTraceFactory.build(&node, &context, Arc::new(End)).await?)
}

async fn consume(processor: &dyn Processor, request: &Bytes) -> anyhow::Result<()> {
    let spans = wire::Batch::Spans(wire::SpanBatch::decode(request.clone())?);
    let batch = Batch::enter(spans, Receipt::unawaited(), Arc::from([]));
    processor.consume(batch).await.map_err(|refused| anyhow::anyhow!("{}", refused.failure))
}

/// Makes requests that are alike but for their trace ids.
fn requests() -> anyhow::Result<Vec<Bytes>> {
    let mut request = ExportTraceServiceRequest::decode(Payload::new(SPANS).bytes)?;
    let next = |_| {
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            // The next id of a sequence for each trace; all spans of a trace have the same.
            let id = span
                .trace_id
                .iter()
                .fold(1_u64, |id, byte| id.wrapping_mul(257).wrapping_add(u64::from(*byte)));
            span.trace_id = [id, !id].map(u64::to_be_bytes).concat();
        }
        Bytes::from(request.encode_to_vec())
    };
    Ok((0..REQUESTS).map(next).collect())
}

/// Returns the resident memory of this process (proc(5), `statm`).
fn resident_bytes() -> anyhow::Result<usize> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).unwrap_or_default();
    Ok(pages.parse::<usize>()? * 4096)
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

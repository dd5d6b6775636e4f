//! Runs one case: a plugin in this process is given a request, and then flushed.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use wire::{Batch, Signal};

use super::{
    outcome::{Export, ExportOutcome, Outcome, ReceiverAnswer, SentRequest, TraceDecision, emitted},
    tap::{LogLine, LogTap},
};
use crate::{
    component::Exporter as _,
    pipeline::{self, Consumer, Ingest, Refused},
    plugin::{
        Limits, OnFailure, Outside, Plugin, PluginConnector, PluginExporter, PluginProcessor, PluginReceiver,
        PluginSampler, Role, StageSettings,
        outside::http::{Http, HttpError, HttpLimits, HttpRequest, HttpResponse},
    },
    telemetry::Telemetry,
};

/// What a plugin is given.
pub(super) enum Input {
    Batch(Batch),
    /// The body of a receiver's request.
    Body(Bytes),
}

/// The settings of the trial.
pub(super) struct Trial {
    pub(super) plugin: Arc<Plugin>,
    pub(super) limits: Limits,
    /// The status that answers every HTTP request of the plugin.
    pub(super) answer: StatusCode,
    pub(super) tap: LogTap,
}

/// The results of one case.
#[derive(Debug)]
pub(super) struct Ran {
    /// The outcome; `None` if the plugin failed.
    pub(super) outcome: Option<Outcome>,
    /// The plugin's mistakes. There may be an outcome as well, from a second attempt.
    pub(super) faults: Vec<String>,
    pub(super) logs: Vec<LogLine>,
    /// The plugin's own metrics: `name{label="value"} 1`.
    pub(super) metrics: Vec<String>,
}

/// The component id that the plugin sees.
const COMPONENT: &str = "test";
/// How long to wait for a plugin that holds batches, has a timer, and cannot be flushed.
const WAKE_TIMEOUT: Duration = Duration::from_secs(2);
const WAKE_INTERVAL: Duration = Duration::from_millis(10);
/// The maximum number of requests that are kept for one case.
const REQUEST_LIMIT: usize = 1000;

impl Trial {
    /// Runs one case. `config` is JSON.
    ///
    /// # Errors
    /// The plugin does not start.
    pub(super) async fn run(&self, input: &Input, config: String) -> anyhow::Result<Ran> {
        self.tap.drain();
        let telemetry = Telemetry::new();
        // This keeps the component's series, which are read after the component has ended.
        let _series = telemetry.scope(COMPONENT);
        let sent = Arc::new(Recorder {
            answer: self.answer,
            limits: HttpLimits::default(),
            requests: Mutex::default(),
        });
        let settings = StageSettings {
            component: COMPONENT.to_owned(),
            config,
            limits: self.limits.clone(),
            outside: Outside::of_trial(sent.clone()),
            on_failure: OnFailure::Reject,
            recording: None,
        };
        let outcome = match (input, self.plugin.role) {
            (Input::Body(body), _) => self.receive(body, &settings, &telemetry).await?,
            (Input::Batch(input), role) => match role {
                Role::Processor => self.process(input, &settings, &telemetry).await?,
                Role::Sampler => self.sample(input, &settings, &telemetry).await?,
                Role::Exporter => self.export(input, &settings, &telemetry, &sent).await?,
                Role::Connector => self.connect(input, &settings, &telemetry).await?,
                Role::Receiver => anyhow::bail!("a receiver is given bodies, and no batches"),
            },
        };
        let mut faults = accidents(&telemetry);
        let outcome = outcome.map_err(|fault| faults.push(fault)).ok();
        let metrics = own_metrics(&telemetry);
        Ok(Ran { outcome, faults, logs: self.tap.drain(), metrics })
    }

    async fn receive(
        &self,
        body: &Bytes,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let begun_unix_nano = now_unix_nano()?;
        let receiver = PluginReceiver::without_ports(&self.plugin, settings, telemetry).await?;
        let mut tried = match receiver.try_on(None, body.clone()).await {
            Ok(tried) => tried,
            Err(wrong) => return Ok(Err(wrong)),
        };
        tried.batches.extend(receiver.flush().await);
        let batches = tried.batches.iter().filter(|batch| !batch.is_empty());
        let timeless = batches.map(|batch| emitted::timeless(batch, begun_unix_nano));
        let batches = timeless.collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Ok(Outcome::Received { answer: ReceiverAnswer::from(tried), batches }))
    }

    async fn process(
        &self,
        input: &Batch,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let passed = Arc::new(Passed::default());
        let processor = PluginProcessor::start(&self.plugin, settings, telemetry, passed.clone()).await?;
        let refused = processor.consume(pipeline::Batch::owed_to_nobody(input.clone())).await.err();
        self.wait_for(&passed, input.items()).await;
        processor.shutdown().await;
        Ok(match refused {
            Some(refused) => Err(refused.failure.to_string()),
            None => passed.merged(input.signal()).map(Outcome::Passed),
        })
    }

    /// Waits for a plugin that can only pass batches on when its timer fires.
    async fn wait_for(&self, passed: &Passed, items: usize) {
        let optional = self.plugin.card.optional();
        if optional.contains(&"timer") && !optional.contains(&"flush") {
            let begun = Instant::now();
            while passed.items() < items && begun.elapsed() < WAKE_TIMEOUT {
                tokio::time::sleep(WAKE_INTERVAL).await;
            }
        }
    }

    async fn connect(
        &self,
        input: &Batch,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let begun_unix_nano = now_unix_nano()?;
        let passed = Arc::new(Passed::default());
        let ingest = Ingest::of_one(COMPONENT, telemetry, passed.clone());
        let connector = PluginConnector::start(&self.plugin, settings, telemetry, &ingest).await?;
        let refused = connector.consume(pipeline::Batch::owed_to_nobody(input.clone())).await.err();
        self.wait_for(&passed, 1).await;
        connector.shutdown().await;
        if let Some(refused) = refused {
            return Ok(Err(refused.failure.to_string()));
        }
        let merged: Result<Vec<Batch>, String> =
            Signal::ALL.into_iter().map(|signal| passed.merged(signal)).collect();
        let merged = match merged {
            Ok(merged) => merged.into_iter().filter(|batch| !batch.is_empty()),
            Err(wrong) => return Ok(Err(wrong)),
        };
        let timeless = merged.map(|batch| emitted::timeless(&batch, begun_unix_nano));
        Ok(Ok(Outcome::Emitted(timeless.collect::<anyhow::Result<_>>()?)))
    }

    async fn sample(
        &self,
        input: &Batch,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let nobody = Arc::new(Passed::default());
        let sampler = PluginSampler::start(&self.plugin, settings, telemetry, nobody).await?;
        let Batch::Spans(spans) = input else { return Ok(Err("samplers take traces only".to_owned())) };
        let traces = Arc::new(spans.traces());
        let decided = sampler.ask(&traces).await;
        Ok(decided.map(|decisions| Outcome::Decided(TraceDecision::of(&traces, &decisions))).map_err(
            |error| match error.backtrace.as_str() {
                "" => error.to_string(),
                backtrace => format!("{error}\n  in {}", backtrace.replace(" < ", "\n  of ")),
            },
        ))
    }

    async fn export(
        &self,
        input: &Batch,
        settings: &StageSettings,
        telemetry: &Arc<Telemetry>,
        sent: &Recorder,
    ) -> anyhow::Result<Result<Outcome, String>> {
        let exporter = PluginExporter::start(&self.plugin, settings, telemetry).await?;
        let answer = exporter.export(input).await;
        exporter.shutdown().await;
        let requests = sent.take().into_iter().map(SentRequest::from).collect();
        Ok(Ok(Outcome::Exported(Export { outcome: ExportOutcome::from(answer), requests })))
    }
}

/// Returns the time, in whole milliseconds as a plugin's clock.
fn now_unix_nano() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64 * 1_000_000)
}

/// The batches that a plugin passed on.
#[derive(Default)]
struct Passed(Mutex<Vec<Batch>>);

#[async_trait::async_trait]
impl Consumer for Passed {
    async fn consume(&self, batch: pipeline::Batch) -> Result<(), Box<Refused>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(batch.data.clone());
        batch.delivered();
        Ok(())
    }
}

impl Passed {
    fn items(&self) -> usize {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).iter().map(Batch::items).sum()
    }

    /// Returns all batches of this signal as one.
    fn merged(&self, signal: Signal) -> Result<Batch, String> {
        let mut batches = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut of_signal = batches.extract_if(.., |batch| batch.signal() == signal);
        of_signal.try_fold(Batch::empty(signal), |mut all, batch| {
            all.merge(batch).map_err(|error| error.to_string())?;
            Ok(all)
        })
    }
}

/// Keeps requests and answers them all alike. No request leaves this process.
struct Recorder {
    answer: StatusCode,
    limits: HttpLimits,
    requests: Mutex<Vec<HttpRequest>>,
}

#[async_trait::async_trait]
impl Http for Recorder {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut requests = self.requests.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if requests.len() < REQUEST_LIMIT {
            requests.push(request);
        }
        Ok(HttpResponse { status: self.answer, headers: HeaderMap::new(), body: bytes::Bytes::new() })
    }

    fn limits(&self) -> &HttpLimits {
        &self.limits
    }
}

impl Recorder {
    fn take(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// Returns the calls that the host ended, by reason. Calls that the plugin itself reports as failed do not
/// count.
fn accidents(telemetry: &Telemetry) -> Vec<String> {
    let rendered = telemetry.render();
    let calls = rendered.lines().filter(|line| line.starts_with("spanloom_plugin_calls"));
    let outcomes = calls.filter_map(|line| {
        let outcome = line.split_once("outcome=\"")?.1.split_once('"')?.0;
        let count = line.rsplit_once(' ')?.1;
        (!matches!(outcome, "ok" | "failed") && count != "0").then(|| match count {
            "1" => format!("a call ended by {outcome}"),
            count => format!("{count} calls ended by {outcome}"),
        })
    });
    outcomes.map(|fault| fault.replace('_', " ")).collect()
}

/// Returns the plugin's own series, without the labels that the host adds.
fn own_metrics(telemetry: &Telemetry) -> Vec<String> {
    let rendered = telemetry.render();
    let of_component = format!("component=\"{COMPONENT}\"");
    let is_own = |line: &&str| {
        line.contains(&of_component) && !line.starts_with("spanloom_") && !line.starts_with("otelcol_")
    };
    let shorten = |line: &str| {
        let (name, rest) = line.split_once('{').unwrap_or((line, ""));
        let (labels, value) = rest.rsplit_once('}').unwrap_or(("", rest));
        let hosts = |label: &&str| !label.starts_with("component=") && !label.starts_with("plugin=");
        let labels: Vec<&str> = labels.split(',').filter(hosts).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        format!("{name}{labels} {}", value.trim())
    };
    rendered.lines().filter(is_own).map(shorten).collect()
}

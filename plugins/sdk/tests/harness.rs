//! Tests a plugin that uses everything the host offers.

use std::time::Duration;

use spanloom_plugin::{clock, info, log::Level, metrics::Counter, prelude::*, schedule, store};

/// Holds spans until there are enough, or until a second has passed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Collect {
    spans: usize,
    #[serde(skip)]
    held: Option<SpanBatch>,
    #[serde(skip)]
    seen: Option<Counter>,
}

impl Processor for Collect {
    fn configure(&mut self) -> Result<(), ConfigError> {
        self.seen = Some(Counter::new("seen_total", "Spans seen", &[("by", "collect")]));
        if self.spans == 0 { Err(ConfigError::new("spans", "has to be above 0")) } else { Ok(()) }
    }

    fn reconfigure(&mut self, new: Collect) -> Result<(), ConfigError> {
        self.spans = new.spans;
        Ok(())
    }

    fn process_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        self.seen.as_ref().inspect(|seen| seen.add(spans.len() as u64));
        let held = match self.held.take() {
            Some(mut held) => {
                held.merge(spans);
                held
            }
            None => spans,
        };
        if held.len() >= self.spans {
            out.pass(held);
        } else {
            self.held = Some(held);
            schedule::wake_after(Duration::from_secs(1));
        }
        Ok(())
    }
}

impl Timer for Collect {
    fn wake(&mut self, out: &mut Output) -> Result<(), Failure> {
        info!("woken at {} s", clock::monotonic().as_secs());
        self.held.take().into_iter().for_each(|held| out.pass(held));
        Ok(())
    }
}

impl Flush for Collect {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let saved = store::set("last", b"flush");
        saved.map_err(|_| Failure::permanent("no store"))?;
        self.held.take().into_iter().for_each(|held| out.discard(held));
        Ok(())
    }
}

spanloom_plugin::processor!(Collect: Timer, Flush);

#[expect(clippy::expect_used, reason = "a test's own helper")]
fn collect() -> testing::Processor<Collect> {
    testing::Processor::new(r#"{"spans": 2}"#).expect("a config")
}

#[test]
fn what_is_held_comes_out_by_count_or_by_time() {
    let mut collect = collect();
    let one = || testing::spans("shop").span("GET /");
    assert_eq!(collect.process(one()).expect("held").len(), 0);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(1)));
    assert_eq!(collect.process(one()).expect("passed")[0].len(), 2);
    collect.process(one()).expect("held");
    testing::advance(Duration::from_secs(1));
    assert_eq!(collect.wake().expect("passed").len(), 1);
    assert_eq!(testing::lines(), [(Level::Info, "woken at 1 s".to_owned())]);
    assert_eq!(testing::metric(r#"seen_total{by="collect"}"#), Some(3.0));
}

#[test]
fn a_new_config_keeps_what_is_held() {
    let mut collect = collect();
    collect.process(testing::spans("shop").span("GET /")).expect("held");
    collect.reconfigure(r#"{"spans": 1}"#).expect("a config");
    assert_eq!(collect.process(testing::spans("shop").span("GET /")).expect("passed")[0].len(), 2);
    let refused = collect.reconfigure(r#"{"spans": 0}"#).expect_err("no config");
    assert_eq!(refused, ConfigError::new("spans", "has to be above 0"));
}

#[test]
fn what_goes_nowhere_is_seen() {
    let mut collect = collect();
    collect.process(testing::spans("shop").span("GET /")).expect("held");
    assert_eq!(collect.flush().expect("discarded").len(), 0);
    assert_eq!(testing::discarded().len(), 1);
    assert_eq!((store::get("last"), store::keys("la")), (Some(b"flush".to_vec()), vec!["last".to_owned()]));
}

#[test]
fn metrics_and_logs_pass_untouched() {
    let mut collect = collect();
    let metrics = testing::metrics_from_json(r#"{"resourceMetrics": [{"resource": {}}]}"#).expect("metrics");
    let (otlp, passed) = (metrics.otlp(), collect.process_batch(metrics.into()).expect("passed"));
    assert!(matches!(&passed[..], [Batch::Metrics(metrics)] if metrics.otlp() == otlp));
}

//! Tests a connector, and the calls that every harness offers: handing over and answering requests.

use spanloom_plugin::prelude::*;

/// Passes on an empty batch of metrics whenever `every` spans have passed.
#[derive(Deserialize)]
struct Tally {
    every: usize,
    #[serde(skip)]
    spans: usize,
}

impl Connector for Tally {
    fn emits() -> Vec<Signal> {
        vec![Signal::Metrics]
    }

    fn configure(&mut self) -> Result<(), ConfigError> {
        if self.every == 0 { Err(ConfigError::new("every", "has to be above 0")) } else { Ok(()) }
    }

    fn consume_spans(&mut self, spans: SpanBatch, out: &mut Output) -> Result<(), Failure> {
        self.spans += spans.len();
        if self.spans >= self.every {
            self.spans = 0;
            out.pass(MetricsBatch::from_otlp(&[])?);
        }
        Ok(())
    }
}

impl Handover for Tally {
    fn save(&mut self) -> Result<Saved, Failure> {
        Ok(Saved { state: self.spans.to_string().into_bytes(), batches: Vec::new() })
    }

    fn restore(&mut self, saved: Saved) -> Result<(), Failure> {
        let spans = String::from_utf8(saved.state).ok().and_then(|spans| spans.parse().ok());
        self.spans = spans.ok_or_else(|| Failure::permanent("no state of ours"))?;
        Ok(())
    }
}

impl HttpHandler for Tally {
    fn handle(&mut self, request: Incoming) -> Outgoing {
        let status = if request.path == "/" { 200 } else { 404 };
        Outgoing { status, headers: Vec::new(), body: self.spans.to_string().into_bytes() }
    }
}

spanloom_plugin::connector!(Tally: Handover, HttpHandler);

#[expect(clippy::expect_used, reason = "a test's own helper")]
fn tally() -> testing::Connector<Tally> {
    testing::Connector::new(r#"{"every": 2}"#).expect("a config")
}

fn one() -> testing::Spans {
    testing::spans("shop").span("GET /")
}

#[test]
fn what_a_connector_passes_on_may_be_of_another_signal() {
    let mut tally = tally();
    assert_eq!(tally.consume(one()).expect("counted").len(), 0);
    let passed = tally.consume(one()).expect("passed");
    assert!(matches!(&passed[..], [Batch::Metrics(metrics)] if metrics.is_empty()), "{passed:?}");
}

#[test]
fn a_signal_that_it_does_not_take_is_refused() {
    let logs = LogsBatch::from_otlp(&[]).expect("no logs");
    assert_eq!(tally().consume_batch(logs.into()).map(drop), Err(Failure::permanent("logs are not taken")));
}

#[test]
fn the_next_instance_goes_on_where_the_last_one_was() {
    let mut tally = tally();
    tally.consume(one()).expect("counted");
    tally.hand_over(r#"{"every": 3}"#).expect("handed over");
    assert_eq!((tally.plugin().every, tally.plugin().spans), (3, 1));
    assert!(tally.hand_over(r#"{"every": 0}"#).is_err());
    assert_eq!(tally.plugin().spans, 1, "it stays where the next one is refused");
}

#[test]
fn requests_are_answered() {
    let mut tally = tally();
    tally.consume(one()).expect("counted");
    let get = |path: &str| Incoming { path: path.to_owned(), ..Incoming::default() };
    assert_eq!(tally.handle(get("/")).body, b"1");
    assert_eq!(tally.handle(get("/other")).status, 404);
}

#[test]
fn a_batch_is_made_of_otlp_and_of_nothing_else() {
    let otlp = SpanBatch::from(one().span("SELECT")).otlp();
    assert_eq!(SpanBatch::from_otlp(&otlp).map(|spans| spans.len()), Ok(2));
    assert!(matches!(SpanBatch::from_otlp(&[0xff]), Err(EditError::BadOtlp(_))));
    assert!(matches!(MetricsBatch::from_otlp(&[0xff]), Err(EditError::BadOtlp(_))));
    assert!(matches!(LogsBatch::from_otlp(&[0xff]), Err(EditError::BadOtlp(_))));
}

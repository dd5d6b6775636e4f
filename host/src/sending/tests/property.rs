//! The ledger balances through any sequence of events, and nothing is in flight after a shutdown.

use std::time::Duration;

use proptest::prelude::*;

use super::fake::*;
use crate::component::{ExportError, Exported, QueueSettings, SendingSettings, Sizer};

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    /// Sends, and drops the call if it does not return at once.
    SendAndHangUp(usize),
    Pass(Duration),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_usize..40).prop_map(Step::Send),
        1 => (1_usize..40).prop_map(Step::SendAndHangUp),
        1 => (0_u64..3000).prop_map(|millis| Step::Pass(Duration::from_millis(millis))),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Ok(Exported::default())),
        1 => (0_usize..50).prop_map(|rejected| Ok(Exported { rejected, message: "some".into() })),
        2 => Just(unavailable(None)),
        1 => (0_u64..90).prop_map(|seconds| unavailable(Some(Duration::from_secs(seconds)))),
        1 => Just(invalid()),
        1 => Just(Err(ExportError::too_large("large"))),
    ]
}

fn queue_settings() -> impl Strategy<Value = Option<QueueSettings>> {
    let sizer = prop_oneof![Just(Sizer::Requests), Just(Sizer::Items), Just(Sizer::Bytes)];
    let sizes = prop_oneof![Just(None), (0_usize..60, 0_usize..60).prop_map(Some)];
    let queue = (1_usize..4, 1_usize..200, sizer, 1_usize..20_000, any::<bool>(), sizes).prop_map(
        |(num_consumers, queue_size, sizer, max_bytes, block_on_overflow, sizes)| {
            let batch =
                sizes.and_then(|(min, more)| batching(min, if more == 0 { 0 } else { min + more }).batch);
            // With `wait_for_result` only one request would be sent at a time here.
            QueueSettings {
                num_consumers,
                queue_size,
                sizer,
                max_bytes,
                block_on_overflow,
                wait_for_result: false,
                batch,
            }
        },
    );
    prop_oneof![1 => Just(None), 6 => queue.prop_map(Some)]
}

async fn run(
    queue: Option<QueueSettings>,
    script: Vec<Outcome>,
    steps: Vec<Step>,
    takes: Duration,
    deadline: Duration,
) -> (u64, u64) {
    let settings = SendingSettings {
        queue,
        retry: Some(retry()),
        timeout: Some(2 * SECOND),
        ..SendingSettings::default()
    };
    let pipeline = Pipeline::new(settings, Fake::new(script).taking(takes));
    let mut sent = 0;
    for step in steps {
        match step {
            Step::Send(items) => {
                sent += items as u64;
                let _ = tokio::time::timeout(90 * SECOND, pipeline.send(items)).await;
            }
            Step::SendAndHangUp(items) => {
                sent += items as u64;
                let _ = futures::poll!(Box::pin(pipeline.send(items)));
            }
            Step::Pass(time) => tokio::time::sleep(time).await,
        }
        pipeline.balance();
    }
    pipeline.shutdown_within(deadline).await;
    let balance = pipeline.final_balance();
    (sent, balance.received)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    /// Scenario: any sequence of requests, hang-ups and pauses meets a scripted exporter with any queue
    /// settings.
    /// Guarantees: the account balances after each step, and nothing is in flight after the shutdown.
    #[test]
    fn the_ledger_balances_after_any_sequence(
        queue in queue_settings(),
        script in proptest::collection::vec(outcome(), 0..30),
        steps in proptest::collection::vec(step(), 0..30),
        takes_millis in 0_u64..2500,
        deadline_secs in 0_u64..30,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let takes = Duration::from_millis(takes_millis);
        let deadline = Duration::from_secs(deadline_secs);
        let (sent, received) = runtime.block_on(run(queue, script, steps, takes, deadline));
        prop_assert!(received <= sent);
    }
}

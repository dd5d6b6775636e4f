//! Tests what the spans of a trace say about the rate at which the trace was kept, whenever they come.

use super::*;

const HALF: KeptAt = KeptAt { rate: 0.5, basis: Basis::Independent };

/// Scenario: a sampler keeps traces at a rate, by something else than their randomness; more of them comes while it is
/// asked, and afterwards.
/// Guarantees: all spans of a trace say the same, whenever they came.
#[tokio::test(start_paused = true)]
async fn late_spans_say_the_rate_of_their_trace() {
    let told = Arc::new(Notify::new());
    let tail = Tail::of(Parts { waits_for: Some(told.clone()), rate: HALF, ..Parts::new(LARGE) });
    tail.send(&[2, 3, 0xf2], "first").await.unwrap();
    sleep(2 * SECOND).await;
    tail.send(&[2, 3], "meanwhile").await.unwrap();
    for _ in 0..5 {
        told.notify_waiters();
        sleep(SECOND).await;
    }
    tail.send(&[2, 3, 0xf2], "late").await.unwrap();
    assert_eq!(
        tail.left(),
        named(&[(2, "first"), (2, "late"), (2, "meanwhile"), (0xf2, "first"), (0xf2, "late")])
    );
    // The randomness of 2 is below the threshold, and is moved above in the same way each time.
    let states = tail.states(2);
    assert!(states[0].starts_with("ot=rv:") && states[0].ends_with(";th:8"), "{states:?}");
    assert_eq!(states, vec![states[0].clone(); 3]);
    assert_eq!(tail.states(0xf2), vec!["ot=th:8".to_owned(); 2]);
}

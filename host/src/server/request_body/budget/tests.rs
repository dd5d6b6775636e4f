use std::time::Duration;

use proptest::prelude::*;
use tokio::task::JoinSet;

use super::*;

const MIB: usize = 1 << 20;

/// Returns a budget as by default: 32 MiB for small requests, 112 MiB for all others, and 112 MiB more for
/// the first in line.
fn budget() -> Arc<Budget> {
    Budget::new(256 * MIB, 64 * MIB)
}

fn request(budget: &Arc<Budget>) -> Arc<Held> {
    budget.hold(Arc::default())
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn assert_nothing_is_held(budget: &Budget) {
    assert_eq!(budget.held_bytes.load(SeqCst), 0);
    assert!(!budget.is_short());
    assert!(!budget.line().has_first);
}

/// Scenario: requests hold, give back and drop parts of a budget.
/// Guarantees: exactly the limit can be held, and all of it is free at the end.
#[test]
fn what_a_request_held_is_there_for_the_next() {
    let budget = Budget::new(100, 100);
    let (first, second) = (request(&budget), request(&budget));
    assert_eq!(first.more(60), Ok(()));
    assert_eq!(second.more(41), Err(OverBudget::Now { limit_bytes: 100 }));
    assert_eq!(second.more(40), Ok(()));
    assert!(second.more(1).is_err());
    drop(first);
    assert_eq!(second.more(60), Ok(()));
    assert_eq!(second.at_least(100), Ok(()));
    assert!(second.at_least(101).is_err());
    second.less(30);
    assert_eq!(request(&budget).more(30), Ok(()));
    drop(second);
    assert_nothing_is_held(&budget);
}

/// Scenario: forty uploads of 60 MiB start at once, and each could hold a part while it waits for the rest.
/// Guarantees: all of them end.
#[tokio::test(start_paused = true)]
async fn forty_uploads_of_60_mib_at_once_all_end() {
    let budget = budget();
    let mut uploads = JoinSet::new();
    for _ in 0..40 {
        let held = request(&budget);
        uploads.spawn(async move {
            for _ in 0..60 {
                held.more_in_turn(MIB, in_a_minute()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    while let Some(ended) = uploads.join_next().await {
        ended.unwrap();
    }
    assert_nothing_is_held(&budget);
}

/// Scenario: stalled large requests hold all of their room, and another waits.
/// Guarantees: a hundred small requests get room at once, and the waiting one gets it when the others end.
#[tokio::test(start_paused = true)]
async fn small_requests_have_room_while_large_ones_hold_all_of_theirs_and_wait() {
    let budget = budget();
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let held = request(&budget);
        let upload = async {
            let until = Instant::now() + Duration::from_millis(1);
            while held.bytes() < 63 * MIB && held.more_in_turn(MIB, until).await.is_ok() {}
        };
        upload.await;
        stalled.push(held);
    }
    let another = request(&budget);
    let waits = another.more_in_turn(MIB, in_a_minute());
    tokio::pin!(waits);
    assert!(futures::poll!(waits.as_mut()).is_pending());
    assert!(budget.is_short());
    let small: Vec<_> = (0..100).map(|_| request(&budget)).collect();
    for held in &small {
        held.more_in_turn(SMALL_REQUEST_BYTES, Instant::now()).await.unwrap();
    }
    drop(stalled);
    waits.await.unwrap();
}

/// Scenario: ten large requests wait for room.
/// Guarantees: they get it in the order in which they began to wait.
#[tokio::test(start_paused = true)]
async fn room_is_given_in_the_order_in_which_it_ran_short() {
    let budget = budget();
    let holder = request(&budget);
    holder.more(56 * MIB).unwrap();
    let second_holder = request(&budget);
    second_holder.more(56 * MIB).unwrap();
    let (sender, mut order) = tokio::sync::mpsc::channel(10);
    for number in 0..10 {
        let (held, sender) = (request(&budget), sender.clone());
        tokio::spawn(async move {
            held.more_in_turn(60 * MIB, in_a_minute()).await.unwrap();
            sender.send(number).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        });
        tokio::task::yield_now().await;
    }
    drop((sender, holder, second_holder));
    let mut seen = Vec::new();
    while let Some(number) = order.recv().await {
        seen.push(number);
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

/// Scenario: a waiting request gives up.
/// Guarantees: its place is free, and the next request gets room.
#[tokio::test(start_paused = true)]
async fn who_goes_away_while_it_waits_leaves_its_place() {
    let budget = budget();
    let holders = [request(&budget), request(&budget), request(&budget)];
    for holder in &holders {
        holder.more_in_turn(56 * MIB, in_a_minute()).await.unwrap();
    }
    let gone = request(&budget);
    assert!(gone.more_in_turn(60 * MIB, Instant::now() + Duration::from_secs(1)).await.is_err());
    assert!(!budget.is_short());
    let waits = tokio::spawn({
        let held = request(&budget);
        async move { held.more_in_turn(60 * MIB, in_a_minute()).await }
    });
    tokio::task::yield_now().await;
    drop(holders);
    waits.await.unwrap().unwrap();
    drop(gone);
    assert_nothing_is_held(&budget);
}

/// Scenario: one connection has eight large requests.
/// Guarantees: together they hold no more than the connection's share, and another connection's request gets
/// room.
#[tokio::test(start_paused = true)]
async fn one_connection_holds_no_more_than_its_share() {
    let budget = budget();
    let peer: Arc<Peer> = Arc::default();
    let held: Vec<_> = (0..8).map(|_| budget.hold(peer.clone())).collect();
    let taken = held.iter().filter(|held| held.more(16 * MIB).is_ok()).count();
    assert_eq!(taken, 4);
    assert_eq!(request(&budget).more(48 * MIB), Ok(()));
}

/// Scenario: more large requests need room than may wait.
/// Guarantees: the surplus is refused, and the others go on waiting.
#[tokio::test(start_paused = true)]
async fn no_more_wait_than_may() {
    let budget = budget();
    let holder = request(&budget);
    holder.more(60 * MIB).unwrap();
    // This request is first in line and does not end.
    let first = request(&budget);
    first.more_in_turn(120 * MIB, in_a_minute()).await.unwrap();
    let mut waits = JoinSet::new();
    for _ in 0..2 * WAITING_LIMIT {
        let held = request(&budget);
        waits.spawn(async move { held.more_in_turn(60 * MIB, in_a_minute()).await });
    }
    let mut refused = 0;
    for _ in 0..WAITING_LIMIT {
        refused += usize::from(waits.join_next().await.unwrap().unwrap().is_err());
    }
    assert_eq!(refused, WAITING_LIMIT);
    assert_eq!(budget.large_waiting.load(SeqCst), WAITING_LIMIT);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Scenario: requests of several connections hold, give back and end in any order.
    /// Guarantees: they never hold more than the limit, all of them end, and nothing stays held.
    #[test]
    fn the_limit_holds_and_every_request_ends(
        requests in prop::collection::vec(
            (0..4_usize, prop::collection::vec(1..40_usize, 1..6), any::<bool>()), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let budget = Budget::new(8 * MIB, 2 * MIB);
            let peers: Vec<Arc<Peer>> = (0..4).map(|_| Arc::default()).collect();
            let mut running = JoinSet::new();
            for (peer, steps, gives_back) in requests {
                let (held, budget) = (budget.hold(peers[peer].clone()), budget.clone());
                running.spawn(async move {
                    for step in steps {
                        let bytes = step * (64 << 10);
                        if held.bytes() + bytes > 2 * MIB {
                            break;
                        }
                        let _ = held.more_in_turn(bytes, in_a_minute()).await;
                        assert!(budget.held_bytes.load(SeqCst) <= 8 * MIB);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        if gives_back {
                            held.less(bytes / 2);
                        }
                    }
                });
            }
            while let Some(ended) = running.join_next().await {
                ended.unwrap();
            }
            assert_nothing_is_held(&budget);
            assert!(peers.iter().all(|peer| peer.held_bytes() == 0));
        });
    }
}

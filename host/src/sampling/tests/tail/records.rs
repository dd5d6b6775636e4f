//! Tests what a log in front of the pipelines needs of the assembly: it can tell, record by record, what is held from
//! what is settled. A record is a request, and its id is in a release that the log adds to the request's receipt.

use super::*;

/// A log's view: the records that are not settled, and those that are, in the order in which they were.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<(BTreeSet<u64>, Vec<u64>)>>);

impl Records {
    /// Returns the receipt of a record, which nobody but the log waits for.
    fn append(&self, record: u64) -> Receipt {
        self.0.lock().unwrap().0.insert(record);
        let records = self.clone();
        Receipt::releasing(move |outcome| {
            assert_eq!(outcome, Ok(()), "{record}");
            let (held, settled) = &mut *records.0.lock().unwrap();
            assert!(held.remove(&record), "{record} was settled twice");
            settled.push(record);
        })
    }

    fn held(&self) -> Vec<u64> {
        self.0.lock().unwrap().0.iter().copied().collect()
    }

    fn settled(&self) -> Vec<u64> {
        self.0.lock().unwrap().1.clone()
    }
}

async fn send(tail: &Tail, receipt: Receipt, traces: &[u8]) {
    let spans: Vec<Flat> = traces.iter().map(|trace| span(*trace, "a", "s", "c")).collect();
    tail.subject.send(&spans, receipt).await.unwrap();
}

/// Scenario: four records come one after another: traces that are kept and left out, in part in two records; and a span
/// that comes too late.
/// Guarantees: a record is settled once, when the last of its spans is: not before, though other spans of it have left,
/// and not later.
#[tokio::test(start_paused = true)]
async fn each_record_is_settled_with_the_last_of_its_spans() {
    let (tail, records) = (Tail::start(Settings { wait: 4 * SECOND, ..LARGE }), Records::default());
    send(&tail, records.append(1), &[2, 3]).await;
    sleep(2 * SECOND).await;
    send(&tail, records.append(2), &[2, 4]).await;
    send(&tail, records.append(3), &[3]).await;
    assert_eq!((records.held(), records.settled()), (vec![1, 2, 3], vec![]));
    sleep(3 * SECOND).await;
    let mut settled = records.settled();
    settled.sort_unstable();
    assert_eq!((records.held(), settled), (vec![2], vec![1, 3]));
    send(&tail, records.append(4), &[3]).await;
    assert_eq!((records.held(), records.settled().last()), (vec![2], Some(&4)));
    sleep(2 * SECOND).await;
    assert_eq!((records.held(), records.settled().last()), (vec![], Some(&2)));
}

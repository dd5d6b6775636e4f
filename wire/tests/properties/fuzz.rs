//! Runs the fuzz targets for a short while, on valid requests with some damage.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::*;
use crate::check::{mutate, mutations};
use crate::mend::nested;

#[path = "../../fuzz/bodies.rs"]
mod bodies;

/// Any bytes get the same verdict as from prost (except for ids), and none cause a panic.
#[test]
fn damaged_requests_pass_the_check_target() {
    let mut runner = TestRunner::deterministic();
    let requests = (requests::traces(), requests::metrics(), requests::logs(), mutations());
    for _ in 0..150 {
        let (traces, metrics, logs, by) = requests.new_tree(&mut runner).expect("a request").current();
        for mut bytes in [traces.encode_to_vec(), metrics.encode_to_vec(), logs.encode_to_vec()] {
            bodies::check(&bytes);
            mutate(&mut bytes, &by);
            bodies::check(&bytes);
        }
    }
}

/// The same for values that nest about as deep as they may.
#[test]
fn deep_values_pass_the_check_target() {
    let mut runner = TestRunner::deterministic();
    for levels in (28..36).chain(44..52) {
        for in_maps in [false, true] {
            let whole = nested(levels, in_maps).encode_to_vec();
            bodies::check(&whole);
            for _ in 0..10 {
                let mut bytes = whole.clone();
                mutate(&mut bytes, &mutations().new_tree(&mut runner).expect("mutations").current());
                bodies::check(&bytes);
            }
        }
    }
}

/// After any edits, the batch reads like its encoded bytes.
#[test]
fn edited_requests_pass_the_edits_target() {
    let mut runner = TestRunner::deterministic();
    let inputs = (requests::traces(), proptest::collection::vec(proptest::num::u8::ANY, 0..16), mutations());
    for _ in 0..300 {
        let (request, program, by) = inputs.new_tree(&mut runner).expect("a request").current();
        let input = |request: &[u8]| [&[program.len() as u8][..], &program, request].concat();
        let mut bytes = request.encode_to_vec();
        bodies::edits(&input(&bytes));
        let strange = scramble(Signal::Traces.request(), &bytes, &mut Dice::new(by.len() as u64 * 77));
        bodies::edits(&input(&strange));
        mutate(&mut bytes, &by);
        bodies::edits(&input(&bytes));
    }
}

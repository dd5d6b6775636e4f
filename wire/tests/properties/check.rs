use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use spanloom_wire::{WireErrorKind, check};

use super::*;

/// A few changes to bytes: enough to violate the schema, and few enough to leave most of the message valid.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Cut(usize),
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Swap(usize, usize, usize),
}

pub(crate) fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let at = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..12),
        Just(vec![0x80; 9]),
        Just(vec![0xff; 9]),
        Just(vec![0x13, 0x08, 0x01, 0x14]),
        Just(vec![0x80, 0x80, 0x80, 0x80, 0x10]),
        Just(vec![0x92, 0x00, 0x00]),
    ];
    let mutation = prop_oneof![
        at().prop_map(Mutation::Cut),
        (at(), any::<u8>()).prop_map(|(at, byte)| Mutation::Flip(at, byte)),
        (at(), bytes).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (at(), 1..9usize).prop_map(|(at, len)| Mutation::Remove(at, len)),
        (at(), at(), 1..40usize).prop_map(|(from, to, len)| Mutation::Swap(from, to, len)),
    ];
    prop::collection::vec(mutation, 1..4)
}

pub(crate) fn mutate(bytes: &mut Vec<u8>, mutations: &[Mutation]) {
    for mutation in mutations {
        let len = bytes.len() + 1;
        match mutation {
            Mutation::Cut(at) => bytes.truncate(at % len),
            Mutation::Flip(at, by) => {
                if let Some(byte) = bytes.get_mut(at % len) {
                    *byte ^= by;
                }
            }
            Mutation::Insert(at, new) => drop(bytes.splice(at % len..at % len, new.iter().copied())),
            Mutation::Remove(at, n) => {
                let end = (at % len + n).min(bytes.len());
                bytes.drain(at % len..end);
            }
            Mutation::Swap(from, to, n) => {
                let end = (from % len + n).min(bytes.len());
                let moved: Vec<u8> = bytes.drain(from % len..end).collect();
                let to = to % (bytes.len() + 1);
                bytes.splice(to..to, moved);
            }
        }
    }
}

fn agrees_with_prost<R: Request>(bytes: &[u8]) {
    let ours = check(R::SIGNAL, bytes);
    let theirs = R::decode(bytes);
    // Prost accepts ids of any length.
    if !matches!(&ours, Err(error) if matches!(error.kind, WireErrorKind::Id { .. })) {
        assert_eq!(ours.is_ok(), theirs.is_ok(), "ours {ours:?}, prost's {:?}", theirs.err());
    }
    if let Err(error) = ours {
        assert!(error.offset <= bytes.len(), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A slightly damaged request is accepted exactly if prost decodes it. Ids of a wrong length are the
    /// exception.
    #[test]
    fn damaged_traces_are_refused_when_prost_refuses_them(request in requests::traces(), by in mutations()) {
        let mut bytes = request.encode_to_vec();
        agrees_with_prost::<ExportTraceServiceRequest>(&bytes);
        mutate(&mut bytes, &by);
        agrees_with_prost::<ExportTraceServiceRequest>(&bytes);
    }

    #[test]
    fn damaged_metrics_are_refused_when_prost_refuses_them(request in requests::metrics(), by in mutations()) {
        let mut bytes = request.encode_to_vec();
        agrees_with_prost::<ExportMetricsServiceRequest>(&bytes);
        mutate(&mut bytes, &by);
        agrees_with_prost::<ExportMetricsServiceRequest>(&bytes);
    }

    #[test]
    fn damaged_logs_are_refused_when_prost_refuses_them(request in requests::logs(), by in mutations()) {
        let mut bytes = request.encode_to_vec();
        agrees_with_prost::<ExportLogsServiceRequest>(&bytes);
        mutate(&mut bytes, &by);
        agrees_with_prost::<ExportLogsServiceRequest>(&bytes);
    }

    #[test]
    fn random_bytes_are_refused_when_prost_refuses_them(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees_with_prost::<ExportTraceServiceRequest>(&bytes);
        agrees_with_prost::<ExportMetricsServiceRequest>(&bytes);
        agrees_with_prost::<ExportLogsServiceRequest>(&bytes);
    }
}

/// Damages each byte of plain requests in turn, in every way that matters to a tag, a length or a text.
#[test]
fn every_damaged_byte_is_judged_as_prost_judges_it() {
    fn each_byte<R: Request>(request: &R) {
        let bytes = request.encode_to_vec();
        for at in 0..bytes.len() {
            for new in [0x00, 0x01, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at] ^ 8, bytes[at] ^ 2] {
                let mut bytes = bytes.clone();
                bytes[at] = new;
                agrees_with_prost::<R>(&bytes);
            }
        }
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        each_byte(&requests::traces().new_tree(&mut runner).expect("a request").current());
        each_byte(&requests::metrics().new_tree(&mut runner).expect("a request").current());
        each_byte(&requests::logs().new_tree(&mut runner).expect("a request").current());
    }
}

/// Nesting is refused at exactly the depth at which prost refuses it: array values in array values, unknown
/// groups, and both together.
#[test]
fn nesting_is_limited_where_prost_limits_it() {
    for depth in 0..60 {
        for groups in 0..104 {
            let mut body = Vec::new();
            for _ in 0..groups {
                body.push(0xa3);
                body.push(0x06);
            }
            for _ in 0..groups {
                body.push(0xa4);
                body.push(0x06);
            }
            for _ in 0..depth {
                body = framed(0x2a, framed(0x0a, body));
            }
            // resource_spans { scope_spans { spans { attributes { value {} } } } }
            for tag in [0x12, 0x4a, 0x12, 0x12, 0x0a] {
                body = framed(tag, body);
            }
            agrees_with_prost::<ExportTraceServiceRequest>(&body);
        }
    }
}

fn framed(tag: u8, body: Vec<u8>) -> Vec<u8> {
    let mut out = vec![tag];
    prost::encoding::encode_varint(body.len() as u64, &mut out);
    out.extend(body);
    out
}

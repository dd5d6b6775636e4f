use proptest::prelude::*;
use spanloom_wire::json::{from_json, to_json};

use super::*;

fn survives_json<R: Request>(request: &R, seed: u64) {
    let bytes = scramble(R::SIGNAL.request(), &request.encode_to_vec(), &mut Dice::new(seed));
    let json = to_json(&Batch::decode(R::SIGNAL, bytes.into()).expect("a valid request"));
    let bytes = from_json(R::SIGNAL, &json).unwrap_or_else(|error| {
        panic!("{error} in {}", String::from_utf8_lossy(&json));
    });
    let back = R::decode(&*bytes).expect("valid bytes");
    assert!(back == *request, "{back:?}\n{request:?}\n{}", String::from_utf8_lossy(&json));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn traces_survive_json(request in requests::traces(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }

    #[test]
    fn metrics_survive_json(request in requests::metrics(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }

    #[test]
    fn logs_survive_json(request in requests::logs(), seed in any::<u64>()) {
        survives_json(&request, seed);
    }
}

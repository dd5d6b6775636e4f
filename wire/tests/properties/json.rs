use proptest::prelude::*;
use spanloom_wire::json::{from_json, to_json};

use super::*;

fn survives_json<R: Request>(request: &R) {
    let json = to_json(&request.batch());
    let bytes = from_json(R::SIGNAL, &json).unwrap_or_else(|error| {
        panic!("{error} in {}", String::from_utf8_lossy(&json));
    });
    let back = R::decode(&*bytes).expect("valid bytes");
    assert!(back == *request, "{back:?}\n{request:?}\n{}", String::from_utf8_lossy(&json));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn traces_survive_json(request in requests::traces()) {
        survives_json(&request);
    }

    #[test]
    fn metrics_survive_json(request in requests::metrics()) {
        survives_json(&request);
    }

    #[test]
    fn logs_survive_json(request in requests::logs()) {
        survives_json(&request);
    }
}

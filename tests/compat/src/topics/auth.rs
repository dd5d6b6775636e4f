//! Authenticators of the OTLP receiver, over both protocols.

use anyhow::Result;

use crate::{
    configs::{self, QUIET},
    grpc::Call,
    http1::Request,
    observation::Case,
    pair::{Input, Pair},
    payload::{self, SPAN},
    side::Binaries,
};

/// An extension's keys, and the values of `Authorization` that are tried.
struct Scheme {
    name: &'static str,
    extension: &'static str,
    values: fn() -> Vec<(&'static str, String)>,
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "bearer",
        extension: "bearertokenauth: {token: secret}",
        values: || {
            let rows = [
                ("right", "Bearer secret"),
                ("lower-case", "bearer secret"),
                ("wrong", "Bearer other"),
                ("no-scheme", "secret"),
                ("two-spaces", "Bearer  secret"),
                ("space-after", "Bearer secret "),
                ("empty", ""),
                ("basic", "Basic c2VjcmV0"),
                ("prefix", "Bearer secretx"),
                ("scheme-only", "Bearer"),
            ];
            rows.map(|(name, value)| (name, value.to_owned())).to_vec()
        },
    },
    Scheme {
        name: "bearer-tokens",
        extension: "bearertokenauth: {tokens: [one, two], scheme: Key, header: X-Key}",
        values: || {
            vec![
                ("x-key-one", "Key one".to_owned()),
                ("x-key-two", "Key two".to_owned()),
                ("x-key-three", "Key three".to_owned()),
            ]
        },
    },
    Scheme {
        name: "bearer-no-scheme",
        extension: "bearertokenauth: {token: secret, scheme: \"\"}",
        values: || vec![("right", "secret".to_owned()), ("with-scheme", "Bearer secret".to_owned())],
    },
];

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for scheme in SCHEMES {
        let id = scheme.extension.split(':').next().unwrap_or_default();
        let auth = format!(", auth: {{authenticator: {id}}}");
        let sections = format!("extensions:\n  {}", scheme.extension);
        let service = format!("{QUIET}\n  extensions: [{id}]");
        let config = configs::with_service(&auth, &auth, configs::DIRECT, &sections, &service);
        let pair = match Pair::start_or_case(binaries, scheme.name, &config).await? {
            Ok(pair) => pair,
            Err(case) => {
                cases.push(case);
                continue;
            }
        };
        cases.extend(pair.cases(inputs(scheme), &["authorization", "x-key"]).await);
        pair.stop("").await;
    }
    Ok(cases)
}

fn inputs(scheme: &Scheme) -> Vec<(String, Input)> {
    let http = || Request::post("/v1/traces", "application/json", payload::span(SPAN));
    let grpc = || Call::new(&payload::grpc_path("Traces"), &payload::one_span());
    let mut inputs = vec![
        (format!("{}-http-none", scheme.name), Input::Http(http())),
        (format!("{}-grpc-none", scheme.name), Input::Grpc(grpc())),
    ];
    for (name, value) in (scheme.values)() {
        let header = if name.starts_with("x-key") { "x-key" } else { "authorization" };
        inputs.push((format!("{}-http-{name}", scheme.name), Input::Http(http().header(header, &value))));
        inputs.push((format!("{}-grpc-{name}", scheme.name), Input::Grpc(grpc().header(header, &value))));
    }
    let bad_path = Request::new("GET", "/x");
    inputs.push((format!("{}-http-path-unknown", scheme.name), Input::Http(bad_path)));
    inputs
}

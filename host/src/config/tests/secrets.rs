//! Secrets stay out of everything that is printed or logged, however wrong the config is.

use proptest::prelude::*;

use super::Files;
use crate::{
    builtin,
    config::{load::load, print::print},
    service,
};

/// Returns everything that is said about a config: its errors or warnings, and the printed config.
#[tokio::main(flavor = "current_thread")]
async fn said_of(configs: &[String], sets: &[String], variable: &str) -> String {
    let env = |name: &str| (name == "SECRET").then(|| variable.to_owned());
    let mut said = String::new();
    match service::open(configs, sets, &env, &builtin::registry()).await {
        Ok(opened) => opened.warnings.iter().for_each(|warning| said.push_str(&warning.warning(false))),
        Err(error) => {
            said.push_str(&error.render(false));
            said.push_str(&error.in_a_line());
        }
    }
    match load(configs, sets, &env) {
        Ok(loaded) => said.push_str(&print(&loaded.root)),
        Err(error) => said.push_str(&error.render(false)),
    }
    said
}

/// Returns a config whose exporter has these lines, followed by a mistake.
fn config(lines: &[String], mistake: &str) -> String {
    let mut config = "receivers: { otlp: { protocols: { grpc: } } }\nexporters:\n  otlp_http:\n".to_owned();
    for line in lines {
        config.push_str(&format!("    {line}\n"));
    }
    config.push_str(mistake);
    config.push_str("service: { pipelines: { traces: { receivers: [otlp], exporters: [otlp_http] } } }\n");
    config
}

/// Places where a config may hold a secret of its own. `S` stands for the secret.
const OWN: [&str; 22] = [
    "{ headers: { x-team: S }, endpont: x, endpoint: 5 }",
    "headers: { Authorization: Bearer S, 'a b': S }",
    "headers: [S, S]",
    "headers: S",
    "token: S # S",
    "tokn: S",
    "pasword: S",
    "api-kee: { x: [S] }",
    "endpoint: https://user:S@host:port",
    "endpoint: ftp://S@host/a?key=S&S",
    "proxy_url: http://u:S@",
    "tls: { key_pem: S, key_file: a, colour: red }",
    "tls: { key_pem: !S }",
    "x: { <<: { token: S }, y: 1, y: 2 }",
    "auth: { bearer: S, authenticator: }",
    "secret: |\n      S\n    endpoint: [",
    "token: \"S",
    "{ token: S",
    "token: [S\n    endpoint: x",
    "headers: &h { a: S }\n    tls: *h",
    "compression: ${yaml:{token: S}}",
    "traces_endpoint: '${NONE:-http://u:S@h/?S}'",
];

/// Places where a secret from outside the config may stand. `R` stands for the reference.
const OUTSIDE: [&str; 12] = [
    "endpoint: R",
    "endpoint: http://R:x",
    "timeout: R",
    "timeout: 5R",
    "sending_queue: { queue_size: R, sizer: R, enabled: R, batch: R }",
    "sending_queue: R",
    "encoding: R",
    "compression: R",
    "headers: { a: R, 'b': \"x R\" }",
    "tls: { min_version: R, ca_file: R, cert_file: R }",
    "auth: { authenticator: R }",
    "proxy_url: R",
];

/// Mistakes elsewhere in the file.
const MISTAKES: [&str; 5] =
    ["", "processors: { a: }\n", "  debug: { verbosity: loud }\n", "a: [\n", "\tb: 1\n"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Scenario: secrets stand in many places of a wrong config, in a file and in `--set`.
    /// Guarantees: nothing that is shown holds a secret.
    #[test]
    fn a_secret_of_the_configs_own_text_is_never_shown(
        secret in "[a-zA-Z0-9]{8,16}",
        places in prop::collection::vec(prop::sample::select(&OWN[..]), 1..3),
        mistake in prop::sample::select(&MISTAKES[..]),
    ) {
        let secret = format!("hide{secret}");
        let lines: Vec<String> = places.iter().map(|place| place.replace('S', &secret)).collect();
        let text = config(&lines, mistake);
        let said = said_of(&[format!("yaml:{text}")], &[], "");
        prop_assert!(!said.contains(&secret), "{}\n{}", text, said);
        // The same value is given by `--set`, whose source is one line with only the value.
        if let Some((key, value)) = lines[0].split_once(": ") && !key.starts_with('{') {
            let set = format!("exporters::otlp_http::{key}={value}");
            let said = said_of(&[format!("yaml:{}", config(&[], mistake))], &[set.clone(), set.replace('=', ":")], "");
            prop_assert!(!said.contains(&secret), "{}\n{}", set, said);
        }
    }

    /// Scenario: the value of a variable or of a file stands in many places of a wrong config.
    /// Guarantees: nothing that is shown holds the value.
    #[test]
    fn what_comes_from_a_variable_or_a_file_is_never_shown(
        secret in "[a-z]{8,16}|[1-9][0-9]{7,12}|0[1-7]{9}",
        shape in prop::sample::select(&["S", "{S: 1}", "[S]", "S: x", "S: {a: S}", "S/S", "a/S", "S://x", "-S", "'S"][..]),
        places in prop::collection::vec(prop::sample::select(&OUTSIDE[..]), 1..3),
        mistake in prop::sample::select(&MISTAKES[..]),
    ) {
        let value = shape.replace('S', &secret);
        let files = Files::new(&[("secret", &value)]);
        for reference in ["'${env:SECRET}'".to_owned(), format!("'${{file:{}}}'", files.path("secret"))] {
            let lines: Vec<String> = places.iter().map(|place| {
                let is_alone = !place.contains("\"x R") && !place.contains(":R") && !place.contains("5R") && !place.contains("/R");
                if is_alone { place.replace('R', &reference) } else { place.replace('R', reference.trim_matches('\'')) }
            }).collect();
            let text = config(&lines, mistake);
            let said = said_of(&[format!("yaml:{text}")], &[], &value);
            prop_assert!(!said.contains(&secret), "{}\n{}\n{}", value, text, said);
        }
    }
}

/// Scenario: a config with secrets has an error and is printed.
/// Guarantees: the message shows the place, the keys and the reference.
#[test]
fn what_is_left_out_leaves_the_place() {
    let text = config(
        &["headers: { x-team: sesame }".to_owned(), "endpoint: ${env:SECRET}/v1".to_owned()],
        "  debug: { verbosity: loud, token: sesame } # sesame\n",
    );
    let said = said_of(&[format!("yaml:{text}")], &[], "sesame");
    assert!(said.contains("6 |   debug: { verbosity: loud, token: [REDACTED] } [REDACTED]"), "{said}");
    assert!(said.contains("    endpoint: \"${env:SECRET}/v1\"\n"), "{said}");
    assert!(said.contains("      x-team: \"[REDACTED]\"\n"), "{said}");
}

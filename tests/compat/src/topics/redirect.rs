//! The exporter `otlp_http` and destinations that send it elsewhere: what arrives there, and with which headers.

use anyhow::Result;
use futures::join;

use crate::{
    configs,
    http1::Request,
    observation::{Case, Observation},
    pair::{Input, Pair, observe},
    payload::{self, SPAN},
    side::{Binaries, Side},
    stub::{Answer, MOVED},
};

const EXPORTER: &str = "otlp_http:
    endpoint: \"http://${env:STUB}\"
    compression: gzip
    headers: {authorization: \"Bearer secret\", cookie: a=b, x-from: a}
    sending_queue: {enabled: false}
    retry_on_failure: {enabled: false}";

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let pair = Pair::start(binaries, &configs::relay_with("", "", EXPORTER)).await?;
    let mut cases = Vec::new();
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
        for (name, to) in PLACES {
            let (collector, spanloom) =
                join!(told(&pair.collector, status, *to), told(&pair.spanloom, status, *to));
            cases.push(Case { name: format!("{status}-{name}"), collector, spanloom });
        }
    }
    cases.push(pair.stop("exit").await);
    Ok(cases)
}

/// Where a destination leads, with `{PORT}` for the stub's port.
const PLACES: &[(&str, Option<&str>)] = &[
    ("path", Some(MOVED)),
    ("relative", Some("moved")),
    ("same-host", Some("http://127.0.0.1:{PORT}/moved/v1/traces")),
    ("other-host", Some("http://localhost:{PORT}/moved/v1/traces")),
    ("other-host-login", Some("http://user:pw@localhost:{PORT}/moved/v1/traces")),
    ("no-scheme", Some("//localhost:{PORT}/moved/v1/traces")),
    ("query", Some("/moved/v1/traces?x=1#y")),
    ("itself", Some("/v1/traces")),
    ("nowhere", Some("http://127.0.0.1:1/moved/v1/traces")),
    ("other-scheme", Some("ftp://127.0.0.1:{PORT}/moved/v1/traces")),
    ("https", Some("https://127.0.0.1:{PORT}/moved/v1/traces")),
    ("bad", Some("http://[::1")),
    ("empty", Some("")),
    ("missing", None),
];

/// Returns what the sender is told, and what the stub was sent at each place.
async fn told(side: &Side, status: u16, to: Option<&str>) -> Observation {
    let to = to.map(|to| to.replace("{PORT}", &side.stub.at.port().to_string()));
    side.stub.answer(Answer::Redirect { status, to });
    let input = Input::Http(Request::post("/v1/traces", "application/json", payload::span(SPAN)));
    let headers =
        ["authorization", "cookie", "x-from", "content-type", "content-encoding", "referer", "host"];
    let mut seen = observe(side, &input, &headers).await;
    let port = format!(":{}", side.stub.at.port());
    seen.0.values_mut().for_each(|value| *value = value.replace(&port, ":STUB"));
    seen
}

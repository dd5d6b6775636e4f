//! Several configs: from files, from `yaml:` and `env:` sources, by `--set`. What they come to shows in a header of
//! the request to the stub.

use anyhow::Result;

use crate::{
    configs::{self, DIRECT},
    observation::Case,
    side::{Binaries, Config, Setup},
    trial::{self, Trial},
};

pub(crate) async fn run(binaries: &Binaries) -> Result<Vec<Case>> {
    let trials = rows().into_iter().map(|(name, configs)| Trial {
        name: name.to_owned(),
        setup: Setup { configs, files: files(), environment: environment(), ..Setup::default() },
    });
    trial::run(binaries, trials.collect(), &["x-from", "x-other", "content-encoding"]).await
}

fn base() -> String {
    configs::relay_with("", "", &format!("{DIRECT}\n    headers: {{x-from: a, x-other: b}}"))
}

fn header(value: &str) -> String {
    format!("exporters: {{otlp_http: {{headers: {{x-from: {value}}}}}}}\n")
}

fn files() -> Vec<(String, String)> {
    let files = [("later.yaml", header("of-a-file")), ("base.yaml", base()), ("empty.yaml", String::new())];
    files.map(|(name, text)| (name.to_owned(), text)).to_vec()
}

fn environment() -> Vec<(&'static str, String)> {
    vec![
        ("LATER", header("of-a-variable")),
        ("WHOLE", base()),
        ("EMPTY", String::new()),
        ("NUMBER", "5".to_owned()),
        ("HEADERS", "{x-from: of-a-map}".to_owned()),
        ("WORD", "a-word".to_owned()),
    ]
}

type Rows = Vec<(&'static str, Vec<Config>)>;

fn rows() -> Rows {
    [of_files(), of_sources(), of_keys(), of_lists_and_nulls(), of_sets()].concat()
}

fn file(text: impl Into<String>) -> Config {
    Config::File(text.into())
}

fn source(value: impl Into<String>) -> Config {
    Config::Source(value.into())
}

/// A row in which these come after the usual config.
fn over(name: &'static str, later: Vec<Config>) -> (&'static str, Vec<Config>) {
    (name, [vec![file(base())], later].concat())
}

fn of_files() -> Rows {
    vec![
        over("three", vec![file(header("c")), file(header("d"))]),
        over("same-twice", vec![file(base())]),
        over("empty-between", vec![file(""), file(header("c"))]),
        over("comment-between", vec![file("# nothing\n"), file(header("c"))]),
        over("spaces", vec![file("  \n\n")]),
        over("document-mark", vec![file(format!("---\n{}", header("c")))]),
        over("document-end", vec![file(format!("{}...\n", header("c")))]),
        over("two-documents", vec![file(format!("{}---\n{}", header("c"), header("d")))]),
        over("byte-order-mark", vec![file(format!("\u{feff}{}", header("c")))]),
        over("carriage-returns", vec![file(header("c").replace('\n', "\r\n"))]),
        over("key-twice", vec![file("exporters: {otlp_http: {headers: {x-from: c, x-from: d}}}\n")]),
        over("alias", vec![file("a: &a {x-from: c}\nexporters: {otlp_http: {headers: *a}}\n")]),
        over("merge-key", vec![file("exporters: {otlp_http: {headers: {<<: {x-from: c}}}}\n")]),
        over("number-key", vec![file("exporters: {otlp_http: {headers: {1: c}}}\n")]),
        over("bool-key", vec![file("exporters: {otlp_http: {headers: {true: c}}}\n")]),
        over("null-key", vec![file("exporters: {otlp_http: {headers: {~: c}}}\n")]),
        over("upper-case-key", vec![file("exporters: {otlp_http: {HEADERS: {x-from: c}}}\n")]),
        over("other-exporter", vec![file("exporters: {otlp_http/b: {headers: {x-from: c}}}\n")]),
        over("alias-of-type", vec![file("exporters: {otlphttp: {headers: {x-from: c}}}\n")]),
        over("spaces-in-id", vec![file("exporters: {\" otlp_http \": {headers: {x-from: c}}}\n")]),
        ("only-empty", vec![file("")]),
        ("empty-first", vec![file(""), file(base())]),
        ("null-first", vec![file("null\n"), file(base())]),
        ("earlier-under-base", vec![file(header("c")), file(base())]),
        ("exporters-null-first", vec![file("exporters:\n"), file(base())]),
    ]
}

fn of_sources() -> Rows {
    let key = "exporters::otlp_http::headers::x-from";
    vec![
        over("yaml-key", vec![source(format!("yaml:{key}: c"))]),
        over("yaml-key-no-space", vec![source(format!("yaml:{key}:c"))]),
        over("yaml-key-space-before", vec![source(format!("yaml: {key}: c"))]),
        over("yaml-map", vec![source("yaml:{exporters: {otlp_http: {headers: {x-from: c}}}}")]),
        over("yaml-lines", vec![source(format!("yaml:{}", header("c")))]),
        over("yaml-empty", vec![source("yaml:")]),
        over("yaml-null", vec![source("yaml:null")]),
        over("yaml-scalar", vec![source("yaml:5")]),
        over("yaml-text", vec![source("yaml:word")]),
        over("yaml-list", vec![source("yaml:[a]")]),
        over("yaml-bad", vec![source("yaml:[")]),
        over("yaml-upper-case", vec![source(format!("YAML:{key}: c"))]),
        over("yaml-value-null", vec![source(format!("yaml:{key}:"))]),
        over("yaml-twice", vec![source(format!("yaml:{key}: c")), source(format!("yaml:{key}: d"))]),
        over("yaml-then-file", vec![source(format!("yaml:{key}: c")), file(header("d"))]),
        over("yaml-variable", vec![source(format!("yaml:{key}: ${{env:WORD}}"))]),
        over("yaml-dollars", vec![source(format!("yaml:{key}: a$$b"))]),
        over("env", vec![source("env:LATER")]),
        over("env-unset", vec![source("env:NOBODY_SETS_THIS")]),
        over("env-empty", vec![source("env:EMPTY")]),
        over("env-number", vec![source("env:NUMBER")]),
        over("env-default", vec![source("env:NOBODY_SETS_THIS:-{}")]),
        over("env-no-name", vec![source("env:")]),
        over("env-bad-name", vec![source("env:a-b")]),
        over("file-scheme", vec![source("file:later.yaml")]),
        over("file-scheme-empty", vec![source("file:empty.yaml")]),
        over("file-scheme-missing", vec![source("file:nowhere.yaml")]),
        over("path-relative", vec![source("later.yaml")]),
        over("path-dotted", vec![source("./later.yaml")]),
        over("path-missing", vec![source("nowhere.yaml")]),
        over("path-folder", vec![source(".")]),
        over("path-empty", vec![source("")]),
        over("scheme-unknown", vec![source("vault:x")]),
        over("reference", vec![source("${file:later.yaml}")]),
        over("map-variable", vec![file("exporters: {otlp_http: {headers: \"${env:HEADERS}\"}}\n")]),
        ("whole-env", vec![source("env:WHOLE")]),
        ("whole-yaml", vec![source(format!("yaml:{}", base()))]),
        ("whole-file-scheme", vec![source("file:base.yaml")]),
        ("yaml-first", vec![source(format!("yaml:{key}: c")), file(base())]),
    ]
}

/// Keys with `::` in files.
fn of_keys() -> Rows {
    vec![
        over("separated", vec![file("exporters::otlp_http::headers::x-from: c\n")]),
        // A header that the other file lacks: of two values, the Collector takes one or the other by chance.
        over("separated-inside", vec![file("exporters: {\"otlp_http::headers::x-new\": c}\n")]),
        over("separated-map", vec![file("exporters::otlp_http: {headers: {x-from: c}}\n")]),
        over("separated-null", vec![file("exporters::otlp_http::headers:\n")]),
        over("separated-and-map", vec![file(format!("exporters::otlp_http::timeout: 9s\n{}", header("c")))]),
        over(
            "separated-twice",
            vec![file(
                "exporters::otlp_http::headers::x-from: c\nexporters::otlp_http::headers::x-from: d\n",
            )],
        ),
        over(
            "separated-against-map",
            vec![file(format!("{}exporters::otlp_http::headers::x-from: d\n", header("c")))],
        ),
        over("separated-empty-part", vec![file("exporters::::otlp_http: {}\n")]),
        over("separated-at-end", vec![file("exporters::: {}\n")]),
        over("separated-at-beginning", vec![file("::exporters: {}\n")]),
        over("separated-spaces", vec![file("exporters :: otlp_http: {}\n")]),
        over("separated-through-scalar", vec![file("exporters::otlp_http::endpoint::x: c\n")]),
        over("separated-list", vec![file("service::pipelines::traces::exporters: [otlp_http]\n")]),
        over("separated-in-list", vec![file("service::pipelines::traces::exporters::0: otlp_http\n")]),
        over("separated-unknown", vec![file("nobody::x: 1\n")]),
    ]
}

fn of_lists_and_nulls() -> Rows {
    let traces = |exporters: &str| {
        file(format!(
            "exporters: {{nop: }}\nservice: {{pipelines: {{traces: {{exporters: {exporters}}}}}}}\n"
        ))
    };
    let headers = |value: &str| file(format!("exporters:\n  otlp_http:\n    headers: {value}\n"));
    vec![
        over("list-other", vec![traces("[nop]")]),
        over("list-longer", vec![traces("[nop, otlp_http]")]),
        over("list-empty", vec![traces("[]")]),
        over("list-null", vec![traces("")]),
        over("list-and-back", vec![traces("[nop]"), traces("[otlp_http]")]),
        over(
            "list-of-processors",
            vec![file(
                "processors: {batch: {timeout: 10ms}}\nservice: {pipelines: {traces: {processors: [batch]}}}\n",
            )],
        ),
        over("null-value", vec![headers("{x-from: }")]),
        over("null-value-then-value", vec![headers("{x-from: }"), headers("{x-from: c}")]),
        over("null-map", vec![headers("")]),
        over("null-map-then-map", vec![headers(""), headers("{x-from: c}")]),
        over("empty-map", vec![headers("{}")]),
        over("null-component", vec![file("exporters: {otlp_http: }\n")]),
        over("null-component-then-map", vec![file("exporters: {otlp_http: }\n"), headers("{x-from: c}")]),
        over("null-component-then-all", vec![file("exporters: {otlp_http: }\n"), file(base())]),
        over("null-section", vec![file("exporters:\n")]),
        over("null-section-then-all", vec![file("exporters:\n"), file(base())]),
        over("null-receiver", vec![file("receivers: {otlp: }\n")]),
        over("null-pipeline", vec![file("service: {pipelines: {metrics: }}\n")]),
        over("null-service", vec![file("service:\n")]),
        over("null-scalar", vec![file("exporters: {otlp_http: {compression: }}\n")]),
        over("null-sub-map", vec![file("exporters: {otlp_http: {sending_queue: }}\n")]),
        over("tilde", vec![headers("~")]),
        over("text-null", vec![headers("{x-from: \"null\"}")]),
        over("scalar-over-map", vec![headers("5")]),
        over("map-over-scalar", vec![file("exporters: {otlp_http: {compression: {a: b}}}\n")]),
        over("list-over-map", vec![headers("[{name: x-from, value: c}]")]),
        over("text-over-list", vec![traces("nop")]),
        over("new-section", vec![file("extensions: {pprof: {endpoint: \"127.0.0.1:0\"}}\n")]),
    ]
}

fn of_sets() -> Rows {
    let set = |key: &str| Config::Set(key.to_owned());
    vec![
        over("set", vec![set("exporters.otlp_http.headers.x-from=c")]),
        over("set-separated", vec![set("exporters::otlp_http::headers::x-from=c")]),
        over("set-before", vec![set("exporters.otlp_http.headers.x-from=c"), file(header("d"))]),
        over("set-map", vec![set("exporters.otlp_http.headers={x-from: c}")]),
        over("set-list", vec![set("service.pipelines.traces.exporters=[otlp_http]")]),
        over("set-empty", vec![set("exporters.otlp_http.headers.x-from=")]),
        over("set-null", vec![set("exporters.otlp_http.headers=null")]),
        over("set-number", vec![set("exporters.otlp_http.headers.x-from=5")]),
        over("set-equals", vec![set("exporters.otlp_http.headers.x-from=a=b")]),
        over("set-no-value", vec![set("exporters.otlp_http.headers.x-from")]),
        over("set-unknown", vec![set("nobody.x=1")]),
        over("set-variable", vec![set("exporters.otlp_http.headers.x-from=${env:WORD}")]),
        over("set-spaces", vec![set("exporters.otlp_http.headers.x-from = c")]),
    ]
}

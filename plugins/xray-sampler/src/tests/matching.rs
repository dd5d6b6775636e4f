//! Which rule a trace belongs to.

use super::*;
use crate::{reservoir::Reservoir, rule::Rule, rule::Spec};

/// Samples each of these traces by itself and returns the names of their rules.
fn rules(sampler: &mut Harness, spans: Spans) -> Vec<String> {
    let decisions = sampler.sample_with_reasons(spans).expect("decisions");
    decisions.iter().map(|(_, reason)| reason.unwrap_or_default().to_owned()).collect()
}

/// Scenario: rules for a host, a method and a path, and requests whose attributes have the names of the old and of the
/// stable semantic conventions.
/// Guarantees: the first rule that matches decides. What is no request satisfies no rule that asks for one.
#[test]
fn the_first_rule_that_matches_decides() {
    let mut sampler = local(
        r#"{"version": 2, "default": {"fixed_target": 0, "rate": 1}, "rules": [
            {"description": "health", "url_path": "/health", "fixed_target": 0, "rate": 0},
            {"description": "orders", "http_method": "POST", "url_path": "/api/*", "fixed_target": 0, "rate": 1},
            {"host": "*.internal", "fixed_target": 0, "rate": 1}]}"#,
    );
    let requests: [(&[(&str, &str)], &str); 12] = [
        (&[("url.path", "/health"), ("http.request.method", "GET")], "health"),
        (&[("http.target", "/health?verbose=1")], "health"),
        (&[("http.url", "https://a.internal/health?x")], "health"),
        (&[("url.full", "https://a.example")], "default"),
        (&[("url.path", "/api/1"), ("http.request.method", "post")], "orders"),
        (&[("http.target", "/api/1"), ("http.method", "POST")], "orders"),
        (&[("url.path", "/api/1"), ("http.request.method", "GET")], "default"),
        (&[("url.path", "/api/1"), ("http.request.method", "_OTHER")], "default"),
        (&[("server.address", "a.internal"), ("url.path", "/")], "rule 3"),
        (&[("http.host", "A.Internal:8443")], "rule 3"),
        (&[("net.host.name", "a.internal")], "rule 3"),
        (&[], "default"),
    ];
    let spans =
        requests.iter().enumerate().fold(testing::spans("shop"), |spans, (number, (attributes, _))| {
            let span = spans.trace(id(number as u128)).span("request");
            attributes.iter().fold(span, |span, (key, value)| span.attribute(key, *value))
        });
    assert_eq!(rules(&mut sampler, spans), requests.map(|(_, rule)| rule));
}

/// Guarantees: the root decides, not a span below it.
#[test]
fn the_root_is_looked_at() {
    let mut sampler = local(
        r#"{"version": 2, "default": {"fixed_target": 0, "rate": 1}, "rules": [
            {"description": "root", "url_path": "/root", "fixed_target": 0, "rate": 1}]}"#,
    );
    let below = |path: &str, root: Spans| root.span("below").child_of(1).attribute("url.path", path);
    let spans = testing::spans("shop").trace(1).span("root").attribute("url.path", "/root");
    assert_eq!(rules(&mut sampler, below("/other", spans)), ["root"]);
    let spans = testing::spans("shop").trace(1).span("root").attribute("url.path", "/other");
    assert_eq!(rules(&mut sampler, below("/root", spans)), ["default"]);
}

/// Scenario: rules of X-Ray's that each ask for one thing of the service, its resource or the request.
/// Guarantees: a rule matches what it asks for and nothing else. An attribute has to be there.
#[test]
fn each_property_of_a_rule_is_compared() {
    let span = |key: &str, value: Value| {
        serde_json::json!({"traceId": "01".repeat(16), "spanId": "02".repeat(8), "name": "x",
            "attributes": [{"key": key, "value": value}]})
    };
    let text = |text: &str| serde_json::json!({ "stringValue": text });
    let spans = |resource: (&str, &str), span: Value| {
        let attribute = serde_json::json!({"key": resource.0, "value": {"stringValue": resource.1}});
        let json = serde_json::json!({"resourceSpans": [{"resource": {"attributes": [attribute]},
            "scopeSpans": [{"spans": [span]}]}]});
        testing::from_json(&json.to_string()).expect("spans")
    };
    let any = || Spec::default();
    let attribute = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let name = ("service.name", "shop");
    let plain = || span("x", text("y"));
    for (spec, matching, other) in [
        (
            Spec { service_name: "sh?p".to_owned(), ..any() },
            spans(name, plain()),
            spans(("service.name", "cart"), plain()),
        ),
        (
            Spec { service_type: "AWS::ECS::Container".to_owned(), ..any() },
            spans(("cloud.platform", "aws_ecs"), plain()),
            spans(("cloud.platform", "gcp_cloud_run"), plain()),
        ),
        (
            Spec { service_type: "AWS::Lambda::*".to_owned(), ..any() },
            spans(("cloud.platform", "aws_lambda"), plain()),
            spans(name, plain()),
        ),
        (
            Spec { resource_arn: "arn:aws:ecs:*".to_owned(), ..any() },
            spans(("aws.ecs.container.arn", "arn:aws:ecs:eu-west-1:1:container/x"), plain()),
            spans(name, plain()),
        ),
        (
            Spec { resource_arn: "arn:aws:lambda:*".to_owned(), ..any() },
            spans(name, span("cloud.resource_id", text("arn:aws:lambda:eu-west-1:1:function:x"))),
            spans(("cloud.resource_id", "arn:aws:ec2:x"), plain()),
        ),
        (
            Spec { attributes: attribute("tier", "gold*"), ..any() },
            spans(name, span("tier", text("Golden"))),
            spans(name, span("tier", text("silver"))),
        ),
        (
            Spec { attributes: attribute("tier", "*"), ..any() },
            spans(name, span("tier", text(""))),
            spans(name, plain()),
        ),
        (
            Spec { attributes: attribute("size", "1?"), ..any() },
            spans(name, span("size", serde_json::json!({"intValue": "12"}))),
            spans(name, span("size", serde_json::json!({"intValue": "120"}))),
        ),
    ] {
        let mut sampler = local(r#"{"version": 2, "default": {"fixed_target": 0, "rate": 1}}"#);
        sampler.plugin().local = Rules::of([
            Rule::new(Spec { rule_name: "it".to_owned(), ..spec.clone() }, Reservoir::own(0)),
            Rule::new(any(), Reservoir::own(0)),
        ]);
        let mut rule = |spans| {
            sampler
                .sample_with_reasons(spans)
                .expect("decisions")
                .iter()
                .next()
                .and_then(|(_, rule)| rule.map(str::to_owned))
        };
        assert_eq!((rule(matching).as_deref(), rule(other).as_deref()), (Some("it"), Some("")), "{spec:?}");
    }
}

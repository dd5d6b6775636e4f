//! The exchange with X-Ray: what is asked and reported, and when.

use std::time::Duration;

use spanloom_plugin::{http::HttpError, log::Level};

use super::*;

/// A rule as X-Ray sends it.
fn rule(name: &str, priority: u32, reservoir: u32, rate: f64, path: &str) -> Value {
    serde_json::json!({"CreatedAt": 0.0, "ModifiedAt": 1.53e9, "SamplingRule": {
        "Attributes": {}, "FixedRate": rate, "HTTPMethod": "*", "Host": "*", "Priority": priority,
        "ReservoirSize": reservoir, "ResourceARN": "*", "RuleARN": format!("arn:aws:xray:::{name}"), "RuleName": name,
        "ServiceName": "*", "ServiceType": "*", "URLPath": path, "Version": 1}})
}

fn answer(body: &Value) {
    testing::answer(200, &[], body.to_string().as_bytes());
}

fn answer_rules(rules: &[Value]) {
    answer(&serde_json::json!({"NextToken": null, "SamplingRuleRecords": rules}));
}

fn now_seconds() -> f64 {
    clock::now_unix_nano() as f64 / 1e9
}

/// Wakes the sampler when it has asked to be woken.
fn wake(sampler: &mut Harness) {
    testing::advance(testing::wake_after().expect("a time"));
    sampler.wake().expect("woken");
}

/// Starts a sampler that has these rules.
fn with(rules: &[Value], more: &str) -> Harness {
    let mut sampler = Harness::new(&format!("{{{SERVICE}{more}}}")).expect("a config");
    // X-Ray's clock is not at zero.
    testing::advance(Duration::from_secs(1_000_000));
    answer_rules(rules);
    sampler.wake().expect("woken");
    sampler
}

/// Returns the path and the body of each request since the last call.
fn asked(seen: &mut usize) -> Vec<(String, Value)> {
    let requests = testing::requests();
    let new = requests[*seen..].iter().map(|request| {
        assert_eq!(request.method(), "POST");
        let path = request.url().strip_prefix("http://xray.test").expect("the endpoint");
        (path.to_owned(), serde_json::from_str(request.body_text()).expect("JSON"))
    });
    let new = new.collect();
    *seen = requests.len();
    new
}

fn warnings() -> Vec<String> {
    testing::lines().into_iter().filter(|(level, _)| *level == Level::Warn).map(|(_, line)| line).collect()
}

/// Scenario: rules come in two pages and in no order. One has another format, and one cannot be read.
/// Guarantees: they are tried in the order of their priority, and then of their name.
#[test]
fn rules_are_tried_in_the_order_of_their_priority() {
    let mut sampler = Harness::new(&format!("{{{SERVICE}}}")).expect("a config");
    assert_eq!(testing::wake_after(), Some(Duration::ZERO));
    let mut newer = rule("newer", 1, 1, 1.0, "*");
    newer["SamplingRule"]["Version"] = serde_json::json!(2);
    let unreadable = serde_json::json!({"SamplingRule": {"RuleName": 7}});
    answer(&serde_json::json!({"NextToken": "more", "SamplingRuleRecords":
        [rule("Default", 10_000, 0, 1.0, "*"), rule("b", 20, 0, 1.0, "/*"), newer, unreadable]}));
    answer_rules(&[rule("a", 20, 0, 1.0, "/x"), rule("first", 3, 0, 1.0, "/x/y")]);
    sampler.wake().expect("woken");
    let mut seen = 0;
    let pages = [serde_json::json!({}), serde_json::json!({"NextToken": "more"})];
    assert_eq!(asked(&mut seen), pages.map(|page| ("/GetSamplingRules".to_owned(), page)));
    assert_eq!(testing::metric("xray_sampler_rules"), Some(4.0));
    let spans =
        ["/x/y", "/x", "/z", ""].iter().enumerate().fold(testing::spans("shop"), |spans, (number, path)| {
            spans.trace(id(number as u128)).span("x").attribute("url.path", *path)
        });
    let decisions = sampler.sample_with_reasons(spans).expect("decisions");
    let rules: Vec<_> = decisions.iter().map(|(_, rule)| rule.unwrap_or_default()).collect();
    assert_eq!(rules, ["first", "a", "b", "Default"]);
    assert_eq!(testing::metric("xray_sampler_fallback_traces"), Some(0.0));
}

/// Scenario: X-Ray gives a quota for 20 s, at another rate, and wants the next report after 15 s.
/// Guarantees: one trace a second is borrowed before the quota and after it. The reports have what was kept since the last
/// one, and come when X-Ray wants them.
#[test]
fn traces_are_borrowed_until_a_quota_comes_and_reported() {
    let mut sampler = with(&[rule("Default", 10_000, 50, 0.0, "*")], "");
    let kept_of = |sampler: &mut Harness, first| {
        let decisions = sampler.sample(traces(first, 100)).expect("decisions");
        kept(&decisions).0
    };
    assert_eq!(kept_of(&mut sampler, 0), 1);
    testing::advance(Duration::from_secs(1));
    assert_eq!(kept_of(&mut sampler, 100), 1);
    assert_eq!(testing::metric("xray_sampler_kept_traces{by=\"borrowed\"}"), Some(2.0));

    testing::advance(Duration::from_secs(9));
    let ttl = now_seconds() + 20.0;
    answer(
        &serde_json::json!({"LastRuleModification": 1.5e5, "UnprocessedStatistics": [], "SamplingTargetDocuments":
        [{"RuleName": "Default", "FixedRate": 1.0, "ReservoirQuota": 7, "ReservoirQuotaTTL": ttl, "Interval": 15}]}),
    );
    let mut seen = 1;
    sampler.wake().expect("woken");
    let [(path, report)] = asked(&mut seen).try_into().expect("one request");
    assert_eq!(path, "/SamplingTargets");
    let [document] = report["SamplingStatisticsDocuments"].as_array().expect("a list").as_slice() else {
        panic!("{report}")
    };
    let client = document["ClientID"].as_str().expect("an id");
    assert!(client.len() == 24 && client.bytes().all(|digit| digit.is_ascii_hexdigit()), "{client}");
    assert_eq!(document["RuleName"], "Default");
    assert_eq!(document["Timestamp"].as_f64(), Some(now_seconds()));
    let counts = ["RequestCount", "SampledCount", "BorrowCount"].map(|key| document[key].as_u64());
    assert_eq!(counts, [Some(200), Some(2), Some(2)]);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(15)));

    // Seven of the quota, and all others by the new rate.
    let decisions = sampler.sample(traces(200, 100)).expect("decisions");
    assert_eq!(decisions[..7], [Decision::Keep(1.0); 7]);
    assert_eq!(decisions[7..], [Decision::KeepConsistently(1.0); 93]);
    assert_eq!(testing::metric("xray_sampler_kept_traces{by=\"reservoir\"}"), Some(7.0));
    testing::advance(Duration::from_secs(15));
    let same = serde_json::json!({"LastRuleModification": 1.5e5, "SamplingTargetDocuments": [{"RuleName": "Default"}]});
    answer(&same);
    sampler.wake().expect("woken");
    let [(_, report)] = asked(&mut seen).try_into().expect("one request");
    let document = &report["SamplingStatisticsDocuments"][0];
    let counts = ["RequestCount", "SampledCount", "BorrowCount"].map(|key| document[key].as_u64());
    assert_eq!((counts, document["ClientID"].as_str()), ([Some(100), Some(100), Some(0)], Some(client)));

    // The quota runs out 20 s after it came. The rate stays.
    testing::advance(Duration::from_secs(5));
    let decisions = sampler.sample(traces(300, 100)).expect("decisions");
    assert_eq!(decisions.iter().filter(|decision| **decision == Decision::Keep(1.0)).count(), 1);
}

/// Scenario: no trace comes.
/// Guarantees: nothing is reported.
#[test]
fn without_traces_there_is_no_report() {
    let mut sampler = with(&[rule("Default", 10_000, 1, 0.0, "*")], "");
    for _ in 0..3 {
        wake(&mut sampler);
    }
    assert_eq!(testing::requests().len(), 1);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(10)));
}

/// Scenario: 60 rules have matched.
/// Guarantees: a request has the statistics of 25 rules at most.
#[test]
fn a_report_of_many_rules_takes_several_requests() {
    let rules: Vec<Value> =
        (0..60).map(|number| rule(&format!("r{number}"), number, 0, 1.0, &format!("/{number}"))).collect();
    let mut sampler = with(&rules, "");
    let spans = (0..60).fold(testing::spans("shop"), |spans, number| {
        spans.trace(id(number)).span("x").attribute("url.path", format!("/{number}"))
    });
    sampler.sample(spans).expect("decisions");
    (0..3).for_each(|_| answer(&serde_json::json!({})));
    let mut seen = 1;
    wake(&mut sampler);
    let sizes: Vec<usize> = asked(&mut seen)
        .iter()
        .filter_map(|(_, report)| Some(report["SamplingStatisticsDocuments"].as_array()?.len()))
        .collect();
    assert_eq!(sizes, [25, 25, 10]);
}

/// Scenario: X-Ray says that its rules have changed.
/// Guarantees: they are fetched at once. A rule keeps its quota and counts, and X-Ray's rate for it if it is the same.
#[test]
fn rules_that_have_changed_are_fetched() {
    let default = rule("Default", 10_000, 50, 0.0, "*");
    let mut sampler = with(std::slice::from_ref(&default), "");
    sampler.sample(traces(0, 10)).expect("decisions");
    testing::advance(Duration::from_secs(10));
    let modified = now_seconds() - 1.0;
    let targets = serde_json::json!({"LastRuleModification": modified, "SamplingTargetDocuments": [{"RuleName":
        "Default", "FixedRate": 1.0, "ReservoirQuota": 5, "ReservoirQuotaTTL": now_seconds() + 60.0, "Interval": 10}]});
    answer(&targets);
    answer_rules(&[default, rule("new", 1, 0, 1.0, "/new")]);
    let mut seen = 1;
    sampler.wake().expect("woken");
    let paths: Vec<String> = asked(&mut seen).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["/SamplingTargets", "/GetSamplingRules"]);
    let decisions = sampler.sample(traces(10, 10)).expect("decisions");
    assert_eq!(decisions[..5], [Decision::Keep(1.0); 5]);
    assert_eq!(decisions[5..], [Decision::KeepConsistently(1.0); 5]);

    // X-Ray says the same again, which is no news.
    answer(&targets);
    wake(&mut sampler);
    assert_eq!(asked(&mut seen).len(), 1);
}

/// Scenario: X-Ray does not answer a report, then does not take it, and takes it at last.
/// Guarantees: nothing that was to be reported is lost. The log warns seldom, and says when X-Ray answers again.
#[test]
fn a_report_that_failed_is_repeated() {
    let mut sampler = with(&[rule("Default", 10_000, 0, 1.0, "*")], "");
    sampler.sample(traces(0, 10)).expect("decisions");
    testing::fail(HttpError::Timeout);
    wake(&mut sampler);
    sampler.sample(traces(10, 5)).expect("decisions");
    answer(&serde_json::json!({"UnprocessedStatistics":
        [{"RuleName": "Default", "ErrorCode": "500", "Message": "later"}]}));
    wake(&mut sampler);
    answer(&serde_json::json!({}));
    wake(&mut sampler);
    let mut seen = 1;
    let counts: Vec<Value> = asked(&mut seen)
        .iter()
        .map(|(_, report)| report["SamplingStatisticsDocuments"][0]["RequestCount"].clone())
        .collect();
    assert_eq!(counts, [10, 15, 15]);
    let warnings = warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("no answer in time") && warnings[0].contains("stay in use"), "{warnings:?}");
    assert!(warnings[1].contains("`Default`: 500: later"), "{warnings:?}");
    assert!(
        testing::lines().iter().any(|(level, line)| *level == Level::Info && line.contains("answers again"))
    );
    let failed =
        testing::metric(r#"xray_sampler_requests{operation="GetSamplingTargets",outcome="failure"}"#);
    assert_eq!(failed, Some(1.0));
}

/// Scenario: X-Ray refuses every request for an hour and a half, or answers with something else.
/// Guarantees: the requests become rarer, and so do the warnings. The last rules are used for an hour. After that the rules
/// of the config are, and X-Ray's again when they come.
#[test]
fn the_last_rules_are_used_for_an_hour() {
    let fallback = r#", "rules": {"version": 2, "default": {"fixed_target": 3, "rate": 0}}"#;
    let mut sampler = with(&[rule("Default", 10_000, 0, 1.0, "*")], fallback);
    let kept_now = |sampler: &mut Harness| kept(&sampler.sample(traces(0, 50)).expect("decisions")).0;
    assert_eq!(kept_now(&mut sampler), 50);
    let begun = clock::monotonic();
    let refusal = br#"{"__type": "AccessDeniedException", "Message": "not allowed"}"#;
    let (mut used, mut fell_back) = (0, 0);
    while clock::monotonic() < begun + Duration::from_secs(90 * 60) {
        if used % 2 == 0 {
            testing::answer(403, &[], refusal)
        } else {
            testing::answer(200, &[], b"<html>")
        }
        wake(&mut sampler);
        match kept_now(&mut sampler) {
            50 => used += 1,
            3 => fell_back += 1,
            other => panic!("{other} are kept"),
        }
    }
    // Every 300 s, and more often at first.
    assert!((12..=18).contains(&used) && (5..=8).contains(&fell_back), "{used} {fell_back}");
    let lines = warnings();
    assert!((12..=20).contains(&lines.len()), "{lines:?}");
    assert!(lines[0].contains("status 403: AccessDeniedException: not allowed"), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.contains("without X-Ray's rules")), "{lines:?}");
    assert_eq!(testing::metric("xray_sampler_rules"), Some(0.0));

    answer_rules(&[rule("Default", 10_000, 0, 1.0, "*")]);
    answer(&serde_json::json!({}));
    wake(&mut sampler);
    assert_eq!(kept_now(&mut sampler), 50);
}

/// Guarantees: an answer that makes no sense changes nothing, and no number of it is too large.
#[test]
fn no_answer_is_too_strange() {
    let mut strange = rule("Default", 10_000, 1, 7.5, "*");
    strange["SamplingRule"]["ReservoirSize"] = serde_json::json!(1e300);
    let mut sampler = with(&[strange], "");
    assert_eq!(kept(&sampler.sample(traces(0, 50)).expect("decisions")), (50, 50.0));
    answer(&serde_json::json!({"LastRuleModification": -1e300, "SamplingTargetDocuments": [
        {"RuleName": "nobody"}, {"RuleName": null},
        {"RuleName": "Default", "FixedRate": -1.0, "ReservoirQuota": 1e300, "ReservoirQuotaTTL": 1e300, "Interval": 1e300}]}));
    wake(&mut sampler);
    assert_eq!(testing::wake_after(), Some(Duration::from_secs(290)), "the next are the rules");
    assert_eq!(kept(&sampler.sample(traces(0, 50)).expect("decisions")).0, 50);
    assert_eq!(warnings(), Vec::<String>::new());
}

/// Guarantees: an instance goes on with the rules, the quota and the counts of the last one, but not with those of another
/// endpoint.
#[test]
fn what_was_agreed_is_handed_over() {
    let mut sampler = with(&[rule("Default", 10_000, 50, 0.0, "*")], "");
    sampler.sample(traces(0, 10)).expect("decisions");
    answer(&serde_json::json!({"SamplingTargetDocuments": [{"RuleName": "Default", "FixedRate": 0.0,
        "ReservoirQuota": 4, "ReservoirQuotaTTL": now_seconds() + 100.0, "Interval": 30}]}));
    wake(&mut sampler);
    sampler.sample(traces(0, 10)).expect("decisions");
    for (endpoint, expected) in [("http://xray.test", 4), ("http://other.test", 1)] {
        let fallback = r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0}}"#;
        let config = format!(r#"{{"endpoint": "{endpoint}", "rules": {fallback}}}"#);
        sampler.hand_over(&config).expect("handed over");
        testing::advance(Duration::from_secs(1));
        let decisions = sampler.sample(traces(0, 10)).expect("decisions");
        assert_eq!(kept(&decisions).0, expected, "{endpoint}");
    }
    // Nothing of another version is an error.
    sampler.restore(Saved { state: b"[]".to_vec(), batches: Vec::new() }).expect("restored");
}

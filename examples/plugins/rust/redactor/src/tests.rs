use super::*;

fn redacted(config: &str, spans: testing::Spans) -> SpanBatch {
    let mut redactor = testing::Processor::<Redactor>::new(config).expect("a config");
    redactor.process(spans).expect("processed").pop().expect("one batch")
}

#[test]
fn a_listed_key_loses_its_value_whatever_its_type() {
    let spans = testing::spans("shop").span("pay").attribute("card", "4111").attribute("amount", 7);
    let spans = redacted(r#"{"keys": ["card", "amount"]}"#, spans.span("ship"));
    assert_eq!(spans.text("card"), TextColumn::from_iter([(0, "***")]));
    assert_eq!(spans.get(0, "amount"), Some("***".into()));
    assert_eq!(spans.get(1, "card"), None);
}

#[test]
fn a_query_is_cut_and_a_url_without_one_is_left_alone() {
    let url = |url: &str| testing::spans("shop").span("get").attribute("url.full", url);
    for (given, left) in [
        ("https://a/b?c=d?e", "https://a/b?***"),
        ("https://a/größe?", "https://a/größe?***"),
        ("https://a", "https://a"),
    ] {
        assert_eq!(redacted("{}", url(given)).text("url.full").get(0), Some(left));
    }
}

#[test]
fn each_span_is_tagged_with_its_own_service() {
    let spans = testing::spans("shop").span("a").span("b").service("cart").span("c");
    let spans = redacted(r#"{"tag": "team"}"#, spans);
    assert_eq!(spans.text("team").dense(3), [Some("shop"), Some("shop"), Some("cart")]);
}

#[test]
fn every_language_makes_the_same_of_the_fixture() {
    let file = |name: &str| {
        let path = format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).expect("a fixture")
    };
    let mut redactor = testing::Processor::<Redactor>::new(&file("redactor/config.json")).expect("a config");
    let shop = testing::from_json(&file("shop.json")).expect("spans");
    let passed = redactor.process(shop).expect("processed");
    let golden = testing::from_json(&file("redactor/shop.golden.json")).expect("spans");
    assert_eq!(testing::to_json(&passed[0]), testing::to_json(&golden));
}

#[test]
fn an_unknown_key_is_refused() {
    let error = testing::Processor::<Redactor>::new(r#"{"kyes": []}"#).expect_err("a typo");
    assert!(error.message.starts_with("unknown field `kyes`"), "{error:?}");
}

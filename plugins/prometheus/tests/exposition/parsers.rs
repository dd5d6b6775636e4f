//! Other parsers can read every scrape, whatever metrics arrive.

use std::{
    collections::HashSet,
    env, fs,
    io::Write,
    process::{Command, Stdio},
    thread,
};

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    arbitrary::case,
    client_model::{MetricFamily, families},
    scrape::{self, OPEN_METRICS, PROTOBUF, TEXT, TEXT_UTF8},
};

const OPEN_METRICS_UTF8: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8";
const TEXT_DOTS: &str = "text/plain;version=1.0.0;escaping=dots";
const PROTOBUF_VALUES: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
    encoding=delimited;escaping=values";

/// The number of cases that one run of the Python parsers reads.
const CASES: usize = 600;

/// Scenario: thousands of odd batches, scraped in both text formats and parsed by Prometheus's own Python
/// client, whose OpenMetrics parser checks types, names, buckets, groups and exemplars. Guarantees that no
/// metrics break a scrape.
#[test]
fn the_python_client_reads_whatever_is_scraped() {
    let Some(python) = env::var_os("SPANLOOM_PYTHON") else {
        return skip("no Python with prometheus_client; `cargo xtask test` installs it");
    };
    let mut runner = TestRunner::default();
    let mut input = Vec::new();
    for number in 0..CASES {
        let (config, request) = case().new_tree(&mut runner).expect("a case").current();
        let mut exporter = scrape::exporter(config);
        scrape::export(&mut exporter, &request);
        for (format, accept) in
            [("text", TEXT), ("openmetrics", OPEN_METRICS), ("openmetrics", OPEN_METRICS_UTF8)]
        {
            let body = scrape::text(&mut exporter, accept);
            writeln!(input, "{}", serde_json::json!({"case": number, "format": format, "body": body}))
                .expect("memory");
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/exposition/parse.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let feeder = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("Python ends");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    feeder.join().expect("fed").expect("all was read");
    assert_eq!(said.trim(), format!("parsed {}", 3 * CASES));
}

/// Adds the test to the list of skipped tests, as the end-to-end tests do.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {test}: {why}");
    if let Some(list) = env::var_os("SPANLOOM_TEST_SKIPS") {
        let mut list = fs::OpenOptions::new().append(true).create(true).open(list).expect("the list");
        list.write_all(format!("{test}: {why}\n").as_bytes()).expect("the list");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Guarantees that each line of text is a sample of the grammar, and that no series occurs twice.
    #[test]
    fn every_line_is_a_sample_of_its_own((config, request) in case()) {
        let mut exporter = scrape::exporter(config);
        scrape::export(&mut exporter, &request);
        for accept in [TEXT, TEXT_DOTS] {
            let text = scrape::text(&mut exporter, accept);
            let mut seen = HashSet::new();
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let series = series(line).ok_or_else(|| TestCaseError::fail(format!("no sample: {line}")))?;
                prop_assert!(seen.insert(series.to_owned()), "twice: {line}\n{text}");
            }
        }
        // Without another parser, this only checks that the scrape ends.
        scrape::text(&mut exporter, TEXT_UTF8);
    }

    /// Guarantees that families and labels are unique, that buckets ascend, and that counts are consistent.
    #[test]
    fn every_message_is_whole((config, request) in case()) {
        let mut exporter = scrape::exporter(config);
        scrape::export(&mut exporter, &request);
        for accept in [PROTOBUF, PROTOBUF_VALUES] {
            let families = families(&scrape::scrape(&mut exporter, accept).body);
            let names: HashSet<_> = families.iter().map(|family| family.name.clone()).collect();
            prop_assert_eq!(names.len(), families.len());
            for family in &families {
                let labels: HashSet<String> = family.metric.iter().map(|metric| format!("{:?}", metric.label)).collect();
                prop_assert_eq!(labels.len(), family.metric.len());
                check_histograms(family)?;
            }
        }
    }
}

fn check_histograms(family: &MetricFamily) -> Result<(), TestCaseError> {
    for histogram in family.metric.iter().filter_map(|metric| metric.histogram.as_ref()) {
        let buckets: Vec<(f64, u64)> = histogram
            .bucket
            .iter()
            .map(|bucket| (bucket.upper_bound.expect("a bound"), bucket.cumulative_count.expect("a count")))
            .collect();
        prop_assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{buckets:?}");
        if histogram.schema.is_none() {
            prop_assert_eq!(buckets.last(), Some(&(f64::INFINITY, histogram.sample_count.expect("a count"))));
            continue;
        }
        let sides = [
            (&histogram.positive_span, &histogram.positive_delta),
            (&histogram.negative_span, &histogram.negative_delta),
        ];
        let mut counted = u128::from(histogram.zero_count.expect("a count"));
        for (spans, deltas) in sides {
            let length: u32 = spans.iter().map(|span| span.length.expect("a length")).sum();
            prop_assert_eq!(length as usize, deltas.len());
            prop_assert!(spans.iter().skip(1).all(|span| span.offset.expect("an offset") >= 0));
            let mut count = 0_i64;
            for delta in deltas {
                count += delta;
                prop_assert!(count >= 0);
                counted += count as u128;
            }
        }
        // Prometheus rejects the whole scrape otherwise.
        let count = u128::from(histogram.sample_count.expect("a count"));
        let has_others = histogram.sample_sum.is_some_and(f64::is_nan);
        prop_assert!(counted == count || (has_others && counted < count), "{counted} of {count}");
    }
    Ok(())
}

/// Returns the text before the value if the line is a sample: `name{label="value",…} number [milliseconds]`.
fn series(line: &str) -> Option<&str> {
    let name_end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))?;
    (name_end > 0 && !line.as_bytes()[0].is_ascii_digit()).then_some(())?;
    let mut rest = &line[name_end..];
    let mut names = HashSet::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let name_end = rest.find('=')?;
            let name = &rest[..name_end];
            let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let legal = begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            (legal && name != "__name__" && names.insert(name)).then_some(())?;
            rest = rest[name_end..].strip_prefix("=\"")?;
            let mut chars = rest.char_indices();
            let end = loop {
                match chars.next()? {
                    (_, '\\') => {
                        chars.next().filter(|(_, c)| matches!(c, '\\' | '"' | 'n'))?;
                    }
                    (at, '"') => break at,
                    _ => {}
                }
            };
            (end > 0).then_some(())?;
            rest = &rest[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let series = &line[..line.len() - rest.len()];
    let mut fields = rest.strip_prefix(' ')?.split(' ');
    let number = fields.next()?.replace("Inf", "inf");
    number.parse::<f64>().ok()?;
    fields.next().map_or(Some(0), |time| time.parse::<u64>().ok())?;
    fields.next().is_none().then_some(series)
}

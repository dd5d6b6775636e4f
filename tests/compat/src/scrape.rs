//! A scrape of Prometheus's text format, in a form that two servers can be compared by.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use anyhow::Result;

use crate::http1::{self, Request};

/// What a scrape shows: each series as a line of its own.
#[derive(Default)]
pub(crate) struct Scrape {
    pub(crate) content_type: String,
    pub(crate) series: Vec<Series>,
}

pub(crate) struct Series {
    pub(crate) name: String,
    /// Sorted by name.
    pub(crate) labels: Vec<(String, String)>,
    /// The value, and in OpenMetrics the exemplar.
    pub(crate) value: String,
    pub(crate) kind: String,
    pub(crate) help: String,
}

/// Labels whose values differ from process to process.
const OWN_LABELS: &[&str] =
    &["collector_instance_id", "service_instance_id", "service_version", "server_port"];

pub(crate) async fn scrape(from: SocketAddr, accept: &str) -> Result<Scrape> {
    let request = Request::new("GET", "/metrics").header("Accept", accept);
    let answer = http1::exchange(from, &request.bytes(), false).await?;
    let content_type = answer.headers.get("content-type").and_then(|value| value.to_str().ok());
    let mut scrape = parse(&String::from_utf8_lossy(&answer.body));
    scrape.content_type = format!("{} {}", answer.status, content_type.unwrap_or_default());
    Ok(scrape)
}

pub(crate) fn parse(text: &str) -> Scrape {
    let mut described: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut series = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(what), Some(name), rest) => {
                described.insert((what, name), rest.unwrap_or_default());
            }
            _ => series.extend(parse_line(line)),
        }
    }
    for one in &mut series {
        let of = |what| {
            let ends = ["", "_info", "_bucket", "_sum", "_count", "_total", "_created"];
            let families = ends.into_iter().filter_map(|end| one.name.strip_suffix(end));
            families
                .into_iter()
                .find_map(|family| described.get(&(what, family)))
                .copied()
                .unwrap_or_default()
        };
        (one.kind, one.help) = (of("TYPE").to_owned(), of("HELP").to_owned());
    }
    Scrape { content_type: String::new(), series }
}

impl Scrape {
    /// Returns the series that have a label with this value, as one text for each name of a series.
    pub(crate) fn about(&self, value: &str) -> BTreeMap<String, String> {
        let named = |series: &&Series| series.labels.iter().any(|(_, given)| given == value);
        let mut lines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for series in self.series.iter().filter(named) {
            lines.entry(series.name.clone()).or_default().insert(series.line());
        }
        let joined = |lines: BTreeSet<String>| lines.into_iter().collect::<Vec<_>>().join(" | ");
        lines.into_iter().map(|(name, lines)| (name, joined(lines))).collect()
    }
}

impl Series {
    pub(crate) fn line(&self) -> String {
        let Series { name, value, kind, help, .. } = self;
        format!("{name}{{{}}} {value} ({kind}: {help})", self.labels())
    }

    pub(crate) fn labels(&self) -> String {
        let label = |(name, value): &(String, String)| match OWN_LABELS.contains(&name.as_str()) {
            true => format!("{name}=…"),
            false => format!("{name}={value:?}"),
        };
        self.labels.iter().map(label).collect::<Vec<_>>().join(",")
    }
}

fn parse_line(line: &str) -> Option<Series> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (mut labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    // A label without a value is as good as none.
    labels.retain(|(_, value)| !value.is_empty());
    labels.sort();
    // A name outside the classic letters stands between the braces.
    let name = match labels.iter().position(|(label, _)| label.is_empty()) {
        Some(at) => labels.remove(at).1,
        None => name.to_owned(),
    };
    let value = rest.trim().split(' ').map(number).collect::<Vec<_>>().join(" ");
    Some(Series { name, labels, value, kind: String::new(), help: String::new() })
}

/// Parses `a="b",c="d"} rest`. A quoted name without a value gets an empty label.
fn parse_labels(mut text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (label, rest) = match text.strip_prefix('"') {
            Some(quoted) => parse_quoted(quoted)?,
            None => text.split_at_checked(text.find('=')?).map(|(name, rest)| (name.to_owned(), rest))?,
        };
        match rest.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, rest) = parse_quoted(quoted)?;
                labels.push((label, value));
                text = rest;
            }
            None => {
                labels.push((String::new(), label));
                text = rest;
            }
        }
    }
}

fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Returns a number in one spelling: `1e+02` is `100`.
fn number(text: &str) -> String {
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: the same series, written in two ways.
    /// Guarantees: order of labels and spelling of numbers make no difference; types are found by family.
    #[test]
    fn spelling_makes_no_difference() {
        let one =
            parse("# HELP a_total h\n# TYPE a_total counter\na_total{x=\"1\",job=\"j\"} 1e+02\n").about("j");
        let other = parse("# TYPE a counter\n# HELP a h\na_total{job=\"j\",x=\"1\"} 100\n").about("j");
        assert_eq!(one, other);
        assert_eq!(one["a_total"], "a_total{job=\"j\",x=\"1\"} 100 (counter: h)");
    }

    /// Scenario: a quoted name and an escaped value.
    /// Guarantees: both are read.
    #[test]
    fn quoted_names_are_read() {
        let seen = parse("{\"a.b\",job=\"j\\\"\\n\"} 1\n");
        assert_eq!(seen.series[0].line(), "a.b{job=\"j\\\"\\n\"} 1 (: )");
    }
}

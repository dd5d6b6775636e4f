//! Renders the Prometheus text exposition, format 0.0.4.

use std::{collections::BTreeMap, fmt::Write, sync::atomic::Ordering::Relaxed};

use super::{Family, Kind, Value, names};
use crate::config::telemetry::Naming;

type Labels = [(String, String)];

pub(super) fn render(families: &BTreeMap<String, Family>, naming: Naming) -> String {
    let mut text = String::new();
    for (name, family) in families {
        let is_counter = matches!(family.kind, Kind::Counter | Kind::Sum);
        let written = names::written(name, is_counter, naming);
        // Two families must not get one name.
        let name = if families.contains_key(&*written) { name } else { &*written };
        // Writing to a string cannot fail.
        let _ = write_family(&mut text, name, family);
    }
    text
}

fn write_family(text: &mut String, name: &str, family: &Family) -> std::fmt::Result {
    if !family.help.is_empty() {
        writeln!(text, "# HELP {name} {}", family.help.replace('\\', "\\\\").replace('\n', "\\n"))?;
    }
    let kind = match family.kind {
        Kind::Counter | Kind::Sum => "counter",
        Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    };
    writeln!(text, "# TYPE {name} {kind}")?;
    for (labels, series) in &family.series {
        match &series.value {
            Value::Counter(count) => write_line(text, name, labels, None, count.load(Relaxed))?,
            Value::Gauge(bits) => {
                write_line(text, name, labels, None, number(f64::from_bits(bits.load(Relaxed))))?;
            }
            Value::Histogram(buckets) => {
                let mut all = 0;
                for (bound, count) in buckets.cumulative() {
                    write_line(text, &format!("{name}_bucket"), labels, Some(bound), count)?;
                    all = count;
                }
                write_line(text, &format!("{name}_sum"), labels, None, number(buckets.sum()))?;
                write_line(text, &format!("{name}_count"), labels, None, all)?;
            }
        }
    }
    text.push('\n');
    Ok(())
}

fn write_line(
    text: &mut String,
    name: &str,
    labels: &Labels,
    bound: Option<f64>,
    value: impl std::fmt::Display,
) -> std::fmt::Result {
    text.push_str(name);
    let bound = bound.map(number);
    let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let labels = labels.chain(bound.as_deref().map(|bound| ("le", bound)));
    let mut before = '{';
    for (name, value) in labels {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(text, "{before}{name}=\"{value}\"")?;
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    writeln!(text, " {value}")
}

fn number(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::telemetry::registry::{Name, Registry};

    /// Scenario: a series of each kind is shown, with values and texts that need escaping.
    /// Guarantees: the text is what Prometheus reads.
    #[test]
    fn each_kind_is_shown_as_prometheus_reads_it() {
        let registry = Arc::new(Registry::default());
        let scope = registry.scope("a");
        let labels = || vec![("say".to_owned(), "\"a\\b\n".to_owned())];
        scope.plugin_counter("c", "one\nline", labels()).unwrap().increment(2);
        scope.plugin_gauge("g", "", Vec::new()).unwrap().set(f64::INFINITY);
        let histogram = scope.plugin_histogram("h_seconds", "", Vec::new()).unwrap();
        histogram.record(0.5);
        histogram.record(20.0);
        registry.sum(Name::of_host("s", &[])).unwrap().set(0.5);
        let shown = registry.render(Naming::Plain);
        let expected = [
            "# HELP c one\\nline\n# TYPE c counter\nc{say=\"\\\"a\\\\b\\n\"} 2\n\n",
            "# TYPE g gauge\ng +Inf\n\n",
            "# TYPE s counter\ns 0.5\n\n",
            "# TYPE h_seconds histogram\nh_seconds_bucket{le=\"0.005\"} 0\n",
            "h_seconds_bucket{le=\"0.5\"} 1\n",
            "h_seconds_bucket{le=\"10\"} 1\nh_seconds_bucket{le=\"+Inf\"} 2\nh_seconds_sum 20.5\nh_seconds_count 2\n\n",
        ];
        for part in expected {
            assert!(shown.contains(part), "no\n{part}\nin\n{shown}");
        }
        let shown = registry.render(Naming::Suffixed);
        assert!(shown.contains("# TYPE c_total counter\nc_total{say="), "{shown}");
        assert!(shown.contains("# TYPE h_seconds histogram\nh_seconds_bucket{le="), "{shown}");
    }
}

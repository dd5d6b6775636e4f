//! Holds the figures of a measurement, and writes them as text and as JSON.

use std::fmt;

use serde::Serialize;

/// The figures of a measurement.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    /// The plugin, written as `redactor 0.1.0 (processor)`.
    pub(super) plugin: String,
    /// `batch`, or `request` of a receiver: what a subject is given in one pass.
    pub(super) given_is: &'static str,
    /// `spans`, `data points`, `log records`, or `items` of several signals.
    pub(super) items_are: &'static str,
    /// The number of items in it.
    pub(super) items: usize,
    /// The length of the items as OTLP.
    pub(super) bytes: usize,
    pub(super) rounds: usize,
    /// The figures without a plugin, of the identity plugin, and of the plugin.
    pub(super) subjects: Vec<Figure>,
    /// The instances of the plugin after the last round.
    pub(super) guest_instances: usize,
    pub(super) guest_memory_bytes: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) name: String,
    /// The median of the rounds.
    pub(super) ns_per_item: f64,
    pub(super) us_per_batch: f64,
    /// Half of the range from the 10th to the 90th percentile of the rounds, as a share of the median.
    pub(super) spread: f64,
    /// The time relative to the time without a plugin.
    pub(super) ratio: f64,
}

impl Figure {
    /// Computes the figures. `rounds_ns` holds one or more values in nanoseconds a batch.
    pub(super) fn new(name: &str, mut rounds_ns: Vec<f64>, items: usize, without_plugin_ns: f64) -> Figure {
        rounds_ns.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * rounds_ns.len().saturating_sub(1) as f64).round() as usize;
            rounds_ns.get(place).copied().unwrap_or_default()
        };
        let median_ns = at(0.5);
        Figure {
            name: name.to_owned(),
            ns_per_item: median_ns / items.max(1) as f64,
            us_per_batch: median_ns / 1e3,
            spread: (at(0.9) - at(0.1)) / 2.0 / median_ns.max(1.0),
            ratio: median_ns / without_plugin_ns.max(1.0),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_item = self.bytes / self.items.max(1);
        let (items, what, given) = (self.items, self.items_are, self.given_is);
        writeln!(f, "{}", self.plugin)?;
        writeln!(f, "{items} {what} a {given}, {per_item} bytes each; median of {} rounds\n", self.rounds)?;
        let item = what.strip_suffix('s').unwrap_or(what);
        let width = self.subjects.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
        let head = format!("ns a {item}");
        let column = head.len().max(9);
        let whole = format!("µs a {given}");
        let wide = whole.chars().count();
        writeln!(f, "{:width$}  {head:>column$}  {whole}  {:>6}  {:>8}", "", "spread", "ratio")?;
        for Figure { name, ns_per_item, us_per_batch, spread, ratio } in &self.subjects {
            let spread = format!("±{:.0} %", spread * 100.0);
            writeln!(
                f,
                "{name:width$}  {ns_per_item:>column$.1}  {us_per_batch:>wide$.1}  {spread:>6}  {ratio:>6.2} ×"
            )?;
        }
        if let [without, identity, plugin] = &self.subjects[..] {
            let cost =
                |of: &Figure| (plugin.ns_per_item - of.ns_per_item, plugin.us_per_batch - of.us_per_batch);
            let ((ns, us), (own_ns, own_us)) = (cost(without), cost(identity));
            writeln!(f, "\nthe plugin costs {ns:.1} ns a {item}, {us:.1} µs a {given}")?;
            if own_ns > 0.0 {
                let own = format!("{own_ns:.1} ns a {item}, {own_us:.1} µs a {given}");
                writeln!(f, "of that, {own} is its own cost; the rest is the call")?;
            } else {
                writeln!(f, "no more than a plugin that does nothing, as far as this run can tell")?;
            }
        }
        let mib = self.guest_memory_bytes as f64 / f64::from(1 << 20);
        let plural = if self.guest_instances == 1 { "" } else { "s" };
        writeln!(f, "guest memory {mib:.1} MiB in {} instance{plural}", self.guest_instances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a report is written as text.
    /// Guarantees: the text shows each subject's figures and the plugin's own cost.
    #[test]
    fn the_figures_read_like_this() {
        let figure = |name, ns| Figure::new(name, vec![ns * 1.1, ns, ns * 0.9], 1000, 20_000.0);
        let report = Report {
            plugin: "redactor 0.1.0 (processor)".to_owned(),
            given_is: "batch",
            items_are: "spans",
            items: 1000,
            bytes: 560_123,
            rounds: 20,
            subjects: vec![
                figure("no plugin", 20_000.0),
                figure("identity plugin", 21_000.0),
                figure("redactor", 431_000.0),
            ],
            guest_instances: 1,
            guest_memory_bytes: 1_310_720,
        };
        let expected = "\
redactor 0.1.0 (processor)
1000 spans a batch, 560 bytes each; median of 20 rounds

                 ns a span  µs a batch  spread     ratio
no plugin             20.0        20.0   ±10 %    1.00 ×
identity plugin       21.0        21.0   ±10 %    1.05 ×
redactor             431.0       431.0   ±10 %   21.55 ×

the plugin costs 411.0 ns a span, 411.0 µs a batch
of that, 410.0 ns a span, 410.0 µs a batch is its own cost; the rest is the call
guest memory 1.2 MiB in 1 instance
";
        assert_eq!(report.to_string(), expected, "\n{report}");
    }
}

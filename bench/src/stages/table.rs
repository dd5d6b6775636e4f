//! Prints the costs of the stages as a table.

use super::{Kind, Way};
use crate::payload::Payload;

/// Prints medians: the cost above that of a batch that merely passes.
pub(super) fn print(payload: &Payload, ways: &[Way]) {
    let spans = f64::from(payload.spans);
    let of = |task: &str, kind: Kind| {
        let way = ways.iter().find(|way| way.task == task && way.kind == kind)?;
        Some(median(&way.samples_ns) / spans)
    };
    let pass_of = |in_a_row: usize| {
        let pass = ways.iter().find(|way| way.kind == Kind::Pass && way.in_a_row == in_a_row);
        pass.map_or(0.0, |way| median(&way.samples_ns)) / spans
    };
    println!(
        "\nPlugins, {} spans a batch: ns a span more than passing it on ({} rounds, medians)",
        payload.spans,
        ways.iter().map(|way| way.samples_ns.len()).min().unwrap_or_default()
    );
    println!("  {:<24}{:>10}{:>10}{:>10}", "", "native", "plugin", "ratio");
    for way in ways.iter().filter(|way| way.kind == Kind::Plugin) {
        let pass = pass_of(way.in_a_row);
        let plugin = median(&way.samples_ns) / spans - pass;
        match of(way.task, Kind::Native).map(|native| native - pass) {
            Some(native) => {
                println!("  {:<24}{native:>10.1}{plugin:>10.1}{:>10.2}", way.task, plugin / native);
            }
            None => println!(
                "  {:<24}{:>10}{plugin:>10.1}   ({:.2} µs a batch)",
                way.task,
                "-",
                plugin * spans / 1e3
            ),
        }
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

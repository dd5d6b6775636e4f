//! Prints the costs of swaps as a table, each beside its target.

use std::fmt::Write as _;

use super::{SETTLING_SWAPS, pause::Pauses};

const MIB: f64 = 1_048_576.0;

/// The figures for versions of one size.
pub(super) struct Figures {
    pub(super) name: &'static str,
    /// Figures while every connection sends as fast as it is answered.
    pub(super) full: Seen,
    /// Figures while each connection sends at a pace and the cores have time left.
    pub(super) paced: Seen,
    pub(super) in_a_row: Option<InARow>,
    pub(super) spans: u64,
    /// The pauses of every instance that was replaced, whatever the load.
    pub(super) pauses: Pauses,
}

/// What the senders saw.
pub(super) struct Seen {
    /// For each swap: the time from the whole file to the first span that arrived.
    pub(super) to_first_ms: Vec<f64>,
    /// The time of each request that was under way at an instant without swaps.
    pub(super) calm_ms: Vec<f64>,
    /// The time of each request that was under way at a swap.
    pub(super) at_swap_ms: Vec<f64>,
    /// The throughput of each phase without swaps, and of the phase with swaps that followed it.
    pub(super) calm_spans_per_s: Vec<f64>,
    pub(super) swapping_spans_per_s: Vec<f64>,
}

type SeenOf = fn(&Figures) -> &Seen;

/// The figures of swaps without a pause between them.
pub(super) struct InARow {
    pub(super) spans_per_s: f64,
    pub(super) to_first_ms: Vec<f64>,
    pub(super) memory: Memory,
}

/// The resident memory of the process.
pub(super) struct Memory {
    pub(super) swaps: u32,
    pub(super) before_bytes: u64,
    /// Memory after the first [`SETTLING_SWAPS`] swaps.
    pub(super) settled_bytes: u64,
    pub(super) after_bytes: u64,
}

pub(super) fn table(figures: &[Figures]) -> String {
    let mut table = "\nSwaps of a plugin, one a second\n".to_owned();
    let mut row = |what: &str, target: &str, figure: &dyn Fn(&Figures) -> String| {
        let cells: String = figures.iter().map(|of| format!("{:>12}", figure(of))).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "  {what:<52}{cells}   {target}");
    };
    row("", "target", &|of| of.name.to_owned());
    let loads: [(&str, SeenOf); 2] = [("at full load", |of| &of.full), ("at a pace", |of| &of.paced)];
    for (load, seen) in loads {
        row(load, "", &|_| String::new());
        let quantiles = |of: &Figures| {
            let Seen { to_first_ms, calm_ms, at_swap_ms, .. } = seen(of);
            (quantile(to_first_ms, 0.99), quantile(calm_ms, 0.99), quantile(at_swap_ms, 0.99))
        };
        let spans_per_s = |of: &Figures| median(&seen(of).calm_spans_per_s);
        row("  file whole to first batch, ms: median", "", &|of| tenths(median(&seen(of).to_first_ms)));
        row("      p99", "< 300, < 1,000", &|of| tenths(quantiles(of).0));
        row("  of batches under way, ms: p99 without swaps", "", &|of| hundredths(quantiles(of).1));
        row("      p99 at a swap", "", &|of| hundredths(quantiles(of).2));
        row("      more", "< 1", &|of| hundredths(quantiles(of).2 - quantiles(of).1));
        row("  spans/s without swaps", "", &|of| format!("{:.0}", spans_per_s(of)));
        row("      with swaps, of that", ">= 95 %", &|of| percent(median(&ratios(seen(of)))));
    }
    row("an instance replaced: how often", "", &|of| of.pauses.count().to_string());
    row("  no calls meanwhile, ms: median at most", "", &|of| hundredths(of.pauses.at_most_ms(0.5)));
    row("      p99 at most", "< 1", &|of| hundredths(of.pauses.at_most_ms(0.99)));
    for of in figures {
        let Some(InARow { spans_per_s, to_first_ms, memory }) = &of.in_a_row else { continue };
        let throughput = percent(spans_per_s / median(&of.full.calm_spans_per_s));
        let mib =
            [memory.before_bytes, memory.settled_bytes, memory.after_bytes].map(|bytes| bytes as f64 / MIB);
        let [before, settled, after] = mib;
        let more = |than: f64| (after / than - 1.0) * 100.0;
        let _ = writeln!(
            table,
            "\n  {} swaps of {} in a row, every tenth file broken: first batch after {:.1} ms, p99 {:.1}; \
             {throughput} of the throughput; memory {before:.1} MiB before, \
             {settled:.1} after the first {SETTLING_SWAPS}, {after:.1} after all: {:+.1} % since these, {:+.1} % in all (target: <= +5 %)",
            memory.swaps,
            of.name,
            median(to_first_ms),
            quantile(to_first_ms, 0.99),
            more(settled),
            more(before),
        );
    }
    let spans: u64 = figures.iter().map(|of| of.spans).sum();
    let _ =
        writeln!(table, "  {spans} spans were sent, and each arrived once, marked by one version; no error");
    table
}

/// Returns, for each pair of phases, the throughput with swaps divided by that without.
fn ratios(seen: &Seen) -> Vec<f64> {
    let pairs = std::iter::zip(&seen.swapping_spans_per_s, &seen.calm_spans_per_s);
    pairs.map(|(swapping, calm)| swapping / calm).collect()
}

fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// Returns the quantile of the figures; NaN if there are none.
fn quantile(figures: &[f64], quantile: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * quantile).round() as usize).copied().unwrap_or(f64::NAN)
}

fn tenths(figure: f64) -> String {
    format!("{figure:.1}")
}

fn hundredths(figure: f64) -> String {
    format!("{figure:.2}")
}

fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: quantiles are taken of a hundred and one figures, of one figure and of none.
    /// Guarantees: the quantiles are right, and NaN without figures.
    #[test]
    fn quantiles_are_of_what_is_there() {
        let hundred: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        assert_eq!((quantile(&hundred, 0.5), quantile(&hundred, 0.99)), (50.0, 99.0));
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    /// Scenario: a table is printed from three pairs of phases.
    /// Guarantees: throughput is compared within each pair, and every other figure stands in the table.
    #[test]
    fn throughput_is_compared_with_the_phase_before() {
        let seen = |at_swap_ms| Seen {
            to_first_ms: vec![100.0, 120.0, 400.0],
            calm_ms: vec![1.0],
            at_swap_ms: vec![at_swap_ms],
            calm_spans_per_s: vec![100.0, 200.0, 400.0],
            swapping_spans_per_s: vec![90.0, 180.0, 400.0],
        };
        let memory =
            Memory { swaps: 1000, before_bytes: 80 << 20, settled_bytes: 100 << 20, after_bytes: 104 << 20 };
        let in_a_row = InARow { spans_per_s: 100.0, to_first_ms: vec![150.0], memory };
        let (full, paced) = (seen(1.5), seen(1.25));
        let figures = Figures {
            name: "200 KB",
            full,
            paced,
            in_a_row: Some(in_a_row),
            spans: 12,
            pauses: Pauses::default(),
        };
        let table = table(&[figures]);
        for part in [
            "120.0",
            "400.0",
            "0.50",
            "0.25",
            "90.0 %",
            "50.0 % of the throughput",
            "+4.0 % since these, +30.0 % in all",
            "12 spans",
        ] {
            assert!(table.contains(part), "no {part} in {table}");
        }
    }
}

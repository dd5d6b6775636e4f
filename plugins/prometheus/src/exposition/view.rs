//! A view of the store with the names that one scrape may see.

use std::{borrow::Cow, collections::BTreeSet};

use super::{Escaping, filter::Filter, labels::LabelNames};
use crate::{
    config::Settings,
    name::is_plain,
    series::{Family, Kind, Series, Store, Target},
    translate::target_info,
};

/// The estimated bytes of a sample beside its name and labels: the value, braces, and the label of a bucket.
const SAMPLE_BYTES: usize = 32;

pub(super) struct View<'a> {
    pub(super) settings: &'a Settings,
    store: &'a Store,
    pub(super) families: Vec<Shown<'a>>,
    /// The name of the `target_info` series.
    pub(super) target_info: String,
    /// Whether the scrape asks for the targets.
    has_targets: bool,
    /// `None`: labels are shown as they are stored.
    escaping: Option<Escaping>,
    /// The names of all samples, if they differ from those in the store.
    names: Option<BTreeSet<String>>,
}

/// A family that has series.
pub(super) struct Shown<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) family: &'a Family,
}

impl<'a> View<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        store: &'a Store,
        escaping: Escaping,
        filter: &Filter,
    ) -> View<'a> {
        let families = store.families().filter(|(_, family)| family.series().next().is_some());
        let target_info = target_info(settings);
        let has_targets = filter.takes(&target_info);
        if escaping.is_idle(settings.shape.names.utf8) {
            let shown = |(name, family): (&'a str, &'a Family)| Shown { name: name.into(), family };
            let families = families.filter(|(name, _)| filter.takes(name)).map(shown).collect();
            let (escaping, names) = (None, None);
            return View { settings, store, families, target_info, has_targets, escaping, names };
        }
        let mut names = BTreeSet::new();
        let target_info = escaping.metric(&target_info);
        names.insert(target_info.clone());
        // Names that stay as they are go first, so that no other name takes their place.
        let mut families: Vec<(&'a str, &'a Family)> = families.collect();
        families.sort_by_key(|(name, _)| !is_plain(name));
        // A family has the same name in every scrape, so all claim theirs.
        let families = families.into_iter().filter_map(|(name, family)| {
            let shown = claim(&mut names, name, family.kind, escaping);
            filter.takes(name).then_some(Shown { name: shown.into(), family })
        });
        let families = families.collect();
        let (escaping, names) = (Some(escaping), Some(names));
        View { settings, store, families, target_info, has_targets, escaping, names }
    }

    /// Estimates the length of a scrape. The scrape is usually a little shorter.
    pub(super) fn expected_bytes(&self) -> usize {
        let of_family = |shown: &Shown<'_>| {
            let head = 2 * shown.name.len() + shown.family.help.len() + 64;
            let samples = |series: &Series| {
                series.point.value.samples() * (shown.name.len() + series.labels.len() + SAMPLE_BYTES)
            };
            head + shown.family.series().map(samples).sum::<usize>()
        };
        let of_target = |target: &Target| self.target_info.len() + target.labels.len() + SAMPLE_BYTES;
        let targets: usize = self.targets().map(of_target).sum();
        128 + targets + self.families.iter().map(of_family).sum::<usize>()
    }

    /// Iterates over the targets that the scrape asks for.
    pub(super) fn targets(&self) -> impl Iterator<Item = &'a Target> {
        self.store.targets().map(|(_, target)| target).take(if self.has_targets { usize::MAX } else { 0 })
    }

    /// Returns the time of the last point, if the config asks for timestamps.
    pub(super) fn time(&self, series: &Series) -> Option<u64> {
        self.settings.send_timestamps.then_some(series.point.time_unix_nano)
    }

    /// Returns the shown names of the labels of a family's series.
    pub(super) fn label_names(&self, family: &Family) -> LabelNames {
        let labels = family.series().map(|series| &*series.labels);
        LabelNames::new(self.escaping, labels, family.kind.structural_label())
    }

    /// Does the same as [`label_names`](View::label_names) for the series of `target_info`.
    pub(super) fn target_label_names(&self) -> LabelNames {
        LabelNames::new(self.escaping, self.targets().map(|target| &*target.labels), "")
    }

    /// Returns the name of a counter's family in OpenMetrics, which is the name without `_total`. Returns
    /// `None` if the name has no `_total`, or if the family would clash with another metric. Such a metric
    /// cannot be a counter in OpenMetrics.
    pub(super) fn counter_family<'n>(&self, name: &'n str) -> Option<&'n str> {
        let base = name.strip_suffix("_total").filter(|base| !base.is_empty())?;
        let counter_created = base.strip_suffix("_created").map(|other| format!("{other}_total"));
        let clashes = self.has(base)
            || self.has(&format!("{base}_created"))
            || counter_created.is_some_and(|counter| self.has(&counter))
            || self.info_base() == base;
        (!clashes).then_some(base)
    }

    /// Does the same as [`counter_family`](View::counter_family) for `target_info`.
    pub(super) fn info_family(&self) -> Option<&str> {
        Some(self.info_base()).filter(|base| !self.has(base))
    }

    fn info_base(&self) -> &str {
        self.target_info.strip_suffix("_info").unwrap_or(&self.target_info)
    }

    /// Returns whether a metric, or a sample of a metric, has this name.
    fn has(&self, name: &str) -> bool {
        match &self.names {
            None => name == self.target_info || self.store.has_sample(name),
            Some(names) => names.contains(name),
        }
    }
}

/// Claims the escaped name. If another metric or its samples already have that name, claims a similar one.
fn claim(names: &mut BTreeSet<String>, name: &str, kind: Kind, escaping: Escaping) -> String {
    let samples =
        |name: &str| kind.suffixes().iter().map(|suffix| format!("{name}{suffix}")).collect::<Vec<_>>();
    let candidates = [escaping, Escaping::Values].map(|escaping| escaping.metric(name));
    let name = first_free(candidates, |name| !samples(name).iter().any(|sample| names.contains(sample)));
    names.extend(samples(&name));
    name
}

/// Returns the first name that is free. If neither is, returns the last one with as many `_` appended as
/// needed.
pub(super) fn first_free([first, mut last]: [String; 2], is_free: impl Fn(&str) -> bool) -> String {
    if is_free(&first) {
        return first;
    }
    while !is_free(&last) {
        last.push('_');
    }
    last
}

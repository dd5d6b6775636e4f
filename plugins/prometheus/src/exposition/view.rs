//! The store under the names that one scrape may see.

use std::{borrow::Cow, collections::BTreeSet};

use super::Escaping;
use crate::{
    config::Settings,
    labels::{escape_into, pairs, unescaped},
    name::is_plain,
    series::{Family, Kind, Series, Store, Target},
    translate::target_info,
};

/// A value, braces, and the label of a bucket.
const SAMPLE_BYTES: usize = 32;

pub(super) struct View<'a> {
    pub(super) settings: &'a Settings,
    pub(super) store: &'a Store,
    pub(super) families: Vec<Shown<'a>>,
    /// Under which `target_info` is shown.
    pub(super) target_info: String,
    /// None: labels are shown as they are kept.
    pub(super) escaping: Option<Escaping>,
    /// All names of samples, where they are not those of the store.
    names: Option<BTreeSet<String>>,
}

/// A family that has series.
pub(super) struct Shown<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) family: &'a Family,
}

impl<'a> View<'a> {
    pub(super) fn new(settings: &'a Settings, store: &'a Store, escaping: Escaping) -> View<'a> {
        let families = store.families().filter(|(_, family)| family.series().next().is_some());
        let target_info = target_info(settings);
        if escaping.is_idle(settings.shape.names.utf8) {
            let shown = |(name, family): (&'a str, &'a Family)| Shown { name: name.into(), family };
            let families = families.map(shown).collect();
            return View { settings, store, families, target_info, escaping: None, names: None };
        }
        let mut names = BTreeSet::new();
        let target_info = escaping.metric(&target_info);
        names.insert(target_info.clone());
        // Names that stay as they are go first, so that no other takes their place.
        let mut families: Vec<(&'a str, &'a Family)> = families.collect();
        families.sort_by_key(|(name, _)| !is_plain(name));
        let families = families.into_iter().filter_map(|(name, family)| {
            let name = claim(&mut names, name, family.kind, escaping)?;
            Some(Shown { name: name.into(), family })
        });
        let families = families.collect();
        View { settings, store, families, target_info, escaping: Some(escaping), names: Some(names) }
    }

    /// About how long a scrape is: most often a little less.
    pub(super) fn expected_bytes(&self) -> usize {
        let of_family = |shown: &Shown<'_>| {
            let head = 2 * shown.name.len() + shown.family.help.len() + 64;
            let samples = |series: &Series| {
                series.point.value.samples() * (shown.name.len() + series.labels.len() + SAMPLE_BYTES)
            };
            head + shown.family.series().map(samples).sum::<usize>()
        };
        let of_target =
            |(_, target): (&str, &Target)| self.target_info.len() + target.labels.len() + SAMPLE_BYTES;
        let targets: usize = self.store.targets().map(of_target).sum();
        128 + targets + self.families.iter().map(of_family).sum::<usize>()
    }

    /// The time of its last point, if scrapes are to be told.
    pub(super) fn time(&self, series: &Series) -> Option<u64> {
        self.settings.send_timestamps.then_some(series.point.time_unix_nano)
    }

    /// The name of a counter's family in OpenMetrics, which has no `_total`. None if other metrics would clash with it,
    /// or there is no `_total` to leave out: then it cannot be a counter there.
    pub(super) fn counter_family<'n>(&self, name: &'n str) -> Option<&'n str> {
        let base = name.strip_suffix("_total").filter(|base| !base.is_empty())?;
        let counter_created = base.strip_suffix("_created").map(|other| format!("{other}_total"));
        let clashes = self.has(base)
            || self.has(&format!("{base}_created"))
            || counter_created.is_some_and(|counter| self.has(&counter))
            || self.info_base() == base;
        (!clashes).then_some(base)
    }

    /// As [`counter_family`](View::counter_family), of `target_info`.
    pub(super) fn info_family(&self) -> Option<&str> {
        Some(self.info_base()).filter(|base| !self.has(base))
    }

    fn info_base(&self) -> &str {
        self.target_info.strip_suffix("_info").unwrap_or(&self.target_info)
    }

    /// Whether a metric is called so, or has samples that are.
    fn has(&self, name: &str) -> bool {
        match &self.names {
            None => name == self.target_info || self.store.has_sample(name),
            Some(names) => names.contains(name),
        }
    }
}

/// The escaped name. If another metric has it, one that no other can have; none if that is taken, too.
fn claim(names: &mut BTreeSet<String>, name: &str, kind: Kind, escaping: Escaping) -> Option<String> {
    [escaping, Escaping::Values].into_iter().map(|escaping| escaping.metric(name)).find(|name| {
        let samples: Vec<String> = kind.suffixes().iter().map(|suffix| format!("{name}{suffix}")).collect();
        let free = !samples.iter().any(|sample| names.contains(sample));
        if free {
            names.extend(samples);
        }
        free
    })
}

/// Labels with their names escaped. As with metrics, names stay apart.
pub(super) fn escaped_labels(labels: &str, escaping: Escaping, structural: &str) -> String {
    let mut text = String::with_capacity(labels.len() + 16);
    let mut names: Vec<String> = vec!["__name__".into(), structural.into()];
    let plain_first =
        pairs(labels).filter(|pair| !pair.quoted).chain(pairs(labels).filter(|pair| pair.quoted));
    for pair in plain_first {
        let name = if pair.quoted { unescaped(pair.name) } else { pair.name.into() };
        let free = [escaping, Escaping::Values].map(|escaping| escaping.label(&name));
        let Some(name) = free.into_iter().find(|name| !names.contains(name)) else { continue };
        if !text.is_empty() {
            text.push(',');
        }
        escape_into(&mut text, &name);
        text.push_str("=\"");
        text.push_str(pair.value);
        text.push('"');
        names.push(name);
    }
    text
}

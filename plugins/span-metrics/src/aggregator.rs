//! Counts spans in series.

use std::time::Duration;

use spanloom_aggregate::{Key, Nested, Requests, Table};
use spanloom_plugin::SpanBatch;
use spanloom_plugin::flat::FlatEvent;

use crate::adjusted::Rounding;
use crate::collect;
use crate::columns::{Columns, Rows};
use crate::config::Config;
use crate::ends::Ends;
use crate::glob::Glob;
use crate::groups::{self, Group};
use crate::series::{Limits, Observation, Place, Series};
use crate::shape::{Family, Shape};

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Aggregator {
    pub(crate) shape: Shape,
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) groups: Vec<Group>,
    pub(crate) rounding: Rounding,
    /// When the last deltas ended. Empty if points are cumulative.
    pub(crate) ends: Ends,
    pub(crate) nested: Nested,
    /// The patterns of each family of the shape.
    globs: Vec<Vec<Glob>>,
    /// The number of batches counted so far.
    batches: u64,
    key: Key,
}

/// Settings that a new config may change without new series.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) max_groups: usize,
    /// The most delta series whose last ends are remembered.
    pub(crate) max_ends: usize,
    pub(crate) exemplars: bool,
    /// The expiration of resources. Zero: never.
    pub(crate) resource_expiration: Duration,
    /// The expiration of series. Zero: never.
    pub(crate) series_expiration: Duration,
}

/// The values that are the same for the whole batch.
struct Batch<'a> {
    rows: &'a Rows<'a>,
    columns: &'a Columns,
    now_unix_nano: u64,
}

impl Aggregator {
    pub(crate) fn new(config: &Config) -> Aggregator {
        let mut new = Aggregator { shape: config.shape(), ..Aggregator::default() };
        new.settle(config);
        new
    }

    /// Takes over the parts of a config that are not its shape.
    pub(crate) fn settle(&mut self, config: &Config) {
        self.settings = Settings {
            max_groups: config.resource_metrics_cache_size,
            max_ends: config.metric_timestamp_cache_size,
            exemplars: config.exemplars.enabled,
            resource_expiration: *config.metrics_expiration,
            series_expiration: *config.series_expiration,
        };
        self.limits.series = config.aggregation_cardinality_limit;
        self.limits.exemplars =
            if config.exemplars.enabled { config.exemplars.max_per_data_point } else { 0 };
        let globs = |family: &Family| family.globs.iter().filter_map(|glob| Glob::new(glob).ok()).collect();
        self.globs = self.shape.families.iter().map(globs).collect();
        self.recount();
    }

    /// Counts each span. If a resource has to make room for another one, its last points leave at once.
    pub(crate) fn consume(&mut self, spans: &SpanBatch, now_unix_nano: u64, leave: &mut dyn FnMut(Vec<u8>)) {
        let shape = std::mem::take(&mut self.shape);
        let columns = Columns::read(spans, &shape, self.settings.exemplars, &mut self.nested);
        let globs = std::mem::take(&mut self.globs);
        let rows = columns.rows(&shape, &globs);
        self.batches += 1;
        let mut evicted = Requests::new(leave);
        // The group of each of the batch's resources, known once the first of its spans has been counted.
        let mut places = vec![None; columns.resource_count()];
        for (row, resource) in columns.resources().iter().enumerate() {
            let known = places.get(*resource as usize).copied().flatten();
            let at = known.unwrap_or_else(|| {
                let (at, replaced) = self.group(spans, *resource, &shape, now_unix_nano, &mut evicted);
                if replaced {
                    places.iter_mut().filter(|place| **place == Some(at)).for_each(|place| *place = None);
                }
                places.get_mut(*resource as usize).into_iter().for_each(|place| *place = Some(at));
                at
            });
            self.count(&shape, at, row, &Batch { rows: &rows, columns: &columns, now_unix_nano });
        }
        evicted.finish();
        drop(rows);
        self.globs = globs;
        self.shape = shape;
    }

    #[inline]
    fn count(&mut self, shape: &Shape, at: usize, row: usize, batch: &Batch<'_>) {
        let Aggregator { groups, limits, settings, rounding, ends, key, .. } = self;
        let Some(Group { resource, tables, .. }) = groups.get_mut(at) else { return };
        let trace_state = batch.rows.trace_state(row);
        let adjusted = trace_state.and_then(|trace_state| rounding.count(trace_state));
        let observation = Observation {
            now_unix_nano: batch.now_unix_nano,
            duration: batch.columns.duration_nano(row) as f64 / shape.unit_nano(),
            times: adjusted.unwrap_or(1),
            ids: if settings.exemplars { batch.columns.ids(row) } else { None },
        };
        for (number, (family, table)) in shape.families.iter().zip(tables).enumerate() {
            let mut count = |event: Option<&FlatEvent<'_>>| {
                batch.rows.pack(key, number, row, adjusted.is_some(), event);
                let place = Place {
                    shape,
                    family,
                    number,
                    resource: &resource.key,
                    ends,
                    now_unix_nano: batch.now_unix_nano,
                    typed_key: &|| batch.rows.pack_typed(number, row, adjusted.is_some(), event),
                };
                let Some((series, is_own)) = limits.series(table, key, &place) else { return };
                // The overflow series has no exemplars, as in the Collector.
                let exemplars = if settings.exemplars && is_own { limits.exemplars } else { 0 };
                series.count(&observation, shape, exemplars);
            };
            if family.events {
                batch.columns.events(row).for_each(|event| count(Some(&event)));
            } else {
                count(None);
            }
        }
    }

    /// Returns the group of a resource, and whether another group was evicted for it.
    fn group(
        &mut self,
        spans: &SpanBatch,
        resource: u32,
        shape: &Shape,
        now_unix_nano: u64,
        evicted: &mut Requests<'_>,
    ) -> (usize, bool) {
        let resource = spans.resource(resource);
        let resource = resource.unwrap_or_else(|| spanloom_plugin::SpanResource {
            attributes: Vec::new(),
            schema_url: String::new(),
        });
        groups::pack(&mut self.key, &resource, &shape.resource_keys);
        let key = self.key.as_bytes();
        let known = self.groups.iter().position(|group| group.resource.key == key);
        let (at, replaced) = match known {
            Some(at) => {
                // Without `resource_keys`, resources with equal keys are equal, so nothing changes.
                if let Some(group) = self.groups.get_mut(at).filter(|_| !shape.resource_keys.is_empty()) {
                    group.resource.keep_common(resource);
                }
                (at, false)
            }
            None => {
                let new = Group::new(&self.key, resource, shape.families.len());
                self.add_group(new, shape, now_unix_nano, evicted)
            }
        };
        if let Some(group) = self.groups.get_mut(at) {
            group.used = self.batches;
            group.resource.last_seen_unix_nano = now_unix_nano;
        }
        (at, replaced)
    }

    fn add_group(
        &mut self,
        new: Group,
        shape: &Shape,
        now_unix_nano: u64,
        evicted: &mut Requests<'_>,
    ) -> (usize, bool) {
        if self.groups.len() < self.settings.max_groups {
            self.groups.push(new);
            return (self.groups.len() - 1, false);
        }
        let oldest = self.groups.iter().enumerate().min_by_key(|(_, group)| group.used);
        let at = oldest.map_or(0, |(at, _)| at);
        if let Some(group) = self.groups.get_mut(at) {
            let old = std::mem::replace(group, new);
            collect::group(&old, shape, now_unix_nano, evicted);
            if shape.delta {
                self.ends.note_all(&old, now_unix_nano);
                self.ends.limit(self.settings.max_ends);
            }
            let limits = &mut self.limits;
            limits.used_bytes = limits.used_bytes.saturating_sub(cost_bytes(limits, shape, &old));
        }
        (at, true)
    }

    /// Computes anew how much memory the series may take.
    pub(crate) fn recount(&mut self) {
        let cost = |group| cost_bytes(&self.limits, &self.shape, group);
        self.limits.used_bytes = self.groups.iter().map(cost).sum();
    }
}

/// Returns how much memory the series of a group may take.
fn cost_bytes(limits: &Limits, shape: &Shape, group: &Group) -> usize {
    let families = shape.families.iter().zip(&group.tables);
    let cost = |(family, table): (&Family, &Table<Series>)| -> usize {
        let keys_bytes = table.entries().iter().map(|entry| entry.key.len() + entry.series.typed_key.len());
        keys_bytes.map(|keys_bytes| limits.cost_bytes(family, shape, keys_bytes)).sum()
    };
    families.map(cost).sum()
}

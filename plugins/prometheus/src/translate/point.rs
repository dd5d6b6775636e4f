//! Converts the points of one metric.

use std::{cell::OnceCell, rc::Rc};

use spanloom_plugin::wire::{
    Resource, Scope,
    metrics::{
        self, Attributes, Data, DataPoints, ExponentialHistogramDataPoint, HistogramDataPoint,
        NumberDataPoint, SummaryDataPoint,
    },
};

use super::{
    metric,
    resource::{self, Target},
};
use crate::{
    config::Shape,
    labels::{Reserved, Writer},
    series::{
        Bounds, Dropped, Exemplars, Identities, Identity, InUse, Kind, Opened, Place, Point, Temporality,
        Value,
    },
};

/// `DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK`: the point says that the series has ended.
const NO_RECORDED_VALUE: u32 = 1;

/// The source of points.
pub(super) struct Source<'a, 'r> {
    pub(super) shape: &'a Shape,
    /// The state for the identities of the source's points.
    pub(super) identities: Identities,
    pub(super) resource: &'a Resource<'r>,
    pub(super) scope: &'a Scope<'r>,
    pub(super) target: &'a Target,
    /// Keeps the target in the scrapes.
    pub(super) in_use: Option<&'a InUse>,
    /// Computed for the first new point.
    pub(super) reserved: OnceCell<Reserved>,
}

/// Adds the points of one metric to its family.
pub(super) struct Points<'a, 's, 'r> {
    pub(super) family: &'a mut Opened<'s>,
    pub(super) writer: &'a mut Writer,
    pub(super) source: &'a Source<'a, 'r>,
    pub(super) kind: Kind,
    pub(super) temporality: Temporality,
    /// The time of points that have none.
    pub(super) now_unix_nano: u64,
}

/// The fields that points of all types have.
struct Common<'a> {
    attributes: Attributes<'a>,
    start_time_unix_nano: u64,
    time_unix_nano: u64,
    flags: u32,
    exemplars: Option<metrics::Exemplars<'a>>,
}

impl<'r> Points<'_, '_, 'r> {
    pub(super) fn take(&mut self, data: &Data<'r>, report: &mut impl FnMut(Dropped)) {
        match data {
            Data::Gauge(points) | Data::Sum(points) => self.take_numbers(points, report),
            Data::Histogram(points) => {
                for point in points.iter() {
                    self.take_point(&Common::from(&point), |bounds| metric::histogram(&point, bounds))
                        .unwrap_or_else(&mut *report);
                }
            }
            Data::ExponentialHistogram(points) => {
                for point in points.iter() {
                    self.take_point(&Common::from(&point), |_| metric::exponential(&point))
                        .unwrap_or_else(&mut *report);
                }
            }
            Data::Summary(points) => {
                for point in points.iter() {
                    self.take_point(&Common::from(&point), |_| Ok(metric::summary(&point)))
                        .unwrap_or_else(&mut *report);
                }
            }
        }
    }

    /// This is a function of its own, because the compiler runs out of registers in a function for all types.
    #[inline(never)]
    fn take_numbers(
        &mut self,
        points: &DataPoints<'r, NumberDataPoint<'r>>,
        report: &mut impl FnMut(Dropped),
    ) {
        let kind = self.kind;
        for point in points.iter() {
            self.take_point(&Common::from(&point), |_| metric::number(&point, kind))
                .unwrap_or_else(&mut *report);
        }
    }

    /// Finds the series by the bytes of its attributes. If the bytes are new, finds it by the labels that
    /// they become.
    #[inline]
    fn take_point(
        &mut self,
        common: &Common<'r>,
        value: impl FnOnce(&mut Rc<Bounds>) -> Result<Value, Dropped>,
    ) -> Result<(), Dropped> {
        let identity = common.attributes.encoded().map(|encoded| self.source.identities.identity(encoded));
        match identity.and_then(|identity| self.family.recall(identity)) {
            Some(place) => self.update(place, common, value),
            None => self.take_new(identity, common, value),
        }
    }

    fn update(
        &mut self,
        place: Place,
        common: &Common<'r>,
        value: impl FnOnce(&mut Rc<Bounds>) -> Result<Value, Dropped>,
    ) -> Result<(), Dropped> {
        if common.has_ended() {
            self.family.end(place);
            return Ok(());
        }
        let value = value(self.family.bounds())?;
        let point = common.point(value, self.kind, self.now_unix_nano);
        self.family.update(place, point, self.temporality)
    }

    #[cold]
    #[inline(never)]
    fn take_new(
        &mut self,
        identity: Option<Identity>,
        common: &Common<'r>,
        value: impl FnOnce(&mut Rc<Bounds>) -> Result<Value, Dropped>,
    ) -> Result<(), Dropped> {
        let labels = self.source.labels(self.writer, self.kind, &common.attributes).ok_or(Dropped::Labels)?;
        if let Some(place) = self.family.find(labels) {
            self.family.remember(identity, place);
            self.family.assign(place, self.source.in_use);
            return self.update(place, common, value);
        }
        if common.has_ended() {
            return Ok(());
        }
        let value = value(self.family.bounds())?;
        let point = common.point(value, self.kind, self.now_unix_nano);
        let place = self.family.add(labels, point, self.source.in_use)?;
        self.family.remember(identity, place);
        Ok(())
    }
}

impl<'r> Source<'_, 'r> {
    fn labels<'w>(&self, writer: &'w mut Writer, kind: Kind, attributes: &Attributes<'r>) -> Option<&'w str> {
        let reserved = self.reserved.get_or_init(|| resource::reserved(self.shape, self.target, self.scope));
        let chosen = self.resource.attributes().filter(|(key, _)| self.shape.resource_labels.takes(key));
        let attributes = chosen.chain(attributes.iter());
        writer.write(reserved, kind.structural_label(), attributes, self.shape.names.utf8)
    }
}

impl Common<'_> {
    fn has_ended(&self) -> bool {
        self.flags & NO_RECORDED_VALUE != 0
    }

    #[inline(always)]
    fn point(&self, value: Value, kind: Kind, now_unix_nano: u64) -> Point {
        let has_exemplars = matches!(kind, Kind::Counter | Kind::Histogram);
        let exemplars = self.exemplars.filter(|_| has_exemplars);
        Point {
            start_time_unix_nano: self.start_time_unix_nano,
            time_unix_nano: if self.time_unix_nano == 0 { now_unix_nano } else { self.time_unix_nano },
            value,
            exemplars: exemplars.and_then(|exemplars| Exemplars::of(&exemplars)),
        }
    }
}

macro_rules! common {
    ($point:ident, $exemplars:expr) => {
        impl<'a> From<&$point<'a>> for Common<'a> {
            #[inline]
            fn from(point: &$point<'a>) -> Common<'a> {
                let exemplars: fn(&$point<'a>) -> Option<metrics::Exemplars<'a>> = $exemplars;
                Common {
                    attributes: point.attributes,
                    start_time_unix_nano: point.start_time_unix_nano,
                    time_unix_nano: point.time_unix_nano,
                    flags: point.flags,
                    exemplars: exemplars(point),
                }
            }
        }
    };
}

common!(NumberDataPoint, |point| Some(point.exemplars));
common!(HistogramDataPoint, |point| Some(point.exemplars));
common!(ExponentialHistogramDataPoint, |point| Some(point.exemplars));
common!(SummaryDataPoint, |_| None);

use super::{Attributes, Number};
use crate::fields::Fields;
use crate::value::fields_in;

/// The exemplars of one data point.
#[derive(Clone, Copy)]
pub struct Exemplars<'a> {
    pub(super) point: &'a [u8],
    pub(super) number: u32,
}

/// A measurement with the trace that it comes from.
#[derive(Clone, Copy)]
pub struct Exemplar<'a> {
    pub time_unix_nano: u64,
    pub value: Option<Number>,
    /// 8 bytes or none. If the sender sent a wrong length, the bytes are as sent.
    pub span_id: &'a [u8],
    /// 16 bytes or none. If the sender sent a wrong length, the bytes are as sent.
    pub trace_id: &'a [u8],
    pub filtered_attributes: Attributes<'a>,
}

impl<'a> Exemplars<'a> {
    pub fn iter(&self) -> impl Iterator<Item = Exemplar<'a>> + use<'a> {
        fields_in(self.point, self.number).map(Exemplar::of)
    }
}

impl<'a> Exemplar<'a> {
    fn of(bytes: &'a [u8]) -> Exemplar<'a> {
        let filtered_attributes = Attributes::new(bytes, 7);
        let mut exemplar =
            Exemplar { time_unix_nano: 0, value: None, span_id: &[], trace_id: &[], filtered_attributes };
        for field in Fields::of(bytes) {
            match field.number {
                2 => exemplar.time_unix_nano = field.fixed64(),
                3 => exemplar.value = Some(Number::Double(f64::from_bits(field.fixed64()))),
                4 => exemplar.span_id = field.value,
                5 => exemplar.trace_id = field.value,
                6 => exemplar.value = Some(Number::Int(field.fixed64().cast_signed())),
                _ => {}
            }
        }
        exemplar
    }
}

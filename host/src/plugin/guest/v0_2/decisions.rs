//! A sampler's answer.

use super::bindings::exported::sampling::{self, Decision, Kept};
use crate::plugin::guest::interface::{Basis, Decisions, SamplingDecision};

pub(super) fn decisions(said: sampling::Decisions) -> Decisions {
    let decision = |decision| match decision {
        Decision::Keep(Kept { rate, basis }) => SamplingDecision::Keep { rate, basis: self::basis(basis) },
        Decision::Drop => SamplingDecision::Drop,
        Decision::Undecided => SamplingDecision::Undecided,
    };
    let each = said.each.into_iter().map(decision).collect();
    Decisions { each, reasons: said.reasons, texts: said.texts }
}

fn basis(basis: sampling::Basis) -> Basis {
    match basis {
        sampling::Basis::Consistent => Basis::Consistent,
        sampling::Basis::Independent => Basis::Independent,
    }
}

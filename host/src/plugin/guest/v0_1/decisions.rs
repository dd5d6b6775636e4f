//! A sampler's answer, which had neither a basis nor reasons yet.

use super::bindings::exported::sampling::Decision;
use crate::plugin::guest::interface::{Basis, Decisions, SamplingDecision};

pub(super) fn decisions(said: Vec<Decision>) -> Decisions {
    let decision = |decision| match decision {
        Decision::Keep(rate) => SamplingDecision::Keep { rate, basis: Basis::Unknown },
        Decision::Drop => SamplingDecision::Drop,
        Decision::Undecided => SamplingDecision::Undecided,
    };
    Decisions { each: said.into_iter().map(decision).collect(), ..Decisions::default() }
}

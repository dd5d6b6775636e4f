//! The behaviours of the processor, by name.

use crate::{
    Processed, edits, floods, handles, holding, one, outside, spanloom::plugin::spans::SpanBatch, wholes,
};

pub(crate) type Behaviour = fn(SpanBatch) -> Processed;

/// The behaviours by name. A test names each of them.
const BEHAVIOURS: &[(&str, Behaviour)] = &[
    ("pass", one),
    ("trap", outside::trap),
    ("panic", outside::panic),
    ("trap-on-poison", outside::trap_on_poison),
    ("trap-unless-good", outside::trap_unless_good),
    ("trap-with-last-words", outside::trap_with_last_words),
    ("fail-at-length", outside::fail_at_length),
    ("trap-every-third", outside::trap_every_third),
    ("fail-retryable", outside::fail_retryable),
    ("fail-permanent", outside::fail_permanent),
    ("loop", outside::run_for_ever),
    ("be-slow", outside::be_slow),
    ("fail-then-slow", outside::fail_then_slow),
    ("overflow-stack", outside::overflow_stack),
    ("call-ungranted", outside::call_ungranted),
    ("call-slow-http", outside::call_slow_http),
    ("call-patient-http", outside::call_patient_http),
    ("bomb-memory", floods::memory),
    ("flood-log", floods::log),
    ("write-huge-line", floods::huge_line),
    ("flood-metrics", floods::metrics),
    ("name-metrics-badly", floods::bad_metrics),
    ("hoard-instruments", floods::instruments),
    ("hoard-handles", floods::handles),
    ("hoard-bytes", floods::bytes),
    ("edit-for-ever", floods::edits),
    ("edit-wrongly", edits::wrongly),
    ("replace-by-garbage", edits::replace_by_garbage),
    ("replace-by-more", edits::replace_by_more),
    ("make-more", edits::make_more),
    ("make-for-nothing", edits::make_for_nothing),
    ("replace-empty-part", edits::replace_empty_part),
    ("drop-twice", handles::drop_twice),
    ("invent-handle", handles::invent),
    ("return-twice", handles::return_twice),
    ("emit-twice", handles::emit_twice),
    ("emit-and-return", handles::emit_and_return),
    ("emit-after-discard", handles::emit_after_discard),
    ("use-after-emit", handles::use_after_emit),
    ("return-other-signal", handles::return_other_signal),
    ("merge-with-itself", handles::merge_with_itself),
    ("emit-then-trap", handles::emit_then_trap),
    ("emit-then-fail", handles::emit_then_fail),
    ("discard", handles::discard),
    ("forget", handles::forget),
    ("leak", handles::leak),
    ("hold", holding::hold),
    ("keep-for-ever", holding::hold),
    ("make-when-woken", one),
    ("wake-for-ever", holding::wake_for_ever),
    ("shuffle", wholes::shuffle),
    ("shuffle-then-trap", wholes::shuffle_then_trap),
    ("halve-for-ever", wholes::halve_for_ever),
    ("partition-for-ever", wholes::partition_for_ever),
    ("grow-for-ever", wholes::grow_for_ever),
    ("return-many-empty", wholes::return_many_empty),
];

pub(crate) fn find(task: &str) -> Option<Behaviour> {
    BEHAVIOURS.iter().find(|(name, _)| *name == task).map(|(_, behaviour)| *behaviour)
}

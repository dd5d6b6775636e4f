//! The queue, retry and shutdown against an exporter that does as it is told. Time is paused: it moves on when
//! every task waits.

mod fake;
mod property;
mod queueing;
mod retrying;
mod stopping;

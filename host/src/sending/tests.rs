//! Tests of the queue, retries and shutdown with an exporter that follows a script. Time is paused and
//! advances when every task waits.

mod fake;
mod limiting;
mod property;
mod queueing;
mod retrying;
mod stopping;

//! Lines in the host's log, under the component's id. The host shortens lines above 8 KiB and leaves out those above
//! so many a second.

use std::fmt;

use crate::host;

pub use crate::bindings::spanloom::plugin::log::Level;

/// Writes one line, unless nobody would see it.
pub fn log(level: Level, message: fmt::Arguments<'_>) {
    if enabled(level) {
        host::log::log(level, &message.to_string());
    }
}

/// Whether a line of this level would be written.
pub fn enabled(level: Level) -> bool {
    host::log::enabled(level)
}

/// Writes a line, as `format!` makes it.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Trace, format_args!($($line)+)) } }
/// Writes a line, as `format!` makes it.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Debug, format_args!($($line)+)) } }
/// Writes a line, as `format!` makes it.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Info, format_args!($($line)+)) } }
/// Writes a line, as `format!` makes it.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Warn, format_args!($($line)+)) } }
/// Writes a line, as `format!` makes it.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Error, format_args!($($line)+)) } }

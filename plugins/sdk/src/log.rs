//! Writes lines to the host's log, under the component's id. The host shortens lines above 8 KiB and leaves
//! out lines above a number per second (`limits.log_lines_per_second`).

use std::fmt;

use crate::host;

pub use crate::bindings::spanloom::plugin::log::Level;

/// Writes one line if its level is enabled.
pub fn log(level: Level, message: fmt::Arguments<'_>) {
    if enabled(level) {
        host::log::log(level, &message.to_string());
    }
}

/// Returns whether a line of this level would be written.
pub fn enabled(level: Level) -> bool {
    host::log::enabled(level)
}

/// Writes a line at level trace, formatted as by `format!`.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Trace, format_args!($($line)+)) } }
/// Writes a line at level debug, formatted as by `format!`.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Debug, format_args!($($line)+)) } }
/// Writes a line at level info, formatted as by `format!`.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Info, format_args!($($line)+)) } }
/// Writes a line at level warn, formatted as by `format!`.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Warn, format_args!($($line)+)) } }
/// Writes a line at level error, formatted as by `format!`.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::log::log($crate::log::Level::Error, format_args!($($line)+)) } }

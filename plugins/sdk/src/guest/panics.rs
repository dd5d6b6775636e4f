//! Writes the message of a panic into the log. The host makes it part of the call's error.

use std::sync::Once;

use crate::log::Level;

/// Sets the panic hook on the first call. The standard library would print the message, but a guest has no
/// output.
pub(super) fn report() {
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| crate::host::log::log(Level::Error, &panic.to_string())));
    });
}

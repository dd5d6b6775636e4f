//! What a plugin that panics says goes into the log; the host makes it part of the call's error.

use std::sync::Once;

use crate::log::Level;

/// Once is enough. The standard library would print the message, and there is nothing to print to.
pub(super) fn report() {
    static REPORTED: Once = Once::new();
    REPORTED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| crate::host::log::log(Level::Error, &panic.to_string())));
    });
}

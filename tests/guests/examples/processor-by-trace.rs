//! All spans of a trace go to the same instance.
#![cfg(target_family = "wasm")]

spanloom_guests::processor!(1);

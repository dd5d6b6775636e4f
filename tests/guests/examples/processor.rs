//! Any instance takes any batch.
#![cfg(target_family = "wasm")]

spanloom_guests::processor!(0);

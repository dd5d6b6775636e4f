//! One instance takes every batch.
#![cfg(target_family = "wasm")]

spanloom_guests::processor!(2);

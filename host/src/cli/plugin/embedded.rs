//! The files that `spanloom plugin new` hands out, which `host/embedded.rs` puts into the binary. Each has its
//! path in the clone's `host/templates`, `wit`, or root.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

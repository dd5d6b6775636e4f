//! A faster `memcmp`. The compiler calls `memcmp` wherever two texts are compared, and its own for wasm
//! compares byte by byte.

use std::cmp::Ordering;

/// Compares like `memcmp` in C: returns a number below, at or above zero.
///
/// # Safety
/// Both must be readable for `len` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, len: usize) -> i32 {
    // SAFETY: the caller promises readable bytes. A length of 0 comes with pointers that are not null, as in
    // Rust.
    let word = |at: usize| unsafe {
        let word = |bytes: *const u8| bytes.add(at).cast::<u64>().read_unaligned();
        (word(left), word(right))
    };
    // SAFETY: as above.
    let byte = |at: usize| unsafe { (left.add(at).read(), right.add(at).read()) };
    let mut at = 0;
    while len - at >= 8 {
        let (left, right) = word(at);
        if left != right {
            return order(left.to_be().cmp(&right.to_be()));
        }
        at += 8;
    }
    if at > 0 && at < len {
        // Compare the last word, part of which was compared before.
        let (left, right) = word(len - 8);
        return order(left.to_be().cmp(&right.to_be()));
    }
    while at < len {
        let (left, right) = byte(at);
        if left != right {
            return i32::from(left) - i32::from(right);
        }
        at += 1;
    }
    0
}

fn order(order: Ordering) -> i32 {
    order as i32
}

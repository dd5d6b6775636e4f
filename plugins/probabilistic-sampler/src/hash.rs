//! The randomness of the mode `hash_seed`, bit for bit as the Collector has it.

use spanloom_plugin::Randomness;

/// How many buckets the hash has. A percentage is a number of them.
pub(crate) const BUCKETS: u32 = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 14;
/// How many bits of a threshold lie below the buckets.
pub(crate) const BELOW_BUCKETS: u32 = 56 - BUCKET_BITS;

/// Returns the randomness of a value: first the bits that decide, so that a high randomness is a low bucket,
/// and last the bucket itself. What lies between is the hash's unused bits, twice.
pub(crate) fn randomness(seed: u32, value: &[u8]) -> Randomness {
    let hash = fnv_1a(seed, value);
    let bucket = u64::from(hash % BUCKETS);
    let unused = u64::from(hash >> (u32::BITS - BUCKET_BITS));
    let between = unused ^ (unused << 10);
    let deciding = u64::from(BUCKETS - 1) - bucket;
    Randomness::from_bits((deciding << BELOW_BUCKETS) | (between << BUCKET_BITS) | bucket)
}

/// Returns the 32 bits of FNV-1a over the seed, the lowest byte first, and the value.
fn fnv_1a(seed: u32, value: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let seeded = seed.to_le_bytes().iter().fold(0x811c_9dc5, step);
    value.iter().fold(seeded, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        // The seed 0x64636261 is the bytes "abcd". The last value is that of the published test vector "foobar".
        assert_eq!(fnv_1a(0x6463_6261, b""), 0xce3479bd);
        assert_eq!(fnv_1a(0x626f_6f66, b"ar"), 0xbf9c_f968);
    }
}

//! Keeps a share of all traces, chosen by a hash of the trace id, as the Collector chooses it.

#[derive(Debug)]
pub(crate) struct ProbabilityTest {
    /// The hash of the salt, with which the hash of each id goes on.
    salted: u64,
    threshold: u64,
    share: f64,
}

const DEFAULT_SALT: &str = "default-hash-seed";
// FNV-1a, 64 bits.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

impl ProbabilityTest {
    pub(crate) fn new(salt: &str, percentage: f64) -> ProbabilityTest {
        let salt = if salt.is_empty() { DEFAULT_SALT } else { salt };
        let share = percentage / 100.0;
        ProbabilityTest { salted: hash(OFFSET, salt.as_bytes()), threshold: threshold(share), share }
    }

    pub(super) fn holds(&self, trace_id: &[u8; 16]) -> bool {
        hash(self.salted, trace_id) <= self.threshold
    }

    /// Returns the share, above 0 and up to 1.
    pub(super) fn share(&self) -> f64 {
        if self.share > 0.0 { self.share.min(1.0) } else { 1.0 }
    }
}

fn hash(from: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(from, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// Returns `share` of the highest 64-bit number, rounded as the Collector's arithmetic rounds it: the product has 64
/// significant bits, half to even, and then loses its fraction.
fn threshold(share: f64) -> u64 {
    if share.is_nan() || share <= 0.0 {
        return 0;
    }
    if share >= 1.0 {
        return u64::MAX;
    }
    let bits = share.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    // share = mantissa * 2^power
    let (mantissa, power) = match exponent {
        0 => (fraction, -1074),
        _ => (fraction | (1 << 52), exponent - 1075),
    };
    let product = u128::from(mantissa) * u128::from(u64::MAX);
    let excess = (128 - product.leading_zeros()).saturating_sub(64);
    let rounded = round_half_to_even(product, excess);
    // rounded * 2^(excess + power), which is below 2^64
    let shift = (excess as i32 + power).unsigned_abs();
    match rounded.checked_shr(shift) {
        Some(whole) => u64::try_from(whole).unwrap_or(u64::MAX),
        None => 0,
    }
}

/// Drops the last `bits` bits.
fn round_half_to_even(number: u128, bits: u32) -> u128 {
    if bits == 0 {
        return number;
    }
    let (kept, dropped, half) = (number >> bits, number & ((1 << bits) - 1), 1 << (bits - 1));
    kept + u128::from(dropped > half || (dropped == half && kept & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guarantees: the thresholds are those that Go's `big.Float` gives.
    #[test]
    fn thresholds_are_the_collectors() {
        for (percentage, expected) in [
            (0.0, 0),
            (-5.0, 0),
            (1e-300, 0),
            (0.1, 18_446_744_073_709_551),
            (1.0, 184_467_440_737_095_519),
            (7.0, 1_291_272_085_159_668_735),
            (10.0, 1_844_674_407_370_955_263),
            (12.5, 2_305_843_009_213_693_951),
            (33.333, 6_148_853_202_089_604_095),
            (50.0, 9_223_372_036_854_775_807),
            (66.6, 12_285_531_553_090_559_999),
            (99.999, 18_446_559_606_268_813_311),
            (100.0, u64::MAX),
            (250.0, u64::MAX),
        ] {
            assert_eq!(threshold(percentage / 100.0), expected, "{percentage}");
        }
    }
}

//! Distinguishes series before their labels are made: by a hash of the bytes that the labels are made from.

/// The hash of a point's attributes, resource and scope: 128 bits of MurmurHash3 (x64). Points with equal
/// hashes are taken for the same series without comparing the bytes. Somebody can construct bytes with a
/// given hash. They collide with another sender's bytes only if they have the same resource, and a sender of
/// that resource can write all its series anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity([u64; 2]);

/// The state that a group of identities begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identities([u64; 2]);

impl Identities {
    /// The state for all points. It is not zero, because the hash of nothing would then be zero.
    pub(crate) const ALL: Identities = Identities([1, 2]);

    /// Returns the state for points that have these bytes in common.
    pub(crate) fn of<'a>(self, common: impl IntoIterator<Item = &'a [u8]>) -> Identities {
        let (begun, parts) =
            common.into_iter().fold((self.0, 0_u64), |(begun, parts), bytes| (hash(begun, bytes), parts + 1));
        Identities(hash(begun, &parts.to_le_bytes()))
    }

    #[inline]
    pub(crate) fn identity(self, bytes: &[u8]) -> Identity {
        Identity(hash(self.0, bytes))
    }
}

impl Identity {
    /// The identity of no point.
    pub(crate) const UNKNOWN: Identity = Identity([0; 2]);

    /// Returns a hash for tables.
    pub(crate) fn hash(self) -> u64 {
        self.0[0]
    }
}

/// Computes `MurmurHash3_x64_128` with one seed for each half.
#[inline]
fn hash([mut h1, mut h2]: [u64; 2], bytes: &[u8]) -> [u64; 2] {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let first = |word: u64| word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |word: u64| word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let words = u128::from_le_bytes(*block);
        h1 ^= first(words as u64);
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= second((words >> 64) as u64);
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    match tail.split_first_chunk::<8>() {
        Some((word, rest)) => {
            h2 ^= second(short(rest));
            h1 ^= first(u64::from_le_bytes(*word));
        }
        None => h1 ^= first(short(tail)),
    }
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2) = (mixed(h1), mixed(h2));
    h1 = h1.wrapping_add(h2);
    [h1, h2.wrapping_add(h1)]
}

/// Returns fewer than eight bytes as a number.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    let (mut word, mut shift, mut rest) = (0, 0, bytes);
    if let Some((four, after)) = rest.split_first_chunk() {
        (word, shift, rest) = (u64::from(u32::from_le_bytes(*four)), 32, after);
    }
    if let Some((two, after)) = rest.split_first_chunk() {
        (word, shift, rest) = (word | u64::from(u16::from_le_bytes(*two)) << shift, shift + 16, after);
    }
    if let [one] = rest { word | u64::from(*one) << shift } else { word }
}

#[inline]
fn mixed(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_known_one() {
        assert_eq!(hash([0; 2], b""), [0; 2]);
        assert_eq!(hash([0; 2], b"hello"), [0xcbd8_a7b3_41bd_9b02, 0x5b1e_906a_48ae_1d19]);
        let fox = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hash([0; 2], fox), [0xe34b_bc7b_bc07_1b6c, 0x7a43_3ca9_c49a_9347]);
    }

    #[test]
    fn whatever_differs_makes_another_identity() {
        let identity = |resource: &[&[u8]], scope: &[&[u8]], point: &[u8]| {
            let identities = Identities::ALL.of(resource.iter().copied()).of(scope.iter().copied());
            identities.identity(point)
        };
        let all = [
            identity(&[b"a"], &[b"b"], b"c"),
            identity(&[b"a", b"b"], &[], b"c"),
            identity(&[], &[b"a", b"b"], b"c"),
            identity(&[b"ab"], &[], b"c"),
            identity(&[b"b"], &[b"a"], b"c"),
            identity(&[b"a"], &[b"b"], b""),
            identity(&[], &[], b""),
            identity(&[], &[b""], b""),
            Identity::UNKNOWN,
        ];
        for (number, one) in all.iter().enumerate() {
            assert!(all.iter().skip(number + 1).all(|other| one != other), "{number}");
        }
        assert_eq!(all[0], identity(&[b"a"], &[b"b"], b"c"));
    }
}

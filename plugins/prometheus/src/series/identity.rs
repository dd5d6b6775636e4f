//! What tells series apart before their labels are made: a hash of the bytes that the labels are made of.

use std::hash::Hasher;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};
use spanloom_plugin::clock;

/// Of the attributes of one point, the resource and the scope that it comes from. Two that are equal are taken for the
/// same without a look at the bytes: the hash is 128 bits of SipHash, whose key no sender knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity([u64; 2]);

/// What identities are made with: a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identities([u64; 2]);

impl Identities {
    /// Of this run alone.
    pub(crate) fn new() -> Identities {
        let monotonic_nano = clock::monotonic().as_nanos() as u64;
        Identities([clock::now_unix_nano(), monotonic_nano])
    }

    /// Those of points that have this in common.
    pub(crate) fn of<'a>(self, common: impl IntoIterator<Item = &'a [u8]>) -> Identities {
        let mut hasher = self.hasher();
        for bytes in common {
            hasher.write(bytes);
            hasher.write_usize(bytes.len());
        }
        Identities(parts(hasher.finish128()))
    }

    #[inline]
    pub(crate) fn identity(self, bytes: &[u8]) -> Identity {
        Identity(parts(self.hasher().hash(bytes)))
    }

    fn hasher(self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0[0], self.0[1])
    }
}

impl Identity {
    /// Of no point.
    pub(crate) const UNKNOWN: Identity = Identity([0; 2]);

    /// For a table.
    pub(crate) fn hash(self) -> u64 {
        self.0[0]
    }
}

fn parts(hash: Hash128) -> [u64; 2] {
    [hash.h1, hash.h2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_differs_makes_another_identity() {
        let all = Identities::new();
        let identity = |common: [&[u8]; 2], bytes: &[u8]| all.of(common).identity(bytes);
        let one = identity([b"a", b"b"], b"c");
        assert_eq!(one, identity([b"a", b"b"], b"c"));
        for other in [identity([b"ab", b""], b"c"), identity([b"a", b"b"], b""), identity([b"b", b"a"], b"c")]
        {
            assert_ne!(one, other);
        }
    }
}

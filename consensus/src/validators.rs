//! Who may decide: the validators of one height, and how many of them are enough.
//!
//! A validator is its signing key. Its *seat* is the place of that key in the set, which is sorted, so that the same keys
//! are the same set however they were collected. With n = 3f + 1 validators f may be dead or hostile.
//!
//! Encoding: count u8 ‖ keys, ascending.

use std::fmt;

use ed25519_dalek::VerifyingKey;

use crate::{bytes::take, malformed::Malformed};

/// The most validators of one height. Their certificates name them by the bits of 64.
pub const MAX_VALIDATORS: usize = 64;

/// The place of a validator in its set, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seat(pub u8);

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "validator {}", self.0)
    }
}

/// Keys that are no set of validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// None, or too many.
    #[error("a set has 1 to {MAX_VALIDATORS} validators, not {0}")]
    Count(usize),
    /// One key twice.
    #[error("the key {} stands in the set twice: a validator has one seat", show(.0))]
    Twice([u8; 32]),
    /// A key under which anyone's signature may hold.
    #[error("{} is a weak key, for which signatures can be forged", show(.0))]
    Weak([u8; 32]),
}

fn show(key: &[u8; 32]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The validators of one height: distinct, sorted, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    keys: Vec<VerifyingKey>,
}

impl ValidatorSet {
    /// The set of these keys, in whatever order they come.
    ///
    /// # Errors
    /// [`SetError`].
    pub fn new(mut keys: Vec<VerifyingKey>) -> Result<Self, SetError> {
        if keys.is_empty() || keys.len() > MAX_VALIDATORS {
            return Err(SetError::Count(keys.len()));
        }
        if let Some(weak) = keys.iter().find(|key| key.is_weak()) {
            return Err(SetError::Weak(weak.to_bytes()));
        }
        keys.sort_by_key(VerifyingKey::to_bytes);
        let twice = keys.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some(one.to_bytes()),
            _ => None,
        });
        twice.map_or(Ok(Self { keys }), |key| Err(SetError::Twice(key)))
    }

    /// How many they are, n.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// How many may be dead or hostile, f: fewer than a third.
    pub fn tolerated(&self) -> usize {
        self.count().saturating_sub(1) / 3
    }

    /// How many decide, n − f: 2f + 1 where n = 3f + 1. Any two quorums have an honest validator in common.
    pub fn quorum(&self) -> usize {
        self.count().saturating_sub(self.tolerated())
    }

    /// The key of a seat.
    pub fn key(&self, seat: Seat) -> Option<&VerifyingKey> {
        self.keys.get(usize::from(seat.0))
    }

    /// The seat of a key.
    pub fn seat(&self, key: &VerifyingKey) -> Option<Seat> {
        self.iter().find(|(_, other)| *other == key).map(|(seat, _)| seat)
    }

    /// All seats with their keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Seat, &VerifyingKey)> {
        (0..).map(Seat).zip(&self.keys)
    }

    /// The set's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        // At most MAX_VALIDATORS.
        let count = self.count() as u8;
        [count].into_iter().chain(self.keys.iter().flat_map(VerifyingKey::to_bytes)).collect()
    }

    /// Reads exactly one encoded set.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the encoding of a set.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |detail: String| Malformed { what: "set of validators", detail };
        let mut rest = bytes;
        let [count] = take(&mut rest).ok_or_else(|| malformed("it is empty".to_owned()))?;
        let expected = usize::from(count) * 32;
        if rest.len() != expected {
            let got = rest.len();
            return Err(malformed(format!("expected {expected} bytes of keys, got {got}")));
        }
        let keys = rest
            .as_chunks::<32>()
            .0
            .iter()
            .map(VerifyingKey::from_bytes)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("a key is no point of the curve".to_owned()))?;
        let set = Self::new(keys).map_err(|error| malformed(error.to_string()))?;
        // The keys are sorted now: were they before, and each in its one encoding?
        if set.encode() == bytes {
            Ok(set)
        } else {
            Err(malformed("its keys are not ascending".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{keys, set_of};

    #[test]
    fn a_third_less_one_may_fail_and_two_quorums_share_an_honest_validator() {
        for (n, f, quorum) in [
            (1, 0, 1),
            (2, 0, 2),
            (3, 0, 3),
            (4, 1, 3),
            (5, 1, 4),
            (6, 1, 5),
            (7, 2, 5),
            (10, 3, 7),
        ] {
            let set = set_of(n);
            assert_eq!((set.tolerated(), set.quorum()), (f, quorum), "{n}");
            assert!(2 * set.quorum() > n + set.tolerated(), "{n}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_each_stands_there_once() {
        let mut some: Vec<_> = keys(7).iter().map(|key| key.verifying_key()).collect();
        let set = ValidatorSet::new(some.clone()).unwrap();
        some.reverse();
        assert_eq!(ValidatorSet::new(some.clone()).unwrap(), set);
        for (seat, key) in set.iter() {
            assert_eq!(set.seat(key), Some(seat));
        }
        some.push(some[0]);
        assert!(matches!(ValidatorSet::new(some), Err(SetError::Twice(_))));
    }

    #[test]
    fn none_too_many_and_weak_keys_are_no_set() {
        assert_eq!(ValidatorSet::new(Vec::new()), Err(SetError::Count(0)));
        let many = keys(MAX_VALIDATORS + 1).iter().map(|key| key.verifying_key()).collect();
        assert_eq!(ValidatorSet::new(many), Err(SetError::Count(65)));
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let weak = VerifyingKey::from_bytes(&neutral).unwrap();
        assert_eq!(ValidatorSet::new(vec![weak]), Err(SetError::Weak(neutral)));
    }

    #[test]
    fn only_ascending_keys_are_an_encoding() {
        let set = set_of(4);
        let bytes = set.encode();
        assert_eq!(ValidatorSet::decode(&bytes).unwrap(), set);
        let mut swapped = bytes.clone();
        swapped[1..65].rotate_left(32);
        assert!(ValidatorSet::decode(&swapped).is_err());
        for length in 0..bytes.len() {
            assert!(ValidatorSet::decode(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(set) = ValidatorSet::decode(&bytes) {
                prop_assert_eq!(set.encode(), bytes);
            }
        }
    }
}

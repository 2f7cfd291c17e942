//! Two statements of one validator at one place, as evidence.
//!
//! Encoding: the two signed statements, the one with the smaller encoding first.

use consilium_hash::ChainId;
use ed25519_dalek::VerifyingKey;

use crate::{malformed::Malformed, statement::Signed, validators::ValidatorSet};

/// Evidence that a validator said two things at one place: two proposals, two prevotes or two precommits of one height and
/// round. It needs nothing but the validators of that height and the chain id. A candidate until [`Conviction::verify`].
///
/// An honest validator logs what it signs before anyone sees it, and signs nothing else at that place: it cannot be
/// convicted, unless its log is forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conviction {
    first: Signed,
    second: Signed,
}

impl Conviction {
    /// Of two statements, in either order; `None` where they contradict nothing.
    pub fn new(one: Signed, other: Signed) -> Option<Self> {
        let contradicts = one.seat == other.seat
            && one.statement.place == other.statement.place
            && one.statement != other.statement;
        let in_order = one.statement.encode() < other.statement.encode();
        let (first, second) = if in_order { (one, other) } else { (other, one) };
        contradicts.then_some(Self { first, second })
    }

    /// Whom this convicts; `None` where a signature does not hold.
    pub fn verify<'a>(
        &self,
        chain_id: &ChainId,
        validators: &'a ValidatorSet,
    ) -> Option<&'a VerifyingKey> {
        let both = [&self.first, &self.second];
        let hold = both.iter().all(|signed| signed.holds(chain_id, validators));
        validators.key(self.first.seat).filter(|_| hold)
    }

    /// The two statements.
    pub fn statements(&self) -> [&Signed; 2] {
        [&self.first, &self.second]
    }

    /// The evidence's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        [self.first.encode(), self.second.encode()].concat()
    }

    /// Reads an encoding. Nothing in it has been verified, but that the statements contradict each other.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        let first = Signed::take(&mut rest);
        let second = Signed::take(&mut rest);
        let read = first.zip(second).and_then(|(first, second)| Self::new(first, second));
        // In the other order it would be read, and be written as something else.
        let read = read.filter(|conviction| conviction.encode() == bytes);
        read.ok_or_else(|| Malformed::shape("conviction of a validator"))
    }
}

#[cfg(test)]
mod tests {
    use consilium_hash::BlockHash;

    use super::*;
    use crate::{
        statement::{Kind, Place, Statement},
        testing::{CHAIN, keys, set_of},
        validators::Seat,
    };

    fn say(kind: Kind, round: u32, value: u8, seat: u8) -> Signed {
        let place = Place { height: 5, round, kind };
        let value = Some(BlockHash([value; 32]));
        let statement = Statement { place, value, valid_round: None };
        statement.sign(&CHAIN, Seat(seat), &keys(4)[usize::from(seat)])
    }

    const KINDS: [Kind; 3] = [Kind::Proposal, Kind::Prevote, Kind::Precommit];

    #[test]
    fn two_statements_at_one_place_convict_whoever_made_them() {
        let set = set_of(4);
        for kind in KINDS {
            let conviction = Conviction::new(say(kind, 1, 1, 2), say(kind, 1, 2, 2)).unwrap();
            assert_eq!(conviction.verify(&CHAIN, &set), set.key(Seat(2)));
            assert_eq!(conviction.verify(&ChainId([1; 32]), &set), None);
            assert_eq!(Conviction::decode(&conviction.encode()).unwrap(), conviction);
            assert_eq!(Conviction::new(say(kind, 1, 2, 2), say(kind, 1, 1, 2)), Some(conviction));
        }
    }

    #[test]
    fn what_an_honest_validator_says_convicts_nobody() {
        let mut said = Vec::new();
        for kind in KINDS {
            for round in 0..3 {
                said.extend((0..4).map(|seat| say(kind, round, 1, seat)));
            }
        }
        for one in &said {
            for other in &said {
                assert_eq!(Conviction::new(*one, *other), None);
            }
        }
    }

    #[test]
    fn nobody_can_have_another_convicted() {
        let set = set_of(4);
        let own = say(Kind::Prevote, 1, 1, 2);
        let forged = Signed { seat: Seat(2), ..say(Kind::Prevote, 1, 2, 3) };
        assert_eq!(Conviction::new(own, forged).unwrap().verify(&CHAIN, &set), None);
        let bytes = Conviction::new(own, say(Kind::Prevote, 1, 2, 2)).unwrap().encode();
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            let convicts = Conviction::decode(&flipped)
                .is_ok_and(|conviction| conviction.verify(&CHAIN, &set).is_some());
            assert!(!convicts, "byte {place}");
        }
        for length in 0..bytes.len() {
            assert!(Conviction::decode(&bytes[..length]).is_err());
        }
    }
}

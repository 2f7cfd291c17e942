//! What validators say, and what exactly they sign.
//!
//! A [`Statement`] is a proposal or a vote: of what kind, at which height and round, for which block or for none. What is
//! signed is a label, the chain id and the statement's encoding, so that a signature holds for nothing else: not on
//! another chain, not for another kind of vote, not as a header's seal.
//!
//! Encoding, 51 bytes: kind u8 ‖ height u64 ‖ round u32 ‖ some u8 ‖ the hash of a header, or zeros ‖ the last two
//! fields of a proposal, the earlier round of its value: some u8 ‖ round u32, else zeros. Some is 0 or 1; what is said not to be
//! there is zeros.

use std::fmt;

use consilium_hash::{BlockHash, ChainId};
use ed25519_dalek::{Signature, Signer, SigningKey};

use crate::{
    bytes::{take, take_u8, take_u32, take_u64},
    validators::{Seat, ValidatorSet},
};

/// Prefix of everything that a validator signs here.
const LABEL: &[u8] = b"consilium/consensus/statement/v1";

/// What a statement is. One validator makes at most one of a kind at each height and round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// "This is my value for the round."
    Proposal,
    /// "This value may be decided", or none.
    Prevote,
    /// "I have seen a quorum for this value", or for none.
    Precommit,
}

/// Where a statement stands. One validator makes at most one at each place; two different ones convict it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The height of the block to be decided.
    pub height: u64,
    /// The attempt at that height, from 0.
    pub round: u32,
    /// Proposal, prevote or precommit.
    pub kind: Kind,
}

/// A proposal or a vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement {
    /// Where it stands.
    pub place: Place,
    /// The hash of a header; a vote for none has none, a proposal always has one.
    pub value: Option<BlockHash>,
    /// Of a proposal: the earlier round in which a quorum has prevoted for the value, if there was one.
    pub valid_round: Option<u32>,
}

impl Statement {
    /// Length of an encoded statement in bytes.
    pub const LEN: usize = 1 + 8 + 4 + 1 + 32 + 1 + 4;

    /// The precommit by which a decided header is certified.
    pub(crate) fn precommit(height: u64, round: u32, value: BlockHash) -> Self {
        let place = Place { height, round, kind: Kind::Precommit };
        Self { place, value: Some(value), valid_round: None }
    }

    /// The statement's only encoding.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let kind = match self.place.kind {
            Kind::Proposal => 0,
            Kind::Prevote => 1,
            Kind::Precommit => 2,
        };
        let fields: [&[u8]; 7] = [
            &[kind],
            &self.place.height.to_be_bytes(),
            &self.place.round.to_be_bytes(),
            &[u8::from(self.value.is_some())],
            &self.value.unwrap_or_default().0,
            &[u8::from(self.valid_round.is_some())],
            &self.valid_round.unwrap_or_default().to_be_bytes(),
        ];
        let mut bytes = [0; Self::LEN];
        bytes.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        bytes
    }

    /// Takes an encoded statement off the front; `None` for anything that is not one.
    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        let kind = match take_u8(rest)? {
            0 => Kind::Proposal,
            1 => Kind::Prevote,
            2 => Kind::Precommit,
            _ => return None,
        };
        let height = take_u64(rest)?;
        let round = take_u32(rest)?;
        let value = some(take_u8(rest)?, BlockHash(take(rest)?))?;
        let valid_round = some(take_u8(rest)?, take_u32(rest)?)?;
        let statement = Self { place: Place { height, round, kind }, value, valid_round };
        statement.is_well_formed().then_some(statement)
    }

    /// Whether it says what one of its kind can say.
    fn is_well_formed(&self) -> bool {
        match self.place.kind {
            Kind::Proposal => {
                self.value.is_some()
                    && self.valid_round.is_none_or(|round| round < self.place.round)
            }
            Kind::Prevote | Kind::Precommit => self.valid_round.is_none(),
        }
    }

    /// What exactly a validator signs.
    pub fn signed_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        [LABEL, chain_id.as_slice(), &self.encode()].concat()
    }

    /// Signs it for the chain.
    ///
    /// Only for what the log holds, or will hold before anyone sees it: two statements of one place convict.
    pub(crate) fn sign(self, chain_id: &ChainId, seat: Seat, key: &SigningKey) -> Signed {
        let signature = SignatureBytes(key.sign(&self.signed_bytes(chain_id)).to_bytes());
        Signed { statement: self, seat, signature }
    }
}

/// A field that is there, or zeros.
fn some<T: Default + PartialEq>(flag: u8, field: T) -> Option<Option<T>> {
    match flag {
        0 => (field == T::default()).then_some(None),
        1 => Some(Some(field)),
        _ => None,
    }
}

/// The 64 bytes of an Ed25519 signature. Whether it holds is not known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignatureBytes(pub [u8; 64]);

impl fmt::Debug for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([first, second, ..]) = self;
        write!(f, "SignatureBytes({first:02x}{second:02x}…)")
    }
}

/// A statement with a signature: a candidate until [`Signed::holds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// What is said.
    pub statement: Statement,
    /// By whom, as the sender says.
    pub seat: Seat,
    /// The seat's signature.
    pub signature: SignatureBytes,
}

impl Signed {
    /// Length of an encoded signed statement in bytes.
    pub const LEN: usize = Statement::LEN + 1 + 64;

    /// Whether the seat's key has signed the statement for this chain (strict Ed25519 verification).
    pub fn holds(&self, chain_id: &ChainId, validators: &ValidatorSet) -> bool {
        let signature = Signature::from_bytes(&self.signature.0);
        let signed = self.statement.signed_bytes(chain_id);
        validators.key(self.seat).is_some_and(|key| key.verify_strict(&signed, &signature).is_ok())
    }

    /// Statement ‖ seat u8 ‖ signature.
    pub fn encode(&self) -> Vec<u8> {
        [self.statement.encode().as_slice(), &[self.seat.0], &self.signature.0].concat()
    }

    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        let statement = Statement::take(rest)?;
        let seat = Seat(take_u8(rest)?);
        Some(Self { statement, seat, signature: SignatureBytes(take(rest)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CHAIN, keys, set_of};

    fn vote() -> Statement {
        Statement::precommit(7, 3, BlockHash([5; 32]))
    }

    #[test]
    fn the_encoding_is_held_fixed() {
        let expected =
            ["02", "0000000000000007", "00000003", "01", &"05".repeat(32), "00", "00000000"];
        assert_eq!(hex::encode(vote().encode()), expected.concat());
    }

    #[test]
    fn a_signature_holds_for_its_chain_seat_and_statement_alone() {
        let (set, keys) = (set_of(4), keys(4));
        let signed = vote().sign(&CHAIN, Seat(2), &keys[2]);
        assert!(signed.holds(&CHAIN, &set));
        assert!(!signed.holds(&ChainId([1; 32]), &set));
        for seat in [0, 1, 3, 4, 255] {
            assert!(!Signed { seat: Seat(seat), ..signed }.holds(&CHAIN, &set), "{seat}");
        }
        let bytes = signed.encode();
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            let still = Signed::take(&mut flipped.as_slice())
                .is_some_and(|other| other.holds(&CHAIN, &set));
            assert!(!still, "byte {place}");
        }
    }

    #[test]
    fn what_no_statement_can_say_is_not_decoded() {
        let proposal = |round, valid_round| Statement {
            place: Place { height: 1, round, kind: Kind::Proposal },
            value: Some(BlockHash([1; 32])),
            valid_round,
        };
        let decoded = |statement: Statement| Statement::take(&mut statement.encode().as_slice());
        for good in
            [proposal(1, None), proposal(1, Some(0)), vote(), Statement { value: None, ..vote() }]
        {
            assert_eq!(decoded(good), Some(good));
        }
        for bad in [
            proposal(1, Some(1)),
            Statement { value: None, ..proposal(1, None) },
            Statement { valid_round: Some(0), ..vote() },
        ] {
            assert_eq!(decoded(bad), None);
        }
        let mut bytes = Statement { value: None, ..vote() }.encode();
        bytes[20] = 1;
        assert_eq!(Statement::take(&mut bytes.as_slice()), None);
    }
}

//! That a header is decided: who has precommitted to it, and in which round.
//!
//! Whoever has the validators of the height and the chain id verifies it; height and hash are the header's. It is no part
//! of the header's hash: nodes may hold different certificates of one header, all of which hold.
//!
//! Encoding: round u32 ‖ signers, bits of a u64, that of seat 0 the lowest ‖ their signatures in the order of seats.

use consilium_hash::ChainId;
use consilium_ledger::Header;

use crate::{
    bytes::{take, take_u32, take_u64},
    malformed::Malformed,
    statement::{SignatureBytes, Signed, Statement},
    validators::{MAX_VALIDATORS, Seat, ValidatorSet},
};

const _: () = assert!(MAX_VALIDATORS == u64::BITS as usize);

/// The longest an encoded certificate can be, in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = 4 + 8 + MAX_VALIDATORS * 64;

/// A certificate does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Too few.
    #[error("{got} validators have signed, {needed} decide: discard it")]
    TooFew {
        /// How many have signed.
        got: usize,
        /// The quorum.
        needed: usize,
    },
    /// Somebody who is no validator, or did not sign this.
    #[error("the signature of {0} does not hold for this header: discard it")]
    Signature(Seat),
}

/// Precommits to one header. A candidate until [`Certificate::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    round: u32,
    /// Ascending, each once.
    signatures: Vec<(Seat, SignatureBytes)>,
}

impl Certificate {
    /// Out of precommits, each seat's first counting; those of seats that no set has are left out.
    pub(crate) fn new(round: u32, mut signatures: Vec<(Seat, SignatureBytes)>) -> Self {
        signatures.retain(|(seat, _)| usize::from(seat.0) < MAX_VALIDATORS);
        signatures.sort_by_key(|(seat, _)| *seat);
        signatures.dedup_by_key(|(seat, _)| *seat);
        Self { round, signatures }
    }

    /// The round in which it was decided.
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Who has signed, in the order of seats.
    pub fn signers(&self) -> impl Iterator<Item = Seat> {
        self.signatures.iter().map(|(seat, _)| *seat)
    }

    /// Checks that a quorum of these validators has decided this header on this chain. A single signature that does not hold
    /// makes it void.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub fn verify(
        &self,
        header: &Header,
        chain_id: &ChainId,
        validators: &ValidatorSet,
    ) -> Result<(), BadCertificate> {
        let needed = validators.quorum();
        if self.signatures.len() < needed {
            return Err(BadCertificate::TooFew { got: self.signatures.len(), needed });
        }
        let statement = Statement::precommit(header.height, self.round, header.hash());
        let bad = self
            .signatures
            .iter()
            .map(|&(seat, signature)| Signed { statement, seat, signature })
            .find(|signed| !signed.holds(chain_id, validators));
        bad.map_or(Ok(()), |signed| Err(BadCertificate::Signature(signed.seat)))
    }

    /// The certificate's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let signers = self.signers().fold(0u64, |bits, seat| bits | 1 << (seat.0 % 64));
        let mut bytes = [self.round.to_be_bytes().as_slice(), &signers.to_be_bytes()].concat();
        bytes.extend(self.signatures.iter().flat_map(|(_, signature)| signature.0));
        bytes
    }

    /// Reads exactly one certificate.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the encoding of one.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        let read = Self::take(&mut rest).filter(|_| rest.is_empty());
        read.ok_or_else(|| Malformed::shape("certificate"))
    }

    pub(crate) fn take(rest: &mut &[u8]) -> Option<Self> {
        let round = take_u32(rest)?;
        let signers = take_u64(rest)?;
        let signatures = (0..64u8)
            .filter(|bit| signers >> bit & 1 == 1)
            .map(|bit| Some((Seat(bit), SignatureBytes(take(rest)?))))
            .collect::<Option<_>>()?;
        Some(Self { round, signatures })
    }
}

/// A header that is decided, and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The header.
    pub header: Header,
    /// Its certificate.
    pub certificate: Certificate,
}

impl Decision {
    /// Header ‖ certificate.
    pub fn encode(&self) -> Vec<u8> {
        [self.header.encode().as_slice(), &self.certificate.encode()].concat()
    }

    /// Reads exactly one decision. Nothing in it has been verified.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = || Malformed::shape("decision");
        let (header, rest) = bytes.split_at_checked(Header::LEN).ok_or_else(malformed)?;
        let header = Header::decode(header).map_err(|_| malformed())?;
        Ok(Self { header, certificate: Certificate::decode(rest)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{CHAIN, header, keys, set_of};

    fn certificate(seats: &[u8]) -> Certificate {
        let statement = Statement::precommit(7, 3, header(7, 1).hash());
        let keys = keys(4);
        let sign = |&seat: &u8| {
            (Seat(seat), statement.sign(&CHAIN, Seat(seat), &keys[usize::from(seat)]).signature)
        };
        Certificate::new(3, seats.iter().map(sign).collect())
    }

    #[test]
    fn a_quorum_is_enough_and_fewer_are_not_however_often_they_sign() {
        let verify = |seats: &[u8]| certificate(seats).verify(&header(7, 1), &CHAIN, &set_of(4));
        assert_eq!(verify(&[0, 1, 2, 3]), Ok(()));
        assert_eq!(verify(&[3, 0, 2]), Ok(()));
        assert_eq!(verify(&[1, 2]), Err(BadCertificate::TooFew { got: 2, needed: 3 }));
        assert_eq!(verify(&[1, 2, 2, 1]), Err(BadCertificate::TooFew { got: 2, needed: 3 }));
    }

    #[test]
    fn it_holds_for_its_header_chain_set_and_round_alone() {
        let whole = certificate(&[0, 1, 3]);
        let set = set_of(4);
        assert_eq!(whole.verify(&header(7, 1), &CHAIN, &set), Ok(()));
        assert!(whole.verify(&header(7, 2), &CHAIN, &set).is_err());
        assert!(whole.verify(&header(8, 1), &CHAIN, &set).is_err());
        assert!(whole.verify(&header(7, 1), &ChainId([1; 32]), &set).is_err());
        assert!(whole.verify(&header(7, 1), &CHAIN, &set_of(7)).is_err());
        let bytes = whole.encode();
        assert_eq!(bytes.len(), 4 + 8 + 3 * 64);
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            let holds = Certificate::decode(&flipped)
                .is_ok_and(|other| other.verify(&header(7, 1), &CHAIN, &set).is_ok());
            assert!(!holds, "byte {place}");
        }
        for length in 0..bytes.len() {
            assert!(Certificate::decode(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn the_encoding_is_held_fixed() {
        let bytes = certificate(&[0, 1, 3]).encode();
        assert_eq!(hex::encode(&bytes[..12]), "00000003000000000000000b");
        let decision = Decision { header: header(7, 1), certificate: certificate(&[0, 1, 3]) };
        assert_eq!(decision.encode().len(), 356);
        assert_eq!(Decision::decode(&decision.encode()).unwrap(), decision);
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(signers: u64, cut in 0usize..5000, fill: u8) {
            let mut bytes = vec![0, 0, 0, 1];
            bytes.extend(signers.to_be_bytes());
            bytes.resize(cut.max(12), fill);
            if let Ok(read) = Certificate::decode(&bytes) {
                prop_assert!(bytes.len() <= MAX_CERTIFICATE_BYTES);
                prop_assert_eq!(read.encode(), bytes);
            }
        }
    }
}

//! What nodes send each other, in its one encoding.
//!
//! Encoding: kind u8, then
//!
//! | kind | what follows |
//! | --- | --- |
//! | 0, vote | the signed statement |
//! | 1, proposal | the signed statement ‖ the header that it names |
//! | 2, quorum | a [`Quorum`] |
//! | 3, round change | a [`RoundChange`] |
//! | 4, ask | height u64 |
//!
//! Nothing may follow. The longest message is bounded by the number of validators; no length is read before it is known.

use consilium_hash::BlockHash;
use consilium_ledger::Header;

use crate::{
    bytes::{take, take_u8, take_u32, take_u64},
    malformed::Malformed,
    statement::{Kind, Place, SignatureBytes, Signed, Statement},
    validators::{MAX_VALIDATORS, Seat},
};

/// The longest an encoded message can be, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 1 + 8 + 4 + 1 + 1 + MAX_VALIDATORS * (1 + 1 + 1 + 32 + 64);

/// What one node says to others. A candidate: no signature in it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A prevote or a precommit.
    Vote(Signed),
    /// A proposal, with the header whose hash it names. The block's entries come another way.
    Proposal(Signed, Header),
    /// Prevotes of a quorum for one value, which a proposer shows who proposes that value again.
    Quorum(Quorum),
    /// Votes that justify entering a round.
    RoundChange(RoundChange),
    /// "What has been decided at this height, and after it?"
    Ask(u64),
}

/// Prevotes for one value at one round. Encoding: height u64 ‖ round u32 ‖ value ‖ count u8 ‖ (seat u8 ‖ signature)…,
/// seats ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The height.
    pub height: u64,
    /// The round of the votes.
    pub round: u32,
    /// The value.
    pub value: BlockHash,
    /// Who has voted, ascending.
    pub signatures: Vec<(Seat, SignatureBytes)>,
}

/// Votes of one round, of each validator one. Encoding: height u64 ‖ round u32 ‖ of the round before u8 ‖ count u8 ‖
/// (seat u8 ‖ precommit u8 ‖ some u8 ‖ value ‖ signature)…, seats ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundChange {
    /// The height.
    pub height: u64,
    /// The round of the votes.
    pub round: u32,
    /// Whether these are precommits of a quorum, after which the next round begins, and not votes of f + 1 validators that are
    /// in this round.
    pub ends_round: bool,
    /// Prevotes and precommits at that height and round, by seat.
    pub votes: Vec<Signed>,
}

/// Whether seats ascend, each once.
fn ascends(seats: impl Iterator<Item = Seat>) -> bool {
    let mut before = None;
    seats.into_iter().all(|seat| before.replace(seat).is_none_or(|last| last < seat))
}

fn count(rest: &mut &[u8]) -> Option<usize> {
    take_u8(rest).map(usize::from).filter(|count| *count <= MAX_VALIDATORS)
}

impl Quorum {
    /// The votes, each as its author signed it.
    pub fn votes(&self) -> impl Iterator<Item = Signed> {
        let place = Place { height: self.height, round: self.round, kind: Kind::Prevote };
        let statement = Statement { place, value: Some(self.value), valid_round: None };
        self.signatures.iter().map(move |&(seat, signature)| Signed { statement, seat, signature })
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.height.to_be_bytes());
        to.extend(self.round.to_be_bytes());
        to.extend(self.value.0);
        to.push(self.signatures.len() as u8);
        for (seat, signature) in &self.signatures {
            to.push(seat.0);
            to.extend(signature.0);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let height = take_u64(rest)?;
        let round = take_u32(rest)?;
        let value = BlockHash(take(rest)?);
        let signatures: Vec<_> = (0..count(rest)?)
            .map(|_| Some((Seat(take_u8(rest)?), SignatureBytes(take(rest)?))))
            .collect::<Option<_>>()?;
        let in_order = ascends(signatures.iter().map(|(seat, _)| *seat));
        in_order.then_some(Self { height, round, value, signatures })
    }
}

impl RoundChange {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self.height.to_be_bytes());
        to.extend(self.round.to_be_bytes());
        to.push(u8::from(self.ends_round));
        to.push(self.votes.len() as u8);
        for vote in &self.votes {
            let value = vote.statement.value;
            let precommit = vote.statement.place.kind == Kind::Precommit;
            to.extend([vote.seat.0, u8::from(precommit), u8::from(value.is_some())]);
            to.extend(value.unwrap_or_default().0);
            to.extend(vote.signature.0);
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let height = take_u64(rest)?;
        let round = take_u32(rest)?;
        let ends_round = flag(rest)?;
        let vote = |rest: &mut &[u8]| {
            let seat = Seat(take_u8(rest)?);
            let kind = if flag(rest)? { Kind::Precommit } else { Kind::Prevote };
            let is_some = flag(rest)?;
            let value = BlockHash(take(rest)?);
            if !is_some && value != BlockHash::default() {
                return None;
            }
            let place = Place { height, round, kind };
            let statement = Statement { place, value: is_some.then_some(value), valid_round: None };
            Some(Signed { statement, seat, signature: SignatureBytes(take(rest)?) })
        };
        let votes: Vec<_> = (0..count(rest)?).map(|_| vote(rest)).collect::<Option<_>>()?;
        let in_order = ascends(votes.iter().map(|vote| vote.seat));
        in_order.then_some(Self { height, round, ends_round, votes })
    }
}

fn flag(rest: &mut &[u8]) -> Option<bool> {
    match take_u8(rest)? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

impl Message {
    /// The height that it is about.
    pub fn height(&self) -> u64 {
        match self {
            Self::Vote(signed) | Self::Proposal(signed, _) => signed.statement.place.height,
            Self::Quorum(quorum) => quorum.height,
            Self::RoundChange(change) => change.height,
            Self::Ask(height) => *height,
        }
    }

    /// The message's only encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Vote(signed) => {
                bytes.push(0);
                bytes.extend(signed.encode());
            }
            Self::Proposal(signed, header) => {
                bytes.push(1);
                bytes.extend(signed.encode());
                bytes.extend(header.encode());
            }
            Self::Quorum(quorum) => {
                bytes.push(2);
                quorum.write(&mut bytes);
            }
            Self::RoundChange(change) => {
                bytes.push(3);
                change.write(&mut bytes);
            }
            Self::Ask(height) => {
                bytes.push(4);
                bytes.extend(height.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads exactly one message.
    ///
    /// # Errors
    /// [`Malformed`] for anything but the encoding of one, and for a proposal of another header than it names.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut rest = bytes;
        let read = Self::take(&mut rest).filter(|_| rest.is_empty());
        read.ok_or_else(|| Malformed::shape("message of a validator"))
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        match take_u8(rest)? {
            0 => Signed::take(rest)
                .filter(|signed| signed.statement.place.kind != Kind::Proposal)
                .map(Self::Vote),
            1 => {
                let signed = Signed::take(rest)?;
                let header = Header::decode(&take::<{ Header::LEN }>(rest)?).ok()?;
                let names = signed.statement.place.kind == Kind::Proposal
                    && signed.statement.place.height == header.height
                    && signed.statement.value == Some(header.hash());
                names.then_some(Self::Proposal(signed, header))
            }
            2 => Quorum::take(rest).map(Self::Quorum),
            3 => RoundChange::take(rest).map(Self::RoundChange),
            4 => take_u64(rest).map(Self::Ask),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{CHAIN, header, keys};

    pub(crate) fn say(kind: Kind, round: u32, value: Option<BlockHash>, seat: u8) -> Signed {
        let place = Place { height: 5, round, kind };
        let statement = Statement { place, value, valid_round: None };
        statement.sign(&CHAIN, Seat(seat), &keys(4)[usize::from(seat)])
    }

    /// One of each kind.
    pub(crate) fn some_messages() -> Vec<Message> {
        let header = header(5, 1);
        let value = Some(header.hash());
        let prevote = |seat| say(Kind::Prevote, 2, value, seat);
        let signatures = (0..3).map(|seat| (Seat(seat), prevote(seat).signature)).collect();
        let quorum = Quorum { height: 5, round: 2, value: header.hash(), signatures };
        assert!(quorum.votes().eq((0..3).map(prevote)));
        let votes = vec![prevote(0), say(Kind::Precommit, 2, None, 3)];
        vec![
            Message::Vote(prevote(1)),
            Message::Vote(say(Kind::Precommit, 0, None, 1)),
            Message::Proposal(say(Kind::Proposal, 2, value, 2), header),
            Message::Quorum(quorum),
            Message::RoundChange(RoundChange { height: 5, round: 2, ends_round: false, votes }),
            Message::Ask(7),
        ]
    }

    #[test]
    fn each_kind_is_read_as_it_was_written_and_never_shorter_or_longer() {
        for message in some_messages() {
            let bytes = message.encode();
            assert!(bytes.len() <= MAX_MESSAGE_BYTES);
            assert_eq!(Message::decode(&bytes).unwrap(), message);
            for length in 0..bytes.len() {
                assert!(Message::decode(&bytes[..length]).is_err());
            }
            assert!(Message::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        }
    }

    #[test]
    fn a_flipped_byte_is_refused_or_is_another_message_in_its_one_encoding() {
        for message in some_messages() {
            let bytes = message.encode();
            for place in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[place] ^= 0x41;
                if let Ok(other) = Message::decode(&flipped) {
                    assert_eq!(other.encode(), flipped, "byte {place}");
                }
            }
        }
    }

    #[test]
    fn a_proposal_brings_the_header_that_it_names() {
        let named = say(Kind::Proposal, 2, Some(header(5, 1).hash()), 2);
        assert!(Message::decode(&Message::Proposal(named, header(5, 2)).encode()).is_err());
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(kind in 0u8..6, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let bytes = [&[kind], bytes.as_slice()].concat();
            if let Ok(message) = Message::decode(&bytes) {
                prop_assert_eq!(message.encode(), bytes);
            }
        }
    }
}

//! The engine's words for ours: heights, values, votes, seats. No logic but who proposes, and translations both ways.

use std::{cmp::Ordering, fmt};

use arc_malachitebft_core_consensus as core;
use arc_malachitebft_core_types as types;
use arc_malachitebft_core_types::{NilOrVal, Round, VoteType};
use consilium_hash::BlockHash;
use consilium_ledger::Header;
use ed25519_dalek::VerifyingKey;

use crate::{
    message::{Quorum, RoundChange},
    statement::{Kind, Place, SignatureBytes, Signed, Statement},
    validators::{Seat, ValidatorSet},
};

/// What the engine is a state machine over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine;

pub(crate) type Input = core::Input<Engine>;
pub(crate) type Effect = core::Effect<Engine>;
pub(crate) type Resume = core::Resume<Engine>;
pub(crate) type EngineError = core::Error<Engine>;
pub(crate) type EngineState = core::State<Engine>;
pub(crate) type SignedVote = types::SignedVote<Engine>;
pub(crate) type SignedProposal = types::SignedProposal<Engine>;
pub(crate) type CertificateError = types::CertificateError<Engine>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Height(pub(crate) u64);

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl types::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(0);

    fn increment_by(&self, by: u64) -> Self {
        Self(self.0.saturating_add(by))
    }

    fn decrement_by(&self, by: u64) -> Option<Self> {
        self.0.checked_sub(by).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// A header as the value to be decided; its name is its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) Header);

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.encode().cmp(&other.0.encode())
    }
}

impl types::Value for Value {
    type Id = BlockHash;

    fn id(&self) -> BlockHash {
        self.0.hash()
    }
}

impl types::Address for Seat {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voter {
    seat: Seat,
    key: VerifyingKey,
}

impl types::Validator<Engine> for Voter {
    fn address(&self) -> &Seat {
        &self.seat
    }

    fn public_key(&self) -> &VerifyingKey {
        &self.key
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// A [`ValidatorSet`] of which the first can be named without a doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voters {
    first: Voter,
    others: Vec<Voter>,
}

impl Voters {
    /// `None` for no set at all, which [`ValidatorSet`] does not allow.
    pub(crate) fn new(set: &ValidatorSet) -> Option<Self> {
        let mut voters = set.iter().map(|(seat, key)| Voter { seat, key: *key });
        Some(Self { first: voters.next()?, others: voters.collect() })
    }

    fn get(&self, place: usize) -> Option<&Voter> {
        place.checked_sub(1).map_or(Some(&self.first), |place| self.others.get(place))
    }
}

impl types::ValidatorSet<Engine> for Voters {
    fn count(&self) -> usize {
        self.others.len().saturating_add(1)
    }

    fn total_voting_power(&self) -> u64 {
        self.count() as u64
    }

    fn get_by_address(&self, seat: &Seat) -> Option<&Voter> {
        self.get(usize::from(seat.0))
    }

    fn get_by_index(&self, place: usize) -> Option<&Voter> {
        self.get(place)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vote {
    height: Height,
    round: Round,
    value: NilOrVal<BlockHash>,
    kind: VoteType,
    seat: Seat,
}

impl types::Vote<Engine> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockHash> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockHash> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Seat {
        &self.seat
    }

    fn extension(&self) -> Option<&types::SignedExtension<Engine>> {
        None
    }

    fn take_extension(&mut self) -> Option<types::SignedExtension<Engine>> {
        None
    }

    fn extend(self, _extension: types::SignedExtension<Engine>) -> Self {
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    height: Height,
    round: Round,
    value: Value,
    valid_round: Round,
    seat: Seat,
}

impl types::Proposal<Engine> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &Value {
        &self.value
    }

    fn take_value(self) -> Value {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.valid_round
    }

    fn validator_address(&self) -> &Seat {
        &self.seat
    }
}

/// Parts of values and extensions of votes, of which there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nothing {}

impl types::ProposalPart<Engine> for Nothing {
    fn is_first(&self) -> bool {
        match *self {}
    }

    fn is_last(&self) -> bool {
        match *self {}
    }
}

impl types::Extension for Nothing {
    fn size_bytes(&self) -> usize {
        match *self {}
    }
}

/// Ed25519. The engine holds no key: it asks its shell to sign and to verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ed25519;

impl types::SigningScheme for Ed25519 {
    type DecodingError = &'static str;
    type Signature = SignatureBytes;
    type PublicKey = VerifyingKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<SignatureBytes, &'static str> {
        bytes.try_into().map(SignatureBytes).map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &SignatureBytes) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<VerifyingKey, &'static str> {
        VerifyingKey::try_from(bytes).map_err(|_| "no key of Ed25519")
    }

    fn encode_public_key(key: &VerifyingKey) -> Vec<u8> {
        key.to_bytes().to_vec()
    }
}

impl types::Context for Engine {
    type Address = Seat;
    type Height = Height;
    type ProposalPart = Nothing;
    type Proposal = Proposal;
    type Validator = Voter;
    type ValidatorSet = Voters;
    type Timeouts = types::LinearTimeouts;
    type Value = Value;
    type Vote = Vote;
    type Extension = Nothing;
    type SigningScheme = Ed25519;

    /// Each in turn: the next one at the next height, and at the next round.
    fn select_proposer<'a>(&self, voters: &'a Voters, height: Height, round: Round) -> &'a Voter {
        let turn = height.0.wrapping_add(u64::from(round.as_u32().unwrap_or_default()));
        let place = turn % types::ValidatorSet::total_voting_power(voters).max(1);
        voters.get(place as usize).unwrap_or(&voters.first)
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: Value,
        valid_round: Round,
        seat: Seat,
    ) -> Proposal {
        Proposal { height, round, value, valid_round, seat }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockHash>,
        seat: Seat,
    ) -> Vote {
        Vote { height, round, value, kind: VoteType::Prevote, seat }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockHash>,
        seat: Seat,
    ) -> Vote {
        Vote { height, round, value, kind: VoteType::Precommit, seat }
    }
}

fn option(value: &NilOrVal<BlockHash>) -> Option<BlockHash> {
    match value {
        NilOrVal::Nil => None,
        NilOrVal::Val(value) => Some(*value),
    }
}

/// A round as we write it; the engine's "no round" does not reach a statement.
fn number(round: Round) -> u32 {
    round.as_u32().unwrap_or_default()
}

impl From<&Vote> for Statement {
    fn from(vote: &Vote) -> Self {
        let kind = match vote.kind {
            VoteType::Prevote => Kind::Prevote,
            VoteType::Precommit => Kind::Precommit,
        };
        let place = Place { height: vote.height.0, round: number(vote.round), kind };
        Self { place, value: option(&vote.value), valid_round: None }
    }
}

impl From<&Proposal> for Statement {
    fn from(proposal: &Proposal) -> Self {
        let round = number(proposal.round);
        let place = Place { height: proposal.height.0, round, kind: Kind::Proposal };
        let value = Some(proposal.value.0.hash());
        Self { place, value, valid_round: proposal.valid_round.as_u32() }
    }
}

/// A vote as we send it.
pub(crate) fn vote_out(vote: &SignedVote) -> Signed {
    let statement = Statement::from(&vote.message);
    Signed { statement, seat: vote.message.seat, signature: vote.signature }
}

/// A vote as the engine takes it; `None` for a proposal's statement.
pub(crate) fn vote_in(signed: &Signed) -> Option<SignedVote> {
    let Statement { place, value, .. } = signed.statement;
    let kind = match place.kind {
        Kind::Proposal => return None,
        Kind::Prevote => VoteType::Prevote,
        Kind::Precommit => VoteType::Precommit,
    };
    let value = value.map_or(NilOrVal::Nil, NilOrVal::Val);
    let round = Round::new(place.round);
    let vote = Vote { height: Height(place.height), round, value, kind, seat: signed.seat };
    Some(SignedVote::new(vote, signed.signature))
}

/// A proposal as we send it, with its header.
pub(crate) fn proposal_out(proposal: &SignedProposal) -> (Signed, Header) {
    let statement = Statement::from(&proposal.message);
    let signed = Signed { statement, seat: proposal.message.seat, signature: proposal.signature };
    (signed, proposal.message.value.0)
}

/// A proposal as the engine takes it.
pub(crate) fn proposal_in(signed: &Signed, header: Header) -> SignedProposal {
    let Statement { place, valid_round, .. } = signed.statement;
    let proposal = Proposal {
        height: Height(place.height),
        round: Round::new(place.round),
        value: Value(header),
        valid_round: Round::from(valid_round),
        seat: signed.seat,
    };
    SignedProposal::new(proposal, signed.signature)
}

pub(crate) fn quorum_out(certificate: &types::PolkaCertificate<Engine>) -> Quorum {
    let mut signatures: Vec<_> = certificate
        .polka_signatures
        .iter()
        .map(|signature| (signature.address, signature.signature))
        .collect();
    signatures.sort_by_key(|(seat, _)| *seat);
    signatures.dedup_by_key(|(seat, _)| *seat);
    let types::PolkaCertificate { height, round, value_id, .. } = certificate;
    Quorum { height: height.0, round: number(*round), value: *value_id, signatures }
}

pub(crate) fn quorum_in(quorum: &Quorum) -> types::PolkaCertificate<Engine> {
    let signatures = quorum.signatures.iter();
    types::PolkaCertificate {
        height: Height(quorum.height),
        round: Round::new(quorum.round),
        value_id: quorum.value,
        polka_signatures: signatures
            .map(|&(seat, signature)| types::PolkaSignature::new(seat, signature))
            .collect(),
    }
}

pub(crate) fn round_change_out(certificate: &types::RoundCertificate<Engine>) -> RoundChange {
    let mut votes: Vec<_> = certificate.votes(&Engine).map(|vote| vote_out(&vote)).collect();
    votes.sort_by_key(|vote| vote.seat);
    votes.dedup_by_key(|vote| vote.seat);
    RoundChange {
        height: certificate.height.0,
        round: number(certificate.round),
        ends_round: certificate.cert_type == types::RoundCertificateType::Precommit,
        votes,
    }
}

pub(crate) fn round_change_in(change: &RoundChange) -> types::RoundCertificate<Engine> {
    let kind = if change.ends_round {
        types::RoundCertificateType::Precommit
    } else {
        types::RoundCertificateType::Skip
    };
    types::RoundCertificate::new_from_votes(
        Height(change.height),
        Round::new(change.round),
        kind,
        change.votes.iter().filter_map(vote_in).collect(),
    )
}

/// The votes of a quorum for a value, each as its author signed it, however often one stands there.
pub(crate) fn quorum_in_votes(certificate: &types::PolkaCertificate<Engine>) -> Vec<Signed> {
    certificate.votes(&Engine).map(|vote| vote_out(&vote)).collect()
}

//! What the engine asks for, done: signatures, log, timers, messages.
//!
//! The engine is a state machine that yields effects and goes on with their outcomes. The one who drives it cannot return
//! an error into it: where something fails, [`Shell::failed`] says so, and from then on nothing is signed or sent.

use std::collections::HashSet;

use arc_malachitebft_core_consensus::{
    ConsensusMsg, LivenessMsg, Resumable, SignedConsensusMsg, VoteExtensionError,
};
use arc_malachitebft_core_types::{Round, RoundCertificate};
use consilium_hash::BlockHash;
use ed25519_dalek::SigningKey;

use crate::{
    certificate::Certificate,
    context::{self, CertificateError, Effect, Engine, Input, Resume, SignedProposal, SignedVote},
    log::{Log, Storage},
    message::Message,
    ordering::{ConsensusError, Output},
    record,
    statement::{Kind, Signed, Statement},
    timers::{Pace, Timers},
    validators::Seat,
    witness::Witness,
};

/// What surrounds the engine at one height.
pub(crate) struct Shell<S> {
    /// With the seat of this node and its log; `None` where it only follows.
    pub(crate) voice: Option<Voice<S>>,
    pub(crate) witness: Witness,
    pub(crate) timers: Timers,
    pub(crate) pace: Pace,
    pub(crate) now_ms: u64,
    pub(crate) outputs: Vec<Output>,
    pub(crate) round: u32,
    /// The round for which the engine wants a value.
    pub(crate) wanted: Option<u32>,
    /// What the engine has decided: header and certificate.
    pub(crate) decided: Option<(BlockHash, Certificate)>,
    pub(crate) failed: Option<ConsensusError>,
}

/// What it takes to vote.
pub(crate) struct Voice<S> {
    pub(crate) seat: Seat,
    pub(crate) key: SigningKey,
    pub(crate) log: Log<S>,
    /// Records that the log holds already, while it is replayed.
    pub(crate) replayed: HashSet<Vec<u8>>,
}

impl<S: Storage> Shell<S> {
    /// What the engine asks for.
    pub(crate) fn effect(&mut self, effect: Effect) -> Resume {
        if self.failed.is_some() {
            // Whatever the engine waits for: with this it goes on, or gives up.
            return Resume::Continue;
        }
        match effect {
            Effect::CancelAllTimeouts(then) => {
                self.timers.clear();
                then.resume_with(())
            }
            Effect::CancelTimeout(timeout, then) => {
                self.timers.cancel(&timeout);
                then.resume_with(())
            }
            Effect::ScheduleTimeout(timeout, then) => {
                self.timers.set(timeout, &self.pace, self.now_ms);
                then.resume_with(())
            }
            Effect::StartRound(_, round, _, _, then) => {
                self.flush();
                self.round = round.as_u32().unwrap_or_default();
                self.witness.enter(self.round);
                self.wanted = None;
                then.resume_with(())
            }
            Effect::PublishConsensusMsg(message, then) => {
                self.send(match message {
                    SignedConsensusMsg::Vote(vote) => Message::Vote(context::vote_out(&vote)),
                    SignedConsensusMsg::Proposal(proposal) => {
                        let (signed, header) = context::proposal_out(&proposal);
                        Message::Proposal(signed, header)
                    }
                });
                then.resume_with(())
            }
            Effect::PublishLivenessMsg(message, then) => {
                self.send(match message {
                    LivenessMsg::Vote(vote) => Message::Vote(context::vote_out(&vote)),
                    LivenessMsg::PolkaCertificate(quorum) => {
                        Message::Quorum(context::quorum_out(&quorum))
                    }
                    LivenessMsg::SkipRoundCertificate(change) => {
                        Message::RoundChange(context::round_change_out(&change))
                    }
                });
                then.resume_with(())
            }
            Effect::RepublishVote(vote, then) => {
                self.send(Message::Vote(context::vote_out(&vote)));
                then.resume_with(())
            }
            Effect::RepublishRoundCertificate(change, then) => {
                self.send(Message::RoundChange(context::round_change_out(&change)));
                then.resume_with(())
            }
            Effect::GetValue(_, round, _, then) => {
                self.wanted = round.as_u32();
                then.resume_with(())
            }
            // The proposal itself holds the header, and its entries are the application's to bring.
            Effect::RestreamProposal(.., then) => then.resume_with(()),
            Effect::Decide(certificate, _, then) => {
                self.flush();
                let round = certificate.round.as_u32().unwrap_or_default();
                let signatures = certificate.commit_signatures.iter();
                let signatures = signatures.map(|by| (by.address, by.signature)).collect();
                self.decided = Some((certificate.value_id, Certificate::new(round, signatures)));
                then.resume_with(())
            }
            Effect::Finalize(.., then) => then.resume_with(()),
            Effect::SignVote(vote, then) => match self.sign(Statement::from(&vote)) {
                Some(signed) => then.resume_with(SignedVote::new(vote, signed.signature)),
                None => Resume::Continue,
            },
            Effect::SignProposal(proposal, then) => match self.sign(Statement::from(&proposal)) {
                Some(signed) => then.resume_with(SignedProposal::new(proposal, signed.signature)),
                None => Resume::Continue,
            },
            Effect::VerifySignature(message, _, then) => {
                let signature = message.signature;
                let signed = match message.message {
                    ConsensusMsg::Vote(vote) => {
                        context::vote_out(&SignedVote::new(vote, signature))
                    }
                    ConsensusMsg::Proposal(proposal) => {
                        context::proposal_out(&SignedProposal::new(proposal, signature)).0
                    }
                };
                then.resume_with(self.witness.holds(&signed))
            }
            Effect::VerifyCommitCertificate(certificate, _, _, then) => {
                let precommit = Statement::precommit(
                    certificate.height.0,
                    number(certificate.round),
                    certificate.value_id,
                );
                let votes: Vec<Signed> = certificate
                    .commit_signatures
                    .iter()
                    .map(|by| Signed {
                        statement: precommit,
                        seat: by.address,
                        signature: by.signature,
                    })
                    .collect();
                let quorum = self.witness.validators().quorum();
                then.resume_with(self.certifies(&votes, quorum))
            }
            Effect::VerifyPolkaCertificate(certificate, _, _, then) => {
                let votes: Vec<Signed> = context::quorum_in_votes(&certificate);
                let quorum = self.witness.validators().quorum();
                then.resume_with(self.certifies(&votes, quorum))
            }
            Effect::VerifyRoundCertificate(certificate, _, _, then) => {
                then.resume_with(self.justifies(&certificate))
            }
            Effect::WalAppend(_, input, then) => {
                self.append(&input);
                then.resume_with(())
            }
            // No decision reaches the engine from elsewhere, and no vote is extended.
            Effect::CertVerifiedSyncValue(.., then) => then.resume_with(()),
            Effect::CertRejectedSyncValue(.., then) => then.resume_with(()),
            Effect::VerifyExtendedCommitCertificate(.., then) => {
                then.resume_with(Err(CertificateError::VerificationError(None)))
            }
            Effect::ExtendVote(.., then) => then.resume_with(None),
            Effect::VerifyVoteExtension(.., then) => {
                then.resume_with(Err(VoteExtensionError::InvalidVoteExtension))
            }
        }
    }

    /// Whether these votes hold and are of enough validators.
    fn certifies(&mut self, votes: &[Signed], needed: usize) -> Result<(), CertificateError> {
        let seats: HashSet<Seat> = votes.iter().map(|vote| vote.seat).collect();
        let enough = seats.len() >= needed && seats.len() == votes.len();
        // All of them are looked at: what the others say may convict.
        let hold = votes.iter().filter(|vote| self.witness.holds(vote)).count() == votes.len();
        if enough && hold { Ok(()) } else { Err(CertificateError::VerificationError(None)) }
    }

    fn justifies(
        &mut self,
        certificate: &RoundCertificate<Engine>,
    ) -> Result<(), CertificateError> {
        let change = context::round_change_out(certificate);
        let validators = self.witness.validators();
        let needed = if change.ends_round {
            validators.quorum()
        } else {
            // The engine's f + 1: more than a third.
            validators.count() / 3 + 1
        };
        let precommits =
            change.votes.iter().all(|vote| vote.statement.place.kind == Kind::Precommit);
        if change.ends_round && !precommits {
            return Err(CertificateError::VerificationError(None));
        }
        self.certifies(&change.votes, needed)
    }

    /// Signs, unless that would contradict what this node has said.
    fn sign(&mut self, statement: Statement) -> Option<Signed> {
        let voice = self.voice.as_ref()?;
        if let Some(own) = self.witness.own(statement.place).copied() {
            if own.statement == statement {
                return Some(own);
            }
            let told = format!("it wanted a second statement at {:?}", statement.place);
            self.failed = Some(ConsensusError::Engine(told));
            return None;
        }
        let signed = statement.sign(self.witness.chain_id(), voice.seat, &voice.key);
        self.witness.say(signed);
        Some(signed)
    }

    fn append(&mut self, input: &Input) {
        let Some(voice) = &mut self.voice else { return };
        let Some(record) = record::encode(input) else {
            let told = format!("it wanted to log what is never logged: {input:?}");
            self.failed = Some(ConsensusError::Engine(told));
            return;
        };
        if voice.replayed.contains(&record) {
            return;
        }
        if let Err(error) = voice.log.append(&record) {
            self.failed = Some(error.into());
        }
    }

    /// What was logged is durable when this returns, or the node has failed.
    fn flush(&mut self) {
        let flushed = self.voice.as_mut().map_or(Ok(()), |voice| voice.log.flush());
        if let Err(error) = flushed {
            self.failed = Some(error.into());
        }
    }

    fn send(&mut self, message: Message) {
        self.flush();
        if self.failed.is_none() {
            self.outputs.push(Output::Send(message));
        }
    }
}

fn number(round: Round) -> u32 {
    round.as_u32().unwrap_or_default()
}

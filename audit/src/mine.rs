//! The light audit: an institution asks its own copy of the chain after its own updates, and after nothing else.
//!
//! For every round whose sum a quorum has countersigned: that the update which this institution submitted to it is in the
//! sum, by an inclusion proof in the tree that the quorum has cosigned; that no other one under its name is; and that
//! what stands there was signed with its key. It takes milliseconds, because it verifies no proof, no share and no model:
//! that the updates of others are what they should be is what a quorum of trustees answers for, each of which has judged
//! the sum itself. Whoever will not take their word replays the ledger ([`crate::audit()`]).
//!
//! What it verifies: the hashes that tie every block to the one before and its entries to its header; the coordinator's
//! signature on the last header, which covers all others through those hashes; the authority's certificates of the
//! trustees, its requests for other committees, and q cosignatures a round.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{
    CandidateTransaction, Parameters, SealedBlock,
    light::{Committees, Seats},
    transaction::parse_entry,
};
use consilium_crypto::{Evaluation, RoundContext, mask::CandidateHeader, signature::VerifyingKey};
use consilium_hash::{BlockHash, HeaderHash, MerkleNode, Pseudonym};
use consilium_ledger::{
    Block, ChainError, Link, SealedHeader, merkle,
    merkle::{InclusionProof, ProofError, leaf_hash},
    sha256, verify_linked,
};
use consilium_proto::v1::{Countersign, transaction::Action};
use rayon::prelude::*;
use thiserror::Error;

/// Why the chain does not show that every update of this institution was counted once.
#[derive(Debug, Error)]
pub enum MineError {
    /// The blocks are no chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An entry that is none.
    #[error("block {height}, entry {index}: {detail}")]
    Entry {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// Something under this institution's name that it has not signed.
    #[error(
        "block {height}, entry {index}: an update under this institution's name that it has not signed"
    )]
    NotSigned {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
    },
    /// A round that was closed without a quorum.
    #[error(
        "step {step} was closed, but {found} trustees have countersigned its sum, {needed} are needed"
    )]
    NoQuorum {
        /// The step.
        step: u64,
        /// Trustees whose cosignatures hold.
        found: usize,
        /// q.
        needed: u32,
    },
    /// An update that was recorded in time and is not in the sum.
    #[error(
        "the update of step {step} (block {height}, entry {index}) was recorded and is not in the sum; a full audit says \
             whether it was refused for a reason"
    )]
    LeftOut {
        /// The step.
        step: u64,
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: usize,
    },
    /// More than one update of this institution in a sum, or one in two of them.
    #[error(
        "the sum of step {step} holds an update of this institution that is not the one of that round, or a second one"
    )]
    Second {
        /// The step.
        step: u64,
    },
    /// A proof that leads nowhere, made of blocks that are not those of the tree.
    #[error("step {step}: {source}")]
    Proof {
        /// The step.
        step: u64,
        /// What does not hold.
        source: ProofError,
    },
}

/// One update that was counted, with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The step.
    pub step: u64,
    /// Hash of the update's header.
    pub update: HeaderHash,
    /// The block that records it.
    pub header: SealedHeader,
    /// The entry in that block.
    pub entry: InclusionProof,
    /// That block in the tree that the quorum has cosigned.
    pub block: InclusionProof,
    /// The block that seals the sum, and the tree with it.
    pub sealed: SealedBlock,
    /// Trustees whose cosignatures of that tree hold.
    pub countersigners: usize,
}

/// What a light audit has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mine {
    /// Blocks of the chain.
    pub blocks: u64,
    /// Rounds whose sums a quorum has countersigned.
    pub rounds: u64,
    /// This institution's updates, in the order of the steps.
    pub counted: Vec<Counted>,
    /// How long it took, without reading the files.
    pub elapsed: Duration,
}

impl fmt::Display for Mine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Counted { step, update, header, sealed, countersigners, .. } in &self.counted {
            let recorded = header.header.height;
            let sealed = sealed.checkpoint.size.saturating_sub(1);
            write!(
                f,
                "step {step}: update {} (block {recorded}) is in the sum of block {sealed}, ",
                update.short()
            )?;
            writeln!(f, "countersigned by {countersigners}, and is all that was sent")?;
        }
        let counted = self.counted.len() as u64;
        let silent = self.rounds.saturating_sub(self.counted.len() as u64);
        write!(
            f,
            "{counted} of {} rounds count an update of this institution, {silent} none; ",
            self.rounds
        )?;
        write!(f, "{} blocks, {:.1} ms", self.blocks, self.elapsed.as_secs_f64() * 1e3)
    }
}

/// Who asks: the institution of this name, which signs with this key.
#[derive(Debug, Clone, Copy)]
pub struct Institution {
    /// Its name on the chain.
    pub pseudonym: Pseudonym,
    /// Its public key.
    pub key: VerifyingKey,
}

/// Asks any copy of a chain after an institution's updates: blocks from the first on.
///
/// # Errors
/// [`MineError`]: the first thing that does not hold.
pub fn audit_blocks(
    parameters: &Parameters,
    institution: Institution,
    blocks: &[Block],
) -> Result<Mine, MineError> {
    let start = Instant::now();
    let chain = Linked::verify(blocks, parameters)?;
    let found = Found::read(parameters, institution, blocks, &chain)?;
    let (rounds, counted) = found.judge(parameters, blocks, &chain)?;
    Ok(Mine { blocks: blocks.len() as u64, rounds, counted, elapsed: start.elapsed() })
}

/// Blocks that hang together: every header under the signature of the last one.
struct Linked {
    /// Leaves of the tree over the headers.
    leaves: Vec<MerkleNode>,
    /// Each block, with the tree that it completes.
    blocks: Vec<SealedBlock>,
}

impl Linked {
    fn verify(blocks: &[Block], parameters: &Parameters) -> Result<Self, ChainError> {
        let links = verify_linked(blocks, &parameters.validators())?;
        blocks.par_iter().try_for_each(Block::verify_entries)?;
        let sealed = |link: &Link| SealedBlock {
            hash: link.hash,
            checkpoint: link.checkpoint,
            time_ms: link.time_ms,
        };
        Ok(Self {
            leaves: links.iter().map(|link| leaf_hash(&link.hash.0)).collect(),
            blocks: links.iter().map(sealed).collect(),
        })
    }
}

/// An update under the own name.
struct Own {
    round: RoundContext,
    update: HeaderHash,
    height: u64,
    index: usize,
}

/// A sum that a block holds, and what trustees have said of that block.
struct Sum {
    round: RoundContext,
    inputs: Vec<HeaderHash>,
    height: u64,
    index: usize,
    /// Who answers for it; nobody where no key had been made.
    trustees: Option<Arc<Seats>>,
    answers: Vec<(Pseudonym, Vec<u8>)>,
}

/// What the entries say that matters here.
struct Found {
    /// Who is enrolled, and which committee answers for sums.
    committees: Committees,
    own: Vec<Own>,
    /// By the hash of the block that holds them.
    sums: HashMap<BlockHash, Sum>,
    closed: BTreeSet<u64>,
}

impl Found {
    fn read(
        parameters: &Parameters,
        institution: Institution,
        blocks: &[Block],
        chain: &Linked,
    ) -> Result<Self, MineError> {
        let parse = |(height, block): (usize, &Block)| {
            let parse = |(index, entry): (usize, &Vec<u8>)| {
                let failed = |detail| MineError::Entry { height: height as u64, index, detail };
                parse_entry(entry).map_err(|error| failed(error.to_string()))
            };
            block.entries.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()
        };
        let entries = blocks.par_iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>()?;
        let mut found = Self {
            committees: Committees::default(),
            own: Vec::new(),
            sums: HashMap::new(),
            closed: BTreeSet::new(),
        };
        for ((height, block), entries) in (0..).zip(&chain.blocks).zip(&entries) {
            for (index, (transaction, body_missing)) in entries.iter().enumerate() {
                let place = (height, index);
                found.entry(parameters, institution, place, block, transaction, *body_missing)?;
            }
        }
        Ok(found)
    }

    fn entry(
        &mut self,
        parameters: &Parameters,
        institution: Institution,
        (height, index): (u64, usize),
        block: &SealedBlock,
        transaction: &CandidateTransaction,
        body_missing: bool,
    ) -> Result<(), MineError> {
        let failed = |detail: String| MineError::Entry { height, index, detail };
        self.committees.read(transaction, parameters);
        match transaction.action() {
            Action::SubmitUpdate(update)
                if transaction.author() == Some(institution.pseudonym) && !body_missing =>
            {
                if !transaction.is_signed_by(&institution.key, &parameters.chain_id) {
                    return Err(MineError::NotSigned { height, index });
                }
                let context = CandidateHeader::peek_context(&update.header);
                let round = context.map_err(|error| failed(error.to_string()))?.round;
                self.own.push(Own {
                    round,
                    update: HeaderHash(sha256(&update.header)),
                    height,
                    index,
                });
            }
            Action::CloseCollection(close) => {
                let (round, inputs) = Evaluation::peek(&close.evaluation)
                    .map_err(|error| failed(error.to_string()))?;
                let trustees = self.committees.current().cloned();
                let sum = Sum { round, inputs, height, index, trustees, answers: Vec::new() };
                if self.sums.insert(block.hash, sum).is_some() {
                    return Err(failed("a second sum in one block".to_owned()));
                }
            }
            Action::Countersign(Countersign { step, sealed_block, cosignature }) => {
                let named = BlockHash::try_from(sealed_block.as_slice())
                    .ok()
                    .and_then(|hash| self.sums.get_mut(&hash));
                if let (Some(sum), Some(author)) = (named, transaction.author())
                    && sum.round.step == *step
                {
                    sum.answers.push((author, cosignature.clone()));
                }
            }
            Action::CloseRound(close) => {
                self.closed.insert(close.step);
            }
            _ => {}
        }
        Ok(())
    }

    /// Trustees of the sum's committee whose cosignatures of the block hold.
    fn countersigners(&self, sum: &Sum, block: &SealedBlock) -> usize {
        let trustees = sum.trustees.as_deref();
        let holds = |(author, cosignature): &&(Pseudonym, Vec<u8>)| {
            let is_trustee = trustees.is_some_and(|trustees| trustees.has(author));
            let institution = self.committees.roster().get(author).filter(|_| is_trustee);
            institution.is_some_and(|institution| {
                let key = institution.certificate.signing_key;
                block.verify(cosignature, author, key).is_ok()
            })
        };
        let holding: Vec<&Pseudonym> =
            sum.answers.par_iter().filter(holds).map(|(author, _)| author).collect();
        holding.into_iter().collect::<BTreeSet<_>>().len()
    }

    /// The rounds with a quorum, and the own updates in their sums.
    fn judge(
        self,
        parameters: &Parameters,
        blocks: &[Block],
        chain: &Linked,
    ) -> Result<(u64, Vec<Counted>), MineError> {
        let place = |height: u64| usize::try_from(height).ok();
        let at = |height: u64| {
            place(height).and_then(|place| chain.blocks.get(place).zip(blocks.get(place)))
        };
        let mut quorums = BTreeMap::new();
        let mut most: BTreeMap<u64, (usize, u32)> = BTreeMap::new();
        for sum in self.sums.values() {
            let Some((block, _)) = at(sum.height) else { continue };
            let found = self.countersigners(sum, block);
            let quorum = sum.trustees.as_deref().map_or(parameters.quorum, Seats::quorum);
            let seen = most.entry(sum.round.step).or_insert((found, quorum));
            *seen = (found.max(seen.0), quorum);
            if found >= quorum as usize {
                quorums.insert(sum.round.step, (sum, *block, found));
            }
        }
        if let Some(&step) = self.closed.iter().find(|step| !quorums.contains_key(step)) {
            let (found, needed) = most.get(&step).copied().unwrap_or((0, parameters.quorum));
            return Err(MineError::NoQuorum { step, found, needed });
        }
        let mut counted = Vec::new();
        for (&step, (sum, sealed, countersigners)) in &quorums {
            let mine: Vec<&Own> =
                self.own.iter().filter(|own| sum.inputs.contains(&own.update)).collect();
            let update = match mine.as_slice() {
                [own] if own.round == sum.round => own,
                [] => match self.own.iter().find(|own| {
                    own.round == sum.round && (own.height, own.index) < (sum.height, sum.index)
                }) {
                    Some(own) => {
                        return Err(MineError::LeftOut {
                            step,
                            height: own.height,
                            index: own.index,
                        });
                    }
                    None => continue,
                },
                _ => return Err(MineError::Second { step }),
            };
            let proof = |source| MineError::Proof { step, source };
            let outside = || {
                proof(ProofError::OutOfRange { place: update.height, size: sealed.checkpoint.size })
            };
            let (block, recorded) = at(update.height).ok_or_else(outside)?;
            let entry = recorded.entry_proof(update.index).ok_or_else(outside)?;
            let leaves = place(sealed.checkpoint.size)
                .and_then(|size| chain.leaves.get(..size))
                .ok_or_else(outside)?;
            let path = merkle::inclusion_proof(leaves, update.height).ok_or_else(outside)?;
            let leaf = recorded.entries.get(update.index).ok_or_else(outside)?;
            entry.verify(&leaf_hash(leaf), &recorded.header().entries_root).map_err(proof)?;
            path.verify(&leaf_hash(&block.hash.0), &sealed.checkpoint.root).map_err(proof)?;
            counted.push(Counted {
                step,
                update: update.update,
                header: recorded.sealed,
                entry,
                block: path,
                sealed: *sealed,
                countersigners: *countersigners,
            });
        }
        Ok((quorums.len() as u64, counted))
    }
}

#[cfg(test)]
mod tests;

//! What convicts somebody in the eyes of anyone who has the genesis.
//!
//! A file of evidence holds statements and a claim: who broke the rules, and how. Whoever verifies it believes neither
//! the claim nor the one who wrote it: [`Evidence::verify`] works out from the signed statements whom they convict, and
//! of what, and refuses a file that claims anything else. It needs the genesis, which names the keys of authority and
//! coordinator, and nothing beside it. `Evidence::new` takes the same way, so that no file is written that convinces
//! nobody.
//!
//! | statements | whom they convict, and of what |
//! | --- | --- |
//! | fork | the coordinator, of two histories: two sealed headers that no chain contains both of |
//! | head | the coordinator, of two histories: a header and a checkpoint of another tree of that size |
//! | two heads | the coordinator, of two histories: two checkpoints of one size and different trees |
//! | two blocks | a trustee, of answers (countersignature or share) to two blocks of one step |
//! | two receipts | the coordinator, of two answers to one transaction: it counts, and it is a fault |
//! | history | the coordinator, of what a follower refuses in its last block (`history`) |
//! | replay | the coordinator, of what the contract does not make of its last block (`replay`) |
//! | unproven | the coordinator, of a sum over an update that does not prove what it must (`unproven`) |
//!
//! None of these can be made of what honest parties sign. A coordinator that follows the protocol seals one header a
//! height, signs checkpoints of the tree of these alone, and seals only what the contract has made of transactions; its receipt is the contract's, given once the block is
//! durable; and a trustee answers one block a step. What is served without a signature (bodies, blobs, a head that has
//! gone back, no answer at all) convicts nobody; whoever meets it stops, and says so.
//!
//! # Format
//!
//! `consilium evidence 1\n`, then the only encoding of a `consilium.v1.Evidence`; at most 1 GiB in all.

use std::{fmt, path::PathBuf};

use consilium_contract::{CandidateTransaction, GenesisError, Parameters, Receipt};
use consilium_hash::{BlockHash, Pseudonym};
use consilium_ledger::{Contradiction, Fork, Note, SealedHeader, SignedCheckpoint, Validators};
use consilium_proto::{
    EVIDENCE_BYTES, decode,
    v1::{
        self, Charge, ForkEvidence, HeadEvidence, SignedTransaction, TwoBlocksEvidence,
        TwoHeadsEvidence, TwoReceiptsEvidence, evidence::Statements, transaction::Action,
    },
};
use prost::Message as _;
use thiserror::Error;

mod history;
mod replay;
mod unproven;

pub use replay::from_ledger;

/// What a file of evidence begins with.
const MAGIC: &[u8] = b"consilium evidence 1\n";

/// Largest file of evidence, in bytes.
pub const MAX_EVIDENCE_FILE_BYTES: usize = MAGIC.len() + EVIDENCE_BYTES;

/// Why bytes convict nobody.
#[derive(Debug, Error)]
pub enum EvidenceError {
    /// Not the encoding of evidence.
    #[error("this is no file of evidence: {0}")]
    Malformed(String),
    /// The genesis founds no run.
    #[error("the genesis cannot be used: {0}")]
    Genesis(#[from] GenesisError),
    /// The statements do not show that anybody broke a rule.
    #[error("it convicts nobody: {0}")]
    NotConvicting(String),
    /// The statements convict, but not of what the file claims.
    #[error("it claims what it does not show: its statements convict {0}")]
    OtherClaim(Box<Verdict>),
}

impl EvidenceError {
    /// Whether the files given cannot be used at all, rather than convincing nobody.
    pub fn is_unusable(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::Genesis(_) => true,
            Self::NotConvicting(_) | Self::OtherClaim(_) => false,
        }
    }
}

fn nothing(detail: impl ToString) -> EvidenceError {
    EvidenceError::NotConvicting(detail.to_string())
}

/// Where a file of evidence was written, if there is one: what nobody has signed convinces nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept(pub Option<PathBuf>);

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(path) => write!(f, "the evidence is in {}: show it to the others", path.display()),
            None => f.write_str("there is no evidence of it that would convince others"),
        }
    }
}

/// Who broke the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Culprit {
    /// The coordinator that the genesis names.
    Coordinator,
    /// The institution of this pseudonym.
    Institution(Pseudonym),
}

/// What statements show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Who broke the rules.
    pub culprit: Culprit,
    /// Which rule.
    pub charge: Charge,
    /// What was found, in words.
    pub detail: String,
}

impl Verdict {
    fn coordinator(charge: Charge, detail: impl ToString) -> Self {
        Self { culprit: Culprit::Coordinator, charge, detail: detail.to_string() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.culprit, phrase(self.charge), self.detail)
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("the coordinator"),
            Self::Institution(pseudonym) => write!(f, "institution {pseudonym}"),
        }
    }
}

/// The charge in words.
fn phrase(charge: Charge) -> &'static str {
    match charge {
        Charge::Unspecified => "nothing",
        Charge::Fork => "two histories",
        Charge::BadHeader => "a header that does not follow from those before it",
        Charge::BadEntry => "an entry that no contract takes",
        Charge::BadSum => "a sum that no trustee may help to open",
        Charge::Omission => "leaving out what it has accepted",
        Charge::BadModel => "a model that does not follow from its round",
        Charge::BadState => "a state that its transactions do not lead to",
        Charge::TwoReceipts => "two answers to one transaction",
        Charge::TwoBlocks => "answering two sums of one step",
        Charge::UnprovenUpdate => "a sum over an update that does not prove what it must",
    }
}

/// The genesis as its reader holds it.
#[derive(Debug, Clone, Copy)]
pub struct Genesis<'a> {
    /// The entry of block 0.
    pub entry: &'a [u8],
    /// What it founds.
    pub parameters: &'a Parameters,
}

impl Genesis<'_> {
    /// Those who vouch for blocks and heads.
    fn validators(&self) -> Validators {
        self.parameters.validators()
    }
}

/// Statements and what is claimed of them. A candidate until [`Evidence::verify`] has been asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    culprit: Culprit,
    charge: Charge,
    statements: Statements,
}

impl Evidence {
    /// Evidence of what the statements show.
    ///
    /// # Errors
    /// [`EvidenceError::NotConvicting`] where that is nothing.
    pub fn new(statements: Statements, genesis: Genesis<'_>) -> Result<Self, EvidenceError> {
        let Verdict { culprit, charge, .. } = judge(&statements, genesis)?;
        Ok(Self { culprit, charge, statements })
    }

    /// Evidence of a fork that the ledger has found.
    pub fn fork(fork: &Fork) -> Self {
        let Fork { ours, theirs, .. } = fork;
        let statements = Statements::Fork(ForkEvidence {
            ours: ours.encode().to_vec(),
            theirs: theirs.encode().to_vec(),
        });
        Self::two_histories(statements)
    }

    /// Evidence of a head of another history than the own one.
    pub fn head(contradiction: &Contradiction) -> Self {
        Self::two_histories(Statements::Head(HeadEvidence {
            contradiction: contradiction.encode(),
        }))
    }

    /// Evidence of two heads that the coordinator has signed, of one size and different trees.
    pub fn two_heads(first: &SignedCheckpoint, second: &SignedCheckpoint) -> Self {
        let note = |head: &SignedCheckpoint| head.note().encode().into_bytes();
        Self::two_histories(Statements::TwoHeads(TwoHeadsEvidence {
            first: note(first),
            second: note(second),
        }))
    }

    fn two_histories(statements: Statements) -> Self {
        Self { culprit: Culprit::Coordinator, charge: Charge::Fork, statements }
    }

    /// Reads a file of evidence. Nothing in it has been verified.
    ///
    /// # Errors
    /// [`EvidenceError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let malformed = |detail: &str| EvidenceError::Malformed(detail.to_owned());
        let bytes =
            bytes.strip_prefix(MAGIC).ok_or_else(|| malformed("it does not begin as one"))?;
        let message: v1::Evidence = decode("evidence", bytes, EVIDENCE_BYTES)
            .map_err(|error| EvidenceError::Malformed(error.to_string()))?;
        let culprit = match message.culprit.as_slice() {
            [] => Culprit::Coordinator,
            bytes => Culprit::Institution(
                Pseudonym::try_from(bytes)
                    .map_err(|error| EvidenceError::Malformed(error.to_string()))?,
            ),
        };
        let charge =
            Charge::try_from(message.charge).map_err(|_| malformed("its charge is none"))?;
        let statements = message.statements.ok_or_else(|| malformed("it holds no statements"))?;
        Ok(Self { culprit, charge, statements })
    }

    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let culprit = match &self.culprit {
            Culprit::Coordinator => Vec::new(),
            Culprit::Institution(pseudonym) => pseudonym.to_vec(),
        };
        let message = v1::Evidence {
            culprit,
            charge: self.charge.into(),
            statements: Some(self.statements.clone()),
        };
        [MAGIC, &message.encode_to_vec()].concat()
    }

    /// Whom the statements convict, and of what, for somebody who holds the entry of the genesis and believes nothing
    /// else.
    ///
    /// # Errors
    /// [`EvidenceError`]: where they convict nobody, or another than the file claims.
    pub fn verify(&self, genesis_entry: &[u8]) -> Result<Verdict, EvidenceError> {
        let parameters = Parameters::from_genesis_entry(genesis_entry)?;
        let verdict =
            judge(&self.statements, Genesis { entry: genesis_entry, parameters: &parameters })?;
        if (verdict.culprit, verdict.charge) == (self.culprit, self.charge) {
            Ok(verdict)
        } else {
            Err(EvidenceError::OtherClaim(Box::new(verdict)))
        }
    }
}

/// What the file claims, unverified.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "claims    {} is guilty of {}", self.culprit, phrase(self.charge))?;
        match &self.statements {
            Statements::Fork(ForkEvidence { ours, theirs }) => {
                let height = |bytes| {
                    SealedHeader::decode(bytes)
                        .map(|sealed| sealed.header.height)
                        .unwrap_or_default()
                };
                write!(
                    f,
                    "holds     two headers, at heights {} and {}",
                    height(ours),
                    height(theirs)
                )
            }
            Statements::Head(_) => write!(f, "holds     a header, and a head of another history"),
            Statements::TwoHeads(_) => write!(f, "holds     two heads"),
            Statements::TwoBlocks(_) => {
                write!(f, "holds     two answers of one trustee, and its certificate")
            }
            Statements::TwoReceipts(_) => write!(f, "holds     two receipts"),
            Statements::History(history) => {
                write!(
                    f,
                    "holds     {} blocks, {} masked updates",
                    history.blocks.len(),
                    history.masked_updates.len()
                )?;
                if history.receipt.is_some() {
                    write!(f, ", a transaction and its receipt")
                } else {
                    Ok(())
                }
            }
            Statements::Unproven(unproven) => {
                let length = unproven.body.len();
                write!(f, "holds     an update of {length} bytes, and a sum that names it")
            }
            Statements::Replay(replay) => {
                write!(f, "holds     {} blocks, {} blobs", replay.blocks.len(), replay.blobs.len())
            }
        }
    }
}

/// Whom the statements convict, and of what.
fn judge(statements: &Statements, genesis: Genesis<'_>) -> Result<Verdict, EvidenceError> {
    match statements {
        Statements::Fork(statements) => fork(statements, genesis),
        Statements::Head(statements) => head(statements, genesis),
        Statements::TwoHeads(statements) => two_heads(statements, genesis),
        Statements::TwoBlocks(statements) => two_blocks(statements, genesis.parameters),
        Statements::TwoReceipts(statements) => two_receipts(statements, genesis.parameters),
        Statements::History(statements) => history::judge(statements, genesis),
        Statements::Replay(statements) => replay::judge(statements, genesis),
        Statements::Unproven(statements) => unproven::judge(statements, genesis.parameters),
    }
}

fn fork(statements: &ForkEvidence, genesis: Genesis<'_>) -> Result<Verdict, EvidenceError> {
    let header = |bytes: &[u8]| SealedHeader::decode(bytes).map_err(nothing);
    let ours = header(&statements.ours)?;
    let theirs = header(&statements.theirs)?;
    let fork = Fork { height: ours.header.height, ours, theirs };
    if !fork.verify(&genesis.validators()) {
        return Err(nothing(
            "the coordinator has not signed both headers, or one chain contains both",
        ));
    }
    let height = fork.height;
    let a = ours.hash();
    let b = theirs.hash();
    let detail = format!(
        "it signed header {a} at height {height} and header {b}, which belongs to another history"
    );
    Ok(Verdict::coordinator(Charge::Fork, detail))
}

fn head(statements: &HeadEvidence, genesis: Genesis<'_>) -> Result<Verdict, EvidenceError> {
    let contradiction = Contradiction::decode(&statements.contradiction).map_err(nothing)?;
    if !contradiction.verify(&genesis.validators()) {
        return Err(nothing(
            "the coordinator has not signed both header and head, or one chain contains both",
        ));
    }
    let header = &contradiction.ours;
    let height = header.header.height;
    let hash = header.hash();
    let detail = format!(
        "it signed header {hash} at height {height} and a head of another tree that ends there"
    );
    Ok(Verdict::coordinator(Charge::Fork, detail))
}

fn two_heads(
    statements: &TwoHeadsEvidence,
    genesis: Genesis<'_>,
) -> Result<Verdict, EvidenceError> {
    let validators = genesis.validators();
    let checkpoint = |bytes: &[u8]| {
        let note = Note::parse(bytes).map_err(nothing)?;
        let signed = SignedCheckpoint::verify(note, &validators, &[]);
        signed.map(|signed| *signed.checkpoint()).map_err(nothing)
    };
    let first = checkpoint(&statements.first)?;
    let second = checkpoint(&statements.second)?;
    if first.size != second.size || first.root == second.root {
        return Err(nothing("one chain may have both heads"));
    }
    let size = first.size;
    let one = first.root;
    let other = second.root;
    let detail =
        format!("it signed heads of two trees of {size} blocks, with roots {one} and {other}");
    Ok(Verdict::coordinator(Charge::Fork, detail))
}

/// The step and the block that a trustee answers.
fn answer(
    signed: &SignedTransaction,
    author: &Pseudonym,
) -> Result<(CandidateTransaction, u64, BlockHash), EvidenceError> {
    let transaction = CandidateTransaction::parse(signed.clone()).map_err(nothing)?;
    if transaction.author().as_ref() != Some(author) {
        return Err(nothing("an answer is not of the institution that the certificate names"));
    }
    let (step, block) = match transaction.action() {
        Action::Countersign(answer) => (answer.step, &answer.sealed_block),
        Action::SubmitShare(answer) => (answer.step, &answer.sealed_block),
        _ => return Err(nothing("neither a countersignature nor a share")),
    };
    let block = BlockHash::try_from(block.as_slice()).map_err(nothing)?;
    Ok((transaction, step, block))
}

fn two_blocks(
    statements: &TwoBlocksEvidence,
    parameters: &Parameters,
) -> Result<Verdict, EvidenceError> {
    let TwoBlocksEvidence {
        certificate: Some(certificate),
        first: Some(first),
        second: Some(second),
    } = statements
    else {
        return Err(nothing("a certificate and two answers are needed"));
    };
    let certificate = parameters.verify_certificate(certificate).map_err(nothing)?;
    let (first, step, one) = answer(first, &certificate.pseudonym)?;
    let (second, other_step, other) = answer(second, &certificate.pseudonym)?;
    if [first, second]
        .iter()
        .any(|answer| !answer.is_signed_by(&certificate.signing_key, &parameters.chain_id))
    {
        return Err(nothing("an answer is not signed by the certified key"));
    }
    if step != other_step || one == other {
        return Err(nothing("the answers do not contradict each other"));
    }
    Ok(Verdict {
        culprit: Culprit::Institution(certificate.pseudonym),
        charge: Charge::TwoBlocks,
        detail: format!("it answered blocks {} and {} of step {step}", one, other),
    })
}

fn two_receipts(
    statements: &TwoReceiptsEvidence,
    parameters: &Parameters,
) -> Result<Verdict, EvidenceError> {
    let verify = |receipt: &Option<v1::Receipt>| {
        let receipt = receipt.as_ref().ok_or_else(|| nothing("two receipts are needed"))?;
        Receipt::verify(receipt, &parameters.coordinator, &parameters.chain_id).map_err(nothing)
    };
    let accepted = verify(&statements.accepted)?;
    let fault = verify(&statements.fault)?;
    // Any other pair may be honest: what came too early may come in time, and what was accepted is a duplicate later.
    if accepted.transaction != fault.transaction
        || !accepted.is_accepted()
        || fault.culprit.is_none()
    {
        return Err(nothing("the receipts do not contradict each other"));
    }
    let id = fault.transaction;
    let reason = fault.reason.as_str_name();
    let detail =
        format!("transaction {id} is accepted by one receipt and a fault ({reason}) by the other");
    Ok(Verdict::coordinator(Charge::TwoReceipts, detail))
}

#[cfg(test)]
mod tests;

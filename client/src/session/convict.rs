//! Where this institution stops because the coordinator broke a rule: with evidence, wherever somebody else can be
//! convinced.

use std::sync::Arc;

use consilium_audit::{
    Evidence,
    evidence::{Genesis, Kept},
    execution::{ExecutionError, submitted},
    follow::SealedSum,
    judge::TrusteeError,
    model_check::ModelError,
};
use consilium_contract::{execute::Decoded, transaction::parse_entry};
use consilium_crypto::Evaluation;
use consilium_hash::HeaderHash;
use consilium_ledger::{Block, ChainError};
use consilium_proto::{
    EVIDENCE_BYTES,
    v1::{
        HistoryEvidence, Reason, ReplayEvidence, TwoReceiptsEvidence, UnprovenEvidence,
        evidence::Statements, transaction::Action,
    },
};
use tracing::{debug, warn};

use super::{Session, verify::Unproven};
use crate::{ClientError, connection::Answered};

/// What an announced model should follow from, as it was served.
pub(super) struct Brought {
    pub(super) masked_updates: Vec<Vec<u8>>,
    pub(super) sums: Vec<u8>,
}

impl Session<'_> {
    /// A block that does not continue the chain.
    pub(super) fn refused_block(&mut self, block: &Block, error: ClientError) -> ClientError {
        let source = match error {
            ClientError::Chain(
                source @ (ChainError::WrongGenesis { .. }
                | ChainError::WrongHistory { .. }
                | ChainError::TimeBackwards { .. }),
            ) => source,
            other => return other,
        };
        let evidence = self.blocks(block.height()).and_then(|mut history| {
            history
                .blocks
                .push(block.encode().map_err(|error| ClientError::Malformed(error.to_string()))?);
            self.keep(block.height(), Statements::History(history))
        });
        evidence.map_or_else(|error| error, |evidence| ClientError::BadHeader { source, evidence })
    }

    /// A recorded block with an entry that must not stand there.
    pub(super) fn refused_entry(&mut self, error: ClientError) -> ClientError {
        let ClientError::Entry { height, index, detail, .. } = error else { return error };
        match self.keep_history(height) {
            Ok(evidence) => ClientError::Entry { height, index, detail, evidence },
            Err(error) => error,
        }
    }

    /// A sealed sum that must not be opened. That the own update is missing, its receipt shows.
    pub(super) fn unfaithful_sum(&mut self, height: u64, source: TrusteeError) -> ClientError {
        let missing = matches!(source, TrusteeError::OwnUpdateMissing(_));
        let receipt = self.own.verdict.clone().filter(|_| missing).map(|(_, answered)| answered);
        let evidence = self.blocks(height.saturating_add(1)).and_then(|history| {
            let history = match receipt {
                Some(answered) => with_receipt(history, answered),
                None => history,
            };
            self.keep(height, Statements::History(history))
        });
        evidence.map_or_else(
            |error| error,
            |evidence| ClientError::Aggregate { height, source, evidence },
        )
    }

    /// A sum over an update that was drawn and does not prove what it must.
    pub(super) fn unproven_sum(&mut self, sum: &SealedSum, update: &Unproven) -> ClientError {
        let height = sum.height();
        match self.keep_unproven(height, std::slice::from_ref(update)) {
            Ok(kept) => {
                let evidence = kept.map_or(Kept(None), |(_, _, evidence)| evidence);
                ClientError::Unproven { height, update: update.name, evidence }
            }
            Err(error) => error,
        }
    }

    /// A chain that the contract does not lead to. The smallest thing that shows it is a sum over an update that proves
    /// nothing; where there is none, all blocks and bodies.
    pub(super) fn unexecutable(
        &mut self,
        source: ExecutionError,
        unproven: Vec<Unproven>,
    ) -> ClientError {
        let height = source.height;
        // Whom the coordinator does not serve a body, it has shown nothing that it signed.
        if source.lacks_a_body() {
            return ClientError::Unreachable(format!("the coordinator does not serve: {source}"));
        }
        let last = self.own.history.len().saturating_sub(1);
        let evidence = match self.keep_unproven(last, &unproven) {
            Ok(Some((height, update, evidence))) => {
                return ClientError::Unproven { height, update, evidence };
            }
            Ok(None) => self.keep_replay(height),
            Err(error) => Err(error),
        };
        evidence.map_or_else(|error| error, |evidence| ClientError::Execution { source, evidence })
    }

    /// The first sum in the blocks up to `last` that names one of these updates, with the evidence of it.
    fn keep_unproven(
        &mut self,
        last: u64,
        unproven: &[Unproven],
    ) -> Result<Option<(u64, HeaderHash, Kept)>, ClientError> {
        let Some(committee) = self.own.follower.committee().map(Arc::clone) else {
            return Ok(None);
        };
        for height in 1..=last {
            if unproven.is_empty() {
                break;
            }
            let Some((block, _)) = self.own.history.block(height)? else { break };
            for (transaction, _) in block.entries.iter().filter_map(|entry| parse_entry(entry).ok())
            {
                let Action::CloseCollection(close) = transaction.action() else { continue };
                let Ok((_, inputs)) = Evaluation::peek(&close.evaluation) else {
                    continue;
                };
                let Some(update) = unproven.iter().find(|update| inputs.contains(&update.name))
                else {
                    continue;
                };
                let statements = Statements::Unproven(UnprovenEvidence {
                    header: update.header.clone(),
                    body: update.body.clone(),
                    close: Some(transaction.signed().clone()),
                    public_key: committee.public_key.encode().to_vec(),
                });
                return Ok(Some((height, update.name, self.keep(height, statements)?)));
            }
        }
        Ok(None)
    }

    /// All blocks up to `height` with the bodies that are kept here.
    fn keep_replay(&mut self, height: u64) -> Result<Kept, ClientError> {
        let mut statements = ReplayEvidence::default();
        statements.blobs.push(self.own.files.initial_model.clone());
        statements.blocks = self.own.history.encoded(height.saturating_add(1))?;
        let mut length: usize =
            statements.blocks.iter().chain(&statements.blobs).map(Vec::len).sum();
        for bytes in &statements.blocks {
            let Ok(block) = Block::decode(bytes) else { continue };
            let Ok(block) = Decoded::of(&block) else { continue };
            for update in submitted(&block, &self.own.parameters) {
                let body = self.own.bodies.get(&update.body)?;
                length += body.as_ref().map_or(0, Vec::len);
                statements.blobs.extend(body);
            }
            if length > EVIDENCE_BYTES {
                warn!(height, "blocks and bodies are longer than a file of evidence may be");
                return Ok(Kept(None));
            }
        }
        self.keep(height, Statements::Replay(statements))
    }

    /// An announced model that does not hold; with what it should follow from, where the chain alone does not show it.
    pub(super) fn unfaithful_model(
        &mut self,
        height: u64,
        source: ModelError,
        brought: Option<Box<Brought>>,
    ) -> ClientError {
        let model = self.own.model.model().to_bytes();
        let evidence = self.blocks(height.saturating_add(1)).and_then(|history| {
            let history = match brought {
                Some(brought) => {
                    let Brought { masked_updates, sums } = *brought;
                    HistoryEvidence { model, masked_updates, sums, ..history }
                }
                None => history,
            };
            self.keep(height, Statements::History(history))
        });
        match evidence {
            Ok(evidence) => ClientError::Model { height, source: Box::new(source), evidence },
            Err(error) => error,
        }
    }

    /// A second receipt for the own update, beside the one that is known.
    pub(super) fn compare_receipts(
        &mut self,
        step: u64,
        header: HeaderHash,
        second: &Answered,
    ) -> Result<(), ClientError> {
        let Some((_, first)) = self.own.verdict.clone().filter(|(of, _)| *of == header) else {
            return Ok(());
        };
        let (accepted, fault) =
            if first.receipt.is_accepted() { (&first, second) } else { (second, &first) };
        if !accepted.receipt.is_accepted() || fault.receipt.culprit.is_none() {
            return Ok(());
        }
        let statements = TwoReceiptsEvidence {
            accepted: Some(accepted.message.clone()),
            fault: Some(fault.message.clone()),
        };
        let evidence = self.keep(self.own.history.len(), Statements::TwoReceipts(statements))?;
        Err(ClientError::TwoReceipts { step, evidence })
    }

    /// The answer to a countersignature or share. One beyond those that were needed is no fault; one that counts is
    /// looked for on the chain once its step is closed.
    pub(super) fn take_receipt(
        &mut self,
        what: &'static str,
        step: u64,
        answered: Answered,
    ) -> Result<(), ClientError> {
        match answered.receipt.reason {
            Reason::Accepted => {
                self.own.accepted.push((what, step, answered));
                return self.find_accepted();
            }
            reason @ (Reason::Duplicate | Reason::TooLate | Reason::WrongStep) => {
                debug!(what, reason = reason.as_str_name(), "answered");
            }
            reason => warn!(what, reason = reason.as_str_name(), "rejected"),
        }
        Ok(())
    }

    /// Looks for what was accepted in the steps that are closed.
    pub(super) fn find_accepted(&mut self) -> Result<(), ClientError> {
        let now = self.own.follower.step();
        let (over, open) = std::mem::take(&mut self.own.accepted)
            .into_iter()
            .partition(|(_, step, _)| *step < now);
        self.own.accepted = open;
        let over: Vec<_> = over;
        for (what, step, answered) in over {
            if !self.own.history.holds(&answered.receipt.transaction)? {
                let history = with_receipt(self.blocks(self.own.history.len())?, answered);
                let evidence = self.keep(self.own.history.len(), Statements::History(history))?;
                return Err(ClientError::Omitted { what, step, evidence });
            }
        }
        Ok(())
    }

    fn keep_history(&mut self, height: u64) -> Result<Kept, ClientError> {
        let history = self.blocks(height.saturating_add(1))?;
        self.keep(height, Statements::History(history))
    }

    fn blocks(&mut self, blocks: u64) -> Result<HistoryEvidence, ClientError> {
        Ok(HistoryEvidence {
            blocks: self.own.history.encoded(blocks)?,
            key_parts: self.own.key_parts.to_vec(),
            ..HistoryEvidence::default()
        })
    }

    /// Writes the statements, if they convict anybody in the eyes of others too.
    fn keep(&mut self, height: u64, statements: Statements) -> Result<Kept, ClientError> {
        let genesis =
            Genesis { entry: &self.own.files.genesis_entry, parameters: &self.own.parameters };
        match Evidence::new(statements, genesis) {
            Ok(evidence) => Ok(Kept(Some(self.own.history.keep_evidence(height, &evidence)?))),
            Err(error) => {
                warn!(height, %error, block = self.own.history.chain().head().map(|head| head.hash().short().to_string()), "no evidence");
                Ok(Kept(None))
            }
        }
    }
}

fn with_receipt(history: HistoryEvidence, answered: Answered) -> HistoryEvidence {
    HistoryEvidence {
        transaction: Some(answered.signed),
        receipt: Some(answered.message),
        ..history
    }
}

//! What an audit has verified, counted.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// What an audit has verified.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditReport {
    /// Chain id, in hexadecimal.
    pub chain_id: String,
    /// Whether the ledger was closed and its files are as they were then; `false` where it was never closed.
    pub is_closed: bool,
    /// Blocks: signature, hash, entries root, history root, state root of each.
    pub blocks: u64,
    /// Transactions, all of them.
    pub transactions: u64,
    /// Signatures of transactions.
    pub signatures: u64,
    /// Contributions to making committees.
    pub contributions: u64,
    /// Certificates of institutions.
    pub certificates: u64,
    /// Updates whose key, link and range proofs were verified, or found to fail as recorded.
    pub proven_updates: u64,
    /// Updates whose proofs an earlier audit has verified.
    pub earlier_updates: u64,
    /// Updates accepted into a round.
    pub accepted_updates: u64,
    /// Sums: additions of the encrypted keys and their certificates.
    pub sums: u64,
    /// Countersignatures that counted.
    pub countersignatures: u64,
    /// Decryption shares that counted.
    pub shares: u64,
    /// Models computed from the opened sums.
    pub models: u64,
    /// Blobs read and hashed.
    pub blobs: u64,
    /// Rejected transactions by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Closed rounds and the rounds that the genesis asks for.
    pub steps: (u64, u64),
    /// What the closed rounds have cost each institution, where they add noise.
    pub privacy: Option<String>,
    /// How the run stands: `finished`, or the phase at which the ledger ends.
    pub phase: String,
    /// SHA-256 of the last model, in hexadecimal.
    pub model: String,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
}

impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("blocks: signatures, hashes, roots", self.blocks),
            ("transactions", self.transactions),
            ("signatures of transactions", self.signatures),
            ("contributions to making committees", self.contributions),
            ("certificates", self.certificates),
            ("updates with key, link and range proofs", self.proven_updates),
            ("updates that an earlier audit has proven", self.earlier_updates),
            ("updates accepted", self.accepted_updates),
            ("sums and their certificates", self.sums),
            ("countersignatures", self.countersignatures),
            ("decryption shares", self.shares),
            ("decoded models", self.models),
            ("blobs", self.blobs),
        ];
        writeln!(f, "chain {}", self.chain_id)?;
        for (what, count) in counts {
            writeln!(f, "  {what:<42}{count:>10}")?;
        }
        for (reason, count) in &self.rejected {
            writeln!(f, "  {:<42}{count:>10}", format!("rejected: {reason}"))?;
        }
        writeln!(
            f,
            "  {:<42}{:>10}",
            "rounds closed",
            format!("{} of {}", self.steps.0, self.steps.1)
        )?;
        if let Some(privacy) = &self.privacy {
            writeln!(f, "  privacy: {privacy}")?;
        }
        writeln!(f, "  {:<42}{:>10}", "the ledger ends", self.phase)?;
        let manifest = if self.is_closed { "intact" } else { "none" };
        writeln!(f, "  {:<42}{manifest:>10}", "manifest of the files")?;
        writeln!(f, "  last model {}", self.model)?;
        write!(f, "  everything holds; {:.1} s", self.elapsed_s)
    }
}

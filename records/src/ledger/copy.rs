//! A party's copy of the chain up to some height, and what it shows.

use std::{fs::File, path::Path, sync::Arc};

use consilium_audit::{
    Evidence,
    durable::{LockError, lock},
    evidence::{Genesis, Kept as KeptEvidence},
    files::create_folder,
    follow::{FollowError, Follower},
    history::History,
};
use consilium_contract::{
    Parameters,
    exchange::{Exchange, records::Kept},
    roster::Roster,
};
use consilium_crypto::VerifyingKey;
use consilium_exchange::records::{CandidateHeader, Record, Standing, VerifiedHeader};
use consilium_hash::{ChainId, ConsentHash, Pseudonym, RecordHash};
use consilium_ledger::{Block, SealedHeader, VerifiedHeader as BlockHeader};
use consilium_proto::v1::{HistoryEvidence, StoredHeader, evidence::Statements};

use super::index::Index;
use crate::{RecordsError, error::Result, party::Party};

/// Its folder in a party's.
const FOLDER: &str = "ledger";

/// The chain up to some height, and what it shows.
#[derive(Debug)]
pub struct Ledger {
    parameters: Arc<Parameters>,
    genesis_entry: Vec<u8>,
    history: History,
    follower: Follower,
    index: Index,
    /// Held while this process writes the copy; `None` where another process of the party does, whose copy is read then.
    lock: Option<File>,
}

impl Ledger {
    /// Reads the copy in a party's folder, verifying it again.
    ///
    /// # Errors
    /// [`RecordsError::File`] where it is damaged, [`RecordsError::Convicted`].
    pub fn open(party: &Party) -> Result<Self> {
        let dir = party.dir.join(FOLDER);
        create_folder(&dir)?;
        let lock = match lock(&dir.join("lock")) {
            Ok(lock) => Some(lock),
            Err(LockError::Held(_)) => None,
            Err(LockError::File(error)) => return Err(error.into()),
        };
        let open: fn(&Path, &_) -> _ = if lock.is_some() { History::open } else { History::view };
        let history = open(&dir, &party.parameters)?;
        let follower = Follower::new(Arc::clone(&party.parameters), party.genesis_entry.clone());
        let mut ledger = Self {
            parameters: Arc::clone(&party.parameters),
            genesis_entry: party.genesis_entry.clone(),
            history,
            follower,
            index: Index::default(),
            lock,
        };
        while let Some((block, header)) = ledger.history.block(ledger.follower.height())? {
            ledger.read(&block, &header)?;
        }
        Ok(ledger)
    }

    fn read(&mut self, block: &Block, header: &BlockHeader) -> Result<()> {
        let Self { follower, index, .. } = self;
        let height = header.height;
        let taken = |view: &_, transaction: &_| index.take(view, transaction, height);
        match follower.read_with(block, header, taken) {
            // A closed round is nothing to a party that does not train.
            Ok(_) => Ok(()),
            Err(error @ FollowError::Entry { .. }) => Err(self.convicted(height, &error)),
            Err(error) => Err(error.into()),
        }
    }

    /// A recorded block with an entry that must not stand there: what the coordinator has signed goes into a file.
    fn convicted(&mut self, height: u64, error: &FollowError) -> RecordsError {
        match self.keep_evidence(height) {
            Ok(kept) => RecordsError::Convicted(format!("{error}; {kept}")),
            Err(failed) => failed,
        }
    }

    /// Writes the blocks up to a height, if they convict the coordinator in the eyes of others too.
    fn keep_evidence(&mut self, height: u64) -> Result<KeptEvidence> {
        // Another process keeps the copy, and finds the same.
        if self.lock.is_none() {
            return Ok(KeptEvidence(None));
        }
        let blocks = self.history.encoded(height.saturating_add(1))?;
        let statements =
            Statements::History(HistoryEvidence { blocks, ..HistoryEvidence::default() });
        let genesis = Genesis { entry: &self.genesis_entry, parameters: &self.parameters };
        let Ok(evidence) = Evidence::new(statements, genesis) else {
            return Ok(KeptEvidence(None));
        };
        Ok(KeptEvidence(Some(self.history.keep_evidence(height, &evidence)?)))
    }

    /// Takes the next block, or the last one again. On disk when it returns, if this process keeps the copy.
    ///
    /// # Errors
    /// [`RecordsError::Blocks`], [`RecordsError::Convicted`], [`RecordsError::File`].
    pub(crate) fn take(&mut self, block: &Block) -> Result<()> {
        let header = match self.lock {
            Some(_) => self.history.record(block)?,
            None => self.history.follow(block)?,
        };
        if header.height == self.follower.height() {
            self.read(block, &header)?;
            self.history.flush().wait()?;
        }
        Ok(())
    }

    /// Compares what the coordinator calls its last block with what it has shown before.
    pub(crate) fn compare(&mut self, head: &SealedHeader) -> Result<()> {
        Ok(self.history.compare(head)?)
    }

    /// The last block, to be shown to the coordinator.
    pub(crate) fn head(&self) -> Option<SealedHeader> {
        self.history.chain().head().map(|head| *head.sealed())
    }

    /// Blocks read so far.
    pub fn height(&self) -> u64 {
        self.follower.height()
    }

    /// The ledger's name.
    pub fn chain_id(&self) -> &ChainId {
        &self.follower.parameters().chain_id
    }

    /// What is shared.
    pub fn exchange(&self) -> &Exchange {
        self.follower.exchange()
    }

    /// Consents, requests, joins and epochs.
    pub fn index(&self) -> &Index {
        &self.index
    }

    fn roster(&self) -> &Roster {
        self.follower.roster()
    }

    /// The key of one who may speak: admitted or enrolled, not revoked, and with credit left.
    pub fn key_of(&self, name: &Pseudonym) -> Option<VerifyingKey> {
        let may_speak =
            !self.roster().is_revoked(name) && self.exchange().participants().credit(name) > 0;
        may_speak.then(|| self.exchange().key_of(name, self.roster())).flatten()
    }

    /// The pseudonym of a key: a participant's, or an institution's.
    pub fn name_of(&self, key: &VerifyingKey) -> Option<Pseudonym> {
        let mut participants = self.exchange().participants().iter();
        let participant = participants.find(|(_, other)| *other == key).map(|(name, _)| *name);
        let mut roster = self.roster().iter();
        let institution = roster.find(|(_, other)| other.certificate.signing_key == *key);
        participant.or_else(|| institution.map(|(name, _)| *name))
    }

    /// What the ledger says of a consent.
    pub fn standing(&self, consent: &ConsentHash) -> Standing {
        self.exchange().records().standing(consent)
    }

    /// Whose a record is, and who keeps it.
    pub fn record(&self, hash: &RecordHash) -> Option<&Kept> {
        self.exchange().records().record(hash)
    }

    /// Verifies a header that somebody has brought: the ledger has its hash, and both have signed it.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`]: what does not hold.
    pub fn verify_header(&self, stored: &StoredHeader) -> Result<VerifiedHeader> {
        let record = Record::decode(&stored.record)?;
        let kept = self
            .record(record.hash())
            .ok_or_else(|| RecordsError::unusable("the record is not on the ledger"))?;
        let names = Kept { owner: *record.owner(), custodian: *record.custodian() };
        if *kept != names {
            return Err(RecordsError::unusable("the ledger has the record under other names"));
        }
        // Whoever has been revoked since keeps what it has signed.
        let key = |name| {
            let key = self.exchange().key_of(name, self.roster());
            key.ok_or_else(|| RecordsError::unusable("a party of the record is not on the ledger"))
        };
        let record =
            record.verify(self.chain_id(), &key(&names.custodian)?, &key(&names.owner)?)?;
        Ok(CandidateHeader::decode(&stored.header)?.verify(&record)?)
    }
}

#[cfg(test)]
mod tests;

//! One process that orders alone and signs alone.

use std::{sync::Arc, time::Instant};

use consilium_contract::{Receipt, SealedBlock};
use consilium_hash::{StateRoot, TransactionHash};
use consilium_ledger::Block;
use ed25519_dalek::SigningKey;

use crate::{
    CoordinatorError,
    inbox::Reply,
    last_sealed::{self, LastSealed},
    open_block::{Entry, OpenBlock},
    sequencer::{Sealed, Sequencer},
    shared::Shared,
};

/// When a block is sealed that no phase ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockRules {
    pub(crate) entries: usize,
    pub(crate) age_ms: u64,
}

/// Orders transactions as they come. Owned by the node's thread.
pub(crate) struct Solo {
    /// Its store and chain have this one writer. Calls read them meanwhile, under their own locks, and see durable
    /// blocks alone; the verifier's thread stages bodies, which the next block makes durable.
    shared: Arc<Shared>,
    sealing: SigningKey,
    memory: Option<LastSealed>,
    rules: BlockRules,
    /// Lost in a crash: whoever wrote into it got no answer, and sends it again.
    open: OpenBlock,
}

impl Solo {
    pub(crate) fn new(
        shared: Arc<Shared>,
        sealing: SigningKey,
        memory: Option<LastSealed>,
        rules: BlockRules,
    ) -> Self {
        Self { shared, sealing, memory, rules, open: OpenBlock::default() }
    }
}

impl Sequencer for Solo {
    /// The write path, step 2.
    fn push(&mut self, entry: Entry, now_ms: u64) {
        self.open.push(entry, now_ms);
    }

    fn wait(&mut self, reply: Reply, receipt: Receipt) {
        self.open.wait(reply, receipt);
    }

    fn receipt(&self, id: &TransactionHash) -> Option<Receipt> {
        self.open.receipt(id)
    }

    fn is_due(&self, now_ms: u64) -> bool {
        self.open.is_due(self.rules.entries, self.rules.age_ms, now_ms)
    }

    /// The write path, steps 3 to 5.
    fn seal(
        &mut self,
        state_root: StateRoot,
        now_ms: u64,
    ) -> Result<Option<Sealed>, CoordinatorError> {
        if self.open.is_empty() {
            return Ok(None);
        }
        let OpenBlock { entries, recorded, blobs, unanswered, .. } = std::mem::take(&mut self.open);
        // 3. Header and signature.
        let header = self.shared.chain().propose(&entries, state_root, now_ms)?;
        let sealed = header.seal(&self.shared.parameters.chain_id, &self.sealing);
        let block = Block { sealed, entries };
        // 4. Blobs, block, flush; then the memory outside of the ledger.
        let start = Instant::now();
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        self.shared.store.append_block(&block, &blobs)?;
        let hash = block.hash();
        if let Some(memory) = &mut self.memory {
            memory.remember(last_sealed::Block { height: block.height(), hash })?;
        }
        let took = start.elapsed();
        let height = block.height();
        tracing::debug!(height, entries = block.entries.len(), "sealed");
        // 5. What this process goes on from.
        let mut chain = self.shared.chain_mut();
        let block = SealedBlock::from(chain.append_block(&block)?);
        // The others are read from the ledger where somebody asks for them.
        chain.forget();
        drop(chain);
        let shared = &self.shared;
        shared.catalogue_mut().record(&shared.store, height, &hash, &recorded)?;
        Ok(Some(Sealed { height, block, recorded, unanswered, took }))
    }
}

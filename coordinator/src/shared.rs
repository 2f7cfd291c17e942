//! What calls read without asking the node: only what is durable.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::UNIX_EPOCH,
};

use consilium_contract::Parameters;
use consilium_hash::{BlobHash, MerkleNode, Pseudonym};
use consilium_ledger::{
    ChainError, Checkpoint, HeaderChain, LedgerError, SealedHeader, Store, Validators,
    merkle::consistency_ranges,
};
use consilium_proto::v1::Head;
use ed25519_dalek::SigningKey;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::watch,
};

use crate::{
    Limits,
    catalogue::Catalogue,
    clock::millis,
    error::CallError,
    history_tree::HistoryTree,
    services::{connections::Connections, refusals::Refusals},
};

/// How far the chain is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Durable blocks.
    pub(crate) blocks: u64,
    /// Blocks at which the run was finished.
    pub(crate) finished: Option<u64>,
    /// No further block will come.
    pub(crate) ended: bool,
}

/// Shared by the node, which writes, and the calls, which read.
pub(crate) struct Shared {
    pub(crate) parameters: Parameters,
    pub(crate) limits: Limits,
    pub(crate) store: Arc<Store>,
    pub(crate) traffic: Traffic,
    /// Whose seals its headers have.
    validators: Validators,
    /// Its end: headers before are in the store.
    pub(crate) connections: Arc<Connections>,
    pub(crate) refusals: Arc<Refusals>,
    chain: RwLock<HeaderChain>,
    tree: HistoryTree,
    catalogue: RwLock<Catalogue>,
    progress: watch::Sender<Progress>,
    /// Signs the heads that are asked for.
    sealing: SigningKey,
    /// Blobs that are being sent. At the end of a round everybody fetches the same ones, and shares their bytes.
    serving: Mutex<HashMap<BlobHash, Weak<Vec<u8>>>>,
    subscribers: AtomicUsize,
    /// Subscriptions of each institution that follows.
    present: Mutex<BTreeMap<Pseudonym, usize>>,
    /// Followers that have hung up after the finished run was sent to them.
    served: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        parameters: Parameters,
        limits: Limits,
        store: Arc<Store>,
        chain: HeaderChain,
        catalogue: Catalogue,
        sealing: SigningKey,
    ) -> Self {
        let refusals = Arc::new(Refusals::default());
        let (progress, _) =
            watch::channel(Progress { blocks: chain.len(), finished: None, ended: false });
        Self {
            parameters,
            limits,
            store,
            traffic: Traffic::default(),
            validators: *chain.validators(),
            connections: Connections::new(&limits, Arc::clone(&refusals)),
            refusals,
            chain: RwLock::new(chain),
            tree: HistoryTree::default(),
            catalogue: RwLock::new(catalogue),
            progress,
            sealing,
            serving: Mutex::default(),
            subscribers: AtomicUsize::new(0),
            present: Mutex::default(),
            served: AtomicUsize::new(0),
        }
    }

    pub(crate) fn chain(&self) -> RwLockReadGuard<'_, HeaderChain> {
        self.chain.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chain_mut(&self) -> RwLockWriteGuard<'_, HeaderChain> {
        self.chain.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The header of the last of the first `size` blocks and its checkpoint; 0 stands for all that followers have been
    /// told of: a block is served by the time it is named. What is durable is never taken back, so no two heads that are
    /// signed here contradict each other.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn head(&self, size: u64) -> Result<Option<Head>, CallError> {
        let blocks = self.progress.borrow().blocks;
        let size = if size == 0 { blocks } else { size };
        let Some(last) = size.checked_sub(1).filter(|last| *last < blocks) else { return Ok(None) };
        let end = self.chain().head_checkpoint();
        let root = if size == end.size {
            Some(end.root)
        } else {
            self.header(size)?.map(|next| next.header.history_root)
        };
        let (Some(sealed), Some(root)) = (self.header(last)?, root) else { return Ok(None) };
        let checkpoint = Checkpoint { chain_id: self.parameters.chain_id, size, root };
        Ok(Some(Head {
            sealed_header: sealed.encode().to_vec(),
            checkpoint: checkpoint.sign(&self.sealing).encode().into_bytes(),
            clock_ms: UNIX_EPOCH.elapsed().map(millis).unwrap_or_default(),
        }))
    }

    /// The header that this coordinator has sealed at a height, as the ledger has it.
    ///
    /// # Errors
    /// Where the ledger cannot be read, or its bytes are not what was sealed.
    pub(crate) fn header(&self, height: u64) -> Result<Option<SealedHeader>, LedgerError> {
        let header = self.store.get_header(height)?;
        if let Some(header) = &header {
            header.verify(&self.validators).map_err(ChainError::from)?;
        }
        Ok(header)
    }

    /// That the first `from` blocks are the beginning of the first `to`; `None` where there are not so many.
    ///
    /// # Errors
    /// Where the ledger cannot be read.
    pub(crate) fn consistency(
        &self,
        from: u64,
        to: u64,
    ) -> Result<Option<Vec<MerkleNode>>, LedgerError> {
        if to > self.chain().len() {
            return Ok(None);
        }
        let Some(ranges) = consistency_ranges(from, to) else { return Ok(None) };
        ranges
            .into_iter()
            .map(|range| self.tree.node(&self.store, range))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// The height of a header that this coordinator has signed, where its ledger does not hold it.
    ///
    /// # Errors
    /// Where the coordinator has not signed it.
    pub(crate) fn lacks(&self, shown: &SealedHeader) -> Result<Option<u64>, CallError> {
        let height = shown.header.height;
        if self.store.get_header(height)?.is_some_and(|ours| ours.hash() == shown.hash()) {
            return Ok(None);
        }
        let sealed = shown.verify(&self.validators);
        sealed.map(|()| Some(height)).map_err(|_| CallError::NotSigned)
    }

    pub(crate) fn catalogue(&self) -> RwLockReadGuard<'_, Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catalogue_mut(&self) -> RwLockWriteGuard<'_, Catalogue> {
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells followers of the durable blocks, and whether the run is finished with them.
    pub(crate) fn publish(&self, blocks: u64, finished: bool) {
        self.progress.send_modify(|progress| {
            progress.blocks = blocks;
            progress.finished = progress.finished.or(finished.then_some(blocks));
        });
    }

    /// Tells followers that no further block will come.
    pub(crate) fn end(&self) {
        self.progress.send_modify(|progress| progress.ended = true);
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Counts a follower, who has the blocks below `from`, until the answer is dropped; and the institution that it is.
    pub(crate) fn subscriber(
        self: &Arc<Self>,
        from: u64,
        institution: Option<Pseudonym>,
    ) -> Subscriber {
        self.subscribers.fetch_add(1, Ordering::Relaxed);
        if let Some(institution) = institution {
            *self.subscriptions().entry(institution).or_default() += 1;
        }
        Subscriber { shared: Arc::clone(self), sent: from, institution }
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<Pseudonym, usize>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Institutions that follow now: as their certificates say, or over plain TCP as they say themselves.
    pub(crate) fn present(&self) -> BTreeSet<Pseudonym> {
        self.subscriptions().keys().copied().collect()
    }

    /// Followers now.
    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// Followers that have hung up after the finished run was sent to them.
    pub(crate) fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Reads the store on a thread that may block; in place where the runtime has one thread, on which everything is to happen
    /// in order.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self) -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
            return read(self);
        }
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || read(&shared)).await.unwrap_or(Err(CallError::Stopping))
    }

    /// A blob of the ledger.
    pub(crate) async fn blob(
        self: &Arc<Self>,
        what: &'static str,
        address: BlobHash,
    ) -> Result<Arc<Vec<u8>>, CallError> {
        let blob = self.read(move |shared| Ok(shared.shared_blob(&address)?)).await?;
        blob.ok_or_else(|| CallError::NotFound {
            what,
            advice: format!("the ledger has no blob with SHA-256 {}", address),
        })
    }

    /// The blob that is being sent, or else the stored one. One is read at a time, so that no two are the same.
    fn shared_blob(&self, address: &BlobHash) -> Result<Option<Arc<Vec<u8>>>, LedgerError> {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blob) = serving.get(address).and_then(Weak::upgrade) {
            return Ok(Some(blob));
        }
        let Some(blob) = self.store.get_blob(address)?.map(Arc::new) else { return Ok(None) };
        serving.retain(|_, blob| blob.strong_count() > 0);
        serving.insert(*address, Arc::downgrade(&blob));
        Ok(Some(blob))
    }
}

/// One open subscription.
pub(crate) struct Subscriber {
    shared: Arc<Shared>,
    /// Height below which everything has been sent.
    pub(crate) sent: u64,
    institution: Option<Pseudonym>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if self.shared.progress.borrow().finished.is_some_and(|blocks| self.sent >= blocks) {
            self.shared.served.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.subscribers.fetch_sub(1, Ordering::Relaxed);
        let Some(institution) = self.institution else { return };
        let mut present = self.shared.subscriptions();
        if let Some(subscriptions) = present.get_mut(&institution) {
            *subscriptions = subscriptions.saturating_sub(1);
            if *subscriptions == 0 {
                present.remove(&institution);
            }
        }
    }
}

/// Payload bytes of all calls, without the transport's framing.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
}

impl Traffic {
    pub(crate) fn count_up(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_down(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes from and to peers so far.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed))
    }
}

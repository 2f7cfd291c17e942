//! A ledger rebuilt from copies: of the ledger itself, and of what institutions have followed.
//!
//! What comes back is every block that a copy has, with the bodies, sums and models that it names. Bodies come from copies
//! of the ledger and from institutions: each keeps those that it has verified, up to a limit, and its own last one. Sums and
//! models are computed.
//! What does not come back is what nobody was told of: transactions that were not in a durable block, which their authors
//! send again.
//!
//! Every block is verified and executed as at any other start of a node, and the whole is compared with the last block
//! that the key has sealed. Only then is it where a node will look for it.

mod source;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use consilium_contract::{
    Contract, Phase, SealedBlock, model::encode_sums, transaction::parse_entry,
};
use consilium_crypto::{DiscreteLogTable, mask::CandidateHeader};
use consilium_hash::{BlobHash, Pseudonym};
use consilium_identity::CoordinatorFiles;
use consilium_ledger::{Block, ChainError, HeaderChain, Store};
use consilium_proto::v1::transaction::Action;

use self::source::Source;
use crate::{CoordinatorError, error::names, founding, last_sealed::LastSealed, recover::replay};

/// A ledger that has been rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Its blocks.
    pub blocks: u64,
    /// The step that is being made, from 0.
    pub step: u64,
    /// The phase of the run.
    pub phase: &'static str,
}

/// Rebuilds the ledger of this ceremony in `ledger`, where there must be none. `memory` is the folder that remembers what
/// the key has sealed.
///
/// # Errors
/// [`CoordinatorError::Config`] where a folder is not what it should be, [`CoordinatorError::TwoHistories`],
/// [`CoordinatorError::BodiesMissing`], and [`CoordinatorError::LacksBlocks`] where the key has sealed more than the copies
/// have. `ledger` stays empty then.
pub fn restore(
    files: &CoordinatorFiles,
    memory: &Path,
    ledger: &Path,
    copies: &[PathBuf],
) -> Result<Restored, CoordinatorError> {
    if Store::exists(ledger) {
        let at = ledger.display();
        return Err(CoordinatorError::Config(format!(
            "{at} holds a ledger; move it away, and give it with --from if it is an old copy"
        )));
    }
    // Held to the end, so that no node seals meanwhile.
    let memory = LastSealed::open(memory)?;
    let unfinished = beside(ledger, ".restoring")?;
    let scratch = unfinished.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(scratch).map_err(unusable(scratch))?;
    if Store::exists(&unfinished) {
        // Of an attempt that too little was given to.
        fs::remove_dir_all(&unfinished).map_err(unusable(&unfinished))?;
    }
    let sources: Vec<Source> =
        copies.iter().map(|path| Source::open(path, scratch)).collect::<Result<_, _>>()?;

    let mut rebuilt = Rebuilt::new(files, Store::open(&unfinished)?)?;
    for source in &sources {
        rebuilt.follow(source, &sources)?;
    }
    if rebuilt.chain.is_empty() {
        return Err(CoordinatorError::Config(
            "none of the copies holds a block of this run; give others with --from".to_owned(),
        ));
    }
    founding::compare(&rebuilt.store, &memory)?;
    rebuilt.store.close()?;
    // An empty folder may be there already.
    let renamed = fs::rename(&unfinished, ledger).and_then(|()| File::open(scratch)?.sync_all());
    renamed.map_err(unusable(ledger))?;
    Ok(Restored {
        blocks: rebuilt.chain.len(),
        step: rebuilt.contract.step(),
        phase: rebuilt.contract.phase().name(),
    })
}

/// The path with something after its last name.
pub(crate) fn beside(path: &Path, suffix: &str) -> Result<PathBuf, CoordinatorError> {
    let name = path.file_name().ok_or_else(|| {
        CoordinatorError::Config(format!("{} has no name; give another folder", path.display()))
    })?;
    let mut name = name.to_owned();
    name.push(suffix);
    Ok(path.with_file_name(name))
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> CoordinatorError {
    let at = path.display().to_string();
    move |error| CoordinatorError::Config(format!("{at}: {error}"))
}

/// An update whose body no copy has.
struct Lacking {
    author: Pseudonym,
    body: BlobHash,
}

/// The part of the chain that has been executed.
struct Rebuilt<'a> {
    files: &'a CoordinatorFiles,
    store: Store,
    chain: HeaderChain,
    contract: Contract,
}

impl<'a> Rebuilt<'a> {
    fn new(files: &'a CoordinatorFiles, store: Store) -> Result<Self, CoordinatorError> {
        let table = DiscreteLogTable::shared();
        let contract = Contract::found(&files.genesis_entry, &files.initial_model, table)?;
        let chain = HeaderChain::new(contract.parameters().validators());
        Ok(Self { files, store, chain, contract })
    }

    /// Takes what this copy has beyond the ones before it, with bodies from any of them.
    fn follow(&mut self, source: &Source, all: &[Source]) -> Result<(), CoordinatorError> {
        let from = source.path.display();
        for block in source.blocks() {
            let height = block.height();
            if height == 0 && block.entries != [self.files.genesis_entry.as_slice()] {
                tracing::warn!(%from, "a copy of another run is passed over");
                return Ok(());
            }
            let known = self.chain.len();
            let sealed = match self.chain.append_block(&block) {
                Ok(header) => SealedBlock::from(header),
                Err(ChainError::Fork(fork)) => {
                    let path = source.path.clone();
                    return Err(CoordinatorError::TwoHistories { height: fork.height, path });
                }
                Err(error) => {
                    tracing::warn!(%from, height, %error, "the rest of a copy is passed over");
                    return Ok(());
                }
            };
            if height == known {
                self.take(&block, sealed, all)?;
            }
        }
        tracing::info!(%from, blocks = self.chain.len(), "followed");
        Ok(())
    }

    /// Executes the next block and stores it.
    fn take(
        &mut self,
        block: &Block,
        sealed: SealedBlock,
        all: &[Source],
    ) -> Result<(), CoordinatorError> {
        let height = block.height();
        if height > 0 {
            if self.contract.state_root() != block.header().state_root {
                let detail = "the state before it is not the one that its header names".to_owned();
                return Err(CoordinatorError::Replay { height, detail });
            }
            let lacking = self.fetch_bodies(block, all)?;
            match self.execute(block) {
                Err(CoordinatorError::Replay { .. }) if !lacking.is_empty() => {
                    let authors: Vec<Pseudonym> =
                        lacking.iter().map(|lacking| lacking.author).collect();
                    let bodies = lacking.iter().map(|lacking| lacking.body.to_string()).collect();
                    let authors = names(&authors);
                    return Err(CoordinatorError::BodiesMissing { height, authors, bodies });
                }
                executed => executed?,
            }
        }
        self.contract.end_block(sealed);
        self.store.append_block(block, &[self.files.initial_model.as_slice()])?;
        Ok(())
    }

    /// Stores the bodies that a block's updates name, and says which no copy has. Some are not needed: where the header
    /// alone was enough to reject an update, its body was never taken.
    fn fetch_bodies(
        &self,
        block: &Block,
        all: &[Source],
    ) -> Result<Vec<Lacking>, CoordinatorError> {
        let mut lacking = Vec::new();
        for entry in &block.entries {
            let Ok((transaction, false)) = parse_entry(entry) else { continue };
            let (Action::SubmitUpdate(update), Some(author)) =
                (transaction.action(), transaction.author())
            else {
                continue;
            };
            let Ok(header) = CandidateHeader::decode(&update.header) else { continue };
            let body = header.body_hash();
            if self.store.contains_blob(&body)? {
                continue;
            }
            match all.iter().find_map(|source| source.blob(&body)) {
                Some(bytes) => self.store.stage_blobs(&[&bytes])?,
                None => lacking.push(Lacking { author, body }),
            }
        }
        Ok(lacking)
    }

    /// Executes a block's entries. Where they close a round, its sums and its model are computed on the way.
    fn execute(&mut self, block: &Block) -> Result<(), CoordinatorError> {
        let closes = |entry: &Vec<u8>| {
            parse_entry(entry)
                .is_ok_and(|(transaction, _)| matches!(transaction.action(), Action::CloseRound(_)))
        };
        let end = block.entries.iter().position(closes).unwrap_or(block.entries.len());
        let (before, closing) = block.entries.split_at(end);
        let part = |entries: &[Vec<u8>]| Block { entries: entries.to_vec(), ..block.clone() };
        replay(&mut self.contract, &self.store, &part(before))?;
        if !closing.is_empty()
            && let Phase::Opening(opening) = self.contract.phase()
            && let Some(Ok(opened)) = opening.outcome()
        {
            let sums = encode_sums(&opened.sums).unwrap_or_default();
            self.store.stage_blobs(&[&sums, &opened.model.to_bytes()])?;
        }
        replay(&mut self.contract, &self.store, &part(closing)).map(drop)
    }
}

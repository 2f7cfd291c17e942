//! One honest institution: the real parts, in the order in which a session uses them, without its sockets.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_audit::{
    CheckedModel,
    follow::{Closed, Follower, Phase, Sealed},
    judge::{Judged, KeyParts, judge},
    model_check::ModelError,
};
use consilium_client::{
    institution::{duties::Duties, trustee::Countersigned},
    state::{history::History, model},
};
use consilium_crypto::RoundContext;
use consilium_hash::{Basis, BlobHash, BlockHash, HeaderHash};
use consilium_ledger::{Block, VerifiedHeader};
use consilium_proto::v1::{SignedTransaction, SubmitShare, SubmitUpdate, transaction::Action};
use consilium_testkit::Parties as _;
use rand_chacha::ChaCha20Rng;

use crate::world::{State, World, restore, save};

/// What is broken in a trustee, to show that the observer would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// After a restart it knows what it knew at first, and does not compare it with the chain.
    ForgetsEverything,
    /// Its oaths are not on disk, and neither are its blocks; nor does it miss them.
    ForgetsOaths,
    /// It shares what it has judged, whoever else answers for it.
    SharesWithoutQuorum,
}

/// Why an institution has stopped. Its operator starts it again where the schedule says so.
pub type Stop = String;

enum Duty {
    None,
    Judged(Judged),
    Countersigned(Countersigned),
    Answered(Judged, SignedTransaction),
}

impl Duty {
    fn judged(&self) -> Option<&Judged> {
        match self {
            Self::None => None,
            Self::Judged(judged) | Self::Answered(judged, _) => Some(judged),
            Self::Countersigned(countersigned) => Some(countersigned.judged()),
        }
    }
}

/// What a process holds.
struct Process {
    history: History,
    follower: Follower,
    duties: Duties,
    model: CheckedModel,
    stored: Option<CheckedModel>,
    duty: Duty,
    contributed: Option<Basis>,
}

/// A copy of a directory, and what has to hold of whoever goes on from it.
struct Backup {
    state: State,
    upload: Option<(RoundContext, HeaderHash)>,
    /// A loss of later than the copy is forgotten where the copy takes the place of the directory.
    silent_through: Option<u32>,
}

pub struct Trustee<'a> {
    world: &'a World,
    pub index: usize,
    pub flaw: Flaw,
    directory: PathBuf,
    begun: State,
    backup: Option<Backup>,
    process: Option<Process>,
    /// The update on its disk.
    upload: Option<(RoundContext, HeaderHash)>,
    /// It has lost its state, and has said nothing since.
    has_lost: bool,
    /// Committees up to this one are those of before it lost its state: it is to be silent in them.
    pub silent_through: Option<u32>,
    /// All the blocks that it was ever shown are on its disk, or were when it lost its state.
    pub is_whole: bool,
    /// Shares that it has worked out after their committee stood.
    pub late_shares: usize,
    /// The coordinator has told it that it is expelled: it submits nothing, and is a trustee all the same.
    pub is_expelled: bool,
    /// The coordinator has receipted its update as accepted.
    pub receipted: Option<HeaderHash>,
    /// Sums that closed rounds announce, as the coordinator serves them.
    pub blobs: HashMap<BlobHash, Vec<u8>>,
    rng: ChaCha20Rng,
}

impl<'a> Trustee<'a> {
    pub fn new(
        world: &'a World,
        index: usize,
        directory: &Path,
        state: &State,
        flaw: Flaw,
        rng: ChaCha20Rng,
    ) -> Self {
        let directory = directory.join(index.to_string());
        restore(&directory, state);
        let begun = state.clone();
        let blobs = HashMap::new();
        let backup = None;
        let process = None;
        let upload = None;
        let receipted = None;
        let mut trustee = Self {
            world,
            index,
            flaw,
            directory,
            begun,
            backup,
            process,
            upload,
            receipted,
            has_lost: false,
            silent_through: None,
            is_whole: true,
            late_shares: 0,
            is_expelled: false,
            blobs,
            rng,
        };
        trustee.start().unwrap();
        trustee
    }

    /// What it knows of the run; nothing while it is stopped.
    pub fn follower(&self) -> Option<&Follower> {
        self.process.as_ref().map(|process| &process.follower)
    }

    /// Blocks of its history; none while it is stopped.
    pub fn height(&self) -> Option<u64> {
        self.process.as_ref().map(|process| process.history.len())
    }

    /// Hash of the last block of its history.
    pub fn block(&mut self, height: u64) -> Option<BlockHash> {
        let process = self.process.as_mut()?;
        process.history.block(height).ok().flatten().map(|(_, header)| *header.hash())
    }

    /// The process ends, wherever it is.
    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn state(&self) -> State {
        save(&self.directory)
    }

    /// A copy of the state directory is put aside.
    pub fn back_up(&mut self) {
        self.backup = Some(Backup {
            state: self.state(),
            upload: self.upload.clone(),
            silent_through: self.silent_through,
        });
    }

    pub fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// The process ends and the copy takes the place of the directory.
    pub fn roll_back(&mut self) {
        self.stop();
        if let Some(Backup { state, upload, silent_through }) = &self.backup {
            restore(&self.directory, state);
            self.upload = upload.clone();
            self.silent_through = *silent_through;
            self.has_lost = false;
        }
    }

    /// The process ends, and all that it has had on disk is lost but its share of the key.
    pub fn lose_state(&mut self) {
        self.stop();
        let shares: State = self
            .state()
            .into_iter()
            .filter(|(name, _)| name.to_string_lossy().starts_with("share-"))
            .collect();
        restore(&self.directory, &shares);
        self.upload = None;
        self.receipted = None;
        self.has_lost = true;
    }

    /// The process ends, and the file of blocks is lost; what was sworn and remembered is not.
    pub fn lose_history(&mut self) {
        self.stop();
        self.is_whole = false;
        let _ = fs::remove_file(self.directory.join("blocks.bin"));
    }

    /// A process begins, on what is on disk.
    pub fn start(&mut self) -> Result<(), Stop> {
        self.stop();
        match self.flaw {
            Flaw::ForgetsEverything => {
                let own: Vec<_> = self.begun.clone();
                restore(&self.directory, &own);
            }
            Flaw::ForgetsOaths => {
                let _ = fs::remove_file(self.directory.join("blocks.bin"));
                for (name, bytes) in &self.world.keyless.states[self.index] {
                    fs::write(self.directory.join(name), bytes).unwrap();
                }
            }
            Flaw::None | Flaw::SharesWithoutQuorum => {}
        }
        let parameters = &self.world.ceremony.parameters;
        let files = self.world.files(self.index);
        let unread = |error: consilium_audit::history::HistoryError| error.to_string();
        let failed = |error: consilium_client::ClientError| error.to_string();
        let mut process = Process {
            history: History::open(&self.directory, parameters).map_err(unread)?,
            follower: Follower::new(Arc::new(parameters.clone()), files.genesis_entry.clone()),
            duties: Duties::open(&self.directory, self.world.shared_files(self.index), parameters)
                .map_err(failed)?,
            model: CheckedModel::initial(parameters, &files.initial_model).unwrap(),
            stored: model::load(&self.directory, parameters).map_err(|error| error.to_string())?,
            duty: Duty::None,
            contributed: None,
        };
        while let Some((block, header)) =
            process.history.block(process.follower.height()).map_err(unread)?
        {
            self.read(&mut process, &block, &header)?;
        }
        self.process = Some(process);
        Ok(())
    }

    /// The coordinator shows a block. An institution that cannot take it stops.
    pub fn show(&mut self, block: &Block) -> Result<(), Stop> {
        let Some(mut process) = self.process.take() else { return Err("is stopped".to_owned()) };
        let header = process.history.record(block).map_err(|error| error.to_string())?;
        if header.height == process.follower.height() {
            self.read(&mut process, block, &header)?;
        }
        self.process = Some(process);
        Ok(())
    }

    fn read(
        &mut self,
        process: &mut Process,
        block: &Block,
        header: &VerifiedHeader,
    ) -> Result<(), Stop> {
        let closed = process.follower.read(block, header).map_err(|error| error.to_string())?;
        process.history.flush().wait().map_err(|error| error.to_string())?;
        let committee = process.follower.committee().map_or(0, |committee| committee.number);
        let share = self.directory.join(format!("share-{committee}.key"));
        let had_share = share.exists();
        process.duties.read(block, &mut process.follower).map_err(|error| error.to_string())?;
        self.late_shares += usize::from(!had_share && share.exists());
        if let Some(closed) = closed {
            self.settle(process, &closed)?;
        }
        Ok(())
    }

    /// Checks the model of a closed round before anything is built on it.
    fn settle(&mut self, process: &mut Process, closed: &Closed) -> Result<(), Stop> {
        let step = closed.sealed.sum.round().step;
        if let Some(stored) = process.stored.take_if(|stored| stored.step() == step + 1) {
            if stored.model().hash() != closed.model {
                return Err("the stored model is another one".to_owned());
            }
            process.model = stored;
        } else if process.stored.as_ref().is_none_or(|stored| stored.step() <= step) {
            let parameters = &self.world.ceremony.parameters;
            let judged = match process.duty.judged() {
                Some(judged) => judged.clone(),
                None => {
                    judge(&closed.sealed.sum, &KeyParts::default(), None, parameters, &mut self.rng)
                        .map_err(|error| error.to_string())?
                }
            };
            let fail = |error: ModelError| error.to_string();
            let mut check = process
                .model
                .check(closed, &judged, parameters, &self.world.table)
                .map_err(fail)?;
            let masked = parameters.update_parameters().masked();
            for header in check.headers().to_vec() {
                let pooled =
                    self.world.pooled(&header.hash()).ok_or("nobody serves a masked update")?;
                check.add(&pooled.update.body[masked.clone()]).map_err(fail)?;
            }
            let sums = self.blobs.get(check.sums()).ok_or("nobody serves the sums")?;
            let roster = process.follower.roster();
            let next = check
                .finish(&process.model, sums, roster, parameters, &mut self.rng)
                .map_err(fail)?;
            model::store(&next, &self.directory).map_err(|error| error.to_string())?;
            process.model = next;
        }
        process.duty = Duty::None;
        Ok(())
    }

    /// It has caught up with what the coordinator calls its head: what the chain calls for, it says.
    pub fn act(&mut self) -> Result<Vec<SignedTransaction>, Stop> {
        let Some(mut process) = self.process.take() else { return Ok(Vec::new()) };
        if std::mem::take(&mut self.has_lost) {
            let standing = process.follower.committee().map(|committee| committee.number);
            self.silent_through = self.silent_through.max(standing);
        }
        if !matches!(self.flaw, Flaw::ForgetsEverything | Flaw::ForgetsOaths) {
            let round = self.upload.as_ref().map(|(round, _)| round);
            process.duties.catch_up(&process.follower, round).map_err(|error| error.to_string())?;
        }
        let said = match process.follower.phase() {
            Phase::Keygen(_) => self.contribute(&mut process)?.into_iter().collect(),
            Phase::Collecting(_) => self.participate(&mut process)?.into_iter().collect(),
            Phase::Sealed(_) => self.serve(&mut process)?,
            Phase::Idle | Phase::Sealing(..) | Phase::Finished => Vec::new(),
        };
        self.process = Some(process);
        Ok(said)
    }

    fn contribute(&mut self, process: &mut Process) -> Result<Option<SignedTransaction>, Stop> {
        let Phase::Keygen(keygen) = process.follower.phase() else { return Ok(None) };
        let basis = *keygen.basis();
        if process.contributed == Some(basis) || keygen.has_heard(&self.world.name(self.index)) {
            return Ok(None);
        }
        process.history.flush().wait().map_err(|error| error.to_string())?;
        let step = process.follower.step();
        let chain = self.world.chain_id();
        process.contributed = Some(basis);
        process
            .duties
            .contribute(keygen, step, &chain, &mut self.rng)
            .map_err(|error| error.to_string())
    }

    fn participate(&mut self, process: &mut Process) -> Result<Option<SignedTransaction>, Stop> {
        let Phase::Collecting(collection) = process.follower.phase() else { return Ok(None) };
        let round = collection.round().clone();
        let name = self.world.name(self.index);
        process.model.starts(collection.round()).map_err(|error| error.to_string())?;
        let is_revoked = process.follower.roster().get(&name).is_none_or(|own| own.revoked);
        if self.is_expelled || is_revoked {
            return Ok(None);
        }
        let stored = self.upload.as_ref().filter(|(of, _)| *of == round);
        if stored.is_none() && collection.has_update_of(&name) {
            return Ok(None);
        }
        let pooled = self.world.update(collection.committee(), &round, self.index, 0);
        process.history.flush().wait().map_err(|error| error.to_string())?;
        self.upload = Some((round, pooled.header.hash()));
        let header = pooled.update.header.clone();
        Ok(Some(self.world.says(self.index, Action::SubmitUpdate(SubmitUpdate { header }))))
    }

    fn serve(&mut self, process: &mut Process) -> Result<Vec<SignedTransaction>, Stop> {
        let Phase::Sealed(sealed) = process.follower.phase() else { return Ok(Vec::new()) };
        let name = self.world.name(self.index);
        let sum = Arc::clone(&sealed.sum);
        let Some(place) =
            process.follower.committee().and_then(|committee| committee.place_of(&name))
        else {
            return Ok(Vec::new());
        };
        let is_countersigned = sealed.is_countersigned_by(place);
        let is_shared = sealed.has_share_of(place);
        let upload = self
            .upload
            .as_ref()
            .filter(|(round, _)| round == sum.round())
            .map(|(_, header)| *header);
        if process.duty.judged().is_none() {
            let accepted =
                upload.filter(|header| sum.names(header) || self.receipted == Some(*header));
            let parameters = &self.world.ceremony.parameters;
            let judged =
                judge(&sum, &KeyParts::default(), accepted.as_ref(), parameters, &mut self.rng);
            process.duty = Duty::Judged(judged.map_err(|error| error.to_string())?);
        }
        if let Duty::Judged(judged) = &process.duty {
            process.history.flush().wait().map_err(|error| error.to_string())?;
            let countersigned =
                process.duties.countersign(judged).map_err(|error| error.to_string())?;
            let Some(countersigned) = countersigned else { return Ok(Vec::new()) };
            process.duty = Duty::Countersigned(countersigned);
        }
        let mut said = Vec::new();
        if let Duty::Countersigned(countersigned) = &process.duty {
            if !is_countersigned {
                said.push(countersigned.transaction().clone());
            }
            if let Some(share) = self.share(&process.duties, countersigned, sealed) {
                process.duty = Duty::Answered(countersigned.judged().clone(), share);
            }
        }
        if let Duty::Answered(_, share) = &process.duty
            && !is_shared
        {
            said.push(share.clone());
        }
        Ok(said)
    }

    fn share(
        &self,
        duties: &Duties,
        answer: &Countersigned,
        sealed: &Sealed,
    ) -> Option<SignedTransaction> {
        let judged = answer.judged();
        let share = duties.key_share(judged)?;
        if self.flaw == Flaw::SharesWithoutQuorum {
            let key = &judged.committee().public_key;
            let share = share.decryption_share(key, judged.evaluation(), judged.block()).encode();
            let step = judged.round().step;
            let sealed_block = judged.block().to_vec();
            return Some(
                self.world.says(
                    self.index,
                    Action::SubmitShare(SubmitShare { step, sealed_block, share }),
                ),
            );
        }
        let files = self.world.files(self.index);
        let quorum = answer.quorum(sealed.countersignatures())?;
        Some(quorum.share(share, &files.signing, &files.identity.pseudonym))
    }
}

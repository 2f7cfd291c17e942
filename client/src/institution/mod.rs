//! One institution: what it holds while it takes part in a run.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use consilium_audit::{
    CheckedModel, durable,
    execution::Execution,
    files,
    follow::{Closed, Follower},
    judge::Judged,
};
use consilium_contract::{GenesisError, Parameters};
use consilium_crypto::{DiscreteLogTable, RoundContext};
use consilium_hash::{HeaderHash, Pseudonym};
use consilium_identity::InstitutionFiles;
use consilium_proto::v1::SignedTransaction;
use consilium_transport::is_secure;
use rand_core::{OsRng, RngCore};

use crate::{
    ClientError,
    backoff::Backoff,
    connection::Answered,
    connector::{Connector, Plain, Tls},
    observer::{Broadcast, Observer, RoundReport},
    patience::Patience,
    prepare::Participant,
    state::{bodies::Bodies, history::History, model, upload::Upload},
};

pub mod assignment;
pub mod duties;
pub mod member;
mod recollection;
mod resumption;
pub mod trustee;

use duties::Duties;
use resumption::Unvouched;
use trustee::Countersigned;

/// How far this institution's work as a trustee on the sealed sum has come.
#[derive(Debug)]
pub(crate) enum Duty {
    /// Nothing is sealed, or it has not been judged.
    None,
    Judged(Judged),
    Countersigned(Countersigned),
    /// The share is made, and sent until it is on the chain.
    Answered(Judged, SignedTransaction),
}

impl Duty {
    pub(crate) fn judged(&self) -> Option<&Judged> {
        match self {
            Self::None => None,
            Self::Judged(judged) | Self::Answered(judged, _) => Some(judged),
            Self::Countersigned(countersigned) => Some(countersigned.judged()),
        }
    }
}

/// What an institution verifies of the updates in a sum before it answers for the sum or trains on its model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// Everything: all proofs of all updates, and the state that the chain leads to.
    #[default]
    All,
    /// The proofs of so many updates of each sum, drawn at random once the sum is sealed. What was not drawn is believed:
    /// of m updates of which one is false, an institution that draws c misses it with probability 1 − c/m, and k
    /// institutions that draw independently all miss it with probability (1 − c/m)^k. The state roots are believed too, so
    /// that an honest update that is recorded as a fault goes unnoticed by all but its author.
    Sample(usize),
}

/// An institution that takes part in a run: participant, trustee and follower of the chain.
pub struct Institution {
    pub(crate) files: Arc<InstitutionFiles>,
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) directory: PathBuf,
    pub(crate) connector: Arc<dyn Connector>,
    /// Absent only while it works on another thread.
    pub(crate) participant: Option<Participant>,
    pub(crate) observers: Broadcast,
    pub(crate) table: Arc<DiscreteLogTable>,
    pub(crate) verification: Verification,
    /// The contract, run over the blocks up to the last sum that was verified. Absent before the first one, and after an
    /// error.
    pub(crate) execution: Option<Execution>,
    /// The state after the last round, until the next header names it.
    pub(crate) unvouched: Option<Unvouched>,
    pub(crate) bodies: Bodies,
    pub(crate) history: History,
    pub(crate) follower: Follower,
    /// As a member of committees and a trustee. Locked by one thread at a time: the session's, or one that waits for a
    /// disk in its place.
    pub(crate) duties: Arc<Mutex<Duties>>,
    /// The model of the last closed round that has been read.
    pub(crate) model: CheckedModel,
    /// The model that an earlier process has checked last.
    pub(crate) stored: Option<CheckedModel>,
    /// A closed round whose model has not been checked yet. Nothing is read beyond it.
    pub(crate) closed: Option<Arc<Closed>>,
    pub(crate) upload: Option<Upload>,
    /// The receipt for the update with this header hash.
    pub(crate) verdict: Option<(HeaderHash, Answered)>,
    /// Receipts by which an answer of this trustee counts, with what it is and its step, until the step is closed.
    pub(crate) accepted: Vec<(&'static str, u64, Answered)>,
    pub(crate) duty: Duty,
    /// What headers do not hold and a trustee needs of the updates in the sum that was judged last.
    pub(crate) key_parts: Arc<[Vec<u8>]>,
    /// Step and attempt that this institution leaves to the others.
    pub(crate) sits_out: Option<(u64, u32)>,
    /// Expelled or revoked: no more updates, still a trustee.
    pub(crate) is_silenced: bool,
    /// Revoked, and still a member of the committee: the log has said so.
    pub(crate) is_leaving: bool,
    pub(crate) was_caught_up: bool,
    /// Whether this process has been answered by the coordinator of the run.
    pub(crate) has_met: bool,
    /// Tells this process from another one of the same institution.
    pub(crate) process: [u8; 16],
    /// Number of the committee that stands, as far as this institution has read.
    pub(crate) committee: Option<u32>,
    pub(crate) report: RoundReport,
    /// For how long the coordinator may bring nothing new.
    pub(crate) patience: Patience,
    /// When it connects again.
    pub(crate) backoff: Backoff,
    _lock: File,
}

impl Institution {
    /// An institution with the files of its ceremony, which keeps its state in `directory` (created if missing) and
    /// will connect to the coordinator at `address`: `https://HOST:PORT`, or `http://HOST:PORT` on this machine.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::OtherState`], [`ClientError::Locked`], [`ClientError::State`],
    /// [`ClientError::DamagedState`].
    pub fn new(
        files: InstitutionFiles,
        directory: &Path,
        address: &str,
        participant: Participant,
        observer: Box<dyn Observer>,
    ) -> Result<Self, ClientError> {
        let connector: Arc<dyn Connector> = if is_secure(address) {
            Arc::new(Tls::to(address, &files)?)
        } else {
            Arc::new(Plain::to(address)?)
        };
        History::check_run(directory, &files.parameters)?;
        files::create_folder(directory)?;
        let lock = durable::lock(&directory.join("lock"))?;
        let files = Arc::new(files);
        let parameters = Arc::new(files.parameters.clone());
        let initial = CheckedModel::initial(&parameters, &files.initial_model)
            .ok_or(GenesisError::WrongModel)?;
        Ok(Self {
            connector,
            participant: Some(participant),
            observers: Broadcast::to(observer),
            table: DiscreteLogTable::shared(),
            verification: Verification::All,
            execution: None,
            unvouched: None,
            bodies: Bodies::open(directory, &parameters)?,
            history: History::open(directory, &parameters)?,
            follower: Follower::new(Arc::clone(&parameters), files.genesis_entry.clone()),
            duties: Arc::new(Mutex::new(Duties::open(directory, Arc::clone(&files), &parameters)?)),
            model: initial,
            stored: model::load(directory, &parameters)?,
            upload: Upload::load(directory, &parameters, &files.signing)?,
            closed: None,
            verdict: None,
            accepted: Vec::new(),
            duty: Duty::None,
            key_parts: Arc::default(),
            sits_out: None,
            is_silenced: false,
            is_leaving: false,
            was_caught_up: false,
            has_met: false,
            process: random(),
            committee: None,
            report: RoundReport::default(),
            patience: Patience::endless(),
            backoff: Backoff::new(Box::new(OsRng)),
            directory: directory.to_owned(),
            files,
            parameters,
            _lock: lock,
        })
    }

    /// Reaches the coordinator in another way than by its plain address.
    #[must_use]
    pub fn reaching(self, connector: impl Connector + 'static) -> Self {
        Self { connector: Arc::new(connector), ..self }
    }

    /// Tells another observer of every round, too.
    #[must_use]
    pub fn also_observed_by(mut self, observer: Box<dyn Observer>) -> Self {
        self.observers.add(observer);
        self
    }

    /// Verifies less than everything of a sum.
    #[must_use]
    pub fn verifying(self, verification: Verification) -> Self {
        Self { verification, ..self }
    }

    /// Gives up where the coordinator has brought nothing new for so long, whether it could be reached or not. What this
    /// institution computes meanwhile does not count.
    #[must_use]
    pub fn give_up_after(self, patience: Duration) -> Self {
        Self { patience: Patience::of(patience), ..self }
    }

    /// Draws the pauses before it connects again from another generator than the operating system's: a simulation repeats them.
    #[must_use]
    pub fn pausing_by(self, rng: impl RngCore + Send + 'static) -> Self {
        Self { backoff: Backoff::new(Box::new(rng)), ..self }
    }

    /// Name on the chain.
    pub fn pseudonym(&self) -> &Pseudonym {
        &self.files.identity.pseudonym
    }

    /// The stored upload, if it was made for this round.
    pub(crate) fn upload_for(&self, round: &RoundContext) -> Option<&Upload> {
        self.upload.as_ref().filter(|upload| upload.round() == round)
    }
}

/// A name for this process, which no other one has.
fn random() -> [u8; 16] {
    let mut name = [0; 16];
    OsRng.fill_bytes(&mut name);
    name
}

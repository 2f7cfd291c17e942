//! One institution: what it holds, and the loop that keeps it in a run until the run is over.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use consilium_audit::{
    CheckedModel, files,
    follow::{Closed, Follower},
    judge::Judged,
};
use consilium_contract::{GenesisError, Parameters};
use consilium_crypto::{DiscreteLogTable, Hash, RoundContext};
use consilium_identity::InstitutionFiles;
use consilium_proto::v1::SignedTransaction;
use rand_core::OsRng;
use tonic::transport::Endpoint;
use tracing::warn;

use crate::{
    ClientError,
    backoff::Backoff,
    connection::{self, Answered},
    observer::{Observer, RoundReport},
    prepare::Participant,
    session::Session,
    state::{durable, history::History, memory::Memory, model, upload::Upload},
};

pub mod assignment;
pub mod member;
pub mod trustee;

use member::Membership;
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

/// How a run ended for an institution.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Closed rounds, each of them checked.
    pub steps: u64,
    /// The last model, flat `[d]`.
    pub model: Vec<f32>,
    /// Height of the last verified block.
    pub height: u64,
}

/// An institution that takes part in a run: participant, trustee and follower of the chain.
pub struct Institution {
    pub(crate) files: Arc<InstitutionFiles>,
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) directory: PathBuf,
    pub(crate) endpoint: Endpoint,
    /// Absent only while it works on another thread.
    pub(crate) participant: Option<Participant>,
    pub(crate) observer: Box<dyn Observer>,
    pub(crate) table: Arc<DiscreteLogTable>,
    pub(crate) history: History,
    pub(crate) follower: Follower,
    pub(crate) memory: Arc<Mutex<Memory>>,
    /// Absent only while it works on another thread.
    pub(crate) membership: Option<Membership>,
    /// The model of the last closed round that has been read.
    pub(crate) model: CheckedModel,
    /// The model that an earlier process has checked last.
    pub(crate) stored: Option<CheckedModel>,
    /// A closed round whose model has not been checked yet. Nothing is read beyond it.
    pub(crate) closed: Option<Arc<Closed>>,
    pub(crate) upload: Option<Upload>,
    /// The receipt for the update with this header hash.
    pub(crate) verdict: Option<(Hash, Answered)>,
    /// Receipts by which an answer of this trustee counts, with what it is and its step, until the step is closed.
    pub(crate) accepted: Vec<(&'static str, u64, Answered)>,
    pub(crate) duty: Duty,
    /// Step and attempt that this institution leaves to the others.
    pub(crate) sits_out: Option<(u64, u32)>,
    /// Expelled or revoked: no more updates, still a trustee.
    pub(crate) is_silenced: bool,
    pub(crate) was_caught_up: bool,
    /// Number of the committee that stands, as far as this institution has read.
    pub(crate) committee: Option<u32>,
    pub(crate) report: RoundReport,
    give_up_after: Option<Duration>,
    _lock: File,
}

impl Institution {
    /// An institution with the files of its ceremony, which keeps its state in `directory` (created if missing) and
    /// will connect to the coordinator at `address` (`http://HOST:PORT`).
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::Locked`], [`ClientError::State`], [`ClientError::DamagedState`].
    pub fn new(
        files: InstitutionFiles,
        directory: &Path,
        address: &str,
        participant: Participant,
        observer: Box<dyn Observer>,
    ) -> Result<Self, ClientError> {
        let endpoint = connection::endpoint(address)?;
        files::create_folder(directory)?;
        let lock = durable::lock(&directory.join("lock"))?;
        let parameters = Arc::new(files.parameters.clone());
        let initial = CheckedModel::initial(&parameters, &files.initial_model)
            .ok_or(GenesisError::WrongModel)?;
        Ok(Self {
            endpoint,
            participant: Some(participant),
            observer,
            table: DiscreteLogTable::shared(),
            history: History::open(directory, &parameters)?,
            follower: Follower::new(Arc::clone(&parameters), files.genesis_entry.clone()),
            memory: Arc::new(Mutex::new(Memory::open(directory, parameters.chain_id)?)),
            membership: Some(Membership::open(directory, files.identity.pseudonym)?),
            model: initial,
            stored: model::load(directory, &parameters)?,
            upload: Upload::load(directory, &parameters, &files.signing)?,
            closed: None,
            verdict: None,
            accepted: Vec::new(),
            duty: Duty::None,
            sits_out: None,
            is_silenced: false,
            was_caught_up: false,
            committee: None,
            report: RoundReport::default(),
            give_up_after: None,
            directory: directory.to_owned(),
            files: Arc::new(files),
            parameters,
            _lock: lock,
        })
    }

    /// Gives up where no new block has come for so long while the coordinator could not be reached.
    #[must_use]
    pub fn give_up_after(self, patience: Duration) -> Self {
        Self { give_up_after: Some(patience), ..self }
    }

    /// Takes part until every step of the genesis is closed. Connections that break are made again; what was begun
    /// goes on where it was.
    ///
    /// # Errors
    /// [`ClientError`]: what another connection cannot mend.
    pub async fn run(mut self) -> Result<Outcome, ClientError> {
        let mut backoff = Backoff::new();
        let mut progress = Instant::now();
        loop {
            let height = self.history.len();
            let error = match Session::run(&mut self).await {
                Ok(()) => {
                    return Ok(Outcome {
                        steps: self.model.step(),
                        model: self.model.model().parameters().to_vec(),
                        height: self.history.len().saturating_sub(1),
                    });
                }
                Err(error) if error.is_transient() => error,
                Err(error) => return Err(error),
            };
            if self.history.len() > height {
                backoff.reset();
                progress = Instant::now();
            }
            if let Some(patience) = self.give_up_after
                && progress.elapsed() >= patience
            {
                return Err(ClientError::GaveUp {
                    waited: progress.elapsed(),
                    last: error.to_string(),
                });
            }
            let pause = backoff.pause(&mut OsRng);
            warn!(%error, pause_ms = pause.as_millis() as u64, "connecting again");
            tokio::time::sleep(pause).await;
        }
    }

    /// Name on the chain.
    pub fn pseudonym(&self) -> &Hash {
        &self.files.identity.pseudonym
    }

    /// The stored upload, if it was made for this round.
    pub(crate) fn upload_for(&self, round: &RoundContext) -> Option<&Upload> {
        self.upload.as_ref().filter(|upload| upload.round() == round)
    }
}

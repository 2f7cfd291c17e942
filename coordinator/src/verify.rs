//! The proofs of updates, beside the node.
//!
//! Everything that has arrived is verified as one batch: the equations of all its updates fold into one multiscalar
//! multiplication, on all cores. What arrives meanwhile is the next batch. The outcome is that of each update alone.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use consilium_contract::{CandidateTransaction, CheckedUpdate, Parameters, check_updates};
use rand_core::OsRng;

use crate::CoordinatorError;

/// An update whose body has the length and hash of its header.
pub(crate) struct Job {
    pub(crate) transaction: CandidateTransaction,
    pub(crate) body: Vec<u8>,
}

/// A job that is done.
pub(crate) struct Done {
    pub(crate) job: Job,
    pub(crate) checked: CheckedUpdate,
}

/// A verified batch, in the order of arrival.
pub(crate) struct Batch {
    pub(crate) updates: Vec<Done>,
    pub(crate) took: Duration,
}

/// Takes jobs; ends when it is dropped.
pub(crate) struct Verifier(mpsc::Sender<Job>);

impl Verifier {
    /// Starts the thread. `deliver` is given each batch and says whether anyone is still there to take it.
    pub(crate) fn start(
        parameters: Arc<Parameters>,
        deliver: impl Fn(Batch) -> bool + Send + 'static,
    ) -> Result<Self, CoordinatorError> {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().name("verify".to_owned()).spawn(move || {
            while let Ok(first) = jobs.recv() {
                let batch = verify(&parameters, std::iter::once(first).chain(jobs.try_iter()).collect());
                if !deliver(batch) {
                    break;
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Queues a job. An error means that the thread has died.
    pub(crate) fn submit(&self, job: Job) -> Result<(), CoordinatorError> {
        self.0.send(job).map_err(|_| CoordinatorError::Died)
    }
}

fn verify(parameters: &Parameters, jobs: Vec<Job>) -> Batch {
    let start = Instant::now();
    let submissions: Vec<_> = jobs.iter().map(|job| (&job.transaction, job.body.as_slice())).collect();
    let checked = check_updates(parameters, &submissions, &mut OsRng);
    let updates = jobs.into_iter().zip(checked).map(|(job, checked)| Done { job, checked }).collect();
    Batch { updates, took: start.elapsed() }
}

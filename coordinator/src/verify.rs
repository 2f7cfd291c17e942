//! The proofs of updates, beside the node.
//!
//! What has arrived is verified in batches: the equations of all updates of a batch fold into one multiscalar
//! multiplication, on all cores, in which the generators of the range proofs appear once. So a batch waits a moment for
//! company, and for no more updates than memory allows; the last update of a round is waited for by everybody and waits
//! for nobody. The outcome is that of each update alone.
//!
//! Bodies go to the ledger from here, where they are out of the node's way: nothing of them is left in memory by the time
//! the node hears of a batch. They are durable with the block that names them.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use consilium_contract::{CandidateTransaction, CheckedUpdate, Committee, check_updates};
use consilium_ledger::LedgerError;
use rand_core::OsRng;

use crate::{CoordinatorError, shared::Shared};

/// What all updates of a batch together may take in memory while they are verified.
const MOST_BYTES: usize = 40 << 20;

/// The longest that a batch waits for company.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// An update whose body has the length and hash of its header.
pub(crate) struct Job {
    pub(crate) transaction: CandidateTransaction,
    /// Whom it is encrypted for: the same for all that are verified together, because gpk never changes.
    pub(crate) committee: Arc<Committee>,
    pub(crate) body: Vec<u8>,
    /// Nobody else's update is being waited for.
    pub(crate) is_last: bool,
}

/// A job that is done. Its body is in the store.
pub(crate) struct Done {
    pub(crate) transaction: CandidateTransaction,
    pub(crate) checked: CheckedUpdate,
}

/// A verified batch, in the order of arrival.
pub(crate) struct Batch {
    pub(crate) updates: Vec<Done>,
    pub(crate) took: Duration,
}

/// Takes jobs; ends when it is dropped.
pub(crate) enum Verifier {
    /// A thread of its own.
    Beside(mpsc::Sender<Job>),
    /// Tasks of the runtime, each of which takes so long.
    #[cfg(feature = "simulation")]
    Tasks(Tasks),
}

impl Verifier {
    /// Starts the thread. `deliver` is given each batch, or why the store did not take its bodies, and says whether
    /// anyone is still there to take it.
    pub(crate) fn start(
        shared: Arc<Shared>,
        deliver: impl Fn(Result<Batch, LedgerError>) -> bool + Send + 'static,
    ) -> Result<Self, CoordinatorError> {
        let (sender, jobs) = mpsc::channel::<Job>();
        let each = shared.parameters.verifying_bytes();
        let most = (MOST_BYTES / each.max(1)).max(1);
        thread::Builder::new().name("verify".to_owned()).spawn(move || {
            let mut queue = Queue { jobs, arrived: VecDeque::new(), most };
            let mut took = Duration::ZERO;
            while let Some(batch) = queue.next(took) {
                let batch = verify(&shared, batch);
                took = batch.as_ref().map_or(took, |batch| batch.took);
                if !deliver(batch) {
                    break;
                }
            }
        })?;
        Ok(Self::Beside(sender))
    }

    /// Queues a job. An error means that the thread has died.
    pub(crate) fn submit(&self, job: Job) -> Result<(), CoordinatorError> {
        match self {
            Self::Beside(jobs) => jobs.send(job).map_err(|_| CoordinatorError::Died),
            #[cfg(feature = "simulation")]
            Self::Tasks(tasks) => {
                tasks.begin(job);
                Ok(())
            }
        }
    }
}

/// See [`Verifier::Tasks`].
#[cfg(feature = "simulation")]
pub(crate) struct Tasks {
    pub(crate) shared: Arc<Shared>,
    pub(crate) node: tokio::sync::mpsc::Sender<crate::inbox::Command>,
    pub(crate) time: Duration,
}

#[cfg(feature = "simulation")]
impl Tasks {
    fn begin(&self, job: Job) {
        let shared = Arc::clone(&self.shared);
        let node = self.node.clone();
        let time = self.time;
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            // Nobody is there to hear of it where the node has ended.
            let _ = node.send(crate::inbox::Command::Checked(verify(&shared, vec![job]))).await;
        });
    }
}

/// What has arrived and is not being verified.
struct Queue {
    jobs: Receiver<Job>,
    arrived: VecDeque<Job>,
    /// Jobs of a batch.
    most: usize,
}

impl Queue {
    /// The next batch; `None` once nobody can send any more.
    ///
    /// It is waited for company as long as the last batch took to verify, which is about what a batch more would cost:
    /// so waiting at most doubles the least that could have been spent on either.
    fn next(&mut self, took: Duration) -> Option<Vec<Job>> {
        if self.arrived.is_empty() {
            self.arrived.push_back(self.jobs.recv().ok()?);
        }
        let deadline = Instant::now() + took.min(LONGEST_WAIT);
        self.arrived.extend(self.jobs.try_iter());
        while self.arrived.len() < self.most && !self.arrived.iter().any(|job| job.is_last) {
            match self.jobs.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(job) => self.arrived.push_back(job),
                Err(_) => break,
            }
        }
        let batch = self.arrived.len().min(self.most);
        Some(self.arrived.drain(..batch).collect())
    }
}

fn verify(shared: &Shared, jobs: Vec<Job>) -> Result<Batch, LedgerError> {
    let start = Instant::now();
    let submissions: Vec<_> =
        jobs.iter().map(|job| (&job.transaction, job.body.as_slice())).collect();
    let checked = match jobs.first() {
        Some(job) => check_updates(&shared.parameters, &job.committee, &submissions, &mut OsRng),
        None => Vec::new(),
    };
    let took = start.elapsed();
    let bodies: Vec<&[u8]> = jobs.iter().map(|job| job.body.as_slice()).collect();
    shared.store.stage_blobs(&bodies)?;
    let done =
        |(job, checked): (Job, CheckedUpdate)| Done { transaction: job.transaction, checked };
    Ok(Batch { updates: jobs.into_iter().zip(checked).map(done).collect(), took })
}

#[cfg(test)]
mod tests {
    use consilium_contract::transaction::sign;
    use consilium_crypto::signature::SigningKey;
    use consilium_hash::ChainId;
    use consilium_proto::v1::{Countersign, transaction::Action};

    use super::*;
    use consilium_testkit::Run;

    fn committee() -> Arc<Committee> {
        let mut founded = Run::of_size(2, 2);
        founded.play_until(1, |contract| contract.committee().is_some());
        Arc::clone(founded.contract.committee().unwrap())
    }

    fn job(committee: &Arc<Committee>, is_last: bool) -> Job {
        let signed = sign(
            &SigningKey::generate(&mut OsRng),
            &ChainId([1; 32]),
            None,
            Action::Countersign(Countersign::default()),
        );
        let transaction = CandidateTransaction::parse(signed).unwrap();
        let committee = Arc::clone(committee);
        Job { transaction, committee, body: Vec::new(), is_last }
    }

    fn queue(most: usize, waiting: &[bool]) -> (mpsc::Sender<Job>, Queue) {
        let (sender, jobs) = mpsc::channel();
        let committee = committee();
        waiting.iter().for_each(|is_last| sender.send(job(&committee, *is_last)).unwrap());
        (sender, Queue { jobs, arrived: VecDeque::new(), most })
    }

    #[test]
    fn a_batch_holds_no_more_than_memory_allows_and_what_is_left_is_the_next_one() {
        let (sender, mut queue) = queue(2, &[false, false, true]);
        assert_eq!(queue.next(LONGEST_WAIT).unwrap().len(), 2);
        let last = queue.next(Duration::MAX).unwrap();
        assert!(last.len() == 1 && last[0].is_last);
        drop(sender);
        assert!(queue.next(Duration::ZERO).is_none());
    }

    #[test]
    fn the_last_update_of_a_round_ends_the_wait_and_takes_along_what_came_before_it() {
        let ((sender, mut queue), committee) = (queue(100, &[]), committee());
        let sending = thread::spawn(move || {
            for is_last in [false, false, true] {
                sender.send(job(&committee, is_last)).unwrap();
            }
            sender
        });
        // However long a batch takes: this ends by the word that nobody else is waited for.
        let mut verified = 0;
        while verified < 3 {
            verified += queue.next(LONGEST_WAIT).unwrap().len();
        }
        assert_eq!(verified, 3);
        drop(sending.join().unwrap());
    }

    #[test]
    fn an_update_that_nobody_follows_is_verified_all_the_same() {
        let (_sender, mut queue) = queue(100, &[false]);
        assert_eq!(queue.next(Duration::from_millis(1)).unwrap().len(), 1);
    }
}

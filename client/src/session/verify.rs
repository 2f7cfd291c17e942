//! Every update of a sum, verified before the sum is answered for or its model is built on.
//!
//! What the coordinator records as accepted, it may never have verified: it would be believed by everyone who looks at
//! headers alone. So an institution has the bodies, and by default runs the contract over the whole chain: all proofs of
//! all updates, folded, on all cores, and the state root of every block. Where the model is too large for that, it
//! verifies updates of the sum at random ([`Verification::Sample`]), which no coordinator can know before it has sealed
//! the sum; then nothing can be executed.

use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    convert::Infallible,
    sync::Arc,
    time::Instant,
};

use consilium_audit::{
    execution::{Execution, ExecutionError, Submitted, announced_sums, submitted},
    follow::SealedSum,
    statements::Submission,
};
use consilium_contract::{
    CandidateTransaction, Checked, check_updates,
    execute::{Decoded, ExecuteError, LoadError, Loaded},
};
use consilium_hash::{BlobHash, HeaderHash};
use consilium_ledger::{VerifiedHeader, sha256};
use consilium_proto::v1::transaction::Action;
use rand_core::{OsRng, RngCore};
use tracing::{debug, warn};

use super::{Session, blocking, interrupted};
use crate::{ClientError, institution::Verification, state::snapshot};

/// What is checked at once may take so much in memory, unless one block holds more.
const BATCH_BYTES: usize = 256 << 20;
/// How many times its length an entry takes while what it proves is checked: a transfer of 2 kB about 16.
const OF_ENTRIES: usize = 8;
/// Bodies that are fetched at once.
const FETCHES: usize = 4;

/// An update that does not prove what it must, as it was served.
#[derive(Debug, Clone)]
pub(super) struct Unproven {
    /// Its name.
    pub(super) name: HeaderHash,
    pub(super) header: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// A block with the bodies of its updates and the sums that it announces, by their hashes.
struct Read {
    block: Result<Decoded, ExecuteError>,
    header: VerifiedHeader,
    blobs: HashMap<BlobHash, Vec<u8>>,
}

impl Session<'_> {
    /// Runs the contract over all blocks up to `height` that it has not been run over.
    pub(super) async fn execute_through(&mut self, height: u64) -> Result<(), ClientError> {
        loop {
            let execution = match self.own.execution.take() {
                Some(execution) => execution,
                None => self.own.begin_execution()?,
            };
            if execution.height() > height {
                self.own.execution = Some(execution);
                return Ok(());
            }
            let batch = match self.read_ahead(&execution, height).await {
                Ok(batch) => batch,
                Err(error) => {
                    // Nothing has been executed: the next connection goes on from here.
                    self.own.execution = Some(execution);
                    return Err(error);
                }
            };
            let is_resumed = execution.is_resumed();
            let start = Instant::now();
            let (execution, outcome, unproven) =
                blocking(move || run_batch(execution, batch)).await?;
            self.own.report.verify += start.elapsed();
            // Where this ends with an error, the execution is gone, and begins anew on the next connection.
            if let Err(source) = outcome {
                // Nobody is accused on the strength of a kept state; what an update proves needs none.
                if is_resumed && unproven.is_empty() && !source.lacks_a_body() {
                    warn!(%source, "executes the chain once more, from its beginning");
                    snapshot::remove(&self.own.directory)?;
                    continue;
                }
                return Err(self.unexecutable(source, unproven));
            }
            self.own.execution = Some(execution);
        }
    }

    /// The next blocks with the bodies of their updates, as many as are checked at once.
    async fn read_ahead(
        &mut self,
        execution: &Execution,
        height: u64,
    ) -> Result<Vec<Read>, ClientError> {
        // Before there is a key there is no update, and nothing that proofs could be checked for.
        let most = if execution.has_key() { BATCH_BYTES } else { 0 };
        let each = self.own.parameters.verifying_bytes();
        let mut batch: Vec<Read> = Vec::new();
        let mut bytes = 0;
        for next in execution.height()..=height {
            let Some((block, header)) = self.own.history.block(next)? else { break };
            let block = match Decoded::of(&block) {
                Ok(block) => block,
                // Found out when it is its turn.
                Err(error) => {
                    batch.push(Read { block: Err(error), header, blobs: HashMap::new() });
                    break;
                }
            };
            let submitted = submitted(&block, &self.own.parameters);
            let updates = self.bodies_of(submitted).await?;
            bytes += updates.len() * each + block.length() * OF_ENTRIES;
            let bodies = updates.into_iter().map(|(update, body)| (update.body, body));
            let mut blobs: HashMap<BlobHash, Vec<u8>> = bodies.collect();
            for (step, address) in announced_sums(&block) {
                let sums_length = self.own.parameters.form(step).dimension() as usize * 4;
                let start = Instant::now();
                let sums = self.connection.blob(&address, sums_length).await?;
                self.own.report.fetch += start.elapsed();
                self.own.report.bytes_down += sums.len() as u64;
                blobs.insert(address, sums);
            }
            batch.push(Read { block: Ok(block), header, blobs });
            if bytes >= most {
                break;
            }
        }
        Ok(batch)
    }

    /// Verifies the proofs of `count` updates of the sum, drawn by this institution's own randomness.
    pub(super) async fn sample(
        &mut self,
        sum: &Arc<SealedSum>,
        count: usize,
    ) -> Result<(), ClientError> {
        let read = |input: &Submission| Submitted::read(input.transaction());
        let mut inputs: Vec<Submitted> = sum.inputs().filter_map(read).collect();
        let mut drawn = Vec::new();
        while drawn.len() < count && !inputs.is_empty() {
            drawn.push(inputs.swap_remove(uniform(inputs.len())));
        }
        let asked = drawn.len();
        let updates = self.bodies_of(drawn).await?;
        if updates.len() < asked {
            return Err(ClientError::Unreachable(
                "the coordinator does not serve the body of an update in the sum".to_owned(),
            ));
        }
        let committee = Arc::clone(sum.committee());
        let parameters = Arc::clone(&self.own.parameters);
        let start = Instant::now();
        let unproven = blocking(move || {
            let submissions: Vec<_> =
                updates.iter().map(|(of, body)| (&of.transaction, body.as_slice())).collect();
            let checked = check_updates(&parameters, &committee, &submissions, &mut OsRng);
            let mut failed =
                checked.iter().zip(submissions).filter(|(check, _)| !check.is_proven());
            failed.find_map(|(_, (update, body))| Unproven::of(update, body))
        });
        let unproven = unproven.await?;
        self.own.report.verify += start.elapsed();
        debug!(step = sum.round().step, asked, "updates of the sum are verified");
        match unproven {
            None => Ok(()),
            Some(first) => Err(self.unproven_sum(sum, &first)),
        }
    }

    /// What a trustee needs of the updates in a sum and their headers do not hold. Who verifies everything has it with the
    /// bodies, which it needs anyway.
    pub(super) async fn key_parts(&mut self, sum: &SealedSum) -> Result<Vec<Vec<u8>>, ClientError> {
        let bytes = self.own.parameters.form(sum.round().step).update.key_part();
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let read = |input: &Submission| Submitted::read(input.transaction());
        let inputs: Vec<_> = sum.inputs().filter_map(read).collect();
        let expected = inputs.len();
        let mut key_parts = Vec::with_capacity(expected);
        match self.own.verification {
            Verification::All => {
                for (_, body) in self.bodies_of(inputs).await? {
                    key_parts.extend(body.get(bytes.clone()).map(<[u8]>::to_vec));
                }
            }
            Verification::Sample(_) => {
                for input in inputs {
                    let start = Instant::now();
                    key_parts.push(self.connection.key_part(&input.name, bytes.len()).await?);
                    self.own.report.fetch += start.elapsed();
                    self.own.report.bytes_down += bytes.len() as u64;
                }
            }
        }
        if key_parts.len() < expected {
            return Err(ClientError::Unreachable(
                "the coordinator does not serve the key part of an update in the sum".to_owned(),
            ));
        }
        Ok(key_parts)
    }

    /// The bodies of these updates, from this institution's disk or from the coordinator. One that the coordinator does
    /// not have is left out: it keeps none of an update that was refused before its body was looked at.
    async fn bodies_of(
        &mut self,
        updates: Vec<Submitted>,
    ) -> Result<Vec<(Submitted, Vec<u8>)>, ClientError> {
        let most = self.own.parameters.longest_body();
        let mut waiting = VecDeque::new();
        let mut updates = updates.into_iter();
        let mut found = Vec::new();
        loop {
            for update in updates.by_ref().take(FETCHES - waiting.len()) {
                let body = update.body;
                let length = usize::try_from(update.length).unwrap_or(usize::MAX).min(most);
                let kept = self.own.bodies.get(&body)?;
                let mut connection = self.connection.clone();
                waiting.push_back(tokio::spawn(async move {
                    let bytes = match kept {
                        Some(bytes) => Some((bytes, false)),
                        None => connection.body(&body, length).await?.map(|bytes| (bytes, true)),
                    };
                    Ok::<_, ClientError>((update, bytes))
                }));
            }
            let Some(next) = waiting.pop_front() else { return Ok(found) };
            let start = Instant::now();
            let (update, bytes) = next.await.map_err(interrupted)??;
            self.own.report.fetch += start.elapsed();
            let Some((bytes, is_new)) = bytes else { continue };
            if is_new {
                self.own.report.bytes_down += bytes.len() as u64;
                self.own.bodies.keep(update.body, &bytes)?;
            }
            found.push((update, bytes));
        }
    }
}

/// Checks the updates of these blocks and executes the blocks. What did not hold comes back too.
fn run_batch(
    mut execution: Execution,
    batch: Vec<Read>,
) -> (Execution, Result<(), ExecutionError>, Vec<Unproven>) {
    let mut unproven = Vec::new();
    let (decoded, read): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|read| (read.block, (read.header, read.blobs))).unzip();
    let outcome = || {
        let blobs = read.iter().map(|(_, blobs)| blobs);
        let blocks = (execution.height()..).zip(decoded.into_iter().zip(blobs));
        let blocks = blocks.map(load).collect::<Result<Vec<_>, _>>()?;
        let mut checked = execution.check(&blocks, &mut OsRng);
        for (update, body) in blocks.iter().flat_map(Loaded::with_bodies) {
            let Some(Checked::Update(check)) = checked.get(&update.id()) else { continue };
            if !check.is_proven() {
                unproven.extend(Unproven::of(update, body));
            }
        }
        let mut blocks = read.iter().zip(blocks);
        blocks.try_for_each(|((header, _), block)| execution.execute(block, header, &mut checked))
    };
    let outcome = outcome();
    (execution, outcome, unproven)
}

type Undecoded<'a> = (Result<Decoded, ExecuteError>, &'a HashMap<BlobHash, Vec<u8>>);

fn load((height, (block, blobs)): (u64, Undecoded<'_>)) -> Result<Loaded<'_>, ExecutionError> {
    let block = block.map_err(|source| ExecutionError { height, source })?;
    let body = |hash: &BlobHash| {
        let body = blobs.get(hash);
        Ok::<_, Infallible>(body.map(|body| Cow::Borrowed(body.as_slice())))
    };
    block.load(body).map_err(|error| match error {
        LoadError::Block(source) => ExecutionError { height, source },
        LoadError::Body { error, .. } => match error {},
    })
}

impl Unproven {
    fn of(transaction: &CandidateTransaction, body: &[u8]) -> Option<Self> {
        let Action::SubmitUpdate(update) = transaction.action() else { return None };
        let name = HeaderHash(sha256(&update.header));
        Some(Self { name, header: update.header.clone(), body: body.to_vec() })
    }
}

/// A number below `n`, each as likely as the others up to 2^-32: nobody else can know which updates are drawn.
fn uniform(n: usize) -> usize {
    ((u128::from(OsRng.next_u64()) * n as u128) >> 64) as usize
}

//! Ours and the bulletproofs crate in turns, in one process on one core, for the ratios of the bars. Both prove the same
//! statements: the values of an update in its chunks, and its key's sixteen limbs of 16 bits.

use consilium_crypto::{
    CandidateHeader, CandidateUpdate, EvaluationKey, PublicKey, RoundContext, VerifiedUpdate,
    verify_updates,
};
use rand_core::OsRng;

use super::baselines::{Crate, Proven};
use super::cells::{BATCH, Scheme};
use super::key::Key;
use super::measuring::{Measured, Stopwatch, repeat};
use super::round::{context, encrypt};
use crate::ExperimentError;

/// Names of the two parts.
pub const OURS: &str = "ours";
/// See [`OURS`].
pub const CRATE: &str = "crate";

/// Values and bits of the chunks of 256 and of 289 parameters, with the limbs of a key.
const CHUNKS_OF_256: [(usize, usize); 2] = [(256, 8), (16, 16)];
const CHUNKS_OF_289: [(usize, usize); 4] = [(256, 8), (32, 8), (1, 8), (16, 16)];

fn key_and_context(dimension: u32) -> Result<(PublicKey, RoundContext), ExperimentError> {
    let bound =
        Scheme::Parameter.bound().ok_or_else(|| ExperimentError::bench("the duel")("no bound"))?;
    let evaluation_key = EvaluationKey::generate(&mut OsRng);
    let key = Key::generate(1, 1, &evaluation_key)?.public;
    let context = context(&key, bound, dimension);
    Ok((key, context))
}

fn reference(of: &Crate, chunks: &[(usize, usize)]) -> Result<Vec<Proven>, ExperimentError> {
    chunks.iter().map(|(values, bits)| of.prove(*values, *bits)).collect()
}

/// Repetitions of a duel: a ratio deserves more of them than a cell.
fn turns(budget_s: f64) -> f64 {
    3.0 * budget_s
}

/// Proofs of 256 values. Ours makes the proof of the link as well.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn prove(budget_s: f64) -> Result<Measured, ExperimentError> {
    let ((key, context), of) = (key_and_context(256)?, Crate::new(16, 256));
    repeat(turns(budget_s), |_| {
        let unproven = encrypt(&key, &context, 1)?;
        let mut watch = Stopwatch::start();
        unproven.prove().map_err(ExperimentError::bench("proving"))?;
        watch.lap(OURS);
        reference(&of, &CHUNKS_OF_256)?;
        watch.lap(CRATE);
        Ok(watch)
    })
}

/// Ten updates of 289 parameters: ours decoded and folded, with all their proofs; the crate's one by one, decoding
/// included, as it does both in one.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(crate) fn verify(budget_s: f64) -> Result<Measured, ExperimentError> {
    let ((key, context), of) = (key_and_context(289)?, Crate::new(16, 256));
    let prove =
        |who| encrypt(&key, &context, who)?.prove().map_err(ExperimentError::bench("proving"));
    let updates = (1..=BATCH).map(prove).collect::<Result<Vec<_>, _>>()?;
    let theirs =
        (0..BATCH).map(|_| reference(&of, &CHUNKS_OF_289)).collect::<Result<Vec<_>, _>>()?.concat();
    let parameters = context.parameters().map_err(ExperimentError::bench("the duel"))?;
    repeat(turns(budget_s), |_| {
        let mut watch = Stopwatch::start();
        let parse = |update: &consilium_crypto::EncryptedUpdate| {
            let header = CandidateHeader::decode(&update.header)?;
            CandidateUpdate::parse(header, &update.body, &parameters)
        };
        let candidates = updates.iter().map(parse).collect::<Result<Vec<_>, _>>();
        let candidates = candidates.map_err(ExperimentError::bench("an update"))?;
        let verdicts: Result<Vec<VerifiedUpdate>, _> =
            verify_updates(&key, candidates).into_iter().collect();
        verdicts.map_err(ExperimentError::bench("a proof"))?;
        watch.lap(OURS);
        theirs.iter().try_for_each(|proven| of.verify(proven))?;
        watch.lap(CRATE);
        Ok(watch)
    })
}

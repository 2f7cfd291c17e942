//! The verifier's side: a [`CandidateUpdate`] becomes a [`VerifiedUpdate`], or a reason why not.
//!
//! All proofs of all updates of a batch, range proofs included, are one multiscalar multiplication. If it fails, the batch is
//! halved until those that are to blame stand alone, so that no verdict depends on what else is in the batch. Reasons are
//! found in a fixed order: key, link, norm, range.

use merlin::Transcript;
use rand_core::CryptoRngCore;
use rayon::prelude::*;

use super::header::fresh;
use super::{CandidateUpdate, VerifiedUpdate};
use crate::fold::{Folded, Weights, sift};
use crate::proof::Equations;
use crate::transcript::UPDATE_WEIGHTS;
use crate::{PublicKey, UpdateError};

/// Verifies many updates, headers included. Deterministic; verdicts are in the order of the updates and do not depend on
/// what else is in the batch.
pub fn verify_updates(
    key: &PublicKey,
    updates: Vec<CandidateUpdate>,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    verify(key, updates, None)
}

/// [`verify_updates`] with randomness that no prover can have known mixed into the weights.
pub fn verify_updates_with_rng(
    key: &PublicKey,
    updates: Vec<CandidateUpdate>,
    rng: &mut impl CryptoRngCore,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    verify(key, updates, Some(&fresh(rng)))
}

type Job<'a> = (&'a CandidateUpdate, &'a Transcript);

fn verify(
    key: &PublicKey,
    updates: Vec<CandidateUpdate>,
    fresh: Option<&[u8; 32]>,
) -> Vec<Result<VerifiedUpdate, UpdateError>> {
    let bases: Vec<_> = updates.iter().map(|update| update.header.transcript(key)).collect();
    let jobs: Vec<Job<'_>> = updates.iter().zip(&bases).collect();
    // An update for another key, or with another E than its header's, is out before the fold.
    let eligible = |(update, _): &&Job<'_>| update.header.is_for(key) && update.mask_hash_matches;
    let batch: Vec<Job<'_>> = jobs.iter().filter(eligible).copied().collect();
    let mut sifted =
        sift(&batch, &|batch| equations_hold(key, batch, fresh, Equations::All)).into_iter();

    let decide = |job: &Job<'_>| {
        let (update, _) = job;
        if eligible(&job) && sifted.next().unwrap_or(false) {
            return None;
        }
        let holds = |equations| equations_hold(key, &[*job], fresh, equations);
        if !(update.header.is_for(key) && holds(Equations::Key)) {
            Some(UpdateError::BadKeyProof)
        } else if !(update.mask_hash_matches && holds(Equations::Link)) {
            Some(UpdateError::BadLinkProof)
        } else if !holds(Equations::Norm) {
            Some(UpdateError::BadNormProof)
        } else {
            Some(UpdateError::BadRangeProof)
        }
    };
    let faults: Vec<_> = jobs.iter().map(decide).collect();
    let verdict = |(update, fault): (CandidateUpdate, Option<UpdateError>)| match fault {
        None => Ok(VerifiedUpdate::assume(update)),
        Some(fault) => Err(fault),
    };
    updates.into_iter().zip(faults).map(verdict).collect()
}

/// Whether these equations hold for all of the updates.
fn equations_hold(
    key: &PublicKey,
    jobs: &[Job<'_>],
    fresh: Option<&[u8; 32]>,
    which: Equations,
) -> bool {
    fold(jobs, &mut weights(key, jobs, fresh), which).holds(key)
}

fn weights(key: &PublicKey, jobs: &[Job<'_>], fresh: Option<&[u8; 32]>) -> Weights {
    let hashes: Vec<_> = jobs
        .iter()
        .map(|(update, _)| [update.header.hash().0, update.header.body_hash().0])
        .collect();
    Weights::new(UPDATE_WEIGHTS, jobs.len() as u64, key, fresh, hashes.iter().flatten())
}

fn fold(jobs: &[Job<'_>], weights: &mut Weights, which: Equations) -> Folded {
    let jobs: Vec<_> = jobs.iter().map(|job| (*job, weights.fork())).collect();
    let part = |mut folded, ((update, base), mut weights): (Job<'_>, Weights)| {
        update.fold(base, which, &mut weights, &mut folded);
        folded
    };
    jobs.into_par_iter().fold(Folded::default, part).reduce(Folded::default, Folded::merge)
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::scalar::Scalar;
    use sha2::{Digest, Sha256, Sha512};

    use super::*;
    use crate::group::encoding::decompress_all;
    use crate::group::g;
    use crate::proof::BoundProof;
    use crate::proof::parameter::LINK_LEN;
    use crate::tests::Federation;
    use crate::transcript::{LINK, Protocol};
    use crate::update::header::CIPHERTEXTS_LEN;
    use crate::{Context, EncryptedUpdate};

    #[test]
    fn two_false_proofs_built_to_cancel_under_weights_known_in_advance_are_both_rejected() {
        two_false_proofs_built_to_cancel_are_rejected(|_| Vec::new());
    }

    #[test]
    fn two_false_proofs_built_to_cancel_under_the_weights_of_the_honest_ones_are_both_rejected() {
        two_false_proofs_built_to_cancel_are_rejected(|updates| {
            updates
                .iter()
                .flat_map(|update| [Sha256::digest(&update.header), Sha256::digest(&update.body)])
                .collect()
        });
    }

    /// `digests` are those that a careless verifier would draw its weights from.
    fn two_false_proofs_built_to_cancel_are_rejected(
        digests: fn(&[EncryptedUpdate]) -> Vec<sha2::digest::Output<Sha256>>,
    ) {
        let mut federation = Federation::new(51, 1, 1, 1, 8);
        let key = federation.dealing.public_key.clone();
        let updates = [federation.update(1), federation.update(2)];
        let digests: Vec<crate::Hash> = digests(&updates).into_iter().map(Into::into).collect();
        let known = || Weights::new(UPDATE_WEIGHTS, 2, &key, None, &digests);
        // z_τ counts with the third weight of its update's link, after five of its header: the errors w_2 and −w_1 cancel.
        let mut stream = known();
        let [one, two] = [(); 2].map(|()| stream.fork().take::<8>()[7]);
        let errors = [two, -one];
        let candidates = || -> Vec<CandidateUpdate> {
            updates
                .iter()
                .zip(errors)
                .map(|(update, error)| {
                    let mut update = update.clone();
                    let z_tau = 64 + LINK_LEN - 32;
                    let z: &mut [u8; 32] =
                        (&mut update.body[z_tau..z_tau + 32]).try_into().unwrap();
                    *z = (Scalar::from_canonical_bytes(*z).unwrap() + error).to_bytes();
                    let body_hash = Context::LEN + CIPHERTEXTS_LEN + 64;
                    update.header[body_hash..body_hash + 32]
                        .copy_from_slice(&Sha256::digest(&update.body));
                    federation.parse(&update).unwrap()
                })
                .collect()
        };
        let cheats = candidates();
        let bases: Vec<_> = cheats.iter().map(|update| update.header.transcript(&key)).collect();
        let jobs: Vec<Job<'_>> = cheats.iter().zip(&bases).collect();
        assert!(
            fold(&jobs, &mut known(), Equations::All).holds(&key),
            "the attack works on known weights"
        );
        for verdict in verify_updates(&key, candidates()) {
            assert_eq!(verdict.err(), Some(UpdateError::BadLinkProof));
        }
    }

    #[test]
    fn weights_of_the_link_come_after_every_mask_and_every_commitment() {
        let mut federation = Federation::new(53, 1, 1, 2, 8);
        let key = federation.dealing.public_key.clone();
        let update = federation.update(1);
        let honest = federation.parse(&update).unwrap();
        let base = honest.header.transcript(&key);
        let v_bytes = update.body[64..128].to_vec();
        let mut transcript = base.fork(LINK, 0);
        transcript.append_message(b"V", &v_bytes);
        let sigma = transcript.weights(b"sigma", 2);
        // Two errors that cancel under the weights of the honest elements: in E, then in V.
        for (start, reason) in [(0, UpdateError::BadKeyProof), (64, UpdateError::BadLinkProof)] {
            let mut cheat = update.clone();
            for (position, error) in [(start, sigma[1]), (start + 32, -sigma[0])] {
                let element = &mut cheat.body[position..position + 32];
                let point = decompress_all("element", element).unwrap()[0] + g() * error;
                element.copy_from_slice(point.compress().as_bytes());
            }
            let mask_hash = Context::LEN + CIPHERTEXTS_LEN;
            cheat.header[mask_hash + 64..mask_hash + 96]
                .copy_from_slice(&Sha256::digest(&cheat.body));
            // With the honest h_E, from which σ still follows where V is as it was.
            assert_eq!(federation.verify(&cheat).err(), Some(UpdateError::BadLinkProof));
            cheat.header[mask_hash..mask_hash + 64]
                .copy_from_slice(&Sha512::digest(&cheat.body[..64]));
            assert_eq!(federation.verify(&cheat).err(), Some(reason));

            let cheat_v_bytes = cheat.body[64..128].to_vec();
            let v = decompress_all("V", &cheat_v_bytes).unwrap();
            let cheat = federation.parse(&cheat).unwrap();
            let BoundProof::Parameter(proof) = &cheat.proof else {
                panic!("a bound on parameters")
            };
            let holds = |base: &Transcript, v_bytes: &[u8]| {
                let weights = Weights::new(UPDATE_WEIGHTS, 1, &key, None, []).take();
                let ciphertexts = cheat.header.ciphertexts();
                let mut folded = Folded::default();
                let of_v =
                    proof.fold_link(base, v_bytes, &cheat.e, ciphertexts, weights, &mut folded);
                folded.terms.extend(of_v.into_iter().zip(v.iter().copied()));
                folded.holds(&key)
            };
            assert!(holds(&base, &v_bytes), "the attack works on weights drawn before");
            assert!(!holds(&cheat.header.transcript(&key), &cheat_v_bytes));
        }
    }

    #[test]
    fn weights_depend_on_every_byte_of_the_batch_and_on_fresh_randomness() {
        let key = Federation::new(52, 1, 1, 1, 8).dealing.public_key;
        let one = |fresh: Option<&[u8; 32]>, digests: &[[u8; 32]]| -> [Scalar; 1] {
            Weights::new(UPDATE_WEIGHTS, digests.len() as u64, &key, fresh, digests).take()
        };
        let weights = [
            one(None, &[[1; 32], [2; 32]]),
            one(None, &[[2; 32], [1; 32]]),
            one(None, &[[1; 32], [3; 32]]),
            one(None, &[[1; 32]]),
            one(Some(&[2; 32]), &[[1; 32]]),
            one(Some(&[3; 32]), &[[1; 32]]),
        ];
        for (i, weight) in weights.iter().enumerate() {
            assert!(!weights[i + 1..].contains(weight));
        }
    }

    #[test]
    fn weights_depend_on_the_last_responses_of_range_proofs_and_of_every_update_in_the_batch() {
        let mut federation = Federation::new(54, 1, 1, 2, 8);
        let key = federation.dealing.public_key.clone();
        let updates = [federation.update(1), federation.update(2)];
        // b, the very last scalar of either kind of range proof, is in no transcript.
        let next = |bytes: &mut [u8]| {
            let scalar: &mut [u8; 32] = bytes.last_chunk_mut().unwrap();
            *scalar = (Scalar::from_canonical_bytes(*scalar).unwrap() + Scalar::ONE).to_bytes();
        };
        let mut batches = vec![updates.clone(), [updates[1].clone(), updates[0].clone()]];
        for position in 0..2 {
            let [mut limbs, mut parameters] = [updates.clone(), updates.clone()];
            next(&mut limbs[position].header);
            let EncryptedUpdate { header, body } = &mut parameters[position];
            next(body);
            let body_hash = Context::LEN + CIPHERTEXTS_LEN + 64;
            header[body_hash..body_hash + 32].copy_from_slice(&Sha256::digest(body));
            batches.extend([limbs, parameters]);
        }
        let first = |batch: &[EncryptedUpdate], fresh: Option<&[u8; 32]>| -> [Scalar; 1] {
            let batch: Vec<_> =
                batch.iter().map(|update| federation.parse(update).unwrap()).collect();
            let bases: Vec<_> = batch.iter().map(|update| update.header.transcript(&key)).collect();
            weights(&key, &batch.iter().zip(&bases).collect::<Vec<_>>(), fresh).fork().take()
        };
        let mut all: Vec<_> = batches.iter().map(|batch| first(batch, None)).collect();
        all.extend([first(&updates, Some(&[1; 32])), first(&updates[..1], None)]);
        while let Some(weight) = all.pop() {
            assert!(!all.contains(&weight), "after {} others", all.len());
        }
    }
}

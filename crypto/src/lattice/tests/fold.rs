//! Batches: one sum of many proofs, and verdicts that do not depend on it.

use curve25519_dalek::scalar::Scalar;

use super::Lattice;
use super::prover::Cheat;
use crate::fold::Weights;
use crate::lattice::body_proof::{BodyEquations, length};
use crate::lattice::header::{LatticeHeader, Part};
use crate::lattice::ring::DEGREE;
use crate::lattice::{
    CandidateKeyPart, CandidateLatticeUpdate, EncryptedLatticeUpdate, VerifiedKeyPart,
    verify_key_parts, verify_key_parts_with_rng, verify_lattice_updates,
    verify_lattice_updates_with_rng,
};
use crate::lattice::{body, key_part, key_part_length, lattice_mask_length};
use crate::transcript::{KEY_PART_WEIGHTS, LATTICE_BODY_WEIGHTS};
use crate::{Hash, UpdateError};

fn candidates(lattice: &Lattice, updates: &[EncryptedLatticeUpdate]) -> Vec<CandidateKeyPart> {
    let parse = |update: &EncryptedLatticeUpdate| {
        CandidateKeyPart::parse(update.header.clone(), &update.key_part, &lattice.parameters)
            .unwrap()
    };
    updates.iter().map(parse).collect()
}

#[test]
fn verdicts_of_a_batch_are_those_of_each_alone_in_order() {
    let mut lattice = Lattice::new(71, 50, 5600, 512, 10);
    let x = lattice.federation.values(1);
    let one_more = |s: &mut Vec<i8>| s[15] += 1;
    let bad_key = Cheat { encrypted: Some(&one_more), ..Cheat::default() };
    let y = |y: &mut Vec<i64>| y[9] -= 1;
    let bad_relation = Cheat { y: Some(&y), ..Cheat::default() };
    let digits = |digits: &mut Vec<i64>| digits[2] += 1;
    let bad_norm = Cheat { digits: Some(&digits), ..Cheat::default() };
    let updates = [
        lattice.update(1),
        lattice.cheat(2, &x, &bad_key),
        lattice.cheat(3, &x, &bad_relation),
        lattice.update(4),
        lattice.cheat(5, &x, &bad_norm),
    ];
    let key = &lattice.federation.dealing.public_key;
    let keys = verify_key_parts(key, candidates(&lattice, &updates));
    let faults: Vec<_> = keys.iter().map(|key| key.as_ref().err().cloned()).collect();
    assert_eq!(faults, [None, Some(UpdateError::BadKeyProof), None, None, None]);
    let mut rng = rand_core::OsRng;
    let again = verify_key_parts_with_rng(key, candidates(&lattice, &updates), &mut rng);
    assert!(again.iter().map(Result::is_ok).eq(keys.iter().map(Result::is_ok)));

    let proven: Vec<(VerifiedKeyPart, &EncryptedLatticeUpdate)> = keys
        .into_iter()
        .zip(&updates)
        .filter_map(|(key, update)| Some((key.ok()?, update)))
        .collect();
    let parse = || {
        proven
            .iter()
            .map(|(key, update)| {
                CandidateLatticeUpdate::parse(key.clone(), &update.body()).unwrap()
            })
            .collect::<Vec<_>>()
    };
    let expected = [None, Some(UpdateError::BadLinkProof), None, Some(UpdateError::BadNormProof)];
    for verdicts in [
        verify_lattice_updates(key, parse()),
        verify_lattice_updates_with_rng(key, parse(), &mut rng),
    ] {
        let faults: Vec<_> =
            verdicts.iter().map(|verdict| verdict.as_ref().err().cloned()).collect();
        assert_eq!(faults, expected);
    }
}

fn add(bytes: &mut [u8], place: usize, error: Scalar) {
    let slot: &mut [u8; 32] = (&mut bytes[place..place + 32]).try_into().unwrap();
    *slot = (Scalar::from_canonical_bytes(*slot).unwrap() + error).to_bytes();
}

/// The parts under headers that name them.
fn renamed(updates: Vec<EncryptedLatticeUpdate>) -> Vec<EncryptedLatticeUpdate> {
    let rename = |update: EncryptedLatticeUpdate| {
        let EncryptedLatticeUpdate { header, key_part, bound_part: body } = update;
        let header = LatticeHeader::new(
            header.context().clone(),
            *header.mask_hash(),
            Part::of(&key_part),
            Part::of_all(&[&key_part, &body]),
        );
        EncryptedLatticeUpdate { header, key_part, bound_part: body }
    };
    updates.into_iter().map(rename).collect()
}

/// φ is in no transcript, and adds its weight times φ·g to the fold: errors w_two and −w_one cancel where the weights of the
/// batch are known before φ is.
#[test]
fn two_false_key_parts_built_to_cancel_under_weights_known_in_advance_are_both_rejected() {
    let mut lattice = Lattice::new(72, 20, 5600, 512, 10);
    let updates = [lattice.update(1), lattice.update(2)];
    let key = lattice.federation.dealing.public_key.clone();
    // Weights of nothing, or of all that is there before φ is changed.
    let honest: Vec<Hash> = updates
        .iter()
        .flat_map(|update| [update.header.hash().0, update.header.key_part().hash.0])
        .collect();
    for digests in [&[][..], &honest] {
        let known = || Weights::new(KEY_PART_WEIGHTS, 2, &key, None, digests);
        let mut stream = known();
        let [one, two]: [Scalar; 2] = [(); 2].map(|()| stream.fork().take::<5>()[0]);
        let mut cheats = updates.to_vec();
        for (cheat, error) in cheats.iter_mut().zip([two, -one]) {
            let after_f = 32 + 64 + 32 * DEGREE;
            let proof = key_part_length(&lattice.parameters)
                - crate::lattice::key_proof::KeyProof::length();
            add(&mut cheat.key_part, proof + after_f, error);
        }
        let cheats = renamed(cheats);
        let candidates = || candidates(&lattice, &cheats);
        let cheating = candidates();
        let prepared: Vec<_> =
            cheating.iter().map(|candidate| candidate.prepare(&key).unwrap()).collect();
        let jobs: Vec<key_part::Job<'_>> = cheating.iter().zip(&prepared).collect();
        assert!(key_part::fold(&jobs, &mut known()).holds(&key), "it works on known weights");
        for verdict in verify_key_parts(&key, candidates()) {
            assert_eq!(verdict.err(), Some(UpdateError::BadKeyProof));
        }
    }
}

#[test]
fn two_false_bodies_built_to_cancel_under_weights_known_in_advance_are_both_rejected() {
    let mut lattice = Lattice::new(73, 20, 5600, 512, 10);
    let updates = [lattice.update(1), lattice.update(2)];
    let key = lattice.federation.dealing.public_key.clone();
    let honest: Vec<Hash> = updates
        .iter()
        .flat_map(|update| [update.header.hash().0, update.header.body().hash.0])
        .collect();
    for digests in [&[][..], &honest] {
        let known = || Weights::new(LATTICE_BODY_WEIGHTS, 2, &key, None, digests);
        let mut stream = known();
        let [one, two]: [Scalar; 2] = [(); 2].map(|()| stream.fork().take::<4>()[0]);
        let mut cheats = updates.to_vec();
        for (cheat, error) in cheats.iter_mut().zip([two, -one]) {
            // c, C_y, M_y, then f of 256 projections and 16 digits.
            let phi = lattice_mask_length(&lattice.parameters) + 64 + 32 * (256 + 16);
            add(&mut cheat.bound_part, phi, error);
        }
        assert_eq!(cheats[0].bound_part.len(), 80 + length(&lattice.parameters));
        let cheats = renamed(cheats);
        let candidates = || -> Vec<CandidateLatticeUpdate> {
            let parse = |update: &EncryptedLatticeUpdate| {
                let key_part = lattice.verify_key_part(update).unwrap();
                CandidateLatticeUpdate::parse(key_part, &update.body()).unwrap()
            };
            cheats.iter().map(parse).collect()
        };
        let cheating = candidates();
        let prepared: Vec<_> =
            cheating.iter().map(|candidate| candidate.prepare().unwrap()).collect();
        let jobs: Vec<body::Job<'_>> = cheating.iter().zip(&prepared).collect();
        let folded = body::fold(&jobs, &mut known(), BodyEquations::All);
        assert!(folded.holds(&key), "it works on known weights");
        for verdict in verify_lattice_updates(&key, candidates()) {
            assert_eq!(verdict.err(), Some(UpdateError::BadLinkProof));
        }
    }
}

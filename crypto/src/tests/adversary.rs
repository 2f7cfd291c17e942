//! Authors who run the real prover on statements that are false.

use consilium_hash::{KeyHash, Pseudonym};
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use sha2::{Digest, Sha256};

use super::*;
use crate::Ciphertext;
use crate::group::mask_bases;

const D: u32 = 3;

#[test]
fn values_outside_the_bounds_cannot_be_proven() {
    for (bits, values) in [
        (
            8,
            vec![
                vec![0, 0, 128],
                vec![-129, 0, 0],
                vec![1270, -1270, 0],
                vec![0, i64::MAX, 0],
                vec![i64::MIN, 0, 0],
            ],
        ),
        (16, vec![vec![0, 0, 32768], vec![-32769, 0, 0]]),
    ] {
        let mut federation = Federation::new(21, 1, 1, D, bits);
        for values in values {
            let update = federation.unproven(1, values.clone()).prove().unwrap();
            assert_eq!(
                federation.verify(&update).err(),
                Some(UpdateError::BadRangeProof),
                "{values:?}"
            );
        }
    }
}

#[test]
fn a_mask_that_does_not_match_the_key_cannot_be_proven() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(22, 1, 1, D, bound);
        let values = federation.values(1);

        // E_0 and E_1 masked with each other's base.
        let mut unproven = federation.unproven(1, values.clone());
        let bases = mask_bases(2);
        let turn = (bases[1] - bases[0]) * *unproven.k;
        for (position, turn) in [(0, turn), (1, -turn)] {
            let element = &mut unproven.masked[32 * position..32 * (position + 1)];
            let point = CompressedRistretto::from_slice(element).unwrap().decompress().unwrap();
            element.copy_from_slice((point + turn).compress().as_bytes());
        }
        let update = unproven.prove().unwrap();
        assert!(federation.verify_header(&update.header).is_ok());
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));

        // Another key in the limbs than in the mask, with either one as the witness.
        for in_limbs in [true, false] {
            let mut unproven = federation.unproven(1, values.clone());
            unproven.limbs.kappa[0] ^= 1;
            unproven.ciphertexts = unproven.limbs.encrypt(&unproven.key);
            if in_limbs {
                let kappa = unproven
                    .limbs
                    .kappa
                    .iter()
                    .map(|kappa| Scalar::from(*kappa))
                    .collect::<Vec<_>>();
                let powers: Vec<_> = crate::proof::link::limb_weights().take(16).collect();
                *unproven.k = crate::group::inner(&powers, &kappa);
            }
            let update = unproven.prove().unwrap();
            assert!(federation.verify_header(&update.header).is_ok());
            assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadLinkProof));
        }

        // Other values under the range proofs than under the mask.
        let mut unproven = federation.unproven(1, values);
        unproven.u[2] ^= 1;
        assert_eq!(
            federation.verify(&unproven.prove().unwrap()).err(),
            Some(UpdateError::BadLinkProof)
        );
    }
}

#[test]
fn a_limb_of_more_than_16_bits_cannot_be_proven() {
    let mut federation = Federation::new(23, 1, 1, D, 8);
    let values = federation.values(1);
    let mut unproven = federation.unproven(1, values);
    // The same key, with a carry that was not carried out: κ_0 + 2^16, κ_1 − 1.
    assert!(unproven.limbs.kappa[1] > 0);
    unproven.limbs.kappa[0] += 1 << 16;
    unproven.limbs.kappa[1] -= 1;
    unproven.ciphertexts = unproven.limbs.encrypt(&unproven.key);
    let update = unproven.prove().unwrap();
    assert_eq!(federation.verify_header(&update.header).err(), Some(UpdateError::BadKeyProof));
    assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadKeyProof));
}

#[test]
fn limbs_made_of_other_institutions_limbs_are_rejected_from_the_header_alone() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(24, 1, 1, D, bound);
        let others = [2, 3].map(|who| {
            let update = federation.update(who);
            CandidateHeader::decode(&update.header).unwrap()
        });
        let values = federation.values(1);
        let mut unproven = federation.unproven(1, values);
        // Enc(0) − C_B − C_C: the sum over A, B, C and this one would open A's key alone.
        unproven.limbs.kappa.fill(0);
        unproven.ciphertexts = unproven.limbs.encrypt(&unproven.key);
        for other in &others {
            for (own, other) in unproven.ciphertexts.iter_mut().zip(other.ciphertexts()) {
                *own += &Ciphertext { c1: -other.c1, c2: -other.c2, c3: -other.c3 };
            }
        }
        let update = unproven.prove().unwrap();
        assert_eq!(federation.verify_header(&update.header).err(), Some(UpdateError::BadKeyProof));

        // Another's limbs as they are, under one's own name.
        let values = federation.values(4);
        let mut unproven = federation.unproven(4, values);
        unproven.ciphertexts = others[0].ciphertexts().to_vec();
        let update = unproven.prove().unwrap();
        assert_eq!(federation.verify_header(&update.header).err(), Some(UpdateError::BadKeyProof));

        // Identities are ciphertexts of nothing anybody has proven.
        let values = federation.values(5);
        let mut unproven = federation.unproven(5, values);
        unproven.ciphertexts = vec![Ciphertext::default(); 16];
        let update = unproven.prove().unwrap();
        assert_eq!(federation.verify_header(&update.header).err(), Some(UpdateError::BadKeyProof));
    }
}

#[test]
fn identities_are_allowed_where_a_commitment_may_be_one() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(25, 1, 1, D, bound);
        let update = federation.update(1);
        // Of E, of V: they decode, and are not the mask and the commitment.
        for start in [0, 32 * D as usize] {
            let mut changed = update.clone();
            changed.body[start..start + 32]
                .copy_from_slice(CompressedRistretto::identity().as_bytes());
            let body_hash = Context::LEN + 16 * Ciphertext::LEN + 64;
            changed.header[body_hash..body_hash + 32]
                .copy_from_slice(&Sha256::digest(&changed.body));
            assert_eq!(
                federation.verify(&changed).err(),
                Some(UpdateError::BadLinkProof),
                "from {start}"
            );
        }
    }
}

#[test]
fn a_true_proof_in_the_name_of_another_public_key_is_none() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(30, 1, 1, D, bound);
        let values = federation.values(1);
        let mut unproven = federation.unproven(1, values);
        let mut context = federation.context(1);
        context.round.key_hash = KeyHash([0; 32]);
        unproven.context = context.encode();
        let update = unproven.prove().unwrap();
        assert_eq!(federation.verify_header(&update.header).err(), Some(UpdateError::BadKeyProof));
        assert_eq!(federation.verify(&update).err(), Some(UpdateError::BadKeyProof));
    }
}

#[test]
fn one_update_under_two_bounds_is_two_updates() {
    let mut eight = Federation::new(26, 1, 1, D, 8);
    let mut sixteen = Federation::new(26, 1, 1, D, 16);
    assert_eq!(eight.dealing.public_key, sixteen.dealing.public_key);
    let update = sixteen.update(1);
    assert!(matches!(eight.verify(&update), Err(UpdateError::WrongBound { .. })));
    // The context rewritten to 8 bits: neither the key proof nor the length of the range proofs fits.
    let mut forged = update;
    forged.header[..Context::LEN].copy_from_slice(&eight.context(1).encode());
    assert!(matches!(eight.verify(&forged), Err(UpdateError::MalformedEncoding(_))));
    assert_eq!(eight.verify_header(&forged.header).err(), Some(UpdateError::BadKeyProof));
    assert!(eight.update(1).body.len() < forged.body.len());
}

#[test]
fn verdicts_do_not_depend_on_the_batch() {
    let mut federation = Federation::new(27, 1, 1, D, 8);
    let mut updates: Vec<_> = (1..=6).map(|who| federation.update(who)).collect();
    let tamper = |update: &mut EncryptedUpdate, position: usize| {
        let mut scalar = [0; 32];
        scalar.copy_from_slice(&update.body[position..position + 32]);
        let scalar = Scalar::from_canonical_bytes(scalar).unwrap() + Scalar::ONE;
        update.body[position..position + 32].copy_from_slice(scalar.as_bytes());
        let body_hash = Context::LEN + 16 * Ciphertext::LEN + 64;
        let digest = Sha256::digest(&update.body);
        update.header[body_hash..body_hash + 32].copy_from_slice(&digest);
    };
    let link = 2 * 32 * D as usize + 32;
    let key_z = crate::HEADER_LEN - crate::proof::limbs::LimbProof::length(16) + 96;
    updates[1].header[key_z] ^= 1;
    tamper(&mut updates[2], link);
    let last = updates[3].body.len() - 32;
    tamper(&mut updates[3], last);
    // Wrong in more than one way: the first reason in order is the one given. E no longer has the hash in its header.
    updates[4].header[key_z] ^= 1;
    let swapped: Vec<u8> = [&updates[4].body[32..64], &updates[4].body[..32]].concat();
    updates[4].body[..64].copy_from_slice(&swapped);
    tamper(&mut updates[4], last);

    let expected = [
        None,
        Some(UpdateError::BadKeyProof),
        Some(UpdateError::BadLinkProof),
        Some(UpdateError::BadRangeProof),
        Some(UpdateError::BadKeyProof),
        None,
    ];
    let alone: Vec<_> = updates.iter().map(|update| federation.verify(update).err()).collect();
    assert_eq!(alone, expected);
    for length in 1..=updates.len() {
        for (start, part) in updates.windows(length).enumerate() {
            let candidates = part.iter().map(|update| federation.parse(update).unwrap()).collect();
            let verdicts = verify_updates(&federation.dealing.public_key, candidates);
            let verdicts: Vec<_> = verdicts.into_iter().map(Result::err).collect();
            assert_eq!(verdicts, expected[start..start + length]);
        }
    }
    let headers =
        updates.iter().map(|update| CandidateHeader::decode(&update.header).unwrap()).collect();
    let verdicts = verify_key_proofs(&federation.dealing.public_key, headers);
    let holds: Vec<_> = verdicts.iter().map(Result::is_ok).collect();
    assert_eq!(holds, [true, false, true, true, false, true]);
}

#[test]
fn a_sum_is_of_distinct_institutions_of_one_round_and_certified() {
    use crate::{AggregateError, Evaluation};
    let mut federation = Federation::new(28, 1, 1, D, 8);
    let key = federation.dealing.public_key.clone();
    let headers: Vec<_> = (1..=3).map(|who| federation.update(who).header).collect();
    let headers: Vec<_> =
        headers.iter().map(|header| federation.verify_header(header).unwrap()).collect();
    let [a, b, c] = [&headers[0], &headers[1], &headers[2]];
    let round = federation.round.clone();
    let evaluate =
        |headers: &[&VerifiedHeader]| federation.evaluation_key.evaluate(&round, headers);

    let duplicate = evaluate(&[a, b, a]).unwrap_err();
    assert_eq!(duplicate, AggregateError::Duplicate { pseudonym: Pseudonym([1; 32]) });
    assert!(matches!(evaluate(&[]), Err(AggregateError::Count { found: 0, .. })));
    let mut next = round.clone();
    next.step += 1;
    let other = federation.evaluation_key.evaluate(&next, &[a, b]).unwrap_err();
    assert_eq!(other, AggregateError::OtherRound { pseudonym: Pseudonym([1; 32]) });

    let evaluation = evaluate(&[a, b, c]).unwrap();
    let verify = |evaluation: &Evaluation, headers: &[&VerifiedHeader]| {
        evaluation.verify(&key, &round, headers).err()
    };
    assert_eq!(verify(&evaluation, &[a, b, c]), None);
    assert_eq!(evaluation.verify(&key, &next, &[a, b, c]).err(), Some(AggregateError::WrongRound));
    let elsewhere = Federation::new(29, 1, 1, 1, 8).dealing.public_key;
    assert_eq!(
        evaluation.verify(&elsewhere, &round, &[a, b, c]).err(),
        Some(AggregateError::WrongKey)
    );
    for (headers, position) in [(vec![b, a, c], 0), (vec![a, b], 2), (vec![a, c, b], 1)] {
        assert_eq!(verify(&evaluation, &headers), Some(AggregateError::WrongInputs { position }));
    }

    let bytes = evaluation.encode();
    assert_eq!(Evaluation::decode(&bytes), Ok(evaluation.clone()));
    assert_eq!(bytes.len(), Evaluation::length(3));
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let verdict = Evaluation::decode(&changed).map(|changed| verify(&changed, &[a, b, c]));
        assert_ne!(verdict, Ok(None), "byte {position}");
    }
    assert!(Evaluation::decode(&bytes[1..]).is_err() && Evaluation::decode(&bytes[..20]).is_err());

    // The holder of sk_h certifies a false sum, and another than the holder certifies a true one.
    let zero = Ciphertext::default();
    let point = RISTRETTO_BASEPOINT_POINT;
    for limb in 0..16 {
        for difference in [
            Ciphertext { c1: point, ..zero },
            Ciphertext { c2: point, ..zero },
            Ciphertext { c3: point, ..zero },
        ] {
            let mut lie = evaluation.clone();
            lie.add_to_limb(&[a, b, c], limb, &difference, &federation.evaluation_key);
            assert_eq!(verify(&lie, &[a, b, c]), Some(AggregateError::WrongSum), "limb {limb}");
        }
    }
    let stranger = EvaluationKey::generate(&mut federation.rng);
    let forged = stranger.evaluate(&round, &[a, b, c]).unwrap();
    assert_eq!(forged.hash(), evaluation.hash());
    assert_eq!(verify(&forged, &[a, b, c]), Some(AggregateError::BadCertificate));
}

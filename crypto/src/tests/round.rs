//! Honest rounds: what is opened is the sum, whoever opens it.

use consilium_hash::KeyHash;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, SeedableRng};

use super::*;
use crate::update::encrypt;
use crate::{
    DiscreteLogTable, HEADER_LEN, MaskKeySum, MaskedSum, MaskedUpdate, Quantiser, SIGNATURE_LEN,
    SumError, body_length, combine, mask_length, quantise, verify_key_proofs_with_rng,
    verify_share, verify_updates_with_rng,
};

/// Everything that happens to the updates of a round; returns the sums as the contract has them.
pub(crate) fn whole_round(federation: &Federation, updates: &[EncryptedUpdate]) -> Vec<i64> {
    let key = &federation.dealing.public_key;
    let candidates = updates.iter().map(|update| federation.parse(update).unwrap()).collect();
    let verified: Vec<_> =
        verify_updates(key, candidates).into_iter().collect::<Result<_, _>>().unwrap();
    let headers: Vec<_> = verified.iter().map(VerifiedUpdate::header).collect();
    let evaluation = federation.evaluation_key.evaluate(&federation.round, &headers).unwrap();

    // The trustees go by the headers' bytes alone.
    let candidates =
        updates.iter().map(|update| CandidateHeader::decode(&update.header).unwrap()).collect();
    let headers: Vec<_> =
        verify_key_proofs(key, candidates).into_iter().collect::<Result<_, _>>().unwrap();
    let evaluation =
        evaluation.verify(key, &federation.round, &headers.iter().collect::<Vec<_>>()).unwrap();
    let commitments = &federation.dealing.commitments;
    let shares = federation.dealing.shares.iter().rev().take(commitments.threshold() as usize).map(
        |trustee| {
            let share = trustee.decryption_share(key, &evaluation, &BLOCK);
            verify_share(&share, key, commitments, &evaluation, &BLOCK).unwrap()
        },
    );
    let table = DiscreteLogTable::shared();
    let mask_key = combine(&evaluation, &shares.collect::<Vec<_>>(), commitments, &table).unwrap();

    let parameters = federation.parameters();
    let mut sum = MaskedSum::new(&parameters);
    verified.iter().for_each(|update| sum.add(update).unwrap());
    let sums = sum.open(&mask_key, &table).unwrap();

    // An institution has E alone, and checks.
    let mut copy = MaskedSum::new(&parameters);
    for (update, header) in updates.iter().zip(&headers) {
        let e = &update.body[..mask_length(&parameters)];
        copy.add_masked(&MaskedUpdate::parse(e, header.mask_hash(), &parameters).unwrap()).unwrap();
    }
    assert_eq!(copy.check(&mask_key, &sums, &fresh_seed()), Ok(()));
    let mut wrong = sums.clone();
    wrong[0] ^= 1;
    assert_eq!(copy.check(&mask_key, &wrong, &fresh_seed()), Err(SumError::Mismatch));
    let no_key = MaskKeySum::decode(&[0; 32]).unwrap();
    assert_eq!(copy.check(&no_key, &sums, &fresh_seed()), Err(SumError::Mismatch));
    let (expected, found) = (sums.len(), sums.len() - 1);
    assert_eq!(
        copy.check(&mask_key, &sums[1..], &fresh_seed()),
        Err(SumError::Length { expected, found })
    );
    sums
}

pub(crate) fn plain_sums(
    federation: &Federation,
    institutions: impl Iterator<Item = u8>,
) -> Vec<i64> {
    let mut sums = vec![0; federation.round.dimension as usize];
    for institution in institutions {
        for (sum, q) in sums.iter_mut().zip(federation.values(institution)) {
            *sum += q;
        }
    }
    sums
}

#[test]
fn a_round_opens_to_the_sum_of_the_updates_at_8_and_16_bits() {
    // Seven parameters are padded to a chunk of eight; nine are two chunks.
    for (bits, d) in [(8, 7), (8, 9), (16, 9)] {
        let mut federation = Federation::new(1, 4, 2, d, bits);
        let updates: Vec<_> = (1..=5).map(|institution| federation.update(institution)).collect();
        assert_eq!(whole_round(&federation, &updates), plain_sums(&federation, 1..=5));
    }
}

#[test]
fn all_corner_values_add_up() {
    for bits in [8u8, 16] {
        let most = (1i64 << (bits - 1)) - 1;
        let mut federation = Federation::new(2, 1, 1, 6, bits);
        let corner = vec![0, most, -most, -1, 1, most - 1];
        let updates: Vec<_> =
            (1..=3).map(|who| federation.unproven(who, corner.clone()).prove().unwrap()).collect();
        let sums: Vec<i64> = corner.iter().map(|q| 3 * q).collect();
        assert_eq!(whole_round(&federation, &updates), sums);
    }
}

#[test]
fn sums_beyond_what_m_updates_can_add_up_to_are_neither_read_off_nor_believed() {
    let mut federation = Federation::new(11, 1, 1, 1, 8);
    let parameters = federation.parameters();
    // With the masks that belong to them.
    for (q, believed) in [(127, true), (128, false), (-127, true), (-128, false)] {
        let unproven = federation.unproven(1, vec![q]);
        let hash = <sha2::Sha512 as sha2::Digest>::digest(&unproven.masked).into();
        let mut sum = MaskedSum::new(&parameters);
        sum.add_masked(&MaskedUpdate::parse(&unproven.masked, &hash, &parameters).unwrap())
            .unwrap();
        let mask_key = MaskKeySum(*unproven.k);
        assert_eq!(sum.open(&mask_key, &DiscreteLogTable::shared()).is_ok(), believed);
        let verdict = sum.check(&mask_key, &[q], &fresh_seed());
        let beyond = SumError::OutOfRange { index: 0, value: q, least: -127, bound: 128 };
        assert_eq!(verdict, if believed { Ok(()) } else { Err(beyond) });
    }
}

#[test]
fn a_mask_key_of_the_largest_limbs_opens_like_any_other() {
    for bound in BOUNDS {
        // Σ 2^(16i)·65535 is beyond ℓ: nobody honest draws it, but it is proven, and m of its limbs reach the end of the table.
        let mut federation = Federation::bounded(9, 4, 2, 2, bound);
        let limbs = vec![65_535; 16];
        let k = crate::group::inner(
            &crate::proof::link::limb_weights().take(16).collect::<Vec<_>>(),
            &[65_535u64.into(); 16],
        );
        let updates: Vec<_> = (1..=3)
            .map(|who| {
                let values = federation.values(who);
                let mut unproven = federation.unproven(who, values);
                let bases = crate::group::mask_bases(2);
                let masked = unproven.u.iter().zip(bases.iter()).map(|(u, base)| {
                    let u = crate::group::signed(*u);
                    (crate::group::h_times(&u) + base * k).compress().to_bytes()
                });
                unproven.masked = masked.collect::<Vec<_>>().concat();
                *unproven.k = k;
                unproven.limbs.kappa.clone_from(&limbs);
                unproven.ciphertexts = unproven.limbs.encrypt(&unproven.key);
                unproven.prove().unwrap()
            })
            .collect();
        assert_eq!(whole_round(&federation, &updates), plain_sums(&federation, 1..=3));
    }
}

#[test]
fn a_mean_of_quantised_updates_is_what_plain_averaging_gives() {
    let federation = Federation::new(3, 4, 2, 3, 8);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let deltas = [[0.5f32, -0.25, 0.1], [0.125, 0.5, -0.5], [-0.5, 0.0, 0.3]];
    let quantised: Vec<_> = deltas
        .iter()
        .map(|delta| {
            Quantiser::new(Bound::parameter(8), 1.0, 1.0, 3)
                .unwrap()
                .quantise(delta, &mut rng)
                .unwrap()
                .0
        })
        .collect();
    let updates: Vec<_> = quantised
        .iter()
        .zip(1..)
        .map(|(update, who)| {
            encrypt(&federation.dealing.public_key, &federation.context(who), update)
        })
        .map(|unproven| unproven.unwrap().prove().unwrap())
        .collect();
    let sums = whole_round(&federation, &updates);
    let mean = quantise::decode(&sums, federation.round.bound, 1.0, 3.0).unwrap();
    for (j, mean) in mean.iter().enumerate() {
        let plain: i64 = quantised.iter().map(|update| update.as_slice()[j]).sum();
        assert_eq!(*mean, 1.0 / 127.0 * plain as f64 / 3.0);
    }
    assert_eq!(quantise::apply(&[1.0, 0.0, 0.0], &mean)[0], (1.0 + mean[0]) as f32);
}

#[test]
fn an_upload_stays_within_its_bytes_a_parameter() {
    for (d, most) in [(289, 89.0), (3000, 70.0)] {
        let upload = HEADER_LEN
            + body_length(&Parameters::new(d, Bound::parameter(8)).unwrap())
            + SIGNATURE_LEN;
        assert!(upload as f64 / f64::from(d) <= most, "{upload} bytes for {d} parameters");
    }
    let mut federation = Federation::new(4, 1, 1, 17, 8);
    let update = federation.update(1);
    assert_eq!(update.header.len(), HEADER_LEN);
    assert_eq!(update.body.len(), body_length(&federation.parameters()));
}

#[test]
fn two_encryptions_of_one_input_share_no_group_element() {
    let federation = Federation::new(5, 1, 1, 4, 8);
    let update = QuantisedUpdate::new(federation.values(1), federation.round.bound).unwrap();
    let encrypt = || {
        encrypt(&federation.dealing.public_key, &federation.context(1), &update)
            .unwrap()
            .prove()
            .unwrap()
    };
    let one = encrypt();
    let two = encrypt();
    // Every 32 bytes but the context and the length of the body: points, responses and hashes.
    let elements = |update: &EncryptedUpdate| -> Vec<[u8; 32]> {
        let length = HEADER_LEN - crate::proof::limbs::LimbProof::length(16) - 8;
        let parts =
            [&update.header[Context::LEN..length], &update.header[length + 8..], &update.body];
        parts.iter().flat_map(|part| part.as_chunks().0.to_vec()).collect()
    };
    let one = elements(&one);
    let two = elements(&two);
    assert_eq!(one.len(), 48 + 3 + 89 + (body_length(&federation.parameters()) / 32));
    assert!(one.iter().all(|element| !two.contains(element)));
}

#[test]
fn a_stand_alone_ciphertext_and_a_decryption_share_are_made_with_fresh_randomness_every_time() {
    use crate::khpke::{Sealed, encrypt};
    let mut federation = Federation::new(10, 1, 1, 1, 8);
    let key = federation.dealing.public_key.clone();
    let [one, two] = [(); 2].map(|()| {
        let Ok(Sealed::Fresh(bytes)) = encrypt(&key, &[1; 32], 7) else {
            panic!("Enc makes fresh ciphertexts")
        };
        bytes[32..].as_chunks::<32>().0.to_vec()
    });
    assert!(one.iter().all(|element| !two.contains(element)));

    let header = federation.update(1).header;
    let header = federation.verify_header(&header).unwrap();
    let evaluation = federation.evaluation_key.evaluate(&federation.round, &[&header]).unwrap();
    let evaluation = evaluation.verify(&key, &federation.round, &[&header]).unwrap();
    let share =
        || federation.dealing.shares[0].decryption_share(&key, &evaluation, &BLOCK).encode();
    let one = share();
    let two = share();
    let proof = 4 + 32 + 16 * 32;
    assert_eq!(one[..proof], two[..proof], "what is opened is the same");
    for (one, two) in one[proof..].as_chunks::<32>().0.iter().zip(two[proof..].as_chunks::<32>().0)
    {
        assert_ne!(one, two, "a nonce used twice gives the key share away");
    }
}

#[test]
fn one_random_generator_in_one_state_still_masks_different_updates_with_different_keys() {
    for bound in BOUNDS {
        let federation = Federation::bounded(6, 1, 1, 2, bound);
        let mut masks = Vec::new();
        for values in [vec![1, 2], vec![1, 3]] {
            let update = QuantisedUpdate::new(values, federation.round.bound).unwrap();
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            let unproven = encrypt_with_rng(
                &federation.dealing.public_key,
                &federation.context(1),
                &update,
                &mut rng,
            );
            masks.push(*unproven.unwrap().k);
        }
        assert_ne!(masks[0], masks[1]);
    }
}

#[test]
fn fresh_randomness_in_the_weights_changes_no_verdict() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(7, 1, 1, 2, bound);
        let good = federation.update(1);
        let mut bad = federation.update(2);
        let last = bad.header.len() - 1;
        bad.header[last] ^= 1;
        let key = federation.dealing.public_key.clone();
        let candidates = || [&good, &bad].map(|update| federation.parse(update).unwrap()).into();
        let verdicts = verify_updates_with_rng(&key, candidates(), &mut OsRng);
        assert!(verdicts[0].is_ok());
        assert_eq!(verdicts[1].as_ref().err(), Some(&UpdateError::BadKeyProof));
        let headers =
            || [&good, &bad].map(|update| CandidateHeader::decode(&update.header).unwrap()).into();
        let verdicts = verify_key_proofs_with_rng(&key, headers(), &mut OsRng);
        assert!(verdicts[0].is_ok() && verdicts[1].is_err());
        assert!(verify_updates(&key, Vec::new()).is_empty());
    }
}

#[test]
fn what_an_author_cannot_encrypt_is_refused_with_the_reason() {
    use crate::EncryptError;
    let federation = Federation::new(8, 1, 1, 2, 8);
    let key = &federation.dealing.public_key;
    let context = federation.context(1);
    let update = |values: Vec<i64>, bound| QuantisedUpdate::new(values, bound).unwrap();
    let expected = federation.round.bound;
    let error = encrypt(key, &context, &update(vec![1], expected)).unwrap_err();
    assert_eq!(error, EncryptError::Dimension { expected: 2, found: 1 });
    for found in [Bound::parameter(16), NORM] {
        let error = encrypt(key, &context, &update(vec![1, 2], found)).unwrap_err();
        assert_eq!(error, EncryptError::Bound { expected, found });
    }
    let mut other = context;
    other.round.key_hash = KeyHash([0; 32]);
    assert_eq!(
        encrypt(key, &other, &update(vec![1, 2], expected)).unwrap_err(),
        EncryptError::WrongKey
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn masks_add_up_to_the_mask_of_the_sum_of_the_keys(
        updates in proptest::collection::vec(proptest::collection::vec(-32767i64..=32767, 6), 1..12),
        seed in any::<u64>(),
    ) {
        let mut federation = Federation::new(seed, 1, 1, 6, 16);
        let parameters = federation.parameters();
        let mut sum = MaskedSum::new(&parameters);
        let mut mask_key = curve25519_dalek::Scalar::ZERO;
        let mut plain = [0i64; 6];
        for values in updates {
            let unproven = federation.unproven(1, values.clone());
            let hash: [u8; 64] = sha2::Digest::finalize(<sha2::Sha512 as sha2::Digest>::new_with_prefix(&unproven.masked)).into();
            sum.add_masked(&MaskedUpdate::parse(&unproven.masked, &hash, &parameters).unwrap()).unwrap();
            mask_key += *unproven.k;
            plain.iter_mut().zip(values).for_each(|(sum, q)| *sum += q);
        }
        let sums = sum.open(&MaskKeySum(mask_key), &DiscreteLogTable::shared()).unwrap();
        prop_assert_eq!(&sums, &plain);
        prop_assert_eq!(sum.check(&MaskKeySum(mask_key), &sums, &fresh_seed()), Ok(()));
        prop_assert!(sum.open(&MaskKeySum(mask_key + curve25519_dalek::Scalar::ONE), &DiscreteLogTable::shared()).is_err());
    }
}

//! Honest rounds: what is opened is the sum, whoever opens it.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, SeedableRng};

use super::*;
use crate::update::encrypt;
use crate::{
    DiscreteLogTable, HEADER_LEN, MaskKeySum, MaskedSum, MaskedUpdate, Quantiser, SIGNATURE_LEN, body_length, combine,
    mask_length, quantise, verify_key_proofs_with_rng, verify_share, verify_updates_with_rng,
};

/// Everything that happens to the updates of a round; returns the sums as the contract has them.
fn whole_round(federation: &Federation, updates: &[EncryptedUpdate]) -> Vec<u64> {
    let key = &federation.dealing.public_key;
    let candidates = updates.iter().map(|update| federation.parse(update).unwrap()).collect();
    let verified: Vec<_> = verify_updates(key, candidates).into_iter().collect::<Result<_, _>>().unwrap();
    let headers: Vec<_> = verified.iter().map(VerifiedUpdate::header).collect();
    let evaluation = federation.evaluation_key.evaluate(&federation.round, &headers).unwrap();

    // The trustees go by the headers' bytes alone.
    let candidates = updates.iter().map(|update| CandidateHeader::decode(&update.header).unwrap()).collect();
    let headers: Vec<_> = verify_key_proofs(key, candidates).into_iter().collect::<Result<_, _>>().unwrap();
    let evaluation = evaluation.verify(key, &federation.round, &headers.iter().collect::<Vec<_>>()).unwrap();
    let commitments = &federation.dealing.commitments;
    let shares = federation.dealing.shares.iter().rev().take(commitments.threshold() as usize).map(|trustee| {
        let share = trustee.decryption_share(key, &evaluation, &BLOCK);
        verify_share(&share, key, commitments, &evaluation, &BLOCK).unwrap()
    });
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
    assert!(copy.check(&mask_key, &sums, &mut OsRng));
    let mut wrong = sums.clone();
    wrong[0] ^= 1;
    assert!(!copy.check(&mask_key, &wrong, &mut OsRng));
    assert!(!copy.check(&MaskKeySum::decode(&[0; 32]).unwrap(), &sums, &mut OsRng));
    assert!(!copy.check(&mask_key, &sums[1..], &mut OsRng));
    sums
}

fn plain_sums(federation: &Federation, institutions: impl Iterator<Item = u8>) -> Vec<u64> {
    let offset = 1i64 << (federation.round.bound.bits() - 1);
    let mut sums = vec![0; federation.round.dimension as usize];
    for institution in institutions {
        for (sum, q) in sums.iter_mut().zip(federation.values(institution)) {
            *sum += (q + offset) as u64;
        }
    }
    sums
}

#[test]
fn a_round_opens_to_the_sum_of_the_updates_at_8_and_16_bits() {
    for bits in [8, 16] {
        let mut federation = Federation::new(1, 4, 2, 9, bits);
        let updates: Vec<_> = (1..=5).map(|institution| federation.update(institution)).collect();
        assert_eq!(whole_round(&federation, &updates), plain_sums(&federation, 1..=5));
    }
}

#[test]
fn all_corner_values_add_up() {
    for bits in [8u8, 16] {
        let most = (1i64 << (bits - 1)) - 1;
        let mut federation = Federation::new(2, 1, 1, 5, bits);
        let corner = vec![-most, most, 0, -1, 1];
        let updates: Vec<_> = (1..=3).map(|who| federation.unproven(who, corner.clone()).prove().unwrap()).collect();
        let sums: Vec<u64> = corner.iter().map(|q| 3 * (q + most + 1) as u64).collect();
        assert_eq!(whole_round(&federation, &updates), sums);
    }
}

#[test]
fn a_mean_of_quantised_updates_is_what_plain_averaging_gives() {
    let federation = Federation::new(3, 4, 2, 3, 8);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let deltas = [[0.5f32, -0.25, 0.1], [0.125, 0.5, -0.5], [-0.5, 0.0, 0.3]];
    let quantised: Vec<_> = deltas
        .iter()
        .map(|delta| Quantiser::new(8, 1.0, 1.0, 3).unwrap().quantise(delta, &mut rng).unwrap().0)
        .collect();
    let updates: Vec<_> = quantised
        .iter()
        .zip(1..)
        .map(|(update, who)| encrypt(&federation.dealing.public_key, &federation.context(who), update))
        .map(|unproven| unproven.unwrap().prove().unwrap())
        .collect();
    let sums = whole_round(&federation, &updates);
    let mean = quantise::decode(&sums, 3, 8, 1.0, 3.0).unwrap();
    for (j, mean) in mean.iter().enumerate() {
        let plain: i64 = quantised.iter().map(|update| update.as_slice()[j]).sum();
        assert_eq!(*mean, 1.0 / 127.0 * plain as f64 / 3.0);
    }
    assert_eq!(quantise::apply(&[1.0, 0.0, 0.0], &mean)[0], (1.0 + mean[0]) as f32);
}

#[test]
fn an_upload_stays_within_its_bytes_a_parameter() {
    for (d, most) in [(289, 85.0), (3000, 70.0)] {
        let upload = HEADER_LEN + body_length(&Parameters::new(d, 8).unwrap()) + SIGNATURE_LEN;
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
    let update = QuantisedUpdate::new(federation.values(1), 8).unwrap();
    let encrypt = || encrypt(&federation.dealing.public_key, &federation.context(1), &update).unwrap().prove().unwrap();
    let (one, two) = (encrypt(), encrypt());
    let elements = |update: &EncryptedUpdate| -> Vec<[u8; 32]> {
        let header = update.header[Context::LEN..].as_chunks().0.to_vec();
        [header, update.body.as_chunks().0.to_vec()].concat()
    };
    // After the ciphertexts the header's own elements are out of step by the length's 8 bytes, where none may be equal
    // either.
    let two = elements(&two);
    for element in elements(&one) {
        assert!(!two.contains(&element));
    }
}

#[test]
fn one_random_generator_in_one_state_still_masks_different_updates_with_different_keys() {
    let federation = Federation::new(6, 1, 1, 2, 8);
    let mut masks = Vec::new();
    for values in [vec![1, 2], vec![1, 3]] {
        let update = QuantisedUpdate::new(values, 8).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let unproven = encrypt_with_rng(&federation.dealing.public_key, &federation.context(1), &update, &mut rng);
        masks.push(unproven.unwrap().k);
    }
    assert_ne!(masks[0], masks[1]);
}

#[test]
fn fresh_randomness_in_the_weights_changes_no_verdict() {
    let mut federation = Federation::new(7, 1, 1, 2, 8);
    let good = federation.update(1);
    let mut bad = federation.update(2);
    let last = bad.header.len() - 1;
    bad.header[last] ^= 1;
    let key = federation.dealing.public_key.clone();
    let candidates = || [&good, &bad].map(|update| federation.parse(update).unwrap()).into();
    let verdicts = verify_updates_with_rng(&key, candidates(), &mut OsRng);
    assert!(verdicts[0].is_ok());
    assert_eq!(verdicts[1].as_ref().err(), Some(&UpdateError::BadKeyProof));
    let headers = || [&good, &bad].map(|update| CandidateHeader::decode(&update.header).unwrap()).into();
    let verdicts = verify_key_proofs_with_rng(&key, headers(), &mut OsRng);
    assert!(verdicts[0].is_ok() && verdicts[1].is_err());
    assert!(verify_updates(&key, Vec::new()).is_empty());
}

#[test]
fn what_an_author_cannot_encrypt_is_refused_with_the_reason() {
    use crate::EncryptError;
    let federation = Federation::new(8, 1, 1, 2, 8);
    let key = &federation.dealing.public_key;
    let context = federation.context(1);
    let update = |values: Vec<i64>, bits| QuantisedUpdate::new(values, bits).unwrap();
    let error = encrypt(key, &context, &update(vec![1], 8)).unwrap_err();
    assert_eq!(error, EncryptError::Dimension { expected: 2, found: 1 });
    let error = encrypt(key, &context, &update(vec![1, 2], 16)).unwrap_err();
    assert_eq!(error, EncryptError::Bits { expected: 8, found: 16 });
    let mut other = context;
    other.round.key_hash = [0; 32];
    assert_eq!(encrypt(key, &other, &update(vec![1, 2], 8)).unwrap_err(), EncryptError::WrongKey);
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
        let mut plain = [0u64; 6];
        for values in updates {
            let unproven = federation.unproven(1, values.clone());
            let hash: [u8; 64] = sha2::Digest::finalize(<sha2::Sha512 as sha2::Digest>::new_with_prefix(&unproven.masked)).into();
            sum.add_masked(&MaskedUpdate::parse(&unproven.masked, &hash, &parameters).unwrap()).unwrap();
            mask_key += unproven.k;
            plain.iter_mut().zip(values).for_each(|(sum, q)| *sum += (q + 32768) as u64);
        }
        let sums = sum.open(&MaskKeySum(mask_key), &DiscreteLogTable::shared()).unwrap();
        prop_assert_eq!(&sums, &plain);
        prop_assert!(sum.check(&MaskKeySum(mask_key), &sums, &mut OsRng));
        prop_assert!(sum.open(&MaskKeySum(mask_key + curve25519_dalek::Scalar::ONE), &DiscreteLogTable::shared()).is_err());
    }
}

//! Opening the sum of the mask keys: hundreds of limbs in one share.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;

use super::{BLOCK, Lattice};
use crate::group::{g_times, h_times, random_scalar};
use crate::lattice::key::MaskKey;
use crate::lattice::ring::DEGREE;
use crate::lattice::{VerifiedKeyPart, combine_lattice};
use crate::{
    AggregateError, Ciphertext, Dealing, DecryptionShare, DiscreteLogTable, Evaluation,
    ReadOffError, ShareError, verify_share,
};

#[test]
fn any_two_trustees_open_the_digits_of_the_sum_and_a_false_share_names_its_author() {
    let mut lattice = Lattice::new(61, 10, 1000, 1, 63);
    let parts: Vec<VerifiedKeyPart> = (1..=3)
        .map(|who| {
            let update = lattice.update(who);
            lattice.verify_key_part(&update).unwrap()
        })
        .collect();
    let keys: Vec<_> = parts.iter().collect();
    let evaluation = lattice.evaluation(&keys);
    assert_eq!(evaluation.limbs(), 512);
    assert_eq!(evaluation.encode().len(), Evaluation::length(3));
    let Dealing { public_key: key, commitments, shares } = &lattice.federation.dealing;
    let shares: Vec<_> =
        shares.iter().map(|share| share.decryption_share(key, &evaluation, &BLOCK)).collect();
    let check =
        |share: &DecryptionShare| verify_share(share, key, commitments, &evaluation, &BLOCK);
    let verified: Vec<_> = shares.iter().map(|share| check(share).unwrap()).collect();
    let table = DiscreteLogTable::shared();
    let open = |shares: &[_]| {
        combine_lattice(&lattice.parameters, &evaluation, shares, commitments, &table)
    };
    let sum = open(&verified[..2]).unwrap();
    assert!(sum.0.iter().all(|s| s.abs() <= 3) && sum.0.iter().any(|s| s.abs() == 3));
    for pair in [[0, 2], [3, 1], [2, 3]] {
        assert_eq!(open(&pair.map(|place| verified[place].clone())), Ok(sum.clone()));
    }
    let few = open(&verified[..1]);
    assert_eq!(few, Err(ShareError::TooFew { expected: 2, found: 1 }));

    let bytes = shares[1].encode();
    assert_eq!(bytes.len(), DecryptionShare::length(512));
    assert_eq!(DecryptionShare::decode(&bytes), Ok(shares[1].clone()));
    assert!(DecryptionShare::decode(&bytes[1..]).is_err());
    // Any one limb by another element; a share of too few limbs, or of too many.
    for limb in [0, 255, 511] {
        let mut wrong = bytes.clone();
        let place = 36 + 32 * limb;
        let other = RISTRETTO_BASEPOINT_POINT.compress().to_bytes();
        wrong[place..place + 32].copy_from_slice(&other);
        let wrong = DecryptionShare::decode(&wrong).unwrap();
        assert_eq!(check(&wrong).err(), Some(ShareError::BadShareProof { index: 2 }));
    }
    for wrong in [[&bytes[..36], &bytes[68..]].concat(), [&bytes[..68], &bytes[36..]].concat()] {
        let wrong = DecryptionShare::decode(&wrong).unwrap();
        assert_eq!(check(&wrong).err(), Some(ShareError::BadShareProof { index: 2 }));
    }
    let longest = vec![0; DecryptionShare::MAX_LEN + 32];
    assert!(DecryptionShare::decode(&longest).is_err());
}

#[test]
fn key_parts_are_summed_once_each_and_in_their_round_only() {
    let mut lattice = Lattice::new(62, 10, 1000, 1, 10);
    let [one, two] = [1, 2].map(|who| {
        let update = lattice.update(who);
        lattice.verify_key_part(&update).unwrap()
    });
    let crate::tests::Federation { evaluation_key, dealing, round, .. } = &lattice.federation;
    let twice = evaluation_key.evaluate(round, &[&one, &one]);
    assert!(matches!(twice, Err(AggregateError::Duplicate { .. })));
    let mut next = round.clone();
    next.attempt += 1;
    let late = evaluation_key.evaluate(&next, &[&one, &two]);
    assert!(matches!(late, Err(AggregateError::OtherRound { .. })));
    let mut lie = evaluation_key.evaluate(round, &[&one, &two]).unwrap();
    let key = &dealing.public_key;
    assert!(lie.verify(key, round, &[&one, &two]).is_ok());
    let wrong = lie.verify(key, round, &[&two, &one]).err();
    assert_eq!(wrong, Some(AggregateError::WrongInputs { position: 0 }));
    let difference = Ciphertext { c3: h_times(&1u64.into()), ..Ciphertext::default() };
    lie.add_to_limb(&[&one, &two], 409, &difference, evaluation_key);
    let wrong = lie.verify(key, round, &[&one, &two]).err();
    assert_eq!(wrong, Some(AggregateError::WrongSum));
}

#[test]
fn more_keys_than_the_digits_hold_are_not_summed() {
    let mut lattice = Lattice::new(66, 10, 1000, 1, 2);
    let parts = [1, 2, 3].map(|who| {
        let update = lattice.update(who);
        lattice.verify_key_part(&update).unwrap()
    });
    let crate::tests::Federation { evaluation_key, round, .. } = &lattice.federation;
    let [one, two, three] = &parts;
    assert!(evaluation_key.evaluate(round, &[one, two]).is_ok());
    let too_many = evaluation_key.evaluate(round, &[one, two, three]);
    assert_eq!(too_many, Err(AggregateError::Count { found: 3, most: 2 }));
    assert!(matches!(
        evaluation_key.evaluate::<VerifiedKeyPart>(round, &[]),
        Err(AggregateError::Count { found: 0, .. })
    ));
}

/// Every digit at either end, for each way to cut the key: limbs are found and no digit runs into the next.
#[test]
fn sums_of_keys_at_both_ends_of_every_digit_are_read_off() {
    for (seed, summands) in [(63, 15), (64, 63), (65, 1023)] {
        let mut lattice = Lattice::new(seed, 10, 1000, 1, summands);
        let limbs = lattice.parameters.limbs();
        let ends = [0, 2 * i64::from(summands)];
        let table = DiscreteLogTable::shared();
        let beyond = limbs.beyond(summands);
        let all = |digit: i64| {
            (0..limbs.digits).map(|place| digit << (limbs.bits * place as u32)).sum::<i64>()
        };
        let points: Vec<_> = ends.map(|end| h_times(&crate::group::signed(all(end)))).to_vec();
        let found = table.read_off_within(&points, 0, beyond, 1 << 28);
        assert_eq!(found, Ok(ends.map(all).to_vec()));
        assert_eq!(all(ends[1]) + 1, beyond, "the range ends with the largest sum");
        let past = [h_times(&crate::group::signed(beyond))];
        let not_found = table.read_off_within(&past, 0, beyond, 1 << 28);
        assert!(matches!(not_found, Err(ReadOffError::NotFound { .. })));
        // A key with all of its entries at one end decrypts to those limbs.
        let rng = &mut lattice.federation.rng;
        let key = MaskKey::fresh(limbs, rng).with(&[1; DEGREE]);
        assert_eq!(key.limb_of(&[1; 8][..limbs.digits]), all(2));
    }
    let table = DiscreteLogTable::shared();
    let too_large = table.read_off_within(&[], 0, (1 << 28) + 1, 1 << 28);
    assert!(matches!(too_large, Err(ReadOffError::TooLarge { .. })));
    // The table finds multiples of h, and of nothing else.
    let other = g_times(&random_scalar(&mut rand_core::OsRng));
    assert!(table.read_off_within(&[other], 0, 1 << 17, 1 << 28).is_err());
}

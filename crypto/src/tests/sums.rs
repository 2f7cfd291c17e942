//! Sums as long as updates within their bound can add up to, and longer ones that somebody has recorded all the same.

use sha2::{Digest, Sha512};

use super::*;
use crate::bound::NormBound;
use crate::{DiscreteLogTable, MaskKeySum, MaskedSum, MaskedUpdate, SumError};

/// The masked sum of updates of these values, none of them proven, and the sum of their keys.
fn recorded(federation: &mut Federation, updates: &[Vec<i64>]) -> (MaskedSum, MaskKeySum) {
    let parameters = federation.parameters();
    let mut sum = MaskedSum::new(&parameters);
    let mut mask_key = curve25519_dalek::Scalar::ZERO;
    for values in updates {
        let unproven = federation.unproven(1, values.clone());
        let hash = Sha512::digest(&unproven.masked).into();
        let masked = MaskedUpdate::parse(&unproven.masked, &hash, &parameters).unwrap();
        sum.add_masked(&masked).unwrap();
        mask_key += *unproven.k;
    }
    (sum, MaskKeySum(mask_key))
}

/// What the sum opens to, and whether an institution believes the sums that follow from it.
fn verdicts(
    federation: &mut Federation,
    updates: &[Vec<i64>],
) -> (Result<Vec<i64>, SumError>, Result<(), SumError>) {
    let (sum, mask_key) = recorded(federation, updates);
    let places = 0..updates[0].len();
    let sums: Vec<i64> =
        places.map(|j| updates.iter().map(|values| values[j]).sum::<i64>()).collect();
    let opened = sum.open(&mask_key, &DiscreteLogTable::shared());
    let believed = sum.check(&mask_key, &sums, &fresh_seed());
    if let Ok(opened) = &opened {
        assert_eq!(*opened, sums);
    }
    (opened, believed)
}

#[test]
fn sums_of_m_updates_are_opened_up_to_m_times_the_greatest_norm_and_not_a_hair_beyond() {
    for projections in [256, 512, 1024] {
        let bound = Bound::Norm { norm: 5600, projections };
        let reach = NormBound::new(5600, projections).unwrap().reach.cast_signed();
        let mut federation = Federation::bounded(221, 1, 1, 3, bound);
        for m in [1, 2, 5] {
            let mut updates = vec![vec![reach, 0, 0]; m];
            let (opened, believed) = verdicts(&mut federation, &updates);
            assert_eq!((opened.map(|_| ()), believed), (Ok(()), Ok(())), "m = {m}");

            // No coordinate by itself is out of reach.
            updates[0] = vec![reach, 0, -1];
            let most = m as u128 * reach.unsigned_abs() as u128;
            let too_long = SumError::TooLong { norm: most + 1, summands: m as u32, most };
            let (opened, believed) = verdicts(&mut federation, &updates);
            assert_eq!((opened, believed), (Err(too_long), Err(too_long)), "m = {m}");
        }
    }
}

#[test]
fn an_update_that_moves_every_coordinate_to_the_end_of_the_table_is_refused_with_the_sum() {
    let mut federation = Federation::bounded(222, 1, 1, 16, NORM);
    let reach = NormBound::new(5600, 256).unwrap().reach.cast_signed();
    let honest = [1, 2, 3].map(|who| federation.values(who));
    let (opened, believed) = verdicts(&mut federation, &honest);
    assert!(opened.is_ok() && believed.is_ok());

    // Together with the honest ones every coordinate comes out as the largest that the table has.
    let hostile: Vec<i64> =
        (0..16).map(|j| 4 * reach - honest.iter().map(|values| values[j]).sum::<i64>()).collect();
    let updates: Vec<_> = honest.into_iter().chain([hostile]).collect();
    let most = 4 * reach.unsigned_abs() as u128;
    let too_long = SumError::TooLong { norm: 4 * most, summands: 4, most };
    assert_eq!(verdicts(&mut federation, &updates), (Err(too_long), Err(too_long)));
    let said = too_long.to_string();
    let expected = format!("the sums have norm {}; 4 updates", 4 * most);
    assert!(said.starts_with(&expected), "{said}");
}

#[test]
fn sums_of_parameters_are_opened_up_to_m_times_the_largest_and_not_one_beyond() {
    for bits in [8, 16] {
        let mut federation = Federation::new(223, 1, 1, 2, bits);
        let largest = (1i64 << (bits - 1)) - 1;
        let least = -largest;
        for (hostile, expected) in [(largest, true), (largest + 1, false), (least, true)] {
            let updates = [vec![largest, 0], vec![largest, 0], vec![hostile, 0]];
            let (opened, believed) = verdicts(&mut federation, &updates);
            assert_eq!((opened.is_ok(), believed.is_ok()), (expected, expected), "{hostile}");
        }
        for (hostile, expected) in [(least, true), (least - 1, false)] {
            let updates = [vec![least, 0], vec![hostile, 0]];
            let (opened, believed) = verdicts(&mut federation, &updates);
            assert_eq!((opened.is_ok(), believed.is_ok()), (expected, expected), "{hostile}");
        }
    }
}

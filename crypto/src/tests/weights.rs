//! Institutions of different weights: each proves its own share of the bound, and no other one.

use super::*;
use crate::quantise::share;
use crate::{
    DecodeError, DiscreteLogTable, EncryptError, MaskKeySum, MaskedSum, MaskedUpdate, SumError,
};

const D: u32 = 3;

/// One row of 100, where the largest institution has all.
fn small(bound: Bound) -> Bound {
    share(bound, 1, 100, D)
}

fn context(federation: &Federation, institution: u8, bound: Bound) -> Context {
    Context { bound, ..federation.context(institution) }
}

/// An update of any values under this bound of its author's own, proven as far as that is true.
fn update(
    federation: &mut Federation,
    institution: u8,
    bound: Bound,
    values: Vec<i64>,
) -> EncryptedUpdate {
    let context = context(federation, institution, bound);
    let update = QuantisedUpdate::unchecked(values, bound);
    let key = federation.dealing.public_key.clone();
    encrypt_with_rng(&key, &context, &update, &mut federation.rng).unwrap().prove().unwrap()
}

/// Largest in the first place that the bound proves.
fn largest(bound: Bound) -> Vec<i64> {
    vec![bound.reach().cast_signed(), 0, 0]
}

#[test]
fn an_update_proves_the_share_of_its_author_and_what_only_the_largest_may_send_is_refused() {
    for (bound, reason) in [
        (Bound::parameter(8), UpdateError::BadRangeProof),
        (Bound::parameter(16), UpdateError::BadRangeProof),
        (NORM, UpdateError::BadNormProof),
    ] {
        let mut federation = Federation::bounded(231, 1, 1, D, bound);
        let own = small(bound);
        assert!(own.reach() < bound.reach() / 20, "{own} of {bound}");
        let honest = match own {
            Bound::Parameter { most, .. } => vec![i64::from(most), -i64::from(most), 0],
            Bound::Norm { norm, .. } => vec![i64::from(norm), 0, 0],
        };
        assert!(QuantisedUpdate::new(honest.clone(), own).is_ok());
        let accepted = update(&mut federation, 1, own, honest);
        let verified = federation.verify(&accepted).unwrap();
        assert_eq!(verified.header().context().bound, own);
        // What the largest institution may send; and the first number beyond the share.
        let beyond = vec![own.reach().cast_signed() + 1, 0, 0];
        let most = match bound {
            Bound::Parameter { most, .. } => vec![most.into(); D as usize],
            Bound::Norm { norm, .. } => vec![norm.into(), 0, 0],
        };
        let hostile =
            if matches!(bound, Bound::Norm { .. }) { vec![most] } else { vec![most, beyond] };
        for values in hostile {
            assert!(QuantisedUpdate::new(values.clone(), own).is_err());
            let refused = update(&mut federation, 1, own, values.clone());
            assert_eq!(federation.verify(&refused).err(), Some(reason.clone()), "{values:?}");
        }
    }
}

#[test]
fn a_proof_made_under_one_institutions_share_holds_under_no_other() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(232, 1, 1, D, bound);
        let shares = [small(bound), share(bound, 2, 100, D), bound];
        for made in shares {
            // Within every one of them.
            let update = update(&mut federation, 1, made, vec![1, 0, 0]);
            assert!(federation.verify(&update).is_ok(), "{made}");
            for said in shares.into_iter().filter(|said| *said != made) {
                let mut other = update.clone();
                let context = context(&federation, 1, said);
                other.header[..Context::LEN].copy_from_slice(&context.encode());
                let verdict = federation.verify_header(&other.header).err();
                assert_eq!(verdict, Some(UpdateError::BadKeyProof), "{made} said to be {said}");
                assert!(federation.verify(&other).is_err());
            }
        }
    }
}

#[test]
fn nobody_has_more_than_the_round_or_another_kind_of_bound() {
    let federation =
        Federation::bounded(233, 1, 1, D, Bound::Norm { norm: 1000, projections: 256 });
    for bound in [
        Bound::Norm { norm: 1001, projections: 256 },
        Bound::Norm { norm: 10, projections: 512 },
        Bound::parameter(8),
    ] {
        let bytes = context(&federation, 1, bound).encode();
        assert!(matches!(Context::decode(&bytes), Err(DecodeError::Value { .. })), "{bound}");
    }
}

#[test]
fn an_update_that_keeps_another_bound_than_its_authors_is_not_encrypted() {
    for bound in BOUNDS {
        let federation = Federation::bounded(234, 1, 1, D, bound);
        let own = small(bound);
        let context = context(&federation, 1, own);
        let whole = QuantisedUpdate::new(vec![0; D as usize], bound).unwrap();
        let error =
            crate::update::encrypt(&federation.dealing.public_key, &context, &whole).unwrap_err();
        assert_eq!(error, EncryptError::Bound { expected: own, found: bound });
    }
}

#[test]
fn sums_are_opened_as_far_as_the_shares_of_their_summands_reach_together_and_not_one_beyond() {
    for bound in BOUNDS {
        let mut federation = Federation::bounded(235, 1, 1, D, bound);
        let own = small(bound);
        for (weights, beyond) in [([own, own], 0), ([own, bound], 0), ([own, own], 1)] {
            let mut sum = MaskedSum::new(&federation.parameters());
            let mut mask_key = curve25519_dalek::Scalar::ZERO;
            for (position, bound) in weights.into_iter().enumerate() {
                let mut values = largest(bound);
                values[0] += if position == 0 { beyond } else { 0 };
                let context = context(&federation, 1, bound);
                let update = QuantisedUpdate::unchecked(values, bound);
                let key = federation.dealing.public_key.clone();
                let unproven =
                    encrypt_with_rng(&key, &context, &update, &mut federation.rng).unwrap();
                let hash = sha2::Digest::finalize(<sha2::Sha512 as sha2::Digest>::new_with_prefix(
                    &unproven.masked,
                ));
                let parameters = context.parameters().unwrap();
                let masked =
                    MaskedUpdate::parse(&unproven.masked, &hash.into(), &parameters).unwrap();
                sum.add_masked(&masked).unwrap();
                mask_key += *unproven.k;
            }
            let reach: i64 = weights.iter().map(|bound| bound.reach().cast_signed()).sum();
            let sums = vec![reach + beyond, 0, 0];
            let opened = sum.open(&MaskKeySum(mask_key), &DiscreteLogTable::shared());
            let believed = sum.check(&MaskKeySum(mask_key), &sums, &fresh_seed());
            if beyond == 0 {
                assert_eq!((opened, believed), (Ok(sums), Ok(())), "{weights:?}");
            } else {
                assert!(opened.is_err(), "{weights:?}");
                assert!(matches!(believed, Err(SumError::OutOfRange { index: 0, .. })));
            }
        }
    }
}

#[test]
fn a_sum_takes_no_update_with_more_than_the_bound_of_its_run() {
    let mut federation = Federation::bounded(236, 1, 1, D, Bound::parameter(8));
    let parameters = Parameters::new(D, small(Bound::parameter(8))).unwrap();
    let update = federation.update(1);
    let verified = federation.verify(&update).unwrap();
    let error = MaskedSum::new(&parameters).add(&verified).unwrap_err();
    assert!(matches!(error, UpdateError::WrongBound { .. }), "{error}");
}

//! Updates bounded by their norm: what passes, what does not, and who is found out.

use rand_core::OsRng;
use sha2::{Digest, Sha256};

use super::round::{plain_sums, whole_round};
use super::tampering::{announce, neighbours};
use super::*;
use crate::bound::NormBound;
use crate::fold::{Folded, Weights};
use crate::group::encoding::Reader;
use crate::proof::Equations;
use crate::proof::norm::{self, NormProof};
use crate::transcript::{Protocol, UPDATE_WEIGHTS};
use crate::update::{body_length, encrypt, mask_length};
use crate::{
    DecodeError, DiscreteLogTable, EncryptError, HEADER_LEN, MaskKeySum, MaskedSum, MaskedUpdate,
    Quantiser, SIGNATURE_LEN, quantise,
};

const D: u32 = 3;
const N: usize = 256;
pub(super) const COMMITMENT: usize = 32 * D as usize;
pub(super) const MASK: usize = COMMITMENT + 32;
pub(super) const F: usize = MASK + 32;
pub(super) const PHI: usize = F + 32 * (N + 128 + 16);
pub(super) const SUMS: usize = PHI + 32;
pub(super) const A0: usize = SUMS + 15 * 128;
pub(super) const Q: usize = A0 + 32;
pub(super) const Z: usize = Q + 32 * 16;
pub(super) const LINK: usize = Z + 32;
const END: usize = LINK + 128;

fn bound(norm: u32, projections: u16) -> Bound {
    Bound::Norm { norm, projections }
}

fn verdict(bound: Bound, values: Vec<i64>) -> Option<UpdateError> {
    let mut federation = Federation::bounded(201, 1, 1, values.len() as u32, bound);
    let update = federation.unproven(1, values).prove().unwrap();
    federation.verify(&update).err()
}

#[test]
fn nothing_at_all_and_the_full_norm_are_proven() {
    let spread = |norm: i64| {
        let mut x = vec![norm / 10; 99];
        x.push(0);
        x
    };
    for (bound, length) in
        [(bound(1, 256), 1), (NORM, 5600), (bound(100_000_000, 256), 100_000_000)]
    {
        for values in [vec![0; 5], vec![length], vec![0, -length], spread(length)] {
            assert_eq!(verdict(bound, values), None, "{bound}");
        }
    }
    for projections in [512, 1024] {
        for norm in [1, 5600, 100_000_000] {
            let length = i64::from(norm);
            for values in [vec![0; 3], vec![length, 0], spread(length)] {
                assert_eq!(verdict(bound(norm, projections), values), None);
            }
        }
    }
}

#[test]
fn a_norm_above_the_proven_slack_is_rejected() {
    for (projections, slack) in [(256, 2.79), (512, 2.0), (1024, 1.62)] {
        let b = bound(1000, projections);
        let longest = (1000.0 * slack) as i64;
        let each = (longest as f64 / 10.0) as i64 + 1;
        for values in [vec![longest], vec![-longest, 0], vec![each; 100]] {
            assert_eq!(verdict(b, values), Some(UpdateError::BadNormProof), "{b}");
            if projections != 256 {
                break;
            }
        }
    }
    // Where squares no longer fit their author's 64 bits; where projections overflow in their author.
    for (values, reason) in [
        (vec![33_000, 0], UpdateError::BadNormProof),
        (vec![1 << 40; 4], UpdateError::BadNormProof),
        (vec![i64::MIN, 1], UpdateError::BadLinkProof),
        (vec![i64::MAX, i64::MAX], UpdateError::BadLinkProof),
    ] {
        assert_eq!(verdict(NORM, values.clone()), Some(reason), "{values:?}");
    }
}

#[test]
fn a_round_of_norms_opens_to_the_sum_of_the_updates() {
    for (b, d) in [(NORM, 9), (bound(100, 256), 3)] {
        let mut federation = Federation::bounded(202, 4, 2, d, b);
        let updates: Vec<_> = (1..=5).map(|institution| federation.update(institution)).collect();
        let sums = whole_round(&federation, &updates);
        assert_eq!(sums, plain_sums(&federation, 1..=5));
        assert!(sums.iter().any(|sum| *sum < 0) && sums.iter().any(|sum| *sum > 0));
    }
}

#[test]
fn sums_as_far_as_proofs_reach_are_read_off_and_none_beyond() {
    let mut federation = Federation::bounded(203, 4, 2, 2, NORM);
    // 1.25·B in one coordinate passes: 128 ± 8 of 256 projections see it, 148 would be too many.
    let alone: Vec<_> =
        [vec![7000, 0], vec![0, -7000]].map(|x| federation.unproven(1, x).prove().unwrap()).into();
    assert!(alone.iter().all(|update| federation.verify(update).is_ok()));
    let updates: Vec<_> =
        (1..=3).map(|who| federation.unproven(who, vec![4900, -4900]).prove().unwrap()).collect();
    assert_eq!(whole_round(&federation, &updates), [3 * 4900, -3 * 4900]);

    let reach = NormBound::new(5600, 256).unwrap().reach.cast_signed();
    for (x, believed) in [(reach, true), (-reach, true), (reach + 1, false), (-reach - 1, false)] {
        let unproven = federation.unproven(1, vec![x, 0]);
        let hash = sha2::Sha512::digest(&unproven.masked).into();
        let parameters = federation.parameters();
        let mut sum = MaskedSum::new(&parameters);
        sum.add_masked(&MaskedUpdate::parse(&unproven.masked, &hash, &parameters).unwrap())
            .unwrap();
        let mask_key = MaskKeySum(*unproven.k);
        assert_eq!(sum.open(&mask_key, &DiscreteLogTable::shared()).is_ok(), believed, "{x}");
        assert_eq!(sum.check(&mask_key, &[x, 0], &fresh_seed()).is_ok(), believed, "{x}");
    }
}

#[test]
fn a_mean_of_updates_clipped_to_a_norm_is_what_plain_averaging_gives() {
    let federation = Federation::bounded(204, 4, 2, 3, NORM);
    let quantiser = Quantiser::new(NORM, 0.5, 1.0, 3).unwrap();
    let deltas = [[0.5f32, -0.25, 0.1], [0.125, 0.5, -0.5], [-3.0, 0.0, 4.0]];
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let quantised = deltas.map(|delta| quantiser.quantise(&delta, &mut rng).unwrap().0);
    let updates: Vec<_> = (quantised.iter().zip(1..))
        .map(|(update, who)| {
            encrypt(&federation.dealing.public_key, &federation.context(who), update)
        })
        .map(|unproven| unproven.unwrap().prove().unwrap())
        .collect();
    let sums = whole_round(&federation, &updates);
    let mean = quantise::decode(&sums, NORM, 0.5, 3.0).unwrap();
    for (j, mean) in mean.iter().enumerate() {
        let clipped = |delta: &[f32; 3]| {
            let length = delta.iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
            f64::from(delta[j]) * (0.5 / length).min(1.0)
        };
        let plain = deltas.iter().map(clipped).sum::<f64>() / 3.0;
        assert!((mean - plain).abs() < 0.5 / 5000.0, "{mean} {plain}");
        let sum: i64 = quantised.iter().map(|update| update.as_slice()[j]).sum();
        assert_eq!(*mean, quantise::unit(NORM, 0.5, 3).unwrap() * sum as f64 / 3.0);
    }
}

#[test]
fn an_upload_is_32_bytes_a_parameter_and_less_than_21_kilobytes_whatever_the_norm() {
    for d in [1, 289, 100_000] {
        for norm in [1, 5_600, 100_000_000] {
            let parameters = Parameters::new(d, bound(norm, 256)).unwrap();
            let upload = HEADER_LEN + body_length(&parameters) + SIGNATURE_LEN;
            assert!(upload <= 21_000 + 32 * d as usize, "{upload} bytes for {d} parameters");
        }
    }
    let mut federation = Federation::bounded(205, 1, 1, D, NORM);
    let update = federation.update(1);
    assert_eq!(update.body.len(), body_length(&federation.parameters()));
    assert_eq!(update.body.len(), END);
    let length = |projections| body_length(&Parameters::new(D, bound(1, projections)).unwrap());
    assert_eq!([length(512), length(1024)], [END + 32 * 256, END + 32 * 768]);
}

#[test]
fn two_encryptions_of_one_input_share_no_group_element() {
    let federation = Federation::bounded(206, 1, 1, D, NORM);
    let update = QuantisedUpdate::new(federation.values(1), NORM).unwrap();
    let encrypt = || {
        encrypt(&federation.dealing.public_key, &federation.context(1), &update)
            .unwrap()
            .prove()
            .unwrap()
    };
    let one = encrypt();
    let two = encrypt();
    let mut elements: Vec<[u8; 32]> =
        [&one.body, &two.body].iter().flat_map(|body| body.as_chunks().0.to_vec()).collect();
    let all = elements.len();
    elements.sort_unstable();
    elements.dedup();
    assert_eq!(elements.len(), all, "also within one of them nothing is there twice");
}

#[test]
fn no_field_can_be_another_valid_element() {
    let mut federation = Federation::bounded(207, 1, 1, D, NORM);
    let update = federation.update(1);
    assert!(federation.verify(&update).is_ok());
    // Of the responses a few places, of everything else all. F, which is no elements, has a test of its own.
    let starts = (0..update.body.len()).step_by(32).filter(|start| {
        let of_y = (F..F + 32 * N).contains(start);
        let is_sampled = [0, 1, 100, 255].contains(&(start.wrapping_sub(F) / 32));
        !(SUMS..A0).contains(start) && (!of_y || is_sampled)
    });
    let of_y = F..F + 32 * N;
    for start in starts {
        let expected = match start {
            // Everything before e changes e, and the responses to y are the link's, too.
            ..F | A0..Z | LINK.. => UpdateError::BadLinkProof,
            start if of_y.contains(&start) => UpdateError::BadLinkProof,
            _ => UpdateError::BadNormProof,
        };
        let mut verified = 0;
        for neighbour in neighbours(&update.body[start..start + 32]) {
            let mut changed = update.clone();
            changed.body[start..start + 32].copy_from_slice(&neighbour);
            assert!(matches!(federation.verify(&changed), Err(UpdateError::IncompleteBody { .. })));
            announce(&mut changed);
            let error = federation.verify(&changed).expect_err("another element must not verify");
            if !matches!(error, UpdateError::MalformedEncoding(_)) {
                assert_eq!(error, expected, "from {start}");
                verified += 1;
            }
        }
        assert!(verified > 0, "no other element from {start}");
    }
}

#[test]
fn neighbouring_elements_cannot_change_places() {
    let mut federation = Federation::bounded(208, 1, 1, D, NORM);
    let update = federation.update(1);
    for (start, reason) in [
        (COMMITMENT, UpdateError::BadLinkProof),
        (F, UpdateError::BadLinkProof),
        (F + 32 * N, UpdateError::BadNormProof),
        (PHI - 64, UpdateError::BadNormProof),
        (Q, UpdateError::BadLinkProof),
        (LINK, UpdateError::BadLinkProof),
        (LINK + 64, UpdateError::BadLinkProof),
    ] {
        let mut changed = update.clone();
        let (one, two) = changed.body[start..].split_at_mut(32);
        one.swap_with_slice(&mut two[..32]);
        announce(&mut changed);
        assert_eq!(federation.verify(&changed).err(), Some(reason), "from {start}");
    }
}

#[test]
fn every_byte_of_the_sums_counts_and_all_of_them_together_are_in_range() {
    let mut federation = Federation::bounded(212, 1, 1, D, NORM);
    let update = federation.update(1);
    for position in (SUMS..A0).step_by(7).chain([A0 - 1]) {
        let mut changed = update.clone();
        changed.body[position] ^= 1 << (position % 8);
        announce(&mut changed);
        // Another F gives another ω and another e.
        assert_eq!(federation.verify(&changed).err(), Some(UpdateError::BadLinkProof));
    }
}

#[test]
fn lengths_are_exact_and_elements_canonical() {
    let mut federation = Federation::bounded(209, 1, 1, D, NORM);
    let update = federation.update(1);
    // Less 17 bytes: sums of 15 bytes in the place of 16, and so on.
    for length in [0, COMMITMENT, A0, END - 32, END - 17, END - 1, END + 1, END + 32] {
        let mut changed = update.clone();
        changed.body.resize(length, 0);
        announce(&mut changed);
        assert!(matches!(
            federation.verify(&changed),
            Err(UpdateError::MalformedEncoding(DecodeError::Length { .. }))
        ));
    }
    for start in [0, COMMITMENT, MASK, F, F + 32 * 399, PHI, A0, Q, Z - 32, Z, LINK, END - 32] {
        let mut changed = update.clone();
        changed.body[start..start + 32].fill(0xff);
        announce(&mut changed);
        assert!(
            matches!(federation.verify(&changed), Err(UpdateError::MalformedEncoding(_))),
            "from {start}"
        );
    }
}

#[test]
fn a_proof_is_of_its_own_bound_round_institution_and_key_only() {
    let mut federation = Federation::bounded(210, 1, 1, D, NORM);
    let update = federation.update(1);
    let mut contexts = vec![federation.context(2)];
    for change in [
        (|round| round.chain_id.0[0] ^= 1) as fn(&mut RoundContext),
        |round| round.step += 1,
        |round| round.attempt += 1,
        |round| round.model_hash.0[31] ^= 1,
    ] {
        let mut context = federation.context(1);
        change(&mut context.round);
        contexts.push(context);
    }
    // A key proof of another round or institution, made by the same author, over this body.
    for context in contexts {
        let mut changed = update.clone();
        changed.header[..Context::LEN].copy_from_slice(&context.encode());
        assert_eq!(
            federation.verify(&changed).err(),
            Some(UpdateError::BadKeyProof),
            "{context:?}"
        );
    }
    let mut moved = federation.update(2);
    moved.body.clone_from(&update.body);
    announce(&mut moved);
    assert_eq!(federation.verify(&moved).err(), Some(UpdateError::BadLinkProof));
    moved.body[..COMMITMENT].copy_from_slice(&federation.update(2).body[..COMMITMENT]);
    announce(&mut moved);
    assert_eq!(federation.verify(&moved).err(), Some(UpdateError::BadLinkProof));

    for other in [bound(5599, 256), bound(5600, 512), Bound::parameter(8), Bound::parameter(16)] {
        let mut elsewhere = Federation::bounded(210, 1, 1, D, other);
        assert_eq!(elsewhere.dealing.public_key, federation.dealing.public_key);
        let expected = UpdateError::WrongBound { expected: other, found: NORM };
        assert_eq!(elsewhere.verify(&update).err(), Some(expected));
        // The context rewritten to the other bound, and an update of the other bound with this proof in its body.
        let mut forged = update.clone();
        forged.header[..Context::LEN].copy_from_slice(&elsewhere.context(1).encode());
        assert_eq!(elsewhere.verify_header(&forged.header).err(), Some(UpdateError::BadKeyProof));
        assert!(elsewhere.verify(&forged).is_err());
        let mut transplant = elsewhere.update(1);
        transplant.body.truncate(COMMITMENT);
        transplant.body.extend(&update.body[COMMITMENT..]);
        announce(&mut transplant);
        let error = elsewhere.verify(&transplant).unwrap_err();
        match other {
            Bound::Norm { projections: 256, .. } => assert_eq!(error, UpdateError::BadLinkProof),
            _ => assert!(matches!(error, UpdateError::MalformedEncoding(_)), "{error}"),
        }
    }
}

#[test]
fn culprits_are_found_among_the_honest_whatever_else_is_in_the_batch() {
    let mut federation = Federation::bounded(211, 1, 1, D, NORM);
    let mut updates: Vec<_> = (1..=4).map(|who| federation.update(who)).collect();
    updates.push(federation.unproven(5, vec![20_000, 0, 0]).prove().unwrap());
    let tamper = |update: &mut EncryptedUpdate, start: usize| {
        let neighbour = neighbours(&update.body[start..start + 32]);
        update.body[start..start + 32].copy_from_slice(neighbour.last().unwrap());
        announce(update);
    };
    tamper(&mut updates[1], LINK + 96);
    tamper(&mut updates[3], PHI);
    let expected = [
        None,
        Some(UpdateError::BadLinkProof),
        None,
        Some(UpdateError::BadNormProof),
        Some(UpdateError::BadNormProof),
    ];
    for (start, end) in [(0, 5), (0, 1), (1, 3), (2, 4), (2, 5), (0, 2)] {
        let candidates =
            updates[start..end].iter().map(|update| federation.parse(update).unwrap()).collect();
        let verdicts = verify_updates(&federation.dealing.public_key, candidates);
        let verdicts: Vec<_> = verdicts.into_iter().map(Result::err).collect();
        assert_eq!(verdicts, expected[start..end]);
    }
}

#[test]
fn an_honest_author_with_unlucky_projections_is_told_and_a_cheat_is_not() {
    let base = merlin::Transcript::new(b"test");
    let rng = || base.witness_rng(&[], &mut OsRng);
    let k = curve25519_dalek::Scalar::ONE;
    let proven =
        |bound: &NormBound, x: &[i64]| norm::prove(&base, bound, x, &k, &k, &mut rng()).err();
    let bound = NormBound::new(1000, 256).unwrap();
    let tight = NormBound { squares: 100 * 1000 * 1000, ..bound };
    assert_eq!(proven(&tight, &[1000]), Some(EncryptError::Unlucky));
    assert_eq!(proven(&tight, &[1001]), None);
    assert_eq!(proven(&bound, &[1000]), None);
}

/// The proof of x as it stands under a bound whose squares are given, read again.
fn squares_hold(bound: &NormBound, x: &[i64], squares: u64) -> bool {
    let base = merlin::Transcript::new(b"test");
    let key = Federation::new(213, 1, 1, 1, 8).dealing.public_key;
    let k = curve25519_dalek::Scalar::ONE;
    let bound = NormBound { squares, ..*bound };
    let mut rng = base.witness_rng(&[], &mut OsRng);
    let proof = norm::prove(&base, &bound, x, &k, &k, &mut rng).unwrap();
    let mut reader = Reader::new("proof", &proof, norm::length(&bound)).unwrap();
    let proof = NormProof::read(&mut reader, bound).unwrap();
    let mut weights = Weights::new(UPDATE_WEIGHTS, 1, &key, None, []);
    let mut folded = Folded::default();
    proof.fold(&proof.challenges(&base), Equations::Norm, &[], &[], &mut weights, &mut folded);
    folded.holds(&key)
}

#[test]
fn squares_up_to_the_bound_pass_and_one_more_does_not() {
    let base = merlin::Transcript::new(b"test");
    for projections in [256, 512, 1024] {
        let bound = NormBound::new(1000, projections).unwrap();
        // Beyond the norm, so that its author is no honest one whom luck could leave.
        let x = [900, -800];
        let squares = norm::squares(&base, &bound, &x);
        assert!(squares_hold(&bound, &x, squares));
        assert!(squares_hold(&bound, &x, squares + 1));
        assert!(!squares_hold(&bound, &x, squares - 1));
        assert!(squares_hold(&bound, &x, u64::MAX >> 1));
    }
}

#[test]
fn sums_said_in_the_clear_are_uniform_whatever_the_update_is() {
    let base = merlin::Transcript::new(b"test");
    let bound = NormBound::new(100_000_000, 256).unwrap();
    let k = curve25519_dalek::Scalar::ONE;
    for x in [[0, 0], [0, 100_000_000]] {
        let mut counts = [[0u32; 256]; 15];
        for _ in 0..40 {
            let mut rng = base.witness_rng(&[], &mut OsRng);
            let proof = norm::prove(&base, &bound, &x, &k, &k, &mut rng).unwrap();
            let sums = &proof[SUMS - COMMITMENT..A0 - COMMITMENT];
            for sum in sums.as_chunks::<15>().0 {
                sum.iter().zip(&mut counts).for_each(|(byte, counts)| counts[*byte as usize] += 1);
            }
        }
        for (place, counts) in counts.iter().enumerate() {
            // χ² of 255 degrees of freedom, standard deviation 22.6: less than 2^-40 for each to be so far off.
            let expected = 40.0 * 128.0 / 256.0;
            let distance: f64 =
                counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
            assert!((120.0..440.0).contains(&distance), "byte {place} of {x:?}: {distance}");
        }
    }
}

#[test]
fn the_same_randomness_makes_the_same_proof() {
    let mut federation = Federation::bounded(2026, 4, 2, 1000, NORM);
    let update = federation.update(1);
    assert!(federation.verify(&update).is_ok());
    let own = &update.body[..mask_length(&federation.parameters()) + END - COMMITMENT];
    let hex: String = Sha256::digest(own).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "f386615e74cbe30b6fc6369621a06b702ffd713f84cdcde4a9b83a17901a5112");
}

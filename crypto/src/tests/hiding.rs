//! Culprits among nine honest institutions, in one folded sum: exactly the culprit is refused, for its own reason.

use curve25519_dalek::scalar::Scalar;

use super::arithmetic::{power, root_of_minus_one};
use super::forge::{Early, Lies, forge};
use super::norm::{A0, COMMITMENT, F, LINK, MASK, PHI, Q, SUMS, Z};
use super::order::{federation, long, wrapping};
use super::tampering::{announce, neighbours};
use super::*;

/// What institution 1 sends, and why it is refused.
type Lie = (&'static str, fn(&mut Federation) -> EncryptedUpdate, UpdateError);

fn forged(federation: &mut Federation, x: Vec<Scalar>, early: Early) -> EncryptedUpdate {
    forge(federation, x, early).0
}

/// One field of the body another element: the point plus g, or the scalar plus 1.
fn change(update: &mut EncryptedUpdate, start: usize) {
    let neighbours = neighbours(&update.body[start..start + 32]);
    let is_scalar = (F..SUMS).contains(&start) || [A0, Z, LINK + 64, LINK + 96].contains(&start);
    let neighbour = if is_scalar { neighbours.last() } else { neighbours.first() };
    update.body[start..start + 32].copy_from_slice(neighbour.unwrap());
    announce(update);
}

fn changed<const START: usize>(federation: &mut Federation) -> EncryptedUpdate {
    let mut update = federation.update(1);
    change(&mut update, START);
    update
}

/// The proof, masks and all, of another body under one's own header.
fn moved(mut own: EncryptedUpdate, other: &EncryptedUpdate) -> EncryptedUpdate {
    own.body.clone_from(&other.body);
    announce(&mut own);
    own
}

/// One's own update of a round that differs from the federation's in one thing.
fn elsewhere(federation: &mut Federation, change: fn(&mut RoundContext)) -> EncryptedUpdate {
    let here = federation.round.clone();
    change(&mut federation.round);
    let update = federation.update(1);
    federation.round = here;
    update
}

const LIES: &[Lie] = &[
    (
        "a norm just above the proven slack",
        |f| f.unproven(1, vec![2790, 0, 0]).prove().unwrap(),
        UpdateError::BadNormProof,
    ),
    (
        "one coordinate of 2^200",
        |f| {
            let huge = power(&Scalar::from(2u64), &Scalar::from(200u64), 0);
            forged(f, vec![huge, Scalar::ZERO, Scalar::ZERO], Early::Nothing)
        },
        UpdateError::BadNormProof,
    ),
    (
        "a vector that wraps around",
        |f| forged(f, vec![Scalar::from(2u64).invert(); 3], Early::Nothing),
        UpdateError::BadNormProof,
    ),
    (
        "squares below nothing",
        |f| forged(f, vec![root_of_minus_one(); 3], Early::Nothing),
        UpdateError::BadNormProof,
    ),
    (
        "projections of another vector",
        |f| {
            let lies = Lies { projections: |y| y[7] += Scalar::ONE, ..Lies::default() };
            forge(f, long(), lies).0
        },
        UpdateError::BadLinkProof,
    ),
    (
        "a digit of 16",
        |f| {
            let lies = Lies { digits: |v| v[15] = Scalar::from(16u64), ..Lies::default() };
            forge(f, vec![Scalar::ONE; 3], lies).0
        },
        UpdateError::BadNormProof,
    ),
    (
        "sums of other projections",
        |f| {
            let lies = Lies { sums: |sums| sums[3] ^= 1, ..Lies::default() };
            forge(f, vec![Scalar::ONE; 3], lies).0
        },
        UpdateError::BadNormProof,
    ),
    ("γ before C_y", |f| forged(f, long(), Early::Gamma), UpdateError::BadLinkProof),
    ("R before C_y", |f| forged(f, wrapping(), Early::Subsets), UpdateError::BadNormProof),
    ("χ before C_y", |f| forged(f, long(), Early::Chi), UpdateError::BadNormProof),
    ("ω before F", |f| forged(f, wrapping(), Early::Omega), UpdateError::BadNormProof),
    ("e before M", |f| forged(f, long(), Early::Mask), UpdateError::BadLinkProof),
    ("e before a0", |f| forged(f, wrapping(), Early::Constant), UpdateError::BadLinkProof),
    ("e before Q", |f| forged(f, long(), Early::Coefficients), UpdateError::BadLinkProof),
    ("e before T", |f| forged(f, long(), Early::Link), UpdateError::BadLinkProof),
    ("another C_y", changed::<COMMITMENT>, UpdateError::BadLinkProof),
    ("another M", changed::<MASK>, UpdateError::BadLinkProof),
    ("another response to y", changed::<F>, UpdateError::BadLinkProof),
    ("another response to p", changed::<{ F + 32 * 256 }>, UpdateError::BadNormProof),
    ("another response to a digit", changed::<{ PHI - 32 }>, UpdateError::BadNormProof),
    ("another φ", changed::<PHI>, UpdateError::BadNormProof),
    ("another a0", changed::<A0>, UpdateError::BadLinkProof),
    ("another Q_0", changed::<Q>, UpdateError::BadLinkProof),
    ("another Q_15", changed::<{ Z - 32 }>, UpdateError::BadLinkProof),
    ("another z", changed::<Z>, UpdateError::BadNormProof),
    ("another T", changed::<LINK>, UpdateError::BadLinkProof),
    ("another response of the link", changed::<{ LINK + 96 }>, UpdateError::BadLinkProof),
    (
        "the proof of another institution",
        |f| {
            let other = f.update(2);
            moved(f.update(1), &other)
        },
        UpdateError::BadLinkProof,
    ),
    (
        "the proof of another attempt",
        |f| {
            let other = elsewhere(f, |round| round.attempt += 1);
            moved(f.update(1), &other)
        },
        UpdateError::BadLinkProof,
    ),
    (
        "the proof of another bound",
        |f| {
            let other =
                elsewhere(f, |round| round.bound = Bound::Norm { norm: 1001, projections: 256 });
            moved(f.update(1), &other)
        },
        UpdateError::BadLinkProof,
    ),
    (
        "a header of another attempt renamed",
        |f| {
            let mut other = elsewhere(f, |round| round.attempt += 1);
            other.header[..Context::LEN].copy_from_slice(&f.context(1).encode());
            other
        },
        UpdateError::BadKeyProof,
    ),
];

#[test]
fn exactly_the_culprit_among_ten_is_refused_whatever_its_lie() {
    let mut federation = federation(401, 3);
    let honest: Vec<_> = (2..=10).map(|who| federation.update(who)).collect();
    for (number, (lie, tell, reason)) in LIES.iter().enumerate() {
        let mut batch = honest.clone();
        let culprit = number % 10;
        batch.insert(culprit, tell(&mut federation));
        let candidates = batch.iter().map(|update| federation.parse(update).unwrap()).collect();
        let verdicts = verify_updates(&federation.dealing.public_key, candidates);
        for (place, verdict) in verdicts.into_iter().enumerate() {
            assert_eq!(
                verdict.err().as_ref(),
                Some(reason).filter(|_| place == culprit),
                "{lie}: {place}"
            );
        }
    }
}

#[test]
fn liars_are_refused_each_for_its_own_reason_also_where_they_are_most_of_a_batch() {
    let mut federation = federation(402, 3);
    let honest = federation.update(2);
    let mut updates: Vec<_> =
        LIES.iter().map(|(_, tell, reason)| (tell(&mut federation), Some(reason))).collect();
    updates.insert(5, (honest.clone(), None));
    updates.push((honest, None));
    let candidates = updates.iter().map(|(update, _)| federation.parse(update).unwrap()).collect();
    let verdicts = verify_updates(&federation.dealing.public_key, candidates);
    for ((place, verdict), (_, expected)) in verdicts.into_iter().enumerate().zip(&updates) {
        assert_eq!(verdict.err().as_ref(), *expected, "{place}");
    }
}

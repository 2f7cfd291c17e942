//! Culprits among nine honest institutions, in one folded sum: exactly the culprit is refused, for its own reason.

use curve25519_dalek::scalar::Scalar;

use super::arithmetic::{power, root_of_minus_one};
use super::norm::{F, LINK, MASKS, PHI, PRODUCTS, RANGES, V, Z};
use super::order::{Early, federation, forge, long};
use super::tampering::{announce, neighbours};
use super::*;

/// What institution 1 sends, and why it is refused.
type Lie = (&'static str, fn(&mut Federation) -> EncryptedUpdate, UpdateError);

fn forged(federation: &mut Federation, x: Vec<Scalar>, early: Early) -> EncryptedUpdate {
    forge(federation, x, early, |_| ()).0
}

/// One field of the body another element: the point plus g, or the scalar plus 1.
fn change(update: &mut EncryptedUpdate, start: usize) {
    let neighbours = neighbours(&update.body[start..start + 32]);
    let is_scalar = (LINK + 96..RANGES).contains(&start);
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
        UpdateError::BadRangeProof,
    ),
    (
        "one coordinate of 2^200",
        |f| {
            let huge = power(&Scalar::from(2u64), &Scalar::from(200u64), 0);
            forged(f, vec![huge, Scalar::ZERO, Scalar::ZERO], Early::Nothing)
        },
        UpdateError::BadRangeProof,
    ),
    (
        "a vector that wraps around",
        |f| forged(f, vec![Scalar::from(2u64).invert(); 3], Early::Nothing),
        UpdateError::BadRangeProof,
    ),
    (
        "squares below nothing",
        |f| forged(f, vec![root_of_minus_one(); 3], Early::Nothing),
        UpdateError::BadRangeProof,
    ),
    (
        "projections of another vector",
        |f| forge(f, long(), Early::Nothing, |y| y[7] += Scalar::ONE).0,
        UpdateError::BadLinkProof,
    ),
    (
        "squares of other projections",
        |f| forged(f, long(), Early::Squares),
        UpdateError::BadNormProof,
    ),
    ("γ before V", |f| forged(f, long(), Early::Gamma), UpdateError::BadLinkProof),
    ("e before A0, A1, S", |f| forged(f, long(), Early::Products), UpdateError::BadLinkProof),
    ("e before M", |f| forged(f, long(), Early::Masks), UpdateError::BadLinkProof),
    ("e before T", |f| forged(f, long(), Early::Link), UpdateError::BadLinkProof),
    ("ω before f", |f| forged(f, long(), Early::Responses), UpdateError::BadNormProof),
    ("another V", changed::<V>, UpdateError::BadLinkProof),
    ("another M", changed::<MASKS>, UpdateError::BadLinkProof),
    ("another A0", changed::<PRODUCTS>, UpdateError::BadLinkProof),
    ("another S", changed::<{ PRODUCTS + 64 }>, UpdateError::BadLinkProof),
    ("another T", changed::<LINK>, UpdateError::BadLinkProof),
    ("another response of the link", changed::<{ LINK + 192 }>, UpdateError::BadLinkProof),
    ("another f", changed::<F>, UpdateError::BadNormProof),
    ("another z", changed::<Z>, UpdateError::BadNormProof),
    ("another φ", changed::<PHI>, UpdateError::BadNormProof),
    ("another range proof", changed::<{ RANGES }>, UpdateError::BadRangeProof),
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

//! A signer that follows the design's formulas word by word, with whatever it is given: for forgeries, and to compare.

use blstrs::{G1Affine, G1Projective, Scalar};
use ff::Field;
use group::prime::PrimeCurveAffine;
use group::{Curve, Group};

use super::*;
use crate::group_signature::curve::{Secret, affine, append_g1, challenge};
use crate::group_signature::parameters::bases;

/// What a signature is made with. Nothing of it need belong together.
#[derive(Clone, Copy)]
pub(super) struct Witness {
    pub(super) a: G1Affine,
    pub(super) e: Scalar,
    pub(super) s: Scalar,
    /// What is encrypted; s·f for a member.
    pub(super) f: G1Affine,
    pub(super) r: Scalar,
    pub(super) rho: Scalar,
}

pub(super) fn scalar(rng: &mut ChaCha20Rng) -> Scalar {
    Secret::random(rng).0
}

impl Witness {
    /// A member's certificate and secret, with fresh randomness.
    pub(super) fn of(member: &Member, s: Scalar, rng: &mut ChaCha20Rng) -> Self {
        let Certificate { a, e, .. } = member.certificate();
        let f = (bases().f * s).to_affine();
        Self { a, e, s, f, r: scalar(rng), rho: scalar(rng) }
    }

    pub(super) fn sign(&self, group: &GroupParameters, rng: &mut ChaCha20Rng) -> GroupSignature {
        let Self { a, e, s, f, r, rho } = *self;
        let u = r * s;
        let theta = r * rho;
        let a_bar = a * r;
        let b_bar = group.g1 * r + group.h1 * u - a_bar * e;
        let hidden =
            [bases().k * rho, group.z1() * rho + f.to_curve(), bases().z2 * rho + f.to_curve()];
        finish(group, [a_bar, b_bar], hidden, [e, r, u, theta], rng)
    }
}

/// Proves with the witness (e, r, u, θ) whatever the points are.
pub(super) fn finish(
    group: &GroupParameters,
    [a_bar, b_bar]: [G1Projective; 2],
    [e0, e1, e2]: [G1Projective; 3],
    witness: [Scalar; 4],
    rng: &mut ChaCha20Rng,
) -> GroupSignature {
    let nonces = [(); 4].map(|()| scalar(rng));
    let [n_e, n_r, n_u, n_theta] = nonces;
    let f_u = bases().f * n_u;
    let points = affine([
        a_bar,
        b_bar,
        e0,
        e1,
        e2,
        group.g1 * n_r + group.h1 * n_u - a_bar * n_e,
        e0 * n_r - bases().k * n_theta,
        e1 * n_r - group.z1() * n_theta - f_u,
        e2 * n_r - bases().z2 * n_theta - f_u,
    ]);
    let mut transcript = transcript::signature(group.hash(), CONTEXT, MESSAGE);
    append_g1(&mut transcript, b"points", &points);
    let c = challenge(&mut transcript, b"c");
    let z = std::array::from_fn(|i| nonces[i] + c * witness[i]);
    let [a, b, e0, e1, e2, ..] = points;
    GroupSignature { a, b, e: [e0, e1, e2], c, z }
}

#[test]
fn a_signature_by_the_formulas_as_designed_is_accepted_and_opens_to_its_signer() {
    let mut world = World::new(1, 2);
    let secret = MemberSecret::generate(&mut world.rng);
    let s = secret.s.0;
    let join = world.statement(7, &secret);
    let join = world.verify(7, join).unwrap();
    world.registry.enrol(&join).unwrap();
    let certificate = world.issuer.certify(&world.group, &join, &mut world.rng).unwrap();
    let member = Member::new(&world.group, secret, &certificate).unwrap();
    let signature = Witness::of(&member, s, &mut world.rng).sign(&world.group, &mut world.rng);
    let verified = world.check(&signature).unwrap();
    assert_eq!(world.open(&verified), Ok(Verdict::Signed(name(7))));
}

#[test]
fn without_a_certificate_nobody_signs_not_even_with_the_identity_in_its_place() {
    let mut world = World::new(2, 1);
    // With Ā = B̄ = 0 and the witness 0, every equation of the proof holds, whatever is encrypted, and so does the pairing.
    let zero = G1Projective::identity();
    let anything = [bases().k, bases().f, bases().z2];
    let forged = finish(&world.group, [zero; 2], anything, [Scalar::ZERO; 4], &mut world.rng);
    assert_eq!(world.check(&forged).unwrap_err(), GroupError::BadSignature);
    let refused = GroupError::Identity { what: "group signature" };
    assert_eq!(GroupSignature::decode(&forged.encode()).unwrap_err(), refused);
    // What refuses it is Ā alone: the same proof under another Ā with its B̄, of which r = 0 says nothing, fails.
    let not_zero = [world.group.g1.to_curve(), zero];
    let forged = finish(&world.group, not_zero, anything, [Scalar::ZERO; 4], &mut world.rng);
    assert_eq!(world.check(&forged).unwrap_err(), GroupError::NotCertified);
}

#[test]
fn anothers_secret_does_not_go_with_ones_certificate() {
    let mut world = World::new(3, 2);
    let other = MemberSecret::generate(&mut world.rng);
    let mut witness = Witness::of(&world.members[0], other.s.0, &mut world.rng);
    let signature = witness.sign(&world.group, &mut world.rng);
    assert_eq!(world.check(&signature).unwrap_err(), GroupError::NotCertified);
    // Nor does a certificate go with another e.
    witness.e += Scalar::ONE;
    let signature = witness.sign(&world.group, &mut world.rng);
    assert_eq!(world.check(&signature).unwrap_err(), GroupError::NotCertified);
}

#[test]
fn an_issuer_without_a_members_secret_cannot_sign_as_the_member() {
    let mut world = World::new(4, 1);
    let secret = MemberSecret::generate(&mut world.rng);
    let join = world.statement(1, &secret);
    let victim = world.verify(1, join).unwrap();
    world.registry.enrol(&victim).unwrap();
    // It certifies a secret of its own, for which nobody joined.
    let own = scalar(&mut world.rng);
    let e = scalar(&mut world.rng);
    let inverse = world.issuer.inverse(&e).unwrap();
    let a = ((world.group.h1 * own + world.group.g1) * inverse.0).to_affine();
    let f = (bases().f * own).to_affine();
    let (r, rho) = (scalar(&mut world.rng), scalar(&mut world.rng));
    let phantom = Witness { a, e, s: own, f, r, rho };
    let signature = phantom.sign(&world.group, &mut world.rng);
    let verified = world.check(&signature).unwrap();
    assert_eq!(world.open(&verified), Ok(Verdict::Phantom), "which opening shows");
    // It encrypts the victim's F with it; or certifies the victim's H, which goes with no other secret.
    let disguised = Witness { f: victim.f, ..phantom }.sign(&world.group, &mut world.rng);
    assert_eq!(world.check(&disguised).unwrap_err(), GroupError::BadSignature);
    let a = ((victim.h.to_curve() + world.group.g1) * inverse.0).to_affine();
    for f in [victim.f, f] {
        let signature = Witness { a, f, ..phantom }.sign(&world.group, &mut world.rng);
        assert!(world.check(&signature).is_err());
    }
    // One half of the encryption is not enough either.
    for half in [1, 2] {
        let mut points = [bases().k * rho, world.group.z1() * rho + f, bases().z2 * rho + f];
        points[half] += victim.f.to_curve() - f.to_curve();
        let a_bar = phantom.a * r;
        let b_bar = world.group.g1 * r + world.group.h1 * (r * own) - a_bar * e;
        let witness = [e, r, r * own, r * rho];
        let signature = finish(&world.group, [a_bar, b_bar], points, witness, &mut world.rng);
        assert_eq!(world.check(&signature).unwrap_err(), GroupError::BadSignature);
    }
}

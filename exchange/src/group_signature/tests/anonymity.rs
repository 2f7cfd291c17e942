//! The anonymity game: two members' secrets known, an oracle that opens everything but the challenge.
//!
//! Bellare, Shi, Zhang, CT-RSA 2005, section 3. A game as a test shows that the attacks it plays fail, and that they would
//! succeed against a scheme without the defence; that there are no others is the proof's business.

use blstrs::{G1Affine, Scalar};
use ff::Field;
use group::Curve;
use group::prime::PrimeCurveAffine;
use rand_core::RngCore;

use super::forge::{Witness, finish, scalar};
use super::*;
use crate::group_signature::parameters::bases;

struct Game {
    world: World,
    challenge: GroupSignature,
    /// The one of members 0 and 1 who signed the challenge.
    signer: usize,
}

impl Game {
    fn new(seed: u64) -> Self {
        let mut world = World::new(seed, 3);
        let signer = (world.rng.next_u32() & 1) as usize;
        let challenge = world.sign(signer, MESSAGE);
        Self { world, challenge, signer }
    }

    /// Opens any signature that verifies, under any claim, but the challenge.
    fn oracle(&mut self, claim: Claim<'_>) -> Option<Verdict> {
        let verified = claim.verify(&self.world.group).ok()?;
        if *claim.signature == self.challenge && claim.message == MESSAGE {
            return None;
        }
        self.world.open(&verified).ok()
    }
}

/// The challenge with its ciphertext randomised: it encrypts the same F.
fn rerandomised(game: &mut Game) -> GroupSignature {
    let rho = scalar(&mut game.world.rng);
    let [e0, e1, e2] = game.challenge.e;
    let e = [
        e0.to_curve() + bases().k * rho,
        e1.to_curve() + game.world.group.z1() * rho,
        e2.to_curve() + bases().z2 * rho,
    ];
    GroupSignature { e: e.map(|point| point.to_affine()), ..game.challenge.clone() }
}

#[test]
fn an_oracle_that_opens_everything_but_the_challenge_does_not_help_to_open_it() {
    for seed in 60..64 {
        let mut game = Game::new(seed);
        let honest = game.world.sign(2, MESSAGE);
        let answer = game.oracle(claim(0, &honest));
        assert_eq!(answer, Some(Verdict::Signed(name(2))), "the oracle does answer");
        let challenge = game.challenge.clone();
        assert_eq!(game.oracle(claim(0, &challenge)), None);
        // The challenge in other clothes: other ciphertext, other hiding of the certificate, other responses, other message.
        let ciphertext = rerandomised(&mut game);
        let factor = scalar(&mut game.world.rng);
        let certificate = GroupSignature {
            a: (challenge.a * factor).to_affine(),
            b: (challenge.b * factor).to_affine(),
            ..challenge.clone()
        };
        let mut scaled = certificate.clone();
        scaled.z = challenge.z.map(|z| z * factor);
        scaled.z[0] = challenge.z[0];
        let mut shifted = challenge.clone();
        shifted.c += Scalar::from(1u64);
        let negated = GroupSignature {
            e: challenge.e.map(|point: G1Affine| -point),
            z: [challenge.z[0], -challenge.z[1], -challenge.z[2], challenge.z[3]],
            ..challenge.clone()
        };
        for mauled in [&ciphertext, &certificate, &scaled, &shifted, &negated] {
            assert_eq!(game.oracle(claim(0, mauled)), None);
        }
        let other = Claim { message: b"another", ..claim(0, &challenge) };
        assert_eq!(game.oracle(other), None);
        // A ciphertext of the challenge in a signature of the adversary's own, with member 2's certificate.
        let Certificate { a, e, .. } = game.world.members[2].certificate();
        let r = scalar(&mut game.world.rng);
        let b_bar = game.world.group.g1 * r - a * (r * e);
        let points = ciphertext.e.map(|point| point.to_curve());
        let witness = [e, r, scalar(&mut game.world.rng), scalar(&mut game.world.rng)];
        let group = game.world.group.clone();
        let grafted = finish(&group, [a * r, b_bar], points, witness, &mut game.world.rng);
        assert_eq!(game.oracle(claim(0, &grafted)), None);
    }
}

#[test]
fn an_opener_that_did_not_verify_first_would_be_such_a_help() {
    let mut game = Game::new(70);
    let mauled = rerandomised(&mut game);
    assert!(game.world.check(&mauled).is_err());
    let [e0, e1, _] = mauled.e;
    let f = (e1.to_curve() - e0 * game.world.opener.zeta.0).to_affine();
    assert_eq!(game.world.registry.member(&f), Some(name(game.signer)), "the challenge is open");
}

/// What somebody who has both members' certificates and identities can compare a signature's points with: whether its
/// certificate or its ciphertext is the member's, not hidden.
fn looks_like(signature: &GroupSignature, certificate: &Certificate, f: &G1Affine) -> bool {
    let Certificate { a, e, .. } = certificate;
    let [e0, e1, e2] = signature.e;
    let hidden = [e1, e2].map(|half| (half.to_curve() - f).to_affine());
    signature.a == *a
        || (signature.b.to_curve() + signature.a * e).to_affine() == (signature.a * e).to_affine()
        || hidden.contains(&G1Affine::identity())
        || hidden.contains(&e0)
}

#[test]
fn who_knows_both_members_secrets_recognises_a_signer_that_hides_nothing_and_no_honest_one() {
    let mut world = World::new(71, 0);
    let mut members = Vec::new();
    for number in 0..2 {
        let secret = MemberSecret::generate(&mut world.rng);
        let s = secret.s.0;
        let join = world.statement(number, &secret);
        let join = world.verify(number, join).unwrap();
        let certificate = world.issuer.certify(&world.group, &join, &mut world.rng).unwrap();
        members.push((Member::new(&world.group, secret, &certificate).unwrap(), s, join.f));
    }
    for (member, s, f) in &members {
        let honest = Witness::of(member, *s, &mut world.rng);
        let certificate_shown = Witness { r: Scalar::ONE, ..honest };
        let identity_shown = Witness { rho: Scalar::ZERO, ..honest };
        for careless in [certificate_shown, identity_shown] {
            let signature = careless.sign(&world.group, &mut world.rng);
            assert!(world.check(&signature).is_ok(), "it verifies, but shows who signed");
            let guesses = members
                .iter()
                .map(|(member, _, f)| looks_like(&signature, &member.certificate(), f));
            let own = members.iter().map(|(_, _, other)| other == f);
            assert!(guesses.eq(own));
        }
        for _ in 0..20 {
            let signature = member.sign(CONTEXT, MESSAGE, &mut world.rng);
            for (member, _, f) in &members {
                assert!(!looks_like(&signature, &member.certificate(), f));
            }
        }
    }
}

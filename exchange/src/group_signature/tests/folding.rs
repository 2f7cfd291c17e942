//! Many signatures, verified together.

use blstrs::Scalar;
use group::Curve;

use super::forge::{Witness, scalar};
use super::*;

fn signatures(world: &mut World, count: usize) -> Vec<GroupSignature> {
    (0..count).map(|number| world.sign(number % world.members.len(), MESSAGE)).collect()
}

fn verify(world: &mut World, signatures: &[GroupSignature]) -> Vec<Result<(), GroupError>> {
    let claims: Vec<Claim<'_>> = signatures.iter().map(|signature| claim(0, signature)).collect();
    let verified = verify_signatures(&world.group, &claims, &mut world.rng);
    verified.into_iter().map(|verified| verified.map(|_| ())).collect()
}

#[test]
fn folded_signatures_are_accepted_as_each_alone_is() {
    let mut world = World::new(30, 3);
    let signatures = signatures(&mut world, 9);
    assert_eq!(verify(&mut world, &signatures), vec![Ok(()); 9]);
    assert_eq!(verify(&mut world, &[]), []);
    let claims: Vec<Claim<'_>> = signatures.iter().map(|signature| claim(0, signature)).collect();
    let folded = verify_signatures(&world.group, &claims, &mut world.rng);
    for (folded, signature) in folded.into_iter().zip(&signatures) {
        assert_eq!(folded, world.check(signature));
    }
}

#[test]
fn one_bad_signature_among_many_is_named_with_its_reason() {
    let mut world = World::new(31, 3);
    let mut signatures = signatures(&mut world, 8);
    let uncertified = Witness::of(&world.members[0], Scalar::from(7u64), &mut world.rng);
    signatures[2] = uncertified.sign(&world.group, &mut world.rng);
    signatures[5].c += Scalar::from(1u64);
    let mut expected = vec![Ok(()); 8];
    expected[2] = Err(GroupError::NotCertified);
    expected[5] = Err(GroupError::BadSignature);
    assert_eq!(verify(&mut world, &signatures), expected);
    let claims = [claim(3, &signatures[0]), claim(0, &signatures[1])];
    let verified = verify_signatures(&world.group, &claims, &mut world.rng);
    assert_eq!(verified[0], Err(GroupError::OtherEpoch { expected: 0, found: 3 }));
    assert!(verified[1].is_ok());
}

#[test]
fn errors_that_cancel_without_weights_do_not_cancel_under_them() {
    let mut world = World::new(32, 1);
    // Two signatures with one r, e and s, and certificates off by +Δ and −Δ: their pairing equations sum to a true one.
    let honest = Witness::of(&world.members[0], Scalar::from(7u64), &mut world.rng);
    let inverse = world.issuer.inverse(&honest.e).unwrap();
    let a = (world.group.h1 * honest.s + world.group.g1) * inverse.0;
    let delta = blstrs::G1Projective::from(world.group.g1) * scalar(&mut world.rng);
    let cheats = [a + delta, a - delta]
        .map(|a| Witness { a: a.to_affine(), ..honest }.sign(&world.group, &mut world.rng));
    let sum = |half: fn(&GroupSignature) -> blstrs::G1Affine| {
        let points = cheats.iter().map(|cheat| blstrs::G1Projective::from(half(cheat)));
        points.sum::<blstrs::G1Projective>().to_affine()
    };
    let left = blstrs::pairing(&sum(|cheat| cheat.a), &world.group.issuer.0);
    let right = blstrs::pairing(&sum(|cheat| cheat.b), &curve::generator().to_affine());
    assert_eq!(left, right, "the attack works without weights");
    assert_eq!(verify(&mut world, &cheats), vec![Err(GroupError::NotCertified); 2]);
}

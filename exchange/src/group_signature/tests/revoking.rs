//! Revocations: who can follow, and what follows.

use blstrs::Scalar;
use group::prime::PrimeCurveAffine;
use group::{Curve, Group};

use super::forge::Witness;
use super::*;

#[test]
fn everybody_but_the_revoked_follows_and_signs_again() {
    let mut world = World::new(40, 3);
    let before = world.sign(1, MESSAGE);
    let old = world.group.clone();
    let revocation = world.revoke(1);
    assert_eq!(world.group.epoch(), 1);
    let members = std::mem::take(&mut world.members);
    for (number, member) in members.into_iter().enumerate() {
        match member.update(&revocation) {
            Ok(member) => {
                assert_ne!(number, 1);
                let signature = member.sign(CONTEXT, MESSAGE, &mut world.rng);
                let verified = world.check(&signature).unwrap();
                assert_eq!(world.open(&verified), Ok(Verdict::Signed(name(number))));
                // What it has now is a certificate of the new epoch.
                let certificate = member.certificate();
                assert_eq!(certificate.epoch, 1);
            }
            Err(error) => assert_eq!((number, error), (1, GroupError::Revoked)),
        }
    }
    // What the revoked one signed before holds where it was signed, and opens.
    let verified = claim(0, &before).verify(&old).unwrap();
    world.group = old;
    assert_eq!(world.open(&verified), Ok(Verdict::Signed(name(1))));
}

#[test]
fn a_revoked_member_signs_neither_with_its_old_certificate_nor_under_an_old_epoch() {
    let mut world = World::new(41, 1);
    let secret = MemberSecret::generate(&mut world.rng);
    let s = secret.s.0;
    let join = world.statement(1, &secret);
    let join = world.verify(1, join).unwrap();
    let certificate = world.issuer.certify(&world.group, &join, &mut world.rng).unwrap();
    let member = Member::new(&world.group, secret, &certificate).unwrap();
    world.members.push(member);
    let old = world.sign(1, MESSAGE);
    world.revoke(1);
    let stale = claim(0, &old).verify(&world.group).unwrap_err();
    assert_eq!(stale, GroupError::OtherEpoch { expected: 1, found: 0 });
    assert_eq!(world.check(&old).unwrap_err(), GroupError::BadSignature, "with the new number");
    let witness = Witness::of(&world.members[1], s, &mut world.rng);
    let forged = witness.sign(&world.group, &mut world.rng);
    assert_eq!(world.check(&forged).unwrap_err(), GroupError::NotCertified);
    // Nor does any other divisor help in the update: what is divided is 0, too.
    let dividend = witness.a.to_curve() - world.group.g1 - world.group.h1 * s;
    assert!(bool::from(dividend.is_identity()));
    let forged = Witness { a: dividend.to_affine(), ..witness };
    let forged = forged.sign(&world.group, &mut world.rng);
    assert_eq!(world.check(&forged).unwrap_err(), GroupError::BadSignature);
}

#[test]
fn a_false_revocation_is_refused() {
    let mut world = World::new(42, 2);
    let handle = world.members[0].certificate().revocation_handle();
    let honest = world.issuer.revoke(&world.group, &handle).unwrap();
    assert!(honest.clone().verify(&world.group).is_ok());
    let [g1, h1] = honest.bases;
    let stranger = IssuerKey::generate(&mut world.rng);
    let (old_g1, old_h1) = (world.group.g1, world.group.h1);
    for (false_one, what) in [
        (Revocation { bases: [g1, g1], ..honest.clone() }, "(g1', g1')"),
        (Revocation { bases: [h1, h1], ..honest.clone() }, "(h1', h1')"),
        (Revocation { bases: [h1, g1], ..honest.clone() }, "swapped"),
        (Revocation { bases: [old_g1, old_h1], ..honest.clone() }, "the old bases"),
        (Revocation { e: honest.e + Scalar::from(1u64), ..honest.clone() }, "another e"),
        (stranger.revoke(&world.group, &handle).unwrap(), "another issuer"),
    ] {
        let error = false_one.verify(&world.group).unwrap_err();
        assert_eq!(error, GroupError::BadRevocation, "{what}");
        assert_eq!(error.culprit(), Some(Party::Issuer));
    }
}

#[test]
fn every_byte_of_a_revocation_counts() {
    let world = World::new(43, 1);
    let handle = world.members[0].certificate().revocation_handle();
    let bytes = world.issuer.revoke(&world.group, &handle).unwrap().encode();
    assert_eq!(bytes.len(), 128);
    let verify = |bytes: &[u8]| Revocation::decode(bytes)?.verify(&world.group).map(|_| ());
    assert_eq!(verify(&bytes), Ok(()));
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(verify(&changed).is_err(), "byte {position}");
        assert!(verify(&bytes[..position]).is_err());
    }
}

#[test]
fn revocations_follow_each_other_in_order_and_once() {
    let mut world = World::new(44, 4);
    let first = world.revoke(0);
    let repeated = world.issuer.revoke(&world.group, &RevocationHandle(first.e)).unwrap();
    assert!(repeated.verify(&world.group).is_ok(), "revoking the revoked harms nobody");
    // Members 2 and 3 follow both in order; who leaves one out is told.
    let second = world.revoke(1);
    let three = world.members.pop().unwrap();
    let two = world.members.pop().unwrap();
    let error = three.update(&second).unwrap_err();
    assert_eq!(error, GroupError::OtherEpoch { expected: 0, found: 1 });
    let two = two.update(&first).unwrap();
    assert_eq!(two.epoch(), 1);
    let two = two.update(&second).unwrap();
    let signature = two.sign(CONTEXT, MESSAGE, &mut world.rng);
    assert!(world.check(&signature).is_ok());
    let error = two.update(&second).unwrap_err();
    assert_eq!(error, GroupError::OtherEpoch { expected: 2, found: 1 });
}

#[test]
fn who_joins_after_a_revocation_signs_at_the_new_epoch() {
    let mut world = World::new(45, 2);
    world.revoke(0);
    let member = world.join(5);
    let signature = member.sign(CONTEXT, MESSAGE, &mut world.rng);
    let verified = world.check(&signature).unwrap();
    assert_eq!(world.open(&verified), Ok(Verdict::Signed(name(5))));
    let group = GroupParameters::decode(&world.group.encode()).unwrap();
    assert_eq!(group, world.group);
    assert!(claim(1, &signature).verify(&group).is_ok());
}

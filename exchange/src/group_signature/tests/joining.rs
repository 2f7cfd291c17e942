//! Joining: what a ledger refuses, and what a member refuses.

use group::Curve;
use group::prime::PrimeCurveAffine;

use super::*;
use crate::group_signature::parameters::bases;

#[test]
fn who_joins_and_is_certified_signs_and_is_named_by_an_opening() {
    let mut world = World::new(10, 3);
    for number in 0..3 {
        let signature = world.sign(number, MESSAGE);
        let verified = world.check(&signature).unwrap();
        assert_eq!(world.open(&verified), Ok(Verdict::Signed(name(number))));
    }
    assert_eq!(world.registry.entries().count(), 3);
}

#[test]
fn every_byte_of_a_join_counts() {
    let mut world = World::new(11, 0);
    let secret = MemberSecret::generate(&mut world.rng);
    let bytes = world.statement(1, &secret).encode();
    assert_eq!(bytes.len(), Join::LEN);
    let verify = |bytes: &[u8]| world.verify(1, Join::decode(bytes)?);
    assert!(verify(&bytes).is_ok());
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(verify(&changed).is_err(), "byte {position}");
        assert!(Join::decode(&bytes[..position]).is_err());
    }
}

#[test]
fn a_join_is_for_its_member_ledger_group_and_epoch() {
    let mut world = World::new(12, 1);
    let secret = MemberSecret::generate(&mut world.rng);
    let join = world.statement(1, &secret);
    assert_eq!(world.verify(2, join.clone()).unwrap_err(), GroupError::BadJoinSignature);
    let key = signing_key(1).verifying_key();
    let error = join.clone().verify(&world.group, &ChainId([8; 32]), &key).unwrap_err();
    assert_eq!(error, GroupError::BadJoinSignature);
    let other = World::new(13, 0);
    let error = join.clone().verify(&other.group, &CHAIN, &key).unwrap_err();
    assert_eq!(error, GroupError::BadJoinProof);
    let verified = world.verify(1, join.clone()).unwrap();
    world.revoke(0);
    let stale = GroupError::OtherEpoch { expected: 1, found: 0 };
    assert_eq!(world.verify(1, join).unwrap_err(), stale);
    let error = world.issuer.certify(&world.group, &verified, &mut world.rng).unwrap_err();
    assert_eq!(error, stale);
}

#[test]
fn a_proof_does_not_cover_halves_of_two_secrets_although_its_member_signs_them() {
    let mut world = World::new(14, 0);
    let [one, two] = [(); 2].map(|()| MemberSecret::generate(&mut world.rng));
    let mut join = world.statement(1, &one);
    for half in [(world.group.h1 * two.s.0).to_affine(), world.group.h1] {
        join.statement.halves[0] = half;
        let parts = [CHAIN.as_slice(), &join.encode()[..Join::LEN - 64]];
        join.signature = signing_key(1).sign(transcript::JOIN, &parts);
        let error = world.verify(1, join.clone()).unwrap_err();
        assert_eq!(error, GroupError::BadJoinProof);
        assert_eq!(error.culprit(), Some(Party::Member));
    }
    // The proof of one member does not serve another who saw it: its pseudonym is in the challenge.
    let mut copied = world.statement(1, &one);
    copied.statement.member = name(2);
    let parts = [CHAIN.as_slice(), &copied.encode()[..Join::LEN - 64]];
    copied.signature = signing_key(2).sign(transcript::JOIN, &parts);
    assert_eq!(world.verify(2, copied).unwrap_err(), GroupError::BadJoinProof);
}

#[test]
fn two_joins_with_one_secret_are_refused_whoever_joins_second() {
    let mut world = World::new(15, 0);
    let secret = MemberSecret::generate(&mut world.rng);
    let again = MemberSecret::from_bytes(&secret.to_bytes()).unwrap();
    for (number, secret, expected) in [
        (1, &secret, Ok(())),
        (1, &again, Err(GroupError::SecretTaken)),
        (2, &again, Err(GroupError::SecretTaken)),
    ] {
        let join = world.statement(number, secret);
        let join = world.verify(number, join).unwrap();
        assert_eq!(world.registry.enrol(&join), expected);
    }
}

#[test]
fn identities_are_refused_in_a_join() {
    let mut world = World::new(16, 0);
    let secret = MemberSecret::generate(&mut world.rng);
    for half in 0..2 {
        let mut join = world.statement(1, &secret);
        join.statement.halves[half] = blstrs::G1Affine::identity();
        let error = Join::decode(&join.encode()).unwrap_err();
        assert_eq!(error, GroupError::Identity { what: "group join" });
    }
}

#[test]
fn a_member_refuses_a_certificate_that_is_not_for_its_secret_group_and_epoch() {
    let mut world = World::new(17, 1);
    let secret = MemberSecret::generate(&mut world.rng);
    let join = world.statement(1, &secret);
    let join = world.verify(1, join).unwrap();
    let certificate = world.issuer.certify(&world.group, &join, &mut world.rng).unwrap();
    let copy = || MemberSecret::from_bytes(&secret.to_bytes()).unwrap();
    assert!(Member::new(&world.group, copy(), &certificate).is_ok());
    let mut wrong = certificate.clone();
    wrong.a = bases().g1;
    assert_eq!(Member::new(&world.group, copy(), &wrong).unwrap_err(), GroupError::BadCertificate);
    let bytes = certificate.encode();
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1;
        let refused = Certificate::decode(&changed)
            .and_then(|certificate| Member::new(&world.group, copy(), &certificate));
        assert!(refused.is_err(), "byte {position}");
    }
    let stranger = MemberSecret::generate(&mut world.rng);
    let error = Member::new(&world.group, stranger, &certificate).unwrap_err();
    assert_eq!((error.culprit(), error), (Some(Party::Issuer), GroupError::BadCertificate));
    world.revoke(0);
    let error = Member::new(&world.group, copy(), &certificate).unwrap_err();
    assert_eq!(error, GroupError::OtherEpoch { expected: 1, found: 0 });
}

#[test]
fn secrets_come_back_from_their_bytes_and_are_not_shown() {
    let mut world = World::new(18, 1);
    let issuer = IssuerKey::from_bytes(&world.issuer.to_bytes()).unwrap();
    assert_eq!(issuer.public(), world.issuer.public());
    let opener = OpenerKey::from_bytes(1, &world.opener.to_bytes()).unwrap();
    assert_eq!(opener.public(), world.opener.public());
    let secret = MemberSecret::generate(&mut world.rng);
    let zero = zeroize::Zeroizing::new([0; 32]);
    assert!(MemberSecret::from_bytes(&zero).is_err());
    assert!(IssuerKey::from_bytes(&zeroize::Zeroizing::new([255; 32])).is_err());
    assert!(OpenerKey::from_bytes(0, &secret.to_bytes()).is_err());
    let member = &world.members[0];
    let handle = member.certificate().revocation_handle();
    let shown = format!(
        "{issuer:?} {opener:?} {secret:?} {member:?} {:?} {handle:?}",
        member.certificate()
    );
    let secrets = [issuer.to_bytes(), opener.to_bytes(), secret.to_bytes(), handle.encode().into()];
    for bytes in secrets {
        // blstrs shows scalars with the greatest byte first.
        let hex: String = bytes.iter().rev().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&hex));
    }
}

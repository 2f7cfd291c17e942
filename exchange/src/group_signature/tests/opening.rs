//! Openings: by one, by t of n, false ones, and what they convict of.

use blstrs::Scalar;
use group::Curve;
use group::prime::PrimeCurveAffine;

use super::forge::Witness;
use super::*;

fn signed(seed: u64) -> (World, VerifiedSignature, Openers) {
    let mut world = World::new(seed, 3);
    let signature = world.sign(1, MESSAGE);
    let verified = world.check(&signature).unwrap();
    let openers = Openers::single(world.opener.public());
    (world, verified, openers)
}

#[test]
fn an_opener_cannot_name_another_member() {
    let (mut world, signature, openers) = signed(50);
    let honest = world.opener.open(&signature, &mut world.rng);
    let members: Vec<_> = world.registry.entries().map(|(f, _)| *f).collect();
    let [_, e1, _] = signature.signature.e;
    let mut accused = 0;
    for f in members {
        let f: Option<blstrs::G1Affine> = blstrs::G1Affine::from_compressed(&f).into();
        let d = (e1.to_curve() - f.unwrap()).to_affine();
        if d == honest.d {
            continue;
        }
        accused += 1;
        let false_one = OpeningPart { d, ..honest.clone() };
        let error = false_one.verify(&openers, &signature).unwrap_err();
        assert_eq!(error, GroupError::BadOpening { place: 1 });
        assert_eq!(error.culprit(), Some(Party::Opener { place: 1 }));
    }
    assert_eq!(accused, 2);
    // Nor somebody who does not exist, to convict the issuer.
    let false_one = OpeningPart { d: parameters::bases().g1, ..honest };
    assert!(false_one.verify(&openers, &signature).is_err());
}

#[test]
fn every_byte_of_an_opening_counts() {
    let (mut world, signature, openers) = signed(51);
    let bytes = world.opener.open(&signature, &mut world.rng).encode();
    assert_eq!(bytes.len(), OpeningPart::LEN);
    let verify =
        |bytes: &[u8]| OpeningPart::decode(bytes)?.verify(&openers, &signature).map(|_| ());
    assert_eq!(verify(&bytes), Ok(()));
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(verify(&changed).is_err(), "byte {position}");
        assert!(verify(&bytes[..position]).is_err());
    }
}

#[test]
fn an_opening_is_of_one_signature() {
    let (mut world, signature, openers) = signed(52);
    let other = world.sign(2, MESSAGE);
    let other = world.check(&other).unwrap();
    let part = world.opener.open(&signature, &mut world.rng);
    let error = part.clone().verify(&openers, &other).unwrap_err();
    assert_eq!(error, GroupError::BadOpening { place: 1 });
    let part = part.verify(&openers, &signature).unwrap();
    let judged = judge(&world.group, &openers, &world.registry, &other, &[part]);
    assert_eq!(judged, Err(GroupError::OtherSignature));
}

#[test]
fn an_opening_does_not_serve_another_signature_with_the_same_ciphertext() {
    let mut world = World::new(58, 0);
    let secret = MemberSecret::generate(&mut world.rng);
    let s = secret.s.0;
    let join = world.statement(1, &secret);
    let join = world.verify(1, join).unwrap();
    let certificate = world.issuer.certify(&world.group, &join, &mut world.rng).unwrap();
    let member = Member::new(&world.group, secret, &certificate).unwrap();
    let witness = Witness::of(&member, s, &mut world.rng);
    let [one, two] = [(); 2].map(|()| {
        let signature = witness.sign(&world.group, &mut world.rng);
        world.check(&signature).unwrap()
    });
    assert_eq!(one.signature.e, two.signature.e);
    let openers = Openers::single(world.opener.public());
    let part = world.opener.open(&one, &mut world.rng);
    assert!(part.clone().verify(&openers, &one).is_ok());
    assert_eq!(part.verify(&openers, &two).unwrap_err(), GroupError::BadOpening { place: 1 });
}

#[test]
fn a_signature_opened_under_other_parameters_or_by_others_openers_is_refused() {
    let (mut world, signature, openers) = signed(53);
    let part = world.opener.open(&signature, &mut world.rng);
    let part = part.verify(&openers, &signature).unwrap();
    let judge = |group: &GroupParameters, openers: &Openers| {
        judge(group, openers, &world.registry, &signature, std::slice::from_ref(&part))
    };
    assert_eq!(judge(&world.group, &openers), Ok(Verdict::Signed(name(1))));
    let stranger = OpenerKey::generate(&mut world.rng);
    let others = Openers::single(stranger.public());
    assert_eq!(judge(&world.group, &others), Err(GroupError::OtherSignature));
    let group = GroupParameters::found(*world.issuer.public(), *stranger.public());
    assert_eq!(judge(&group, &others), Err(GroupError::OtherSignature));
    // A stranger's own key proves nothing about this group's.
    let part = stranger.open(&signature, &mut world.rng);
    assert_eq!(part.verify(&openers, &signature).unwrap_err(), GroupError::BadOpening { place: 1 });
}

#[test]
fn any_three_of_five_trustees_open_and_no_two() {
    let (mut world, signature, single) = signed(54);
    let (openers, keys) = world.opener.share(3, 5, &mut world.rng).unwrap();
    assert_eq!(Openers::decode(&openers.encode()), Ok(openers.clone()));
    assert_eq!(openers.key(), single.key());
    let mut part = |place: usize| {
        let part = keys[place - 1].open(&signature, &mut world.rng);
        OpeningPart::decode(&part.encode()).unwrap().verify(&openers, &signature).unwrap()
    };
    let parts: Vec<VerifiedPart> = (1..=5).map(&mut part).collect();
    let pick = |places: &[usize]| -> Vec<VerifiedPart> {
        places.iter().map(|place| parts[place - 1].clone()).collect()
    };
    let judge = |places: &[usize]| {
        judge(&world.group, &openers, &world.registry, &signature, &pick(places))
    };
    for places in [[1, 2, 3], [5, 1, 4], [2, 5, 3]] {
        assert_eq!(judge(&places), Ok(Verdict::Signed(name(1))), "{places:?}");
    }
    assert_eq!(judge(&[5, 4, 3, 2, 1]), Ok(Verdict::Signed(name(1))));
    assert_eq!(judge(&[2, 4]), Err(GroupError::TooFew { expected: 3, found: 2 }));
    assert_eq!(judge(&[2, 4, 2]), Err(GroupError::Duplicate { place: 2 }));
}

#[test]
fn a_trustee_answers_for_its_own_share_only() {
    let (mut world, signature, _) = signed(55);
    let (openers, keys) = world.opener.share(2, 3, &mut world.rng).unwrap();
    let part = keys[0].open(&signature, &mut world.rng);
    for place in [2, 3] {
        let relabelled = OpeningPart { place, ..part.clone() };
        let error = relabelled.verify(&openers, &signature).unwrap_err();
        assert_eq!(error, GroupError::BadOpening { place });
    }
    for place in [0, 4, 255] {
        let unknown = OpeningPart { place, ..part.clone() };
        let error = unknown.verify(&openers, &signature).unwrap_err();
        assert_eq!(error, GroupError::UnknownOpener { place });
    }
}

#[test]
fn shares_that_are_not_of_the_key_are_refused() {
    let (mut world, _, _) = signed(56);
    let (openers, keys) = world.opener.share(3, 5, &mut world.rng).unwrap();
    let honest: Vec<OpenerPublicKey> = keys.iter().map(|key| *key.public()).collect();
    let key = openers.key();
    assert_eq!(Openers::new(key, 3, honest.clone()), Ok(openers.clone()));
    for place in 0..5 {
        let mut wrong = honest.clone();
        wrong[place] = *key;
        assert_eq!(Openers::new(key, 3, wrong).unwrap_err(), GroupError::InconsistentShares);
    }
    let stranger = OpenerKey::generate(&mut world.rng);
    for (key, threshold) in [(key, 2), (key, 4), (stranger.public(), 3)] {
        // Values of degree 2 are also of degree 3.
        let refused = Openers::new(key, threshold, honest.clone());
        assert_eq!(refused.is_err(), threshold != 4);
    }
    for (threshold, shares) in [(0, 3), (4, 3), (1, 0), (1, 129)] {
        let refused = world.opener.share(threshold, shares, &mut world.rng).unwrap_err();
        assert_eq!(refused, GroupError::Threshold { shares: shares.into(), threshold });
    }
    let mut short = openers.encode();
    short.pop();
    assert!(Openers::decode(&short).is_err());
}

#[test]
fn a_share_is_not_the_key() {
    let (mut world, signature, _) = signed(57);
    let (_, keys) = world.opener.share(2, 2, &mut world.rng).unwrap();
    let [e0, e1, _] = signature.signature.e;
    let opened = |zeta: Scalar| {
        let f = (e1.to_curve() - e0 * zeta).to_affine();
        world.registry.member(&f)
    };
    assert_eq!(opened(world.opener.zeta.0), Some(name(1)));
    for key in &keys {
        assert_eq!(opened(key.zeta.0), None);
    }
}

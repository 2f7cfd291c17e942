//! Bytes of a peer: points outside the subgroup, scalars that are not reduced, anything at all.

use blstrs::G1Affine;
use group::prime::PrimeCurveAffine;
use rand_core::RngCore;
use sha2::{Digest, Sha256};

use super::*;

/// A point on the curve and not in the subgroup, compressed.
fn outside() -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[0] = 0x80;
    for x in 1..100 {
        bytes[47] = x;
        let point: Option<G1Affine> = G1Affine::from_compressed_unchecked(&bytes).into();
        if point.is_some_and(|point| !bool::from(point.is_torsion_free())) {
            return bytes;
        }
    }
    unreachable!("every second x is on the curve, and next to none of these in the subgroup")
}

#[test]
fn points_outside_the_subgroup_are_refused_wherever_one_is_read() {
    let mut world = World::new(80, 1);
    let signature = world.sign(0, MESSAGE);
    let verified = world.check(&signature).unwrap();
    let secret = MemberSecret::generate(&mut world.rng);
    let join = world.statement(1, &secret).encode();
    let handle = world.members[0].certificate().revocation_handle();
    let revocation = world.issuer.revoke(&world.group, &handle).unwrap().encode();
    let part = world.opener.open(&verified, &mut world.rng).encode();
    let certificate = world.members[0].certificate().encode().to_vec();
    let openers = Openers::single(world.opener.public()).encode();
    let point_refused = |result: Option<GroupError>, what: &str| {
        assert!(matches!(result, Some(GroupError::Point { .. })), "{what}: {result:?}");
    };
    let with = |bytes: &[u8], position: usize| {
        let mut changed = bytes.to_vec();
        changed[position..position + 48].copy_from_slice(&outside());
        changed
    };
    for point in 0..5 {
        let changed = with(&signature.encode(), 48 * point);
        point_refused(GroupSignature::decode(&changed).err(), "signature");
    }
    for position in [40, 88] {
        point_refused(Join::decode(&with(&join, position)).err(), "join");
    }
    for position in [32, 80] {
        point_refused(Revocation::decode(&with(&revocation, position)).err(), "revocation");
    }
    for position in [104, 152, 200] {
        let changed = with(&world.group.encode(), position);
        point_refused(GroupParameters::decode(&changed).err(), "parameters");
    }
    point_refused(OpeningPart::decode(&with(&part, 1)).err(), "opening");
    point_refused(Certificate::decode(&with(&certificate, 8)).err(), "certificate");
    point_refused(OpenerPublicKey::decode(&outside()).err(), "opener's key");
    for position in [0, 50] {
        point_refused(Openers::decode(&with(&openers, position)).err(), "openers");
    }
}

#[test]
fn a_point_of_g2_outside_the_subgroup_is_refused() {
    let mut bytes = [0; 96];
    bytes[0] = 0x80;
    let mut refused = 0;
    for x in 0..50 {
        bytes[95] = x;
        let point: Option<blstrs::G2Affine> =
            blstrs::G2Affine::from_compressed_unchecked(&bytes).into();
        if point.is_some() {
            let error = IssuerPublicKey::decode(&bytes).unwrap_err();
            assert_eq!(error, GroupError::Point { what: "issuer's key" });
            refused += 1;
        }
    }
    assert!(refused > 10);
    let identity = blstrs::G2Affine::identity().to_compressed();
    assert!(matches!(IssuerPublicKey::decode(&identity), Err(GroupError::Identity { .. })));
    let identity = G1Affine::identity().to_compressed();
    assert!(matches!(OpenerPublicKey::decode(&identity), Err(GroupError::Identity { .. })));
}

#[test]
fn scalars_that_are_not_reduced_are_refused() {
    let mut world = World::new(81, 1);
    let signature = world.sign(0, MESSAGE).encode();
    for scalar in 0..5 {
        let mut changed = signature.clone();
        changed[240 + 32 * scalar..][..32].fill(255);
        let error = GroupSignature::decode(&changed).unwrap_err();
        assert_eq!(error, GroupError::Scalar { what: "group signature" });
    }
    assert!(RevocationHandle::decode(&[255; 32]).is_err());
}

#[test]
fn random_bytes_of_any_length_do_not_panic() {
    let mut world = World::new(82, 0);
    let mut decode_all = |length: usize, fill: Option<u8>| {
        let mut bytes = vec![fill.unwrap_or_default(); length];
        if fill.is_none() {
            world.rng.fill_bytes(&mut bytes);
        }
        let decoded = [
            GroupSignature::decode(&bytes).is_ok(),
            Join::decode(&bytes).is_ok(),
            Certificate::decode(&bytes).is_ok(),
            Revocation::decode(&bytes).is_ok(),
            OpeningPart::decode(&bytes).is_ok(),
            Openers::decode(&bytes).is_ok(),
            GroupParameters::decode(&bytes).is_ok(),
            IssuerPublicKey::decode(&bytes).is_ok(),
            OpenerPublicKey::decode(&bytes).is_ok(),
        ];
        assert!(decoded.iter().all(|decoded| !decoded), "{length} {fill:?}");
    };
    for length in (0..410).chain([12_290, 12_291, 100_000]) {
        for fill in [None, Some(0), Some(0x80), Some(0xc0), Some(255)] {
            decode_all(length, fill);
        }
    }
}

#[test]
fn encodings_are_fixed() {
    let mut world = World::new(83, 1);
    let secret = MemberSecret::generate(&mut world.rng);
    let join = world.statement(1, &secret).encode();
    let signature = world.sign(0, MESSAGE);
    let verified = world.check(&signature).unwrap();
    let part = world.opener.open(&verified, &mut world.rng).encode();
    let handle = world.members[0].certificate().revocation_handle();
    let revocation = world.issuer.revoke(&world.group, &handle).unwrap().encode();
    let (openers, _) = world.opener.share(2, 3, &mut world.rng).unwrap();
    let encodings = [
        ("parameters", world.group.encode()),
        ("join", join),
        ("certificate", world.members[0].certificate().encode().to_vec()),
        ("signature", signature.encode()),
        ("opening", part),
        ("openers", openers.encode()),
        ("revocation", revocation),
    ];
    let hashes = encodings.map(|(what, bytes)| {
        let hash = Sha256::digest(&bytes);
        let hex: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{what} {} {hex}", bytes.len())
    });
    assert_eq!(hashes, EXPECTED);
}

/// Lengths, and the first eight bytes of the SHA-256. Whoever changes them changes what ledgers have.
const EXPECTED: [&str; 7] = [
    "parameters 248 ce3a40d44f36b0cd",
    "join 264 dae6a3805eea3ab5",
    "certificate 88 ad7d3342aa08a8c0",
    "signature 400 e73b109091dcb064",
    "opening 113 4326cc45e57d0ca8",
    "openers 194 8e23247ef0ae0b15",
    "revocation 128 6183b2c8fc01a98e",
];

//! Bytes of a peer: nothing panics, and nothing is as large as the bytes say that it is.

use rand_core::RngCore;

use super::*;

/// Every decoder, so that one that is added is also tried.
fn decode_all(bytes: &[u8]) -> usize {
    let decoded = [
        CandidateHeader::decode(bytes).is_ok(),
        OfferedRecord::decode(bytes).is_ok(),
        Record::decode(bytes).is_ok(),
        Consent::decode(bytes).is_ok(),
        Withdrawal::decode(bytes).is_ok(),
        PublishedDelegatorKey::decode(bytes).is_ok(),
        SealedRequest::decode(bytes).is_ok(),
        Grant::decode(bytes).is_ok(),
        Notice::decode(bytes).is_ok(),
        Reencryption::decode(bytes).is_ok(),
        PublicKey::decode(bytes).is_ok(),
    ];
    decoded.into_iter().filter(|decoded| *decoded).count()
}

#[test]
fn random_bytes_of_any_length_do_not_panic() {
    let mut world = World::new(90);
    for length in (0..600).chain([1000, 4176, 10_000, 100_000]) {
        for fill in [None, Some(0), Some(1), Some(255)] {
            let mut bytes = vec![fill.unwrap_or_default(); length];
            if fill.is_none() {
                world.rng.fill_bytes(&mut bytes);
            }
            decode_all(&bytes);
        }
    }
    assert_eq!(decode_all(world.owner.secret.public().encoding()), 1);
}

#[test]
fn what_was_encoded_and_changed_at_random_does_not_panic() {
    let mut world = World::new(91);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &["brakes"], b"a record");
    let (request, _) = world.request(world.selection("repair", &[5, 6]), &["brakes"]);
    let given = world.give(&request, 3, 2);
    let consent = given.consent().encode();
    let (grants, notice) = given.release(Standing::InForce).unwrap();
    let encodings =
        [stored.candidate.encode(), consent, grants[0].encode().to_vec(), notice.encode()];
    for bytes in &encodings {
        assert!(decode_all(bytes) >= 1);
        for _ in 0..2000 {
            let mut changed = bytes.clone();
            for _ in 0..1 + world.rng.next_u32() % 3 {
                let position = world.rng.next_u32() as usize % changed.len();
                changed[position] = world.rng.next_u32() as u8;
            }
            decode_all(&changed);
        }
    }
}

#[test]
fn points_that_are_the_identity_or_not_canonical_are_refused() {
    use consilium_crypto::DecodeError;
    let degenerate = DecodeError::DegenerateKey { what: "public key" };
    assert_eq!(PublicKey::decode(&[0; 32]).unwrap_err(), degenerate);
    let refused = |bytes: [u8; 32]| {
        assert!(matches!(PublicKey::decode(&bytes), Err(DecodeError::Point { .. })));
    };
    refused([255; 32]);
    let mut negative = *World::new(92).owner.secret.public().encoding();
    negative[0] ^= 1;
    refused(negative);
    // p, which is 0 written differently.
    let mut modulus = [255; 32];
    (modulus[0], modulus[31]) = (0xed, 0x7f);
    refused(modulus);
    let zero = zeroize::Zeroizing::new([0; 32]);
    assert!(SecretKey::from_bytes(&zero).is_err());
    assert!(SecretKey::from_bytes(&zeroize::Zeroizing::new([255; 32])).is_err());
}

#[test]
fn an_identity_in_a_capsule_or_reencryption_is_refused_on_reading() {
    let mut world = World::new(93);
    let scope = world.scope("repair", 5);
    let bytes = world.store(&scope, &[], b"").candidate.encode();
    let context = world.scope("repair", 5).encode().len() + 1 + 32 + RecordId::LEN;
    for point in 0..3 {
        let mut changed = bytes.clone();
        changed[context + 32 * point..][..32].fill(0);
        assert!(CandidateHeader::decode(&changed).is_err(), "A, E, V: {point}");
    }
    assert!(Reencryption::decode(&[0; 96]).is_err());
}

#[test]
fn names_and_months_that_are_none_are_refused() {
    for name in ["", "Repair", "repair ", "a/b", "é", &"x".repeat(65)] {
        assert!(Category::new(name).is_err(), "{name:?}");
    }
    assert_eq!(category(&"x".repeat(64)).as_str().len(), 64);
    for month in [0, 13, 255] {
        assert!(Period::new(2026, month).is_err());
    }
    assert_eq!(period(5).to_string(), "2026-05");
    assert!(Period::new(2025, 12).unwrap() < Period::new(2026, 1).unwrap());
}

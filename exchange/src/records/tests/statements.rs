//! Statements for the ledger and letters between parties: every byte counts, and encodings are fixed.

use sha2::{Digest, Sha256};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Changes each byte in turn, and cuts the encoding at each; nothing may verify.
fn every_byte_counts<E: std::fmt::Debug>(
    bytes: &[u8],
    verify: impl Fn(&[u8]) -> Result<(), E>,
    expected: impl Fn(&E) -> bool,
) {
    verify(bytes).unwrap();
    for position in 0..bytes.len() {
        for change in [1, 0x80] {
            let mut changed = bytes.to_vec();
            changed[position] ^= change;
            let error = verify(&changed).unwrap_err();
            assert!(expected(&error), "byte {position}: {error:?}");
        }
        assert!(verify(&bytes[..position]).is_err(), "cut to {position}");
    }
    assert!(verify(&[bytes, &[0]].concat()).is_err());
}

fn decode_or_signature(error: &RecordError) -> bool {
    matches!(error, RecordError::Decode(_) | RecordError::BadSignature { .. })
}

#[test]
fn every_byte_of_a_records_statement_counts() {
    let mut world = World::new(80);
    let scope = world.scope("repair", 5);
    let bytes = world.store(&scope, &[], b"").record.encode();
    assert_eq!(bytes.len(), Record::LEN);
    let verify = |bytes: &[u8]| world.verify(&Record::decode(bytes)?).map(|_| ());
    every_byte_counts(&bytes, verify, decode_or_signature);
}

#[test]
fn every_byte_of_a_consent_counts() {
    let mut world = World::new(81);
    let (request, _) = world.request(world.selection("repair", &[5, 6]), &["brakes"]);
    let bytes = world.give(&request, 3, 2).consent().encode();
    assert_eq!(bytes.len(), 3 * 32 + 3 + 6 * 32 + 64);
    let verify =
        |bytes: &[u8]| Consent::decode(bytes)?.verify(&CHAIN, &world.owner.key()).map(|_| ());
    every_byte_counts(&bytes, verify, decode_or_signature);
}

#[test]
fn every_byte_of_a_withdrawal_counts() {
    let world = World::new(82);
    let consent = consilium_hash::ConsentHash([5; 32]);
    let bytes = Withdrawal::sign(&CHAIN, &consent, &world.owner.signing).encode();
    let verify =
        |bytes: &[u8]| Withdrawal::decode(bytes)?.verify(&CHAIN, &world.owner.key()).map(|_| ());
    every_byte_counts(&bytes, verify, decode_or_signature);
    let withdrawal = Withdrawal::decode(&bytes).unwrap();
    let verified = withdrawal.verify(&CHAIN, &world.owner.key()).unwrap();
    assert_eq!(verified.consent(), &consent);
}

#[test]
fn a_withdrawal_by_anybody_but_the_consents_owner_is_refused() {
    let world = World::new(83);
    let consent = consilium_hash::ConsentHash([5; 32]);
    let withdrawal = Withdrawal::sign(&CHAIN, &consent, &world.other.signing);
    let error = withdrawal.verify(&CHAIN, &world.owner.key()).unwrap_err();
    assert_eq!(error, RecordError::BadSignature { what: "withdrawal", by: Party::Owner });
}

#[test]
fn every_byte_of_a_published_delegator_key_counts() {
    let world = World::new(84);
    let key = world.owner.seed.delegator_key(&world.scope("repair", 5));
    let bytes = key.publish(&CHAIN, &world.owner.signing).encode();
    let verify = |bytes: &[u8]| {
        PublishedDelegatorKey::decode(bytes)?.verify(&CHAIN, &world.owner.key()).map(|_| ())
    };
    every_byte_counts(&bytes, verify, decode_or_signature);
}

#[test]
fn every_byte_of_a_grant_and_a_notice_counts() {
    let mut world = World::new(85);
    let (request, key) = world.request(world.selection("repair", &[5, 6]), &["brakes", "tyres"]);
    let given = world.give(&request, 2, 2);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, notice) = given.release(Standing::InForce).unwrap();
    let verify =
        |bytes: &[u8]| Grant::decode(bytes)?.verify(&consent, &world.proxies[0]).map(|_| ());
    every_byte_counts::<RecordError>(&grants[0].encode(), verify, |_| true);
    let verify = |bytes: &[u8]| {
        let key = SecretKey::from_bytes(&key.to_bytes()).unwrap();
        Notice::decode(bytes)?.verify(&consent, &world.requester, key).map(|_| ())
    };
    every_byte_counts::<RecordError>(&notice.encode(), verify, |_| true);
}

#[test]
fn every_byte_of_a_sealed_request_counts_and_all_are_of_one_length() {
    let mut world = World::new(86);
    let sealing = world.owner.opening.sealing_key();
    let (request, _) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let sealed = request.seal(&CHAIN, &world.owner.name, &sealing, &mut world.rng).unwrap();
    let verify =
        |bytes: &[u8]| SealedRequest::decode(bytes)?.open(&CHAIN, &world.owner.opening).map(|_| ());
    let bytes = sealed.encode();
    for position in (0..bytes.len()).step_by(37).chain(0..80) {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert_eq!(verify(&changed).unwrap_err(), RecordError::Unreadable, "byte {position}");
    }
    verify(&bytes).unwrap();
    assert!(sealed.open(&ChainId([8; 32]), &world.owner.opening).is_err());
    assert!(sealed.open(&CHAIN, &world.other.opening).is_err());
    let long: Vec<String> = (0..16).map(|i| format!("{i:0128}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let months: Vec<u8> = (1..13).collect();
    let (longest, _) = world.request(world.selection(&"x".repeat(64), &months), &long);
    let longest = longest.seal(&CHAIN, &world.owner.name, &sealing, &mut world.rng).unwrap();
    assert_eq!((bytes.len(), longest.encode().len()), (SealedRequest::LEN, SealedRequest::LEN));
}

#[test]
fn statements_hold_on_their_own_ledger_and_in_their_own_place_only() {
    let mut world = World::new(87);
    let scope = world.scope("repair", 5);
    let record = world.store(&scope, &[], b"").record;
    let elsewhere = ChainId([8; 32]);
    let (custodian, owner) = (world.custodian.key(), world.owner.key());
    assert!(record.clone().verify(&elsewhere, &custodian, &owner).is_err());
    // The custodian's signature is not an owner's, even if the owner has the custodian's key.
    let swapped = Record {
        owner_signature: record.custodian_signature,
        custodian_signature: record.owner_signature,
        ..record
    };
    assert!(swapped.verify(&CHAIN, &owner, &custodian).is_err());
    let consent = consilium_hash::ConsentHash([5; 32]);
    let withdrawal = Withdrawal::sign(&elsewhere, &consent, &world.owner.signing);
    assert!(withdrawal.verify(&CHAIN, &owner).is_err());
    let (request, _) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let given = world.give(&request, 1, 1);
    assert!(given.consent().clone().verify(&elsewhere, &owner).is_err());
    let key = world.owner.seed.delegator_key(&scope).publish(&elsewhere, &world.owner.signing);
    assert!(key.verify(&CHAIN, &owner).is_err());
}

#[test]
fn encodings_are_fixed() {
    let mut world = World::new(88);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &["brakes"], b"front brakes replaced");
    let (request, _) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let given = world.give(&request, 2, 2);
    let consent = given.consent().clone();
    let withdrawal = Withdrawal::sign(&CHAIN, given.hash(), &world.owner.signing);
    let published = world.owner.seed.delegator_key(&scope).publish(&CHAIN, &world.owner.signing);
    let verified = consent.clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, notice) = given.release(Standing::InForce).unwrap();
    let grant = Grant::decode(&grants[1].encode()).unwrap();
    let grant = grant.verify(&verified, &world.proxies[1]).unwrap();
    let reencryption =
        grant.reencrypt(&stored.header, Standing::InForce, NOW_MS, &mut world.rng).unwrap();
    let encodings = [
        ("header", stored.candidate.encode()),
        ("body", stored.body),
        ("record", stored.record.encode()),
        ("consent", consent.encode()),
        ("withdrawal", withdrawal.encode()),
        ("delegator key", published.encode()),
        ("grant", grants[1].encode().to_vec()),
        ("notice", notice.encode()),
        ("re-encryption", reencryption.encode().to_vec()),
    ];
    let hashes = encodings.map(|(what, bytes)| {
        format!("{what} {} {}", bytes.len(), &hex(&Sha256::digest(&bytes))[..16])
    });
    assert_eq!(hashes, EXPECTED);
}

/// Lengths, and the first eight bytes of the SHA-256. Whoever changes them changes what ledgers and stores have.
const EXPECTED: [&str; 9] = [
    "header 451 8e78ab696e0fed0b",
    "body 37 04afd649d7d70168",
    "record 224 bb529b238d34a06f",
    "consent 227 b8a97bc94df77197",
    "withdrawal 96 a52e9d70b230ec31",
    "delegator key 170 67c539d2e8db7a87",
    "grant 376 ef09e28b465771b9",
    "notice 349 b6769bddf051c4ef",
    "re-encryption 96 e2f826761be3f3d9",
];

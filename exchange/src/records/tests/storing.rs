//! Storing: what an owner's check and a reader's check refuse.

use super::*;

fn offered(world: &mut World, data: &[u8]) -> (Scope, UnsignedRecord, Vec<u8>) {
    let scope = world.scope("repair", 5);
    let (unsigned, body) = world.encrypt(&scope, &["brakes"], data);
    (scope, unsigned, body)
}

#[test]
fn an_owner_reads_a_record_before_it_signs_and_a_reader_verifies_both_signatures() {
    let mut world = World::new(1);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &["brakes", "rear left"], b"front brakes replaced");
    assert_eq!(stored.header.scope(), &scope);
    assert_eq!(stored.header.hash(), stored.record.hash());
    let decoded = CandidateHeader::decode(&stored.candidate.encode()).unwrap();
    assert_eq!(decoded, stored.candidate);
}

#[test]
fn every_byte_of_a_header_counts() {
    let mut world = World::new(2);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &["brakes"], b"a record");
    let verified = world.verify(&stored.record).unwrap();
    let bytes = stored.candidate.encode();
    let mut decoded = 0;
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(CandidateHeader::decode(&bytes[..position]).is_err());
        let Ok(header) = CandidateHeader::decode(&changed) else { continue };
        decoded += 1;
        assert_eq!(header.verify(&verified).unwrap_err(), RecordError::OtherHeader, "{position}");
    }
    assert!(decoded > 250, "most of a header is no point and decodes: {decoded}");
    assert!(CandidateHeader::decode(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn a_capsule_replayed_in_another_header_is_refused_although_its_custodian_signs_it() {
    let mut world = World::new(3);
    let (scope, unsigned, _) = offered(&mut world, b"one");
    let (_, mut other, body) = offered(&mut world, b"two");
    other.header.prologue.capsule = unsigned.header.prologue.capsule.clone();
    other.header.prologue.commitment = unsigned.header.prologue.commitment;
    let offered = other.sign(&world.custodian.signing);
    let error = world.review(offered, &scope, &body).unwrap_err();
    assert_eq!(error, RecordError::BadCapsule);
    assert_eq!(error.culprit(), Some(Party::Custodian));
}

#[test]
fn a_capsule_that_owner_and_custodian_sign_together_is_still_refused_by_readers() {
    let mut world = World::new(4);
    let (_, unsigned, _) = offered(&mut world, b"one");
    let (_, mut other, _) = offered(&mut world, b"two");
    other.header.prologue.capsule = unsigned.header.prologue.capsule.clone();
    let candidate = other.header.clone();
    let hash = candidate.hash();
    let (owner, custodian) = (&world.owner, &world.custodian);
    let signed = record::Signed {
        chain_id: &CHAIN,
        hash: &hash,
        owner: &owner.name,
        custodian: &custodian.name,
    };
    let record = Record {
        hash,
        owner: owner.name,
        custodian: custodian.name,
        custodian_signature: signed.sign_as_custodian(&custodian.signing),
        owner_signature: signed.sign_as_owner(&owner.signing),
    };
    let verified = world.verify(&record).unwrap();
    assert_eq!(candidate.verify(&verified).unwrap_err(), RecordError::BadCapsule);
}

#[test]
fn a_wrong_commitment_convicts_the_custodian_before_the_body_is_read() {
    let mut world = World::new(5);
    let (scope, mut unsigned, body) = offered(&mut world, b"a record");
    unsigned.header.prologue.commitment[7] ^= 1;
    let error = world.review(unsigned.sign(&world.custodian.signing), &scope, &body).unwrap_err();
    assert_eq!(error, RecordError::WrongContentKey { by: Party::Custodian });
}

#[test]
fn a_wrong_root_or_length_convicts_the_custodian_at_the_end_of_the_body() {
    let mut world = World::new(6);
    let (scope, mut unsigned, body) = offered(&mut world, b"a record");
    unsigned.header.body.root.0[0] ^= 1;
    let error = world.review(unsigned.sign(&world.custodian.signing), &scope, &body).unwrap_err();
    assert_eq!((error.culprit(), error), (Some(Party::Custodian), RecordError::WrongRoot));
    let (scope, mut unsigned, body) = offered(&mut world, b"a record");
    unsigned.header.body.length += 1;
    let error = world.review(unsigned.sign(&world.custodian.signing), &scope, &body).unwrap_err();
    assert!(matches!(error, RecordError::BodyLength { .. }), "{error}");
}

#[test]
fn a_record_signed_by_another_member_is_refused() {
    let mut world = World::new(7);
    let (scope, unsigned, body) = offered(&mut world, b"a record");
    let error = world.review(unsigned.sign(&world.other.signing), &scope, &body).unwrap_err();
    assert_eq!(error, RecordError::BadSignature { what: "record", by: Party::Custodian });
    let stored = world.store(&scope, &[], b"a record");
    let (custodian, owner, other) = (world.custodian.key(), world.owner.key(), world.other.key());
    let verify = |custodian, owner| stored.record.clone().verify(&CHAIN, custodian, owner);
    assert!(verify(&custodian, &owner).is_ok());
    for (custodian, owner, by) in
        [(&other, &owner, Party::Custodian), (&custodian, &other, Party::Owner)]
    {
        let error = verify(custodian, owner).unwrap_err();
        assert_eq!(error, RecordError::BadSignature { what: "record", by });
    }
}

#[test]
fn an_owner_signs_no_record_of_another_scope_ledger_or_delegator_key() {
    let mut world = World::new(8);
    let (scope, unsigned, body) = offered(&mut world, b"a record");
    let offered = unsigned.sign(&world.custodian.signing);
    for wrong in [world.scope("repair", 6), world.scope("claims", 5)] {
        let error = world.review(offered.clone(), &wrong, &body).unwrap_err();
        assert_eq!(error, RecordError::OtherDelegatorKey);
    }
    let delegator = world.owner.seed.delegator_key(&scope);
    let other_chain = ChainId([8; 32]);
    let error = offered.clone().review(&other_chain, &delegator, &world.custodian.key());
    assert!(matches!(error.unwrap_err(), RecordError::OtherParty { .. }));
    // Another owner's seed gives another key for the same scope.
    let delegator = world.other.seed.delegator_key(&scope);
    let error = offered.review(&CHAIN, &delegator, &world.custodian.key()).unwrap_err();
    assert_eq!(error, RecordError::OtherDelegatorKey);
}

#[test]
fn a_statement_that_names_others_than_its_header_is_refused() {
    // Member `other` signs, as owner, the hash of somebody else's record.
    let mut world = World::new(9);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &[], b"a record");
    for (owner, custodian, what) in [
        (&world.other, &world.custodian, Party::Owner),
        (&world.owner, &world.other, Party::Custodian),
    ] {
        let hash = *stored.record.hash();
        let signed = record::Signed {
            chain_id: &CHAIN,
            hash: &hash,
            owner: &owner.name,
            custodian: &custodian.name,
        };
        let record = Record {
            hash,
            owner: owner.name,
            custodian: custodian.name,
            custodian_signature: signed.sign_as_custodian(&custodian.signing),
            owner_signature: signed.sign_as_owner(&owner.signing),
        };
        let verified = record.verify(&CHAIN, &custodian.key(), &owner.key()).unwrap();
        let error = stored.candidate.clone().verify(&verified).unwrap_err();
        assert_eq!(error, RecordError::OtherParty { what });
    }
}

#[test]
fn keys_of_scopes_differ_in_every_part_of_the_scope() {
    let world = World::new(10);
    let scope = world.scope("repair", 5);
    let mut scopes = vec![scope.clone(), world.scope("repair", 6), world.scope("claims", 5)];
    scopes.push(Scope { custodian: world.other.name, ..scope.clone() });
    scopes.push(Scope { owner: world.other.name, ..scope.clone() });
    scopes.push(Scope { period: Period::new(2027, 5).unwrap(), ..scope.clone() });
    let seed = OwnerSeed::from_bytes(&world.owner.seed.to_bytes());
    let key = |scope| *seed.delegator_key(scope).public().encoding();
    let mut keys: Vec<_> = scopes.iter().map(key).collect();
    assert_eq!(keys[0], *world.owner.seed.delegator_key(&scope).public().encoding());
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), scopes.len());
}

#[test]
fn secrets_are_not_shown() {
    let mut world = World::new(11);
    let (_, key) = world.request(world.selection("repair", &[5]), &["brakes"]);
    assert_eq!(format!("{key:?}"), format!("SecretKey(of {:?})", key.public()));
    let (request, _) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let given = world.give(&request, 1, 1);
    let shown = format!("{:?} {:?} {:?}", world.owner.seed, request.keywords(), given);
    assert!(shown.contains("OwnerSeed(redacted) [Keyword(redacted)]"));
    let secret = given.release(Standing::InForce).unwrap().0[0].keys[0].to_bytes();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!shown.contains(&hex) && !shown.contains("brakes"));
}

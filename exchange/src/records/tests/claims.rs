//! What liu2021 requires in section 2.3 and claims in section 4, where no other test plays it: an owner's own records, a
//! custodian and an owner who sign again together, a server that forges a signature, and one standard for all.

use super::*;

#[test]
fn an_owner_opens_every_record_of_its_own_again_from_its_seed_alone() {
    let mut world = World::new(70);
    let mut kept = Vec::new();
    for (category, month) in [("policy", 1), ("repair", 9), ("repair", 10)] {
        let scope = world.scope(category, month);
        let data = format!("{category} of month {month}").into_bytes();
        let (unsigned, body) = world.encrypt(&scope, &["bumper"], &data);
        kept.push((unsigned.sign(&world.custodian.signing).encode(), scope, data, body));
    }
    // Everything else that the owner had is lost.
    world.owner.seed = OwnerSeed::from_bytes(&world.owner.seed.to_bytes());
    for (offered, scope, data, body) in &kept {
        let offered = OfferedRecord::decode(offered).unwrap();
        assert_eq!(world.review(offered, scope, body).unwrap().1, *data);
    }
    let stranger = OwnerSeed::generate(&mut world.rng);
    let (offered, scope, ..) = &kept[0];
    let offered = OfferedRecord::decode(offered).unwrap();
    let review = offered.review(&CHAIN, &stranger.delegator_key(scope), &world.custodian.key());
    assert_eq!(review.unwrap_err(), RecordError::OtherDelegatorKey);
}

#[test]
fn a_record_that_custodian_and_owner_change_and_sign_again_is_another_and_the_first_stands() {
    let mut world = World::new(71);
    let scope = world.scope("repair", 10);
    let first = world.store(&scope, &["bumper"], b"bumper, 300");
    let second = world.store(&scope, &["bumper"], b"bumper, 9000");
    // Both statements hold, so nobody tells by them which one is true; but they name different records.
    assert_ne!(first.record.hash(), second.record.hash());
    let on_the_ledger = world.verify(&first.record).unwrap();
    let refused = second.candidate.clone().verify(&on_the_ledger).unwrap_err();
    assert_eq!(refused, RecordError::OtherHeader);
    // Nor does the second body pass under the first header, for a requester with the owner's consent.
    let shared = world.share(world.selection("repair", &[10]), &["bumper"], 1, 1);
    let mut rng = ChaCha20Rng::seed_from_u64(72);
    assert_eq!(shared.read(&[1], &first, &mut rng).unwrap(), b"bumper, 300");
    let swapped = Stored { body: second.body, ..first };
    assert!(shared.read(&[1], &swapped, &mut rng).is_err());
}

#[test]
fn a_server_that_has_one_of_the_two_keys_makes_no_statement_in_the_names_of_both() {
    let mut world = World::new(73);
    let scope = world.scope("repair", 10);
    let (unsigned, body) = world.encrypt(&scope, &["bumper"], b"never happened");
    let offered = unsigned.sign(&world.custodian.signing);
    let (reviewed, _) = world.review(offered, &scope, &body).unwrap();
    // The custodian signs for the owner.
    let forged = reviewed.accept(&world.custodian.signing);
    let expected = RecordError::BadSignature { what: "record", by: Party::Owner };
    assert_eq!(world.verify(&forged).unwrap_err(), expected);

    // The owner signs for the custodian: its own review stops it, and so does every reader.
    let (unsigned, body) = world.encrypt(&scope, &["bumper"], b"never happened");
    let offered = unsigned.sign(&world.owner.signing);
    let expected = RecordError::BadSignature { what: "record", by: Party::Custodian };
    let review = world.review(offered.clone(), &scope, &body).map(drop);
    assert_eq!(review.unwrap_err(), expected);
    let delegator = world.owner.seed.delegator_key(&scope);
    let mut review = offered.review(&CHAIN, &delegator, &world.owner.key()).unwrap();
    let mut rest = body.as_slice();
    while !rest.is_empty() {
        review.absorb(&mut rest).unwrap();
    }
    let forged = review.finish().unwrap().accept(&world.owner.signing);
    assert_eq!(world.verify(&forged).unwrap_err(), expected);
}

#[test]
fn insurers_and_shops_find_one_word_under_one_form_however_each_of_them_writes_it() {
    let mut world = World::new(74);
    let scope = world.scope("repair", 10);
    let stored = world.store(&scope, &["  Rear\tBUMPER ", "ＡＢＳ"], b"rear");
    let mut rng = ChaCha20Rng::seed_from_u64(75);
    for asked in ["rear bumper", "REAR BUMPER", "abs"] {
        let shared = world.share(world.selection("repair", &[10]), &[asked], 1, 1);
        assert_eq!(shared.read(&[1], &stored, &mut rng).unwrap(), b"rear", "{asked}");
    }
    let shared = world.share(world.selection("repair", &[10]), &["bumper"], 1, 1);
    assert_eq!(shared.read(&[1], &stored, &mut rng).unwrap_err(), RecordError::NoKeyword);
}

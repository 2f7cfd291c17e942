//! Rounds that are followed, and what is passed over on the way.

use consilium_contract::transaction::{entry, sign};
use consilium_crypto::RoundContext;
use consilium_proto::v1::SubmitUpdate;

use super::*;
use crate::fixture::{INSTITUTIONS, World, ceremony};

fn collection(follower: &Follower) -> &Collection {
    let Phase::Collecting(collection) = follower.phase() else { panic!("in {}", follower.phase().name()) };
    collection
}

#[test]
fn a_round_is_followed_from_its_opening_to_its_end() {
    let mut world = World::new();
    assert_eq!(world.follow().0.roster().len(), INSTITUTIONS);
    world.open();
    world.submit(&[0, 1]);
    let (follower, _) = world.follow();
    assert_eq!(collection(&follower).round(), &world.round());
    assert!(collection(&follower).has_update_of(&world.name(1)));
    assert!(!collection(&follower).has_update_of(&world.name(2)));

    let mut world = World::new();
    let headers = world.seal();
    let sum = world.sealed_sum();
    assert_eq!(sum.block(), &world.sealed_hash());
    assert_eq!(sum.height() + 1, world.chain.len());
    assert!(headers.iter().all(|header| sum.names(&consilium_ledger::sha256(header))));
    world.unseal();
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    let (follower, closed) = world.follow();
    let closed = closed.unwrap();
    assert_eq!(closed.model, world.contract.model().hash());
    assert_eq!(closed.sealed.countersignatures().count(), 3);
    assert_eq!(closed.sealed.shares().count(), 2);
    assert!(closed.sealed.is_countersigned_by(1) && !closed.sealed.is_countersigned_by(4));
    assert!(matches!(follower.phase(), Phase::Idle) && follower.step() == 1);
    world.full_round();
    assert!(matches!(world.follow().0.phase(), Phase::Finished));
}

#[test]
fn another_genesis_than_ours_is_refused() {
    let world = World::new();
    let parameters = Arc::new(world.ceremony.parameters.clone());
    let mut follower = Follower::new(parameters, ceremony(2, |_| {}).genesis_entry);
    let error = follower.read(&world.blocks[0], world.chain.get(0).unwrap()).unwrap_err();
    assert!(matches!(error, ClientError::Entry { height: 0, .. }), "{error}");
}

#[test]
fn an_entry_that_is_no_transaction_is_the_coordinators_fault() {
    let mut world = World::new();
    world.append(vec![vec![1, 2, 3]], [0; 32], Vec::new());
    let (parameters, genesis) = (world.ceremony.parameters.clone(), world.ceremony.genesis_entry.clone());
    let mut follower = Follower::new(Arc::new(parameters), genesis);
    let read: Result<Vec<_>, _> =
        world.blocks.iter().zip(world.chain.headers()).map(|(block, header)| follower.read(block, header)).collect();
    let error = read.unwrap_err();
    assert!(matches!(error, ClientError::Entry { height: 2, index: 0, .. }), "{error}");
    assert_eq!(error.exit_code(), 4);
}

#[test]
fn only_certificates_of_the_authority_enrol() {
    let stranger = ceremony(7, |_| {});
    let world = World::new();
    let (genesis, enrolments) = (world.blocks[0].clone(), world.blocks[1].entries.clone());
    let files = &stranger.institutions[0];
    let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
    let signed = sign(&files.signing, &world.chain_id(), Some(&files.identity.pseudonym), action);
    let mut other = World::new();
    other.append([vec![entry(signed, false)], enrolments].concat(), [0; 32], Vec::new());
    assert_eq!(other.blocks[0], genesis);
    let (follower, _) = other.follow();
    assert_eq!(follower.roster().len(), INSTITUTIONS);
    assert!(follower.roster().get(&files.identity.pseudonym).is_none());
}

#[test]
fn an_update_of_a_revoked_institution_is_passed_over() {
    let mut world = World::new();
    world.open();
    let revoke = Action::Revoke(Revoke { pseudonym: world.name(2).to_vec() });
    let not_the_authority = world.orders(revoke.clone());
    world.forge(vec![not_the_authority]);
    assert!(!world.follow().0.roster().get(&world.name(2)).unwrap().revoked);
    let revoke = sign(world.ceremony.authority_key(), &world.chain_id(), None, revoke);
    let submissions: Vec<_> =
        [1, 2].iter().map(|&i| world.submission(i, &world.update(i, &world.round(), 1).header)).collect();
    world.forge(vec![revoke]);
    world.forge(submissions);
    let (follower, _) = world.follow();
    assert!(collection(&follower).has_update_of(&world.name(1)));
    assert!(!collection(&follower).has_update_of(&world.name(2)));
}

#[test]
fn updates_of_another_round_or_author_or_without_a_body_are_passed_over() {
    let mut world = World::new();
    world.open();
    let round = world.round();
    let other = RoundContext { attempt: 1, ..round.clone() };
    let stolen = world.update(0, &round, 1).header;
    let unsigned = {
        let mut signed = world.submission(3, &world.update(3, &round, 1).header);
        signed.signature[0] ^= 1;
        signed
    };
    let transactions = vec![
        world.submission(0, &world.update(0, &other, 1).header),
        world.submission(1, &stolen),
        world.submission(2, &[1, 2, 3]),
        unsigned,
    ];
    world.forge(transactions);
    let missing = world.submission(0, &stolen);
    world.append(vec![entry(missing, true)], [0; 32], Vec::new());
    let (follower, _) = world.follow();
    assert!((0..INSTITUTIONS).all(|i| !collection(&follower).has_update_of(&world.name(i))));
}

#[test]
fn no_institution_can_make_a_follower_keep_more_than_a_few_of_its_updates() {
    let mut world = World::new();
    world.open();
    let header = world.update(0, &world.round(), 1).header;
    let submissions = (0..=u8::try_from(2 * KEPT_EACH).unwrap()).map(|i| {
        let mut header = header.clone();
        *header.last_mut().unwrap() ^= i;
        world.says(0, Action::SubmitUpdate(SubmitUpdate { header }))
    });
    let submissions = submissions.collect();
    world.forge(submissions);
    assert_eq!(collection(&world.follow().0).submissions.len(), KEPT_EACH);
}

#[test]
fn answers_to_another_block_or_under_another_name_do_not_count() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let mut forged = world.countersignature(2, 0, &block);
    forged.signature[5] ^= 1;
    let answers = vec![
        world.countersignature(0, 0, &[9; 32]),
        world.countersignature(1, 1, &block),
        forged,
        world.countersignature(3, 0, &block),
        world.countersignature(3, 0, &block),
    ];
    world.forge(answers);
    let (follower, _) = world.follow();
    let Phase::Sealed(sealed) = follower.phase() else { panic!() };
    let trustees: Vec<u32> = sealed.countersignatures().map(Countersignature::trustee).collect();
    assert_eq!(trustees, [4]);
}

#[test]
fn a_round_over_another_model_step_or_time_is_not_opened() {
    let mut world = World::new();
    let open = |step, attempt, model: Hash, time_ms| {
        Action::OpenRound(OpenRound { step, attempt, model_sha256: model.to_vec(), time_ms })
    };
    let model = world.contract.model().hash();
    let wrong = vec![
        world.orders(open(1, 0, model, 5_000)),
        world.orders(open(0, 1, model, 5_000)),
        world.orders(open(0, 0, [1; 32], 5_000)),
        world.says(0, open(0, 0, model, 5_000)),
    ];
    world.forge(wrong);
    assert!(matches!(world.follow().0.phase(), Phase::Idle));
    world.open();
    assert!(matches!(world.follow().0.phase(), Phase::Collecting(_)));
}

#[test]
fn an_abandoned_attempt_is_followed_by_another_until_they_are_used_up() {
    let mut world = World::of(ceremony(1, |spec| spec.max_attempts = 2));
    for attempt in 0..2 {
        let model_sha256 = world.contract.model().hash().to_vec();
        let time_ms = 2_000 + u64::from(attempt);
        let open = world.orders(Action::OpenRound(OpenRound { step: 0, attempt, model_sha256, time_ms }));
        world.forge(vec![open]);
        assert_eq!(collection(&world.follow().0).round().attempt, attempt);
        let abandon = world.orders(Action::Abandon(Abandon { step: 0, attempt, time_ms }));
        world.forge(vec![abandon]);
    }
    let (follower, _) = world.follow();
    assert!(matches!(follower.phase(), Phase::Stopped));
    assert_eq!(follower.attempt(), 2);
}

//! Rounds that are followed, and what is passed over on the way.

use consilium_contract::{
    light::{Countersignature, phase::KEPT_EACH},
    transaction::{entry, sign},
};
use consilium_crypto::RoundContext;
use consilium_hash::{BlockHash, HeaderHash, ModelHash, StateRoot};
use consilium_proto::v1::{
    Abandon, CloseRound, Enrol, OpenRound, Revoke, SubmitUpdate, transaction::Action,
};

use super::*;
use crate::fixture::Followed as _;
use consilium_testkit::{INSTITUTIONS, World, ceremony};

fn collection(follower: &Follower) -> &Collection {
    let Phase::Collecting(collection) = follower.phase() else {
        panic!("in {}", follower.phase().name())
    };
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
    assert!(headers.iter().all(|header| sum.names(&HeaderHash(consilium_ledger::sha256(header)))));
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
    assert!(matches!(error, FollowError::Entry { height: 0, .. }), "{error}");
}

#[test]
fn an_entry_that_is_no_transaction_is_the_coordinators_fault() {
    let mut world = World::new();
    world.append(vec![vec![1, 2, 3]], StateRoot([0; 32]), Vec::new());
    let parameters = world.ceremony.parameters.clone();
    let genesis = world.ceremony.genesis_entry.clone();
    let mut follower = Follower::new(Arc::new(parameters), genesis);
    let read: Result<Vec<_>, _> = world
        .blocks
        .iter()
        .zip(world.chain.headers())
        .map(|(block, header)| follower.read(block, header))
        .collect();
    let error = read.unwrap_err();
    assert!(matches!(error, FollowError::Entry { height: 2, index: 0, .. }), "{error}");
}

#[test]
fn only_certificates_of_the_authority_enrol() {
    let stranger = ceremony(7, |_| {});
    let world = World::new();
    let files = &stranger.institutions[0];
    let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
    let signed = sign(&files.signing, &world.chain_id(), Some(&files.identity.pseudonym), action);
    let mut other = World::new();
    assert!(other.refuses(signed).contains("it enrols nobody"));
    let own = &world.ceremony.institutions[0];
    let action = Action::Enrol(Enrol { certificate: Some(own.certificate.clone()) });
    let stolen = sign(&files.signing, &world.chain_id(), Some(&own.identity.pseudonym), action);
    assert!(other.refuses(stolen).contains("not signed by the key"));
    // Enrolled already: no honest coordinator records it.
    let again = other.ceremony.institutions[0].certificate.clone();
    let again = other.says(0, Action::Enrol(Enrol { certificate: Some(again) }));
    assert!(other.refuses(again).contains("the roster has no place for it"));
    assert_eq!(other.follow().0.roster().len(), INSTITUTIONS);
}

#[test]
fn an_update_of_a_revoked_institution_is_passed_over() {
    let mut world = World::new();
    world.open();
    let revoke = Action::Revoke(Revoke { pseudonym: world.name(2).to_vec() });
    let not_the_authority = world.orders(revoke.clone());
    assert!(world.refuses(not_the_authority).contains("not signed by the one who may say it"));
    let revoke = sign(world.ceremony.authority_key(), &world.chain_id(), None, revoke);
    let submissions: Vec<_> = [1, 2]
        .iter()
        .map(|&i| world.submission(i, &world.update(i, &world.round(), 1).header))
        .collect();
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
    ];
    world.forge(transactions);
    assert!(world.refuses(unsigned).contains("not signed by the key"));
    let missing = world.submission(0, &stolen);
    world.append(vec![entry(missing, true)], StateRoot([0; 32]), Vec::new());
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
    assert_eq!(collection(&world.follow().0).submissions().len(), KEPT_EACH);
}

#[test]
fn answers_to_another_block_or_under_another_name_do_not_count() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let mut forged = world.countersignature(2, 0, &block);
    forged.signature[5] ^= 1;
    let answers = vec![
        world.countersignature(0, 0, &BlockHash([9; 32])),
        world.countersignature(1, 1, &block),
        world.countersignature(3, 0, &block),
        world.countersignature(3, 0, &block),
    ];
    world.forge(answers);
    assert!(world.refuses(forged).contains("not signed by the key"));
    let (follower, _) = world.follow();
    let Phase::Sealed(sealed) = follower.phase() else { panic!() };
    let trustees: Vec<u32> = sealed.countersignatures().map(Countersignature::trustee).collect();
    assert_eq!(trustees, [4]);
}

#[test]
fn a_coordinator_that_speaks_out_of_turn_is_refused() {
    let mut world = World::new();
    let open = |step, attempt, model: ModelHash, time_ms| {
        Action::OpenRound(OpenRound {
            step,
            attempt,
            model_sha256: model.to_vec(),
            time_ms,
            standings: Vec::new(),
        })
    };
    let model = world.contract.model().hash();
    let abandon = |step, attempt| Action::Abandon(Abandon { step, attempt, time_ms: 1 << 40 });
    let early = [
        open(1, 0, model, 5_000),
        open(0, 1, model, 5_000),
        open(0, 0, ModelHash([1; 32]), 5_000),
        abandon(0, 0),
    ];
    for order in early {
        let signed = world.orders(order);
        assert!(
            world.refuses(signed).contains("out of turn: the run is at step 0, attempt 0, idle")
        );
    }
    let not_the_coordinator = world.says(0, open(0, 0, model, 5_000));
    assert!(world.refuses(not_the_coordinator).contains("not signed by the one who may say it"));
    let headers = world.seal();
    let evaluation = world.evaluation(&world.round(), &headers);
    let again = world.close_collection(evaluation);
    assert!(world.refuses(again).contains("closes a collection out of turn"));
    // Once it is sealed, an attempt is never abandoned and no other one opened, whatever shares are kept off the chain.
    for order in [abandon(0, 0), open(0, 1, model, 1 << 40), open(0, 0, model, 1 << 40)] {
        let signed = world.orders(order);
        assert!(
            world.refuses(signed).contains("out of turn: the run is at step 0, attempt 0, sealed")
        );
    }
    world.unseal();
    let (close, _) = world.result();
    let wrong_step = world.orders(Action::CloseRound(CloseRound { step: 1, ..close.clone() }));
    assert!(world.refuses(wrong_step).contains("closes a round out of turn"));
    let back_in_time = world.orders(Action::CloseRound(CloseRound { time_ms: 0, ..close.clone() }));
    assert!(world.refuses(back_in_time).contains("closes a round out of turn"));
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    assert!(matches!(world.follow().0.phase(), Phase::Idle));
}

#[test]
fn of_a_trustees_shares_the_first_that_the_contract_judges_is_kept_however_many_come_before_the_quorum_or_after()
 {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    // Before the quorum the contract takes no share: such a one must not stand in the way of the right one.
    for i in 0..8 {
        let early = world.wrong_share(1, i);
        world.record(early);
    }
    world.commit((0..3).map(|i| world.countersignature(i, 0, &block)).collect());
    let share = world.share(1);
    world.commit(vec![share]);
    for i in 0..8 {
        let late = world.wrong_share(1, i);
        world.record(late);
    }
    // A trustee that begins with a faulty one: the contract takes none of it.
    for i in 0..8 {
        let faulty = world.wrong_share(0, i);
        world.record(faulty);
    }
    let share = world.share(2);
    world.commit(vec![share]);
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    let closed = world.follow().1.unwrap();
    assert_eq!(closed.sealed.shares().count(), 3);
    let parameters = &world.ceremony.parameters;
    let judged = crate::judge::judge(
        &closed.sealed.sum,
        &crate::judge::KeyParts::default(),
        None,
        parameters,
        &mut rand_core::OsRng,
    )
    .unwrap();
    let table = consilium_crypto::DiscreteLogTable::shared();
    assert!(crate::model_check::ModelCheck::open(&closed, &judged, parameters, &table).is_ok());
}

#[test]
fn an_abandoned_attempt_is_followed_by_another_as_often_as_it_takes() {
    let mut world = World::of(ceremony(1, |spec| spec.max_attempts = 1));
    for attempt in 0..3 {
        let model_sha256 = world.contract.model().hash().to_vec();
        let time_ms = 2_000 + u64::from(attempt);
        let open = world.orders(Action::OpenRound(OpenRound {
            step: 0,
            attempt,
            model_sha256,
            time_ms,
            standings: Vec::new(),
        }));
        world.forge(vec![open]);
        assert_eq!(collection(&world.follow().0).round().attempt, attempt);
        let abandon = world.orders(Action::Abandon(Abandon { step: 0, attempt, time_ms }));
        world.forge(vec![abandon]);
    }
    let (follower, _) = world.follow();
    assert!(matches!(follower.phase(), Phase::Idle));
    assert_eq!(follower.attempt(), 3);
}

use consilium_hash::ModelHash;
use consilium_proto::v1::{CloseRound, transaction::Action};
use rand_core::OsRng;

use super::*;
use crate::{
    fixture::Followed as _,
    judge::{KeyParts, judge},
};
use consilium_testkit::{DIMENSION, World};

/// A world whose first round is closed by what `change` makes of the right CloseRound; the masked updates; the sums.
fn closed(change: impl FnOnce(&mut CloseRound)) -> (World, Closed, Vec<Vec<u8>>, Vec<u8>) {
    let mut world = World::new();
    let headers = world.seal();
    world.unseal();
    let (mut close, sums) = world.result();
    change(&mut close);
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    let closed = world.follow().1.unwrap();
    let length = world.ceremony.parameters.update_parameters().masked().len();
    let masked = |header: &Vec<u8>| {
        let header = consilium_crypto::CandidateHeader::decode(header).unwrap();
        world.bodies[header.body_hash()][..length].to_vec()
    };
    let masked = headers.iter().map(masked).collect();
    (world, closed, masked, sums)
}

fn initial(world: &World) -> CheckedModel {
    CheckedModel::initial(&world.ceremony.parameters, &world.ceremony.initial_model).unwrap()
}

fn check(
    world: &World,
    closed: &Closed,
    masked: &[Vec<u8>],
    sums: &[u8],
) -> Result<CheckedModel, ModelError> {
    let parameters = &world.ceremony.parameters;
    let start = initial(world);
    let judged =
        judge(&closed.sealed.sum, &KeyParts::default(), None, parameters, &mut OsRng).unwrap();
    let mut check = start.check(closed, &judged, parameters, &DiscreteLogTable::shared())?;
    for bytes in masked {
        check.add(bytes)?;
    }
    check.finish(&start, sums, world.follow().0.roster(), parameters, &mut OsRng)
}

#[test]
fn a_model_that_follows_is_checked_and_equals_the_weighted_mean() {
    let (world, closed, masked, sums) = closed(|_| {});
    let model = check(&world, &closed, &masked, &sums).unwrap();
    assert_eq!(model.step(), 1);
    assert_eq!(model.model().hash(), closed.model);
    // Updates of 1, 2, 3, 4; weights 10, 20, 30, 40 rows over 40; clip 0.5 over 127.
    let parameters = &world.ceremony.parameters;
    let expected = 0.25 + f64::from(parameters.clip) / 127.0 * 10.0 / 2.5;
    assert!(model.model().parameters().iter().all(|value| *value == expected as f32));
    assert_eq!(model.model().parameters().len(), DIMENSION);
}

#[test]
fn a_round_that_ends_a_run_which_no_evaluation_ends_is_refused() {
    let (world, closed, masked, sums) = closed(|close| close.ends_run = true);
    let refused = check(&world, &closed, &masked, &sums).unwrap_err();
    assert_eq!(refused, ModelError::WrongEnd { ends: true });
}

#[test]
fn a_masked_update_that_is_not_the_signed_headers_is_refused() {
    let (world, closed, mut masked, sums) = closed(|_| {});
    masked.swap(0, 1);
    let refused = check(&world, &closed, &masked, &sums).unwrap_err();
    assert!(
        matches!(refused, ModelError::WrongMaskedUpdate { pseudonym, .. } if pseudonym == world.name(0))
    );
    masked.swap(0, 1);
    masked[2][5] ^= 1;
    let refused = check(&world, &closed, &masked, &sums).unwrap_err();
    assert!(
        matches!(refused, ModelError::WrongMaskedUpdate { pseudonym, .. } if pseudonym == world.name(2))
    );
    masked[2].pop();
    assert!(matches!(
        check(&world, &closed, &masked, &sums),
        Err(ModelError::WrongMaskedUpdate { .. })
    ));
}

#[test]
fn a_check_without_all_masked_updates_does_not_end() {
    let (world, closed, masked, sums) = closed(|_| {});
    let refused = check(&world, &closed, &masked[..3], &sums).unwrap_err();
    assert_eq!(refused, ModelError::MissingMaskedUpdates { found: 3, expected: 4 });
}

#[test]
fn an_announced_key_sum_that_the_shares_do_not_combine_to_is_refused() {
    let (world, closed, masked, sums) = closed(|close| close.mask_key_sum[0] ^= 1);
    assert_eq!(check(&world, &closed, &masked, &sums).unwrap_err(), ModelError::WrongMaskKeySum);
}

#[test]
fn sums_that_do_not_follow_are_refused_also_where_the_round_announces_them() {
    let (world, closed_rightly, masked, sums) = closed(|_| {});
    let mut wrong = sums.clone();
    wrong[4] ^= 1;
    assert_eq!(
        check(&world, &closed_rightly, &masked, &wrong).unwrap_err(),
        ModelError::WrongSumsBlob
    );
    let announced = wrong.clone();
    let (world, closed, masked, sums) = closed(|close| {
        // Every coordinate has the same sum here, so the changed blob is the same in every world.
        close.sums.as_mut().unwrap().sha256 = blob_hash(&announced).to_vec();
    });
    assert_eq!(check(&world, &closed, &masked, &sums).unwrap_err(), ModelError::WrongSumsBlob);
    assert_eq!(
        check(&world, &closed, &masked, &wrong).unwrap_err(),
        ModelError::WrongSums(SumError::Mismatch)
    );
}

#[test]
fn a_model_that_does_not_follow_from_the_sums_is_refused() {
    let (world, closed, masked, sums) =
        closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
    assert_eq!(
        check(&world, &closed, &masked, &sums).unwrap_err(),
        ModelError::WrongModel(ModelHash([7; 32]))
    );
}

#[test]
fn a_round_without_a_quorum_or_without_t_valid_shares_is_refused() {
    let open = |transactions: fn(&World) -> Vec<consilium_proto::v1::SignedTransaction>| {
        let mut world = World::new();
        world.seal();
        let step = 0;
        let block = world.sealed_hash();
        let all: Vec<_> = (0..3).map(|i| world.countersignature(i, step, &block)).collect();
        world.commit(all);
        let spoken = transactions(&world);
        world.forge(spoken);
        let close = CloseRound {
            ends_run: false,
            step,
            mask_key_sum: vec![0; 32],
            sums: Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 }),
            model: Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 }),
            time_ms: 9_000,
        };
        let close = world.orders(Action::CloseRound(close));
        world.forge(vec![close]);
        let closed = world.follow().1.unwrap();
        check(&world, &closed, &[], &[]).unwrap_err()
    };
    let one = open(|world| vec![world.share(1)]);
    assert!(
        matches!(one, ModelError::Shares(ShareError::TooFew { expected: 2, found: 1 })),
        "{one}"
    );
    let twice = open(|world| vec![world.share(1), world.share(1)]);
    assert!(
        matches!(twice, ModelError::Shares(ShareError::TooFew { expected: 2, found: 1 })),
        "{twice}"
    );

    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let two: Vec<_> = (0..2).map(|i| world.countersignature(i, 0, &block)).collect();
    world.forge(two);
    let blob = || Some(consilium_proto::v1::BlobRef { sha256: vec![0; 32], length: 52 });
    let close = CloseRound {
        ends_run: false,
        step: 0,
        mask_key_sum: vec![0; 32],
        sums: blob(),
        model: blob(),
        time_ms: 9_000,
    };
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    let closed = world.follow().1.unwrap();
    let refused = check(&world, &closed, &[], &[]).unwrap_err();
    assert_eq!(refused, ModelError::NoQuorum { found: 2, expected: 3 });
}

#[test]
fn faulty_shares_before_the_valid_ones_do_not_stop_the_check() {
    let mut world = World::new();
    let headers = world.seal();
    let block = world.sealed_hash();
    let all: Vec<_> = (0..3).map(|i| world.countersignature(i, 0, &block)).collect();
    world.commit(all);
    let faulty = world.wrong_share(0, 0);
    world.record(faulty);
    let good = vec![world.share(1), world.share(3)];
    world.commit(good);
    let (close, sums) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    let closed = world.follow().1.unwrap();
    assert_eq!(closed.sealed.shares().count(), 3);
    let length = world.ceremony.parameters.update_parameters().masked().len();
    let masked: Vec<Vec<u8>> = headers
        .iter()
        .map(|header| consilium_crypto::CandidateHeader::decode(header).unwrap())
        .map(|header| world.bodies[header.body_hash()][..length].to_vec())
        .collect();
    assert!(check(&world, &closed, &masked, &sums).is_ok());
}

#[test]
fn another_judged_block_than_the_closed_one_is_refused() {
    let (world, closed_one, ..) = closed(|_| {});
    let (_, closed_other, ..) = closed(|_| {});
    let parameters = &world.ceremony.parameters;
    let judged =
        judge(&closed_other.sealed.sum, &KeyParts::default(), None, parameters, &mut OsRng)
            .unwrap();
    let refused =
        initial(&world).check(&closed_one, &judged, parameters, &DiscreteLogTable::shared());
    assert!(matches!(refused.err(), Some(ModelError::OtherBlock { .. })));
}

#[test]
fn a_blob_that_the_genesis_does_not_name_is_no_initial_model() {
    let world = World::new();
    let parameters = &world.ceremony.parameters;
    let mut blob = world.ceremony.initial_model.clone();
    blob[0] ^= 1;
    assert!(CheckedModel::initial(parameters, &blob).is_none());
    assert!(CheckedModel::initial(parameters, &blob[4..]).is_none());
}

use consilium_audit::{
    Evidence,
    evidence::{Culprit, EvidenceError, Genesis},
    judge::{TrusteeError, judge},
};
use consilium_contract::CandidateTransaction;
use consilium_hash::{BlockHash, HeaderHash};
use consilium_ledger::{Block, sha256};
use consilium_proto::v1::{Charge, ForkEvidence, evidence::Statements};
use rand_core::OsRng;

use super::*;
use crate::{
    fixture::Kept as _,
    state::memory::{MemoryError, Place},
};
use consilium_testkit::{UpdateKind, World};

/// A world in which `everyone` has submitted and the sum that `evaluation` makes of their headers is sealed.
fn sealed(
    kind: UpdateKind,
    evaluation: impl FnOnce(&World, &[Vec<u8>]) -> Vec<u8>,
) -> (World, Vec<Vec<u8>>) {
    let mut world = World::under(kind);
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = evaluation(&world, &headers);
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    (world, headers)
}

fn verdict(world: &World, own: Option<&HeaderHash>) -> Result<Judged, TrusteeError> {
    let key_parts = world.key_parts().into_iter().collect();
    judge(&world.sealed_sum(), &key_parts, own, &world.ceremony.parameters, &mut OsRng)
}

fn answers(world: &World, transactions: &[SignedTransaction]) -> Vec<Countersignature> {
    let (follower, _) = world.follow();
    let verify = |signed: &SignedTransaction| {
        let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
        Countersignature::verify(
            &candidate,
            follower.roster(),
            world.committee(),
            &world.chain_id(),
        )
        .unwrap()
    };
    transactions.iter().map(verify).collect()
}

fn countersign(world: &World, directory: &std::path::Path) -> Result<Countersigned, ClientError> {
    let judged = verdict(world, None).unwrap();
    let mut memory = world.memory(directory);
    super::countersign(
        &judged,
        world.shares[0].as_ref().unwrap(),
        &mut memory,
        &world.ceremony.institutions[0].signing,
        &world.name(0),
    )
}

#[test]
fn an_honest_sum_is_judged_countersigned_and_shared_and_the_contract_takes_both() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    let headers = world.seal();
    let judged = verdict(&world, Some(&HeaderHash(sha256(&headers[0])))).unwrap();
    assert_eq!(judged.block(), &world.sealed_hash());
    let mut memory = world.memory(dir.path());
    let files = &world.ceremony.institutions[0];
    let share = world.shares[0].as_ref().unwrap();
    let countersigned =
        super::countersign(&judged, share, &mut memory, &files.signing, &world.name(0)).unwrap();
    assert_eq!(memory.countersigned(0), Some(*judged.block()));
    let block = world.sealed_hash();
    let others: Vec<_> = [1, 2].iter().map(|&i| world.countersignature(i, 0, &block)).collect();
    let all = [vec![countersigned.transaction().clone()], others].concat();
    let answers = answers(&world, &all);
    let quorum = countersigned.quorum(&answers).unwrap();
    world.commit(all);
    let share = quorum.share(
        world.shares[0].as_ref().unwrap(),
        &world.ceremony.institutions[0].signing,
        &world.name(0),
    );
    // `commit` asserts that the contract accepts.
    world.commit(vec![share]);
}

#[test]
fn a_second_sum_of_one_step_is_never_countersigned_whatever_restarts_lie_between() {
    UpdateKind::all().into_iter().for_each(second_sum_is_refused);
}

fn second_sum_is_refused(kind: UpdateKind) {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = sealed(kind, |world, headers| world.evaluation(&world.round(), headers));
    let (second, _) =
        sealed(kind, |world, headers| world.evaluation(&world.round(), &headers[..3]));
    let remembered = *countersign(&first, dir.path()).unwrap().judged().block();
    // Each call opens the memory anew, as a restart does.
    for _ in 0..2 {
        let refused = countersign(&second, dir.path()).unwrap_err();
        let ClientError::Memory(MemoryError::OtherBlock { step: 0, remembered: block, .. }) =
            refused
        else {
            panic!("{refused}")
        };
        assert_eq!(block, remembered);
    }
    assert!(countersign(&first, dir.path()).is_ok());
}

#[test]
fn a_step_of_a_committee_that_was_confirmed_with_another_memory_is_not_countersigned() {
    let mut world = World::new();
    world.seal();
    // It has lost what it knew, or has never known it.
    let lost = tempfile::tempdir().unwrap();
    world.memory(lost.path()).lose(Place::standing(0)).unwrap();
    let refused = countersign(&world, lost.path()).unwrap_err();
    assert!(matches!(refused, ClientError::Memory(MemoryError::Lost { number: 0 })), "{refused}");
    let new = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(new.path(), world.chain_id()).unwrap();
    memory.catch_up(false, None, &[]).unwrap();
    let refused = countersign(&world, new.path()).unwrap_err();
    assert!(
        matches!(refused, ClientError::Memory(MemoryError::Unconfirmed { committee: 0 })),
        "{refused}"
    );
}

#[test]
fn a_quorum_is_q_distinct_trustees_on_the_same_block_of_the_same_step() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let countersigned = countersign(&world, dir.path()).unwrap();
    assert_eq!(countersigned.judged().committee().quorum(), 3);
    let quorum = |says: &[(usize, u64, BlockHash)]| {
        let signed: Vec<_> =
            says.iter().map(|(i, step, block)| world.countersignature(*i, *step, block)).collect();
        countersigned.quorum(&answers(&world, &signed)).is_some()
    };
    let same = |i| (i, 0, block);
    assert!(quorum(&[same(0), same(1), same(2)]));
    assert!(quorum(&[same(3), same(1), same(2)]));
    assert!(!quorum(&[same(0), same(1)]));
    assert!(!quorum(&[same(0), same(1), same(1), same(0)]));
    assert!(!quorum(&[same(0), same(1), (2, 0, BlockHash([9; 32]))]));
    assert!(!quorum(&[same(0), same(1), (2, 1, block)]));
}

#[test]
fn of_two_sums_shown_to_two_halves_of_the_trustees_at_most_one_is_opened_and_the_headers_convict_the_coordinator()
 {
    UpdateKind::all().into_iter().for_each(at_most_one_is_opened);
}

fn at_most_one_is_opened(kind: UpdateKind) {
    let (first, _) = sealed(kind, |world, headers| world.evaluation(&world.round(), headers));
    let (second, _) =
        sealed(kind, |world, headers| world.evaluation(&world.round(), &headers[..3]));
    let worlds = [&first, &second];
    let parameters = &first.ceremony.parameters;
    let judged = worlds.map(|world| verdict(world, None).unwrap());
    // Institution 3 is the coordinator's (t = 2) and answers both; every split of the other three.
    for split in 0..8_usize {
        let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let mut transactions = vec![Vec::new(), Vec::new()];
        for (world, transactions) in worlds.iter().zip(&mut transactions) {
            transactions.push(world.countersignature(
                3,
                0,
                world.blocks.last().map(Block::hash).as_ref().unwrap(),
            ));
        }
        let mut countersigned = Vec::new();
        for (i, directory) in directories.iter().enumerate() {
            let shown = split >> i & 1;
            // Shown one, and after a restart the other.
            for side in [shown, 1 - shown] {
                let mut memory = first.memory(directory.path());
                let files = &first.ceremony.institutions[i];
                let share = first.shares[i].as_ref().unwrap();
                let name = first.name(i);
                match super::countersign(&judged[side], share, &mut memory, &files.signing, &name) {
                    Ok(answer) => {
                        assert_eq!(side, shown);
                        transactions[side].push(answer.transaction().clone());
                        countersigned.push((side, answer));
                    }
                    Err(error) => assert_eq!((error.exit_code(), side), (3, 1 - shown), "{error}"),
                }
            }
        }
        let (follower, _) = first.follow();
        let all: Vec<_> = transactions
            .iter()
            .flatten()
            .map(|signed| CandidateTransaction::parse(signed.clone()).unwrap())
            .map(|candidate| {
                Countersignature::verify(
                    &candidate,
                    follower.roster(),
                    first.committee(),
                    &first.chain_id(),
                )
                .unwrap()
            })
            .collect();
        let opened: BTreeSet<usize> = countersigned
            .iter()
            .filter(|(_, answer)| answer.quorum(&all).is_some())
            .map(|(side, _)| *side)
            .collect();
        assert!(opened.len() <= 1, "split {split:b}");
        assert!(
            !opened.is_empty(),
            "three of four have seen one of them, or two and the corrupt one"
        );
    }
    let fork = |height: usize| {
        let header = |world: &World| world.blocks[height].sealed.encode().to_vec();
        let statements =
            Statements::Fork(ForkEvidence { ours: header(&first), theirs: header(&second) });
        let genesis = Genesis { entry: &first.ceremony.genesis_entry, parameters };
        Evidence::new(statements, genesis)
    };
    // The rounds were opened alike: the histories part where the updates differ.
    assert!(matches!(fork(2), Err(EvidenceError::NotConvicting(_))));
    let verdict = fork(3).unwrap().verify(&first.ceremony.genesis_entry).unwrap();
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
}

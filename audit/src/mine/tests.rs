use consilium_hash::Pseudonym;
use consilium_proto::v1::{ChangeCommittee, CloseRound, SignedTransaction};

use super::*;
use consilium_testkit::{World, ceremony, splice};

fn institution(world: &World) -> Institution {
    let files = &world.ceremony.institutions[0];
    Institution { pseudonym: files.identity.pseudonym, key: files.signing.verifying_key() }
}

fn audited(world: &World) -> Result<Mine, MineError> {
    audit_blocks(&world.ceremony.parameters, institution(world), &world.blocks)
}

/// Seals this evaluation, whoever would refuse it, and has these trustees countersign it.
fn sealed(world: &mut World, evaluation: Vec<u8>, trustees: &[usize]) {
    let step = world.contract.step();
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    let block = world.blocks.last().unwrap().hash();
    let answers = trustees.iter().map(|&i| world.countersignature(i, step, &block)).collect();
    world.forge(answers);
}

#[test]
fn every_update_of_an_honest_run_was_counted_and_was_all_that_was_sent() {
    let mut world = World::new();
    world.full_round();
    world.full_round();
    let found = audited(&world).unwrap();
    assert_eq!((found.blocks, found.rounds), (world.blocks.len() as u64, 2));
    for (step, counted) in (0..).zip(&found.counted) {
        assert_eq!((counted.step, counted.countersigners), (step, 3));
        assert_eq!(counted.block.size, counted.sealed.checkpoint.size);
    }
    let text = found.to_string();
    assert!(text.contains("step 1: update") && text.contains("2 of 2 rounds"), "{text}");
}

#[test]
fn a_round_that_the_institution_sat_out_counts_nothing_of_it() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[1, 2, 3]);
    let evaluation = world.evaluation(&world.round(), &headers);
    sealed(&mut world, evaluation, &[1, 2, 3]);
    let found = audited(&world).unwrap();
    assert_eq!((found.rounds, found.counted.len()), (1, 0));
}

#[test]
fn a_chain_that_left_the_update_out_is_refused() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = world.evaluation(&world.round(), &headers[1..]);
    sealed(&mut world, evaluation, &[1, 2, 3]);
    let refused = audited(&world).unwrap_err();
    assert!(matches!(refused, MineError::LeftOut { step: 0, height: 3, index: 0 }), "{refused}");
}

#[test]
fn a_sum_that_holds_a_second_update_or_one_of_another_round_is_refused() {
    for (attempt, replaced) in [(0, 1), (1, 0)] {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let other = world.update(0, &RoundContext { attempt, ..world.round() }, 9).header;
        let again = world.submission(0, &other);
        world.forge(vec![again]);
        let honest = world.evaluation(&world.round(), &headers);
        let evaluation = splice(&honest, &sha256(&headers[replaced]), &sha256(&other));
        sealed(&mut world, evaluation, &[1, 2, 3]);
        let refused = audited(&world).unwrap_err();
        assert!(matches!(refused, MineError::Second { step: 0 }), "{refused}");
    }
}

#[test]
fn a_round_that_was_closed_without_a_quorum_of_different_trustees_is_refused() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = world.evaluation(&world.round(), &headers);
    sealed(&mut world, evaluation, &[1, 2, 2, 2]);
    assert_eq!(audited(&world).unwrap().rounds, 0);
    let close = world.orders(Action::CloseRound(CloseRound::default()));
    world.forge(vec![close]);
    let refused = audited(&world).unwrap_err();
    assert!(matches!(refused, MineError::NoQuorum { step: 0, found: 2, needed: 3 }), "{refused}");
}

#[test]
fn cosignatures_of_another_tree_make_no_quorum() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2, 3]);
    let evaluation = world.evaluation(&world.round(), &headers);
    let close = world.close_collection(evaluation);
    world.forge(vec![close]);
    let block = SealedBlock::from(world.chain.head().unwrap());
    let mut another = block;
    another.checkpoint.root.0[0] ^= 1;
    let answers = (0..4)
        .map(|i| {
            let of = if i < 2 { block } else { another };
            world.says(
                i,
                Action::Countersign(of.countersign(0, &world.ceremony.institutions[i].signing)),
            )
        })
        .collect();
    world.forge(answers);
    let found = audited(&world).unwrap();
    assert_eq!((found.rounds, found.counted.len()), (0, 0));
}

#[test]
fn an_update_under_the_own_name_that_it_has_not_signed_is_named() {
    let mut world = World::new();
    world.open();
    let header = world.update(0, &world.round(), 1).header;
    let mut noise = world.submission(0, &header);
    noise.signature[0] ^= 1;
    world.forge(vec![noise]);
    let refused = audited(&world).unwrap_err();
    assert!(matches!(refused, MineError::NotSigned { height: 3, index: 0 }), "{refused}");
}

#[test]
fn a_change_of_any_block_breaks_the_chain() {
    let mut world = World::new();
    world.full_round();
    let audit =
        |blocks: &[Block]| audit_blocks(&world.ceremony.parameters, institution(&world), blocks);
    assert!(audit(&world.blocks).is_ok());
    for height in 0..world.blocks.len() {
        let mut blocks = world.blocks.clone();
        blocks[height].entries[0][5] ^= 1;
        assert!(matches!(audit(&blocks), Err(MineError::Chain(_))), "entry of block {height}");
        let bytes = world.blocks[height].sealed.encode();
        for place in (0..bytes.len()).step_by(7) {
            let mut bytes = bytes;
            bytes[place] ^= 1;
            let mut blocks = world.blocks.clone();
            blocks[height].sealed = SealedHeader::decode(&bytes).unwrap();
            // Signatures of all but the last header are covered by its hashes.
            let covered = place >= 152 && height + 1 < blocks.len();
            assert_eq!(audit(&blocks).is_ok(), covered, "byte {place} of header {height}");
        }
        let mut blocks = world.blocks.clone();
        blocks.remove(height);
        let is_last = height + 1 == world.blocks.len();
        assert_eq!(audit(&blocks).is_ok(), is_last, "block {height} missing");
    }
}

/// The authority asks for a committee of these, with threshold t.
fn request(
    world: &World,
    committee: u32,
    members: &[Pseudonym],
    threshold: u32,
    request: u64,
) -> SignedTransaction {
    let members = members.iter().map(|name| name.as_slice().to_vec()).collect();
    world.decrees(Action::ChangeCommittee(ChangeCommittee {
        committee,
        members,
        threshold,
        request,
    }))
}

#[test]
fn requests_for_committees_that_the_contract_refuses_change_nothing_for_a_light_audit() {
    let of = |world: &World, members: &[usize]| -> Vec<Pseudonym> {
        members.iter().map(|place| world.name(*place)).collect()
    };
    let strangers = [9, 8, 7, 6].map(|byte| Pseudonym([byte; 32]));
    // Before the right request, and after it, in whose place the last one would come.
    for (wrong, is_later) in (0..4).flat_map(|wrong| [(wrong, false), (wrong, true)]) {
        let mut world = World::of(ceremony(1, |spec| spec.min_threshold = 2));
        world.full_round();
        let everyone = of(&world, &[0, 1, 2, 3]);
        let right = request(&world, 1, &everyone, 2, 2);
        let number = if is_later { 3 } else { 1 };
        let refused = match wrong {
            0 => request(&world, 7, &of(&world, &[0]), 1, number),
            1 => request(&world, 1, &of(&world, &[3]), 1, number),
            2 => request(&world, 1, &strangers, 2, number),
            _ => request(&world, 1, &of(&world, &[0, 0, 0, 0]), 2, number),
        };
        if is_later {
            world.commit(vec![right.clone()]);
        }
        let receipt = world.record(refused);
        assert!(!receipt.is_accepted(), "{wrong}: {receipt:?}");
        if !is_later {
            world.commit(vec![right]);
        }
        world.share_key(|world, signed| world.commit(vec![signed]));
        assert_eq!(world.committee().number, 1);
        world.full_round();
        let found = audited(&world).unwrap();
        assert_eq!((found.rounds, found.counted.len()), (2, 2), "{wrong}, later: {is_later}");
        assert!(found.counted.iter().all(|counted| counted.countersigners == 3), "{found}");
    }
}

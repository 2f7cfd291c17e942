use consilium_crypto::UpdateError;
use consilium_hash::{BlockHash, Pseudonym, TransactionHash};

use super::{
    histories::{answers, head_against, head_of, two_heads_of},
    rounds::{closed, with_receipt},
    unproven, *,
};

/// All files that the tests above make, one of each kind.
fn files() -> Vec<(World, Vec<u8>)> {
    let mut files = Vec::new();
    let mut add = |world: World, statements: Statements| {
        let file = Evidence::new(statements, genesis(&world)).unwrap().encode();
        files.push((world, file));
    };
    let (one, other) = two_histories();
    let statements = fork_of(&one.blocks[2], &other.blocks[2]);
    add(one, statements);
    let (one, other) = two_histories();
    let edge = one.chain.inclusion_proof(2, 3).unwrap().path;
    let statements = head_against(&one.blocks[2], edge, head_of(&other, 3));
    add(one, statements);
    let (one, other) = two_histories();
    let statements = two_heads_of(&head_of(&one, 3), &head_of(&other, 3));
    add(one, statements);
    let mut world = World::new();
    world.seal();
    let first = world.countersignature(1, 0, &world.sealed_hash());
    let second = world.countersignature(1, 0, &BlockHash([9; 32]));
    let statements = answers(&world, 1, first, second);
    add(world, statements);
    let world = World::new();
    let key = &world.ceremony.coordinator.signing;
    let chain_id = world.chain_id();
    let accepted = Some(Receipt::accepted(TransactionHash([4; 32])).sign(key, &chain_id));
    let fault = Some(
        Receipt::fault(TransactionHash([4; 32]), Reason::BadLinkProof, world.name(0))
            .sign(key, &chain_id),
    );
    add(world, Statements::TwoReceipts(TwoReceiptsEvidence { accepted, fault }));
    let (world, headers) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    let statements = with_receipt(&world, world.submission(3, &headers[3]), Receipt::accepted);
    add(world, Statements::History(statements));
    let (world, headers, sums) = closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
    let statements = round(&world, &headers, &sums);
    add(world, Statements::History(statements));
    let mut world = World::new();
    let open = world.open_round();
    world.append(vec![entry(open, false)], consilium_hash::StateRoot([7; 32]), Vec::new());
    let statements = replay(&world);
    add(world, statements);
    let mut world = World::new();
    let (_, header) = unproven::attacked(&mut world, UpdateError::BadRangeProof);
    let statements = Statements::Unproven(unproven::of(&world, &header));
    add(world, statements);
    files
}

#[test]
fn a_change_anywhere_in_a_file_convicts_nobody_else_and_of_nothing_else() {
    for (world, file) in files() {
        let right = Evidence::decode(&file).unwrap().verify(&world.ceremony.genesis_entry).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(file.len() as u64);
        // Every byte of short files, some hundred of long ones.
        let step = (file.len() / 400).max(1);
        for at in (0..file.len()).step_by(step) {
            let at = (at + rng.next_u32() as usize % step).min(file.len() - 1);
            let mut changed = file.clone();
            changed[at] ^= 1 << (rng.next_u32() % 8);
            let Ok(evidence) = Evidence::decode(&changed) else { continue };
            if let Ok(verdict) = evidence.verify(&world.ceremony.genesis_entry) {
                // A signature over a header, or what the file brings beside, that nobody needs for the verdict.
                assert_eq!(
                    (verdict.culprit, verdict.charge),
                    (right.culprit, right.charge),
                    "byte {at}"
                );
            }
        }
        for cut in [0, 1, MAGIC.len(), file.len() / 2, file.len() - 1] {
            assert!(
                Evidence::decode(&file[..cut]).is_err_and(|error| error.is_unusable()),
                "{cut}"
            );
        }
        assert!(Evidence::decode(&[file.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn a_claim_that_the_statements_do_not_bear_out_is_refused() {
    for (world, file) in files() {
        let honest = Evidence::decode(&file).unwrap();
        for culprit in [
            Culprit::Coordinator,
            Culprit::Institution(world.name(1)),
            Culprit::Institution(Pseudonym([7; 32])),
        ] {
            for charge in [Charge::Unspecified, Charge::Fork, Charge::BadSum, Charge::TwoBlocks] {
                let claim = Evidence { culprit, charge, ..honest.clone() };
                if claim == honest {
                    continue;
                }
                let claim = Evidence::decode(&claim.encode()).unwrap();
                let refused = claim.verify(&world.ceremony.genesis_entry).unwrap_err();
                assert!(
                    matches!(refused, EvidenceError::OtherClaim(_)) && !refused.is_unusable(),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn nothing_that_honest_parties_sign_in_a_whole_run_convicts_anybody() {
    let mut world = World::new();
    world.full_round();
    // Institutions may say what they want: none of it is the coordinator's fault.
    let strange = [
        world.countersignature(0, 0, &BlockHash([9; 32])),
        world.countersignature(1, 7, &BlockHash([9; 32])),
        world.submission(2, &[1, 2, 3]),
        world.says(
            3,
            Action::SubmitShare(v1::SubmitShare {
                step: 1,
                sealed_block: vec![3; 32],
                share: vec![1; 600],
            }),
        ),
    ];
    let mut rejected = Vec::new();
    for signed in strange {
        let receipt = world.record(signed);
        assert!(!receipt.is_accepted());
        rejected.push(receipt.transaction);
    }
    world.seal();
    for which in 0..6 {
        let wrong = world.wrong_share(0, which);
        world.record(wrong);
    }
    world.unseal();
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    // Every beginning of the history, with and without bodies.
    for blocks in 0..=world.blocks.len() {
        let mut beginning = World::new();
        beginning.blocks = world.blocks[..blocks].to_vec();
        beginning.blobs = world.blobs[..blocks].to_vec();
        acquits(&beginning, history(&beginning));
        if blocks > 0 {
            acquits(&beginning, replay(&beginning));
        }
    }
    // Every pair of headers, heads, or one of each; every pair of answers of one trustee, every receipt that a coordinator gives for what is on
    // the chain.
    for ours in &world.blocks {
        for theirs in &world.blocks {
            acquits(&world, fork_of(ours, theirs));
        }
    }
    let heads: Vec<Note> = (0..=world.chain.len()).map(|size| head_of(&world, size)).collect();
    for first in &heads {
        for ours in &world.blocks {
            for size in ours.height() + 1..=world.chain.len() {
                let edge = world.chain.inclusion_proof(ours.height(), size).unwrap().path;
                acquits(&world, head_against(ours, edge, first.clone()));
            }
        }
        heads.iter().for_each(|second| acquits(&world, two_heads_of(first, second)));
    }
    let entries: Vec<_> = world.blocks[1..].iter().flat_map(|block| &block.entries).collect();
    let said: Vec<_> = entries
        .iter()
        .map(|entry| consilium_contract::transaction::parse_entry(entry).unwrap().0)
        .collect();
    for first in &said {
        for second in &said {
            // Institution 0 has been made to sign for a block that is none; the others are honest.
            for honest in 2..4 {
                acquits(
                    &world,
                    answers(&world, honest, first.signed().clone(), second.signed().clone()),
                );
            }
        }
        // No honest coordinator has accepted what the contract has rejected.
        if !rejected.contains(&first.id()) {
            let statements = with_receipt(&world, first.signed().clone(), Receipt::accepted);
            acquits(&world, Statements::History(statements));
        }
    }
}

#[test]
fn a_file_of_evidence_says_what_it_claims_and_what_it_holds() {
    for (_, file) in files() {
        let text = Evidence::decode(&file).unwrap().to_string();
        assert!(text.starts_with("claims") && text.contains("\nholds"), "{text}");
    }
}

#[test]
fn the_encoding_is_held_fixed() {
    let evidence = Evidence {
        culprit: Culprit::Institution(Pseudonym([1; 32])),
        charge: Charge::TwoBlocks,
        statements: Statements::Fork(ForkEvidence { ours: vec![2], theirs: vec![3, 4] }),
    };
    let expected = [MAGIC, &[10, 32], &[1; 32], &[16, 9, 26, 7, 10, 1, 2, 18, 2, 3, 4]].concat();
    assert_eq!(evidence.encode(), expected);
}

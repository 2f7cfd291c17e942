use consilium_hash::{BlockHash, ChainId, MerkleNode, StateRoot, TransactionHash};

use consilium_ledger::Seal;

use super::*;

#[test]
fn two_headers_of_one_height_or_a_successor_of_another_convict_the_coordinator_of_two_histories() {
    let (one, other) = two_histories();
    for (ours, theirs) in [(2, 2), (2, 3)] {
        convicts_the_coordinator(
            &one,
            fork_of(&one.blocks[ours], &other.blocks[theirs]),
            Charge::Fork,
        );
    }
    for (ours, theirs) in [(2, 2), (1, 2), (2, 1), (0, 2), (1, 1)] {
        acquits(&one, fork_of(&one.blocks[ours], &one.blocks[theirs]));
    }
    let mut unsigned = other.blocks[2].clone();
    unsigned.sealed.seal = Seal::from_bytes([7; Seal::LEN]);
    acquits(&one, fork_of(&one.blocks[2], &unsigned));
    // The same in blocks, for a reader of a history.
    let mut forked = blocks(&one);
    forked.blocks.push(other.blocks[2].encode().unwrap());
    convicts_the_coordinator(&one, Statements::History(forked), Charge::Fork);
}

pub(super) fn head_against(header: &Block, edge: Vec<MerkleNode>, theirs: Note) -> Statements {
    let contradiction = Contradiction { ours: header.sealed, edge, theirs }.encode();
    Statements::Head(HeadEvidence { contradiction })
}

pub(super) fn two_heads_of(first: &Note, second: &Note) -> Statements {
    let note = |note: &Note| note.encode().into_bytes();
    Statements::TwoHeads(TwoHeadsEvidence { first: note(first), second: note(second) })
}

/// The coordinator's signature over the tree of the first `size` blocks of this world.
pub(super) fn head_of(world: &World, size: u64) -> Note {
    world.chain.checkpoint(size).unwrap().sign(&(&world.ceremony.coordinator.signing).into())
}

#[test]
fn a_header_and_a_head_of_another_tree_or_two_heads_of_one_size_convict_the_coordinator_of_two_histories()
 {
    let (one, mut other) = two_histories();
    let edge = |world: &World, size: u64| world.chain.inclusion_proof(size - 1, size).unwrap().path;
    let against = |theirs: Note| head_against(&one.blocks[2], edge(&one, 3), theirs);
    convicts_the_coordinator(&one, against(head_of(&other, 3)), Charge::Fork);
    convicts_the_coordinator(
        &one,
        two_heads_of(&head_of(&one, 3), &head_of(&other, 3)),
        Charge::Fork,
    );
    // The common beginning, another size, the same head twice.
    acquits(&one, head_against(&one.blocks[1], edge(&one, 2), head_of(&other, 2)));
    for size in [0, 1, 2, 4] {
        acquits(&one, against(head_of(&other, size)));
        acquits(&one, two_heads_of(&head_of(&one, 3), &head_of(&other, size)));
    }
    acquits(&one, against(head_of(&one, 3)));
    acquits(&one, two_heads_of(&head_of(&other, 3), &head_of(&other, 3)));
    // An edge that is not the header's; a head that an institution has signed, or that is of another chain.
    acquits(&one, head_against(&one.blocks[2], vec![MerkleNode([7; 32])], head_of(&other, 3)));
    let checkpoint = other.chain.checkpoint(3).unwrap();
    let stranger = Checkpoint { chain_id: ChainId([9; 32]), ..checkpoint };
    let unsigned = [
        checkpoint.sign(&(&other.ceremony.institutions[0].signing).into()),
        stranger.sign(&(&other.ceremony.coordinator.signing).into()),
    ];
    for note in unsigned {
        acquits(&one, against(note.clone()));
        acquits(&one, two_heads_of(&head_of(&one, 3), &note));
        acquits(&one, two_heads_of(&note, &head_of(&one, 3)));
    }
    // A header that nobody has signed.
    other.blocks[2].sealed.seal = Seal::from_bytes([7; Seal::LEN]);
    acquits(&one, head_against(&other.blocks[2], edge(&other, 3), head_of(&one, 3)));
}

pub(super) fn answers(
    world: &World,
    institution: usize,
    first: SignedTransaction,
    second: SignedTransaction,
) -> Statements {
    let certificate = Some(world.ceremony.institutions[institution].certificate.clone());
    Statements::TwoBlocks(TwoBlocksEvidence {
        certificate,
        first: Some(first),
        second: Some(second),
    })
}

#[test]
fn a_trustee_is_convicted_by_its_answers_to_two_blocks_of_one_step_and_by_nothing_less() {
    let mut world = World::new();
    world.seal();
    let step = 0;
    let block = world.sealed_hash();
    let says = |i, step, block: BlockHash| world.countersignature(i, step, &block);
    let countersign = |block: BlockHash| {
        Action::Countersign(Countersign {
            step,
            sealed_block: block.to_vec(),
            cosignature: vec![7; 72],
        })
    };
    let share = world.wrong_share(1, 0);
    for second in [says(1, step, BlockHash([9; 32])), says(1, step, BlockHash([8; 32]))] {
        let verdict = verdict(&world, answers(&world, 1, says(1, step, block), second));
        assert_eq!(
            (verdict.culprit, verdict.charge),
            (Culprit::Institution(world.name(1)), Charge::TwoBlocks)
        );
    }
    let verdict =
        verdict(&world, answers(&world, 1, share.clone(), says(1, step, BlockHash([9; 32]))));
    assert_eq!(verdict.culprit, Culprit::Institution(world.name(1)));
    // A countersignature and the share for it; two steps; twice the same; another trustee's; another certificate's.
    acquits(&world, answers(&world, 1, says(1, step, block), share));
    acquits(&world, answers(&world, 1, says(1, step, block), says(1, 1, BlockHash([9; 32]))));
    acquits(&world, answers(&world, 1, says(1, step, block), says(1, step, block)));
    acquits(&world, answers(&world, 1, says(1, step, block), says(2, step, BlockHash([9; 32]))));
    acquits(&world, answers(&world, 2, says(1, step, block), says(1, step, BlockHash([9; 32]))));
    let action = countersign(BlockHash([9; 32]));
    let forged = sign(
        &world.ceremony.coordinator.signing,
        &world.chain_id(),
        Some(&world.name(1)),
        action.clone(),
    );
    acquits(&world, answers(&world, 1, says(1, step, block), forged));
    let other_chain = sign(
        &world.ceremony.institutions[1].signing,
        &ChainId([3; 32]),
        Some(&world.name(1)),
        action,
    );
    acquits(&world, answers(&world, 1, says(1, step, block), other_chain));
    let stranger = ceremony(7, |_| {}).institutions.remove(1);
    let says = |block: [u8; 32]| {
        let action = countersign(BlockHash(block));
        Some(sign(&stranger.signing, &world.chain_id(), Some(&stranger.identity.pseudonym), action))
    };
    let certificate = Some(stranger.certificate.clone());
    let statements = TwoBlocksEvidence { certificate, first: says([8; 32]), second: says([9; 32]) };
    acquits(&world, Statements::TwoBlocks(statements));
}

#[test]
fn two_receipts_convict_only_if_one_accepts_what_the_other_calls_a_fault() {
    let world = World::new();
    let key = &world.ceremony.coordinator.signing;
    let chain_id = world.chain_id();
    let name = world.name(0);
    let id = [4; 32];
    let accepted = Receipt::accepted(TransactionHash(id));
    let fault = Receipt::fault(TransactionHash(id), Reason::BadLinkProof, name);
    let pair = |accepted: Receipt, fault: Receipt| {
        let [accepted, fault] = [accepted, fault].map(|receipt| Some(receipt.sign(key, &chain_id)));
        Statements::TwoReceipts(TwoReceiptsEvidence { accepted, fault })
    };
    convicts_the_coordinator(&world, pair(accepted, fault), Charge::TwoReceipts);
    // What an honest coordinator may say of one transaction at different times.
    for reason in [
        Reason::Duplicate,
        Reason::TooEarly,
        Reason::IncompleteBody,
        Reason::WrongStep,
        Reason::TooLate,
    ] {
        acquits(&world, pair(accepted, Receipt::rejected(TransactionHash(id), reason)));
    }
    acquits(&world, pair(accepted, accepted));
    acquits(&world, pair(fault, fault));
    acquits(
        &world,
        pair(accepted, Receipt::fault(TransactionHash([5; 32]), Reason::BadLinkProof, name)),
    );
    let stranger = &world.ceremony.institutions[0].signing;
    let mixed = TwoReceiptsEvidence {
        accepted: Some(accepted.sign(key, &chain_id)),
        fault: Some(fault.sign(stranger, &chain_id)),
    };
    acquits(&world, Statements::TwoReceipts(mixed));
}

#[test]
fn a_signed_header_that_does_not_follow_convicts_the_coordinator() {
    let mut world = World::new();
    let open = world.open_round();
    let block = world.sealed_block(vec![entry(open, false)], StateRoot([0; 32]));
    let bad = |change: fn(&mut Header)| {
        let mut header = *block.header();
        change(&mut header);
        let mut statements = blocks(&world);
        let block = Block { sealed: world.seal_header(header), entries: block.entries.clone() };
        statements.blocks.push(block.encode().unwrap());
        Statements::History(statements)
    };
    convicts_the_coordinator(
        &world,
        bad(|header| header.history_root.0[0] ^= 1),
        Charge::BadHeader,
    );
    convicts_the_coordinator(&world, bad(|header| header.time_ms = 1), Charge::BadHeader);
    convicts_the_coordinator(
        &world,
        bad(|header| header.previous = BlockHash([1; 32])),
        Charge::Fork,
    );
    // Further than the next one: what lies between is not known. And entries that the header does not speak of.
    acquits(&world, bad(|header| header.height = 9));
    acquits(&world, bad(|header| header.entries_root.0[0] ^= 1));
    acquits(&world, bad(|header| header.version = 2));
}

#[test]
fn entries_that_no_contract_takes_convict_the_coordinator() {
    let mut world = World::new();
    world.append(vec![vec![1, 2, 3]], world.state, Vec::new());
    convicts_the_coordinator(&world, history(&world), Charge::BadEntry);
    convicts_the_coordinator(&world, replay(&world), Charge::BadEntry);

    let out_of_turn = |world: &mut World, signed: SignedTransaction| {
        world.forge(vec![signed]);
        convicts_the_coordinator(world, history(world), Charge::BadEntry);
        convicts_the_coordinator(world, replay(world), Charge::BadEntry);
        world.retract();
    };
    let mut world = World::new();
    let open = |step, attempt, model_sha256| {
        Action::OpenRound(OpenRound {
            step,
            attempt,
            standings: Vec::new(),
            model_sha256,
            time_ms: 1 << 40,
        })
    };
    let model = world.contract.model().hash().to_vec();
    for action in [open(1, 0, model.clone()), open(0, 1, model.clone()), open(0, 0, vec![7; 32])] {
        let signed = world.orders(action);
        out_of_turn(&mut world, signed);
    }
    world.seal();
    // A second attempt, whatever shares are kept off the chain.
    let abandon = world.orders(Action::Abandon(Abandon { step: 0, attempt: 0, time_ms: 1 << 40 }));
    out_of_turn(&mut world, abandon);
    let open = world.orders(open(0, 1, model));
    out_of_turn(&mut world, open);
    let mut forged = world.countersignature(0, 0, &BlockHash([9; 32]));
    forged.signature[7] ^= 1;
    out_of_turn(&mut world, forged);
}

use consilium_hash::TransactionHash;

use super::*;

pub(super) fn with_receipt(
    world: &World,
    signed: SignedTransaction,
    receipt: impl FnOnce(TransactionHash) -> Receipt,
) -> HistoryEvidence {
    let id = CandidateTransaction::parse(signed.clone()).unwrap().id();
    let receipt = receipt(id).sign(&world.ceremony.coordinator.signing, &world.chain_id());
    HistoryEvidence { transaction: Some(signed), receipt: Some(receipt), ..blocks(world) }
}

/// Seals the order after the blocks there are: whoever reads them finds the coordinator guilty.
fn convicts_of_an_order_out_of_turn(world: &mut World, order: Action) {
    let signed = world.orders(order);
    world.forge(vec![signed]);
    let detail = convicts_the_coordinator(world, history(world), Charge::BadEntry);
    assert!(detail.contains("out of turn"), "{detail}");
    convicts_the_coordinator(world, replay(world), Charge::BadEntry);
    world.retract();
}

#[test]
fn a_stage_of_a_key_generation_that_is_ended_before_its_time_convicts_the_coordinator_and_an_honest_ceremony_nobody()
 {
    let mut world = World::enrolled(ceremony(1, |_| {}));
    let order = |committee, stage: Stage, time_ms| {
        Action::EndStage(EndStage { committee, attempt: 0, stage: stage.into(), time_ms })
    };
    // No ceremony is in progress; the first one has another number.
    convicts_of_an_order_out_of_turn(&mut world, order(0, Stage::Offering, 2_000));
    let begin = Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 });
    convicts_of_an_order_out_of_turn(&mut world, begin);
    let mut stages = Vec::new();
    world.share_key(|world, signed| {
        // Some who are waited for have not spoken, and their time is not over.
        if let ContractPhase::Keygen(keygen) = world.contract.phase()
            && !keygen.progress().is_complete()
        {
            let stage = keygen.stage().name();
            let since_ms = keygen.since_ms();
            stages.push(stage as i32);
            convicts_of_an_order_out_of_turn(world, order(0, stage, since_ms));
        }
        world.commit(vec![signed]);
        acquits(world, history(world));
    });
    stages.dedup();
    assert_eq!(stages.len(), 7, "all but the answers, of which there are none: {stages:?}");
    assert!(world.contract.committee().is_some());
    acquits(&world, replay(&world));
}

#[test]
fn a_round_that_is_opened_while_a_committee_is_due_or_being_made_convicts_the_coordinator() {
    let open = |world: &mut World| {
        let model_sha256 = world.contract.model().hash().to_vec();
        let standings = world.contract.roster().standings();
        let open = OpenRound { step: 0, attempt: 0, model_sha256, time_ms: 1 << 40, standings };
        convicts_of_an_order_out_of_turn(world, Action::OpenRound(open));
    };
    // Nobody holds a key.
    let mut world = World::enrolled(ceremony(1, |_| {}));
    open(&mut world);
    let begin = world.orders(Action::BeginKeygen(BeginKeygen { committee: 0, time_ms: 2_000 }));
    world.commit(vec![begin]);
    open(&mut world);
    // The authority has asked for another committee.
    let mut world = World::new();
    let members = (0..4).map(|i| world.name(i).to_vec()).collect();
    let change = world.decrees(Action::ChangeCommittee(ChangeCommittee {
        committee: 1,
        members,
        threshold: 2,
        request: 1,
    }));
    world.commit(vec![change]);
    acquits(&world, history(&world));
    open(&mut world);
    let begin = world.orders(Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 }));
    world.commit(vec![begin]);
    acquits(&world, history(&world));
    open(&mut world);
    // One that is not due.
    let mut world = World::new();
    convicts_of_an_order_out_of_turn(
        &mut world,
        Action::BeginKeygen(BeginKeygen { committee: 1, time_ms: 2_000 }),
    );
}

#[test]
fn an_accepted_update_that_is_not_in_its_sum_convicts_the_coordinator_with_its_receipt_alone() {
    let (world, headers) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
    let left_out = world.submission(3, &headers[3]);
    let statements = with_receipt(&world, left_out.clone(), Receipt::accepted);
    convicts_the_coordinator(&world, Statements::History(statements.clone()), Charge::Omission);
    // Without the receipt, with another one, with one that another has signed, or of an update that is in the sum.
    acquits(&world, Statements::History(HistoryEvidence { receipt: None, ..statements.clone() }));
    acquits(&world, Statements::History(blocks(&world)));
    let late = with_receipt(&world, left_out.clone(), |id| Receipt::rejected(id, Reason::TooLate));
    acquits(&world, Statements::History(late));
    let forged = Receipt::accepted(CandidateTransaction::parse(left_out).unwrap().id());
    let forged = Some(forged.sign(&world.ceremony.institutions[3].signing, &world.chain_id()));
    acquits(&world, Statements::History(HistoryEvidence { receipt: forged, ..statements }));
    let counted = with_receipt(&world, world.submission(0, &headers[0]), Receipt::accepted);
    acquits(&world, Statements::History(counted));
}

#[test]
fn an_accepted_answer_that_is_not_in_its_step_convicts_the_coordinator_once_the_step_is_closed() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    world.unseal();
    let left_out = world.countersignature(3, 0, &block);
    let counted = world.countersignature(2, 0, &block);
    // Before the step is closed, it may still come.
    acquits(&world, Statements::History(with_receipt(&world, left_out.clone(), Receipt::accepted)));
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    let statements = with_receipt(&world, left_out, Receipt::accepted);
    convicts_the_coordinator(&world, Statements::History(statements), Charge::Omission);
    acquits(&world, Statements::History(with_receipt(&world, counted, Receipt::accepted)));
}

/// A round that is closed by what `change` makes of the right CloseRound; its headers and sums.
pub(super) fn closed(change: impl FnOnce(&mut CloseRound)) -> (World, Vec<Vec<u8>>, Vec<u8>) {
    let mut world = World::new();
    let headers = world.seal();
    world.unseal();
    let (mut close, sums) = world.result();
    change(&mut close);
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    (world, headers, sums)
}

#[test]
fn a_model_that_does_not_follow_convicts_the_coordinator() {
    // The sum of the keys: the chain alone shows it.
    let (world, ..) = closed(|close| close.mask_key_sum[0] ^= 1);
    convicts_the_coordinator(&world, history(&world), Charge::BadModel);
    // The model, and the sums: with the masked updates.
    let (world, headers, sums) = closed(|close| close.model.as_mut().unwrap().sha256 = vec![7; 32]);
    acquits(&world, history(&world));
    let statements = round(&world, &headers, &sums);
    convicts_the_coordinator(&world, Statements::History(statements.clone()), Charge::BadModel);
    let other = |change: fn(&mut HistoryEvidence)| {
        let mut statements = statements.clone();
        change(&mut statements);
        Statements::History(statements)
    };
    acquits(&world, other(|statements| statements.model[0] ^= 1));
    acquits(&world, other(|statements| statements.sums[0] ^= 1));
    acquits(&world, other(|statements| statements.masked_updates[1][7] ^= 1));
    acquits(&world, other(|statements| statements.masked_updates.swap(0, 1)));
    acquits(&world, other(|statements| drop(statements.masked_updates.pop())));
    acquits(&world, other(|statements| statements.masked_updates.push(vec![0; 32])));

    let (_, _, mut wrong) = closed(|_| {});
    wrong[0] ^= 1;
    let (world, headers, _) =
        closed(|close| close.sums.as_mut().unwrap().sha256 = sha256(&wrong).to_vec());
    convicts_the_coordinator(
        &world,
        Statements::History(round(&world, &headers, &wrong)),
        Charge::BadModel,
    );

    // Closed without a quorum.
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    world.forge((0..2).map(|i| world.countersignature(i, 0, &block)).collect());
    let blob = || Some(v1::BlobRef { sha256: vec![0; 32], length: 52 });
    let close = CloseRound {
        ends_run: false,
        step: 0,
        mask_key_sum: vec![0; 32],
        sums: blob(),
        model: blob(),
        time_ms: 1 << 40,
    };
    let close = world.orders(Action::CloseRound(close));
    world.forge(vec![close]);
    let detail = convicts_the_coordinator(&world, history(&world), Charge::BadModel);
    assert!(detail.contains("2 trustees countersigned"), "{detail}");
}

#[test]
fn a_state_root_that_the_transactions_do_not_lead_to_convicts_the_coordinator_with_the_bodies() {
    let mut world = World::new();
    world.seal();
    let block = world.sealed_hash();
    let answer = world.countersignature(0, 0, &block);
    world.append(vec![entry(answer, false)], consilium_hash::StateRoot([7; 32]), Vec::new());
    convicts_the_coordinator(&world, replay(&world), Charge::BadState);
    // A body that is missing proves nothing.
    let Statements::Replay(mut statements) = replay(&world) else { panic!() };
    statements.blobs.remove(2);
    acquits(&world, Statements::Replay(statements));
}

#[test]
fn an_audit_that_fails_gives_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.open();
    world.submit(&[0, 1]);
    let bad = world.open_round();
    world.forge(vec![bad]);
    let ledger = dir.path().join("ledger");
    world.ledger(&ledger);
    let error = crate::audit(&ledger, dir.path(), None).unwrap_err();
    let store = consilium_ledger::Store::open_copy(&ledger, dir.path()).unwrap();
    let evidence = from_ledger(&store, error.height().unwrap()).unwrap();
    assert_eq!(evidence.verify(&world.ceremony.genesis_entry).unwrap().charge, Charge::BadEntry);
    assert!(from_ledger(&store, 3).is_err(), "up to there, everything holds");
}

//! Sums, countersignatures, shares and results.
use consilium_contract::{SealedBlock, roster::INITIAL_CREDIT};
use consilium_hash::{BlockHash, ChainId, MerkleRoot};
use consilium_ledger::Checkpoint;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run};

use crate::{costs_nothing, is_a_fault_of};

#[test]
fn a_sum_that_is_not_the_sum_of_all_accepted_updates_is_refused() {
    let mut run = Run::collecting();
    for i in 0..3 {
        run.submit(i, &[1; DIMENSION]);
    }
    let without_the_last = run.close_action();
    run.submit(3, &[1; DIMENSION]);
    let close = |run: &Run, close| run.by_coordinator(Action::CloseCollection(close));
    let transaction = close(&run, without_the_last);
    assert_eq!(run.apply(&transaction).reason, Reason::WrongAggregate);
    let right = run.close_action();
    let mut altered = right.clone();
    let last = altered.evaluation.len() - 1;
    altered.evaluation[last] ^= 1;
    let transaction = close(&run, altered);
    assert!(matches!(
        run.apply(&transaction).reason,
        Reason::WrongAggregate | Reason::MalformedEncoding
    ));
    let transaction = close(&run, v1::CloseCollection { evaluation: vec![0; 10], ..right.clone() });
    assert_eq!(run.apply(&transaction).reason, Reason::MalformedEncoding);
    let transaction = close(&run, v1::CloseCollection { attempt: 1, ..right.clone() });
    assert_eq!(run.apply(&transaction).reason, Reason::WrongStep);
    let transaction = close(&run, right);
    assert!(run.apply(&transaction).is_accepted());
}

#[test]
fn a_countersignature_of_another_block_costs_nothing() {
    let mut run = Run::sealed();
    let receipt = run.countersign(0, BlockHash([1; 32]));
    costs_nothing(&run, receipt, Reason::WrongAggregate);
    let block = run.sealed_hash();
    assert!(run.countersign(0, block).is_accepted());
    let receipt = run.countersign(0, block);
    costs_nothing(&run, receipt, Reason::Duplicate);
}

#[test]
fn a_countersignature_whose_cosignature_does_not_hold_is_its_authors_fault() {
    let mut run = Run::sealed();
    let block = run.sealed_hash();
    let right = run.countersignature(0, 0, block);
    let of = |block: SealedBlock, i: usize| block.countersign(0, run.key(i)).cosignature;
    let honest = run.block_of(block);
    let another_root = Checkpoint { root: MerkleRoot([1; 32]), ..honest.checkpoint };
    let another_size = Checkpoint { size: 8, ..honest.checkpoint };
    let another_chain = Checkpoint { chain_id: ChainId([1; 32]), ..honest.checkpoint };
    let mut another_time = right.cosignature.clone();
    another_time[7] ^= 1;
    let mut no_time = right.cosignature.clone();
    no_time[0] = 0x80;
    let cases = [
        (of(SealedBlock { checkpoint: another_root, ..honest }, 0), Reason::BadCosignature),
        (of(SealedBlock { checkpoint: another_size, ..honest }, 0), Reason::BadCosignature),
        (of(SealedBlock { checkpoint: another_chain, ..honest }, 0), Reason::BadCosignature),
        (of(SealedBlock { time_ms: honest.time_ms + 1000, ..honest }, 0), Reason::BadCosignature),
        (of(honest, 1), Reason::BadCosignature),
        (another_time, Reason::BadCosignature),
        (no_time, Reason::MalformedEncoding),
        (right.cosignature[1..].to_vec(), Reason::MalformedEncoding),
        (Vec::new(), Reason::MalformedEncoding),
    ];
    for (case, (cosignature, reason)) in cases.into_iter().enumerate() {
        let message = v1::Countersign { cosignature, ..right.clone() };
        let receipt = run.apply(&run.by_member(0, Action::Countersign(message)));
        assert_eq!((receipt.reason, receipt.culprit), (reason, Some(run.name(0))), "case {case}");
        assert_eq!(run.credit(0), INITIAL_CREDIT.saturating_sub(case as u32 + 1));
    }
    assert!(run.countersign(0, block).is_accepted());
}

#[test]
fn a_second_countersignature_of_another_block_is_a_fault_before_and_after_the_quorum() {
    let mut run = Run::sealed();
    let block = run.sealed_hash();
    assert!(run.countersign(0, block).is_accepted());
    let receipt = run.countersign(0, BlockHash([1; 32]));
    is_a_fault_of(&run, 0, receipt, Reason::WrongAggregate);
    assert_eq!(run.countersign(0, BlockHash([1; 32])).reason, Reason::Duplicate);
    for i in 1..run.parameters().quorum as usize {
        assert!(run.countersign(i, block).is_accepted());
    }
    let receipt = run.countersign(0, BlockHash([2; 32]));
    assert_eq!((receipt.reason, receipt.culprit), (Reason::WrongAggregate, Some(run.name(0))));
    assert_eq!(run.credit(0), INITIAL_CREDIT - 2);
    assert_eq!(run.countersign(3, BlockHash([2; 32])).culprit, None);
}

#[test]
fn a_wrong_share_is_a_fault_of_the_trustee_that_signed_it() {
    let mut run = Run::opening();
    let mut share = run.share(0);
    let middle = share.len() - 40;
    share[middle] ^= 1;
    let receipt = run.submit_share(0, share.clone());
    assert!(matches!(receipt.reason, Reason::BadShareProof | Reason::MalformedEncoding));
    is_a_fault_of(&run, 0, receipt, receipt.reason);
    assert_eq!(run.submit_share(0, share).reason, Reason::Duplicate, "it is paid for");
    assert_eq!(run.credit(0), INITIAL_CREDIT - 1);
}

#[test]
fn the_first_share_of_a_trustee_counts_and_a_later_one_costs_nothing_more() {
    let mut run = Run::opening();
    let mut wrong = run.share(0);
    let middle = wrong.len() - 40;
    for _ in 0..3 {
        wrong[middle] ^= 1;
        wrong[middle + 1] ^= 2;
        run.submit_share(0, wrong.clone());
    }
    let right = run.share(0);
    let receipt = run.submit_share(0, right);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::Duplicate, None));
    assert_eq!(run.credit(0), INITIAL_CREDIT - 1);
    for i in [1, 2] {
        let share = run.share(i);
        assert!(run.submit_share(i, share).is_accepted());
    }
    assert!(run.close_round().is_accepted());
}

#[test]
fn anothers_share_is_a_fault_of_the_trustee_that_signed_it() {
    let mut run = Run::opening();
    let share = run.share(1);
    let receipt = run.submit_share(0, share.clone());
    is_a_fault_of(&run, 0, receipt, Reason::BadShareProof);
    assert!(run.submit_share(1, share).is_accepted());
}

#[test]
fn a_share_for_another_aggregate_is_refused() {
    let mut run = Run::opening();
    let other = Run::opening();
    let foreign = other.share(0);
    let receipt = run.submit_share(0, foreign);
    assert!(!receipt.is_accepted());
    let step = run.contract.step();
    let message = v1::SubmitShare { step, sealed_block: vec![1; 32], share: run.share(1) };
    let receipt = run.apply(&run.by_member(1, Action::SubmitShare(message)));
    assert_eq!((receipt.reason, receipt.culprit), (Reason::WrongAggregate, None));
    let message = v1::SubmitShare {
        step: step + 1,
        sealed_block: run.sealed_hash().to_vec(),
        share: run.share(1),
    };
    assert_eq!(
        run.apply(&run.by_member(1, Action::SubmitShare(message))).reason,
        Reason::WrongStep
    );
}

#[test]
fn shares_are_counted_once_and_not_after_the_last_that_was_needed() {
    let mut run = Run::opening();
    let share = run.share(0);
    assert!(run.submit_share(0, share.clone()).is_accepted());
    assert_eq!(run.submit_share(0, share).reason, Reason::Duplicate);
    let share = run.share(1);
    assert!(run.submit_share(1, share).is_accepted());
    let share = run.share(2);
    assert_eq!(run.submit_share(2, share).reason, Reason::TooLate);
}

#[test]
fn a_result_that_does_not_follow_from_the_sums_is_refused() {
    let mut run = Run::opening();
    let early = v1::CloseRound { step: 0, ..Default::default() };
    assert_eq!(run.apply(&run.by_coordinator(Action::CloseRound(early))).reason, Reason::TooEarly);
    for i in 0..2 {
        let share = run.share(i);
        run.submit_share(i, share);
    }
    let right = run.close_round_action();
    let tweaks: [fn(&mut v1::CloseRound); 4] = [
        |close| close.mask_key_sum[0] ^= 1,
        |close| close.sums.as_mut().unwrap().sha256[0] ^= 1,
        |close| close.model.as_mut().unwrap().sha256[0] ^= 1,
        |close| close.model.as_mut().unwrap().length += 1,
    ];
    for tweak in tweaks {
        let mut wrong = right.clone();
        tweak(&mut wrong);
        let transaction = run.by_coordinator(Action::CloseRound(wrong));
        assert_eq!(run.apply(&transaction).reason, Reason::WrongResult);
    }
    let transaction = run.by_coordinator(Action::CloseRound(right));
    assert!(run.apply(&transaction).is_accepted());
}

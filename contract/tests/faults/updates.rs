//! Updates: when they come, what their headers name, and what their proofs show.
use consilium_contract::{
    Admission, ApplyError, Body, CandidateTransaction, Phase, Receipt, check_updates,
    roster::INITIAL_CREDIT,
};
use consilium_crypto::{Bound, Ciphertext, Context, HEADER_LEN};
use consilium_hash::ModelHash;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, bounds};
use rand_core::OsRng;
use sha2::{Digest, Sha256};

use crate::{costs_nothing, is_a_fault_of};

/// Why an update beyond this bound is refused.
fn beyond(bound: &Bound) -> Reason {
    match bound {
        Bound::Parameter { .. } => Reason::BadRangeProof,
        Bound::Norm { .. } => Reason::BadNormProof,
    }
}

#[test]
fn an_update_of_another_step_attempt_or_model_is_rejected_and_costs_nothing() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let right = run.round();
        for (step, attempt, model_hash, reason) in [
            (1, 0, right.model_hash, Reason::WrongStep),
            (0, 1, right.model_hash, Reason::WrongStep),
            (0, 0, ModelHash([8; 32]), Reason::WrongModel),
        ] {
            let round = run.parameters().round(run.committee(), step, attempt, model_hash);
            let update = run.encrypt(0, round, &[1; DIMENSION]);
            let receipt = run.apply(&run.submission(0, update.header));
            costs_nothing(&run, receipt, reason);
        }
        assert!(run.submit(0, &[1; DIMENSION]).is_accepted(), "none of them was a verdict");
    }
}

#[test]
fn an_update_that_comes_too_late_or_too_early_costs_nothing() {
    let mut run = Run::collecting();
    let late = run.encrypt(3, run.round(), &[1; DIMENSION]);
    for i in 0..3 {
        run.submit(i, &[1; DIMENSION]);
    }
    run.time_ms += TIMEOUT_MS;
    run.close_collection();
    let receipt = run.apply(&run.submission(3, late.header));
    costs_nothing(&run, receipt, Reason::TooLate);
    run.end_block();
    run.open_and_close();
    let early = run.encrypt(3, run.round(), &[1; DIMENSION]);
    let receipt = run.apply(&run.submission(3, early.header));
    costs_nothing(&run, receipt, Reason::TooEarly);
}

#[test]
fn the_first_header_of_an_attempt_counts_and_a_second_is_not_a_fault() {
    let mut run = Run::collecting();
    let first = run.encrypt(0, run.round(), &[1; DIMENSION]);
    let transaction = run.submission(0, first.header);
    assert!(run.apply_update(&transaction, &first.body).is_accepted());
    let receipt = run.apply(&transaction);
    costs_nothing(&run, receipt, Reason::Duplicate);
    let receipt = run.submit(0, &[2; DIMENSION]);
    costs_nothing(&run, receipt, Reason::Duplicate);
}

#[test]
fn a_body_that_never_came_costs_nothing_and_may_be_sent_again() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let update = run.encrypt(0, run.round(), &[1; DIMENSION]);
        let transaction = run.submission(0, update.header);
        let receipt = run.apply_missing(&transaction);
        costs_nothing(&run, receipt, Reason::IncompleteBody);
        let truncated = &update.body[..update.body.len() - 1];
        let receipt = run.apply_update(&transaction, truncated);
        costs_nothing(&run, receipt, Reason::IncompleteBody);
        let mut altered = update.body.clone();
        altered[0] ^= 1;
        let receipt = run.apply_update(&transaction, &altered);
        costs_nothing(&run, receipt, Reason::IncompleteBody);
        assert!(run.apply_update(&transaction, &update.body).is_accepted());
    }
}

#[test]
fn a_checked_body_of_another_transaction_is_not_taken() {
    let mut run = Run::collecting();
    let a = run.encrypt(0, run.round(), &[1; DIMENSION]);
    let b = run.encrypt(1, run.round(), &[1; DIMENSION]);
    let ta = run.submission(0, a.header);
    let tb = run.submission(1, b.header);
    let checked =
        check_updates(run.parameters(), run.committee(), &[(&tb, &b.body)], &mut OsRng).remove(0);
    assert_eq!(
        run.contract.apply(&ta, Body::Checked(checked.into())).unwrap_err(),
        ApplyError::WrongBody
    );
    assert_eq!(run.contract.apply(&ta, Body::None).unwrap_err(), ApplyError::BodyNeeded);
}

#[test]
fn a_header_that_does_not_decode_is_a_fault_once_however_often_it_is_sent() {
    let mut run = Run::collecting();
    let transaction = run.submission(0, vec![1, 2, 3]);
    let receipt = run.apply(&transaction);
    is_a_fault_of(&run, 0, receipt, Reason::MalformedEncoding);
    let receipt = run.apply(&transaction);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::Duplicate, None));
    assert_eq!(run.credit(0), INITIAL_CREDIT - 1);
}

#[test]
fn a_fault_that_was_paid_for_does_not_keep_an_update_out_of_a_later_attempt() {
    let mut run = Run::collecting();
    let malformed = run.submission(0, vec![1, 2, 3]);
    run.apply(&malformed);
    // Nobody is left to wait for.
    for i in 1..4 {
        assert!(run.apply(&run.submission(i, vec![1, 2, 3])).culprit.is_some());
    }
    let abandon = v1::Abandon { step: 0, attempt: 0, time_ms: run.time_ms };
    assert!(run.apply(&run.by_coordinator(Action::Abandon(abandon))).is_accepted());
    assert!(run.open().is_accepted());
    assert_eq!(run.apply(&malformed).reason, Reason::Duplicate);
    assert!(run.submit(0, &[1; DIMENSION]).is_accepted());
}

#[test]
fn a_fault_after_an_accepted_update_does_not_change_the_verdict_on_it() {
    let mut run = Run::collecting();
    assert!(run.submit(0, &[1; DIMENSION]).is_accepted());
    let receipt = run.apply(&run.submission(0, vec![1, 2, 3]));
    is_a_fault_of(&run, 0, receipt, Reason::MalformedEncoding);
    let Phase::Collecting(collecting) = run.contract.phase() else { panic!("not collecting") };
    assert_eq!(collecting.verdicts().get(&run.name(0)), Some(&Reason::Accepted));
}

#[test]
fn another_institutions_update_is_a_fault_of_the_one_who_signed_it() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let copied = run.encrypt(1, run.round(), &[1; DIMENSION]);
        let receipt = run.apply(&run.submission(0, copied.header.clone()));
        is_a_fault_of(&run, 0, receipt, Reason::WrongContext);
        assert!(run.apply_update(&run.submission(1, copied.header), &copied.body).is_accepted());
    }
}

#[test]
fn a_wrong_dimension_or_bound_is_a_fault() {
    for (dimension, bits, values) in
        [(DIMENSION as u32 + 1, 8, DIMENSION + 1), (DIMENSION as u32, 16, DIMENSION)]
    {
        let mut run = Run::collecting();
        let mut round = run.round();
        round.dimension = dimension;
        round.bound = Bound::parameter(bits);
        let update = consilium_crypto::QuantisedUpdate::unchecked(vec![1; values], round.bound);
        let context = Context { bound: update.bound(), round, pseudonym: run.name(0) };
        let encrypted =
            consilium_crypto::update::encrypt(&run.committee().public_key, &context, &update)
                .unwrap();
        let receipt = run.apply(&run.submission(0, encrypted.prove().unwrap().header));
        is_a_fault_of(&run, 0, receipt, Reason::WrongDimension);
    }
}

#[test]
fn an_update_longer_than_its_norm_or_under_another_bound_is_a_fault() {
    let mut run = Run::norm_bounded(1, 1000);
    assert!(run.open().is_accepted());
    let receipt = run.submit(0, &[1000; DIMENSION]);
    is_a_fault_of(&run, 0, receipt, Reason::BadNormProof);

    let parameter = Bound::parameter(8);
    let norm = |norm, projections| Bound::Norm { norm, projections };
    for bound in [parameter, norm(1001, 256), norm(1000, 512)] {
        let mut run = Run::norm_bounded(1, 1000);
        assert!(run.open().is_accepted());
        let mut round = run.round();
        round.bound = bound;
        let update = consilium_crypto::QuantisedUpdate::unchecked(vec![1; DIMENSION], bound);
        let context = Context { bound: update.bound(), round, pseudonym: run.name(0) };
        let encrypted =
            consilium_crypto::update::encrypt(&run.committee().public_key, &context, &update)
                .unwrap();
        let receipt = run.apply(&run.submission(0, encrypted.prove().unwrap().header));
        is_a_fault_of(&run, 0, receipt, Reason::WrongDimension);
    }
}

#[test]
fn a_norm_too_large_to_be_proven_is_a_fault_before_any_body_is_taken() {
    // Kind and number of the bound, behind version, chain, step, attempt and model.
    const BOUND: usize = 4 + 32 + 8 + 4 + 32;
    for norm in [0, 100_000_001, u64::from(u32::MAX)] {
        let mut run = Run::norm_bounded(1, 1000);
        assert!(run.open().is_accepted());
        let mut header = run.encrypt(0, run.round(), &[1; DIMENSION]).header;
        assert_eq!(header[BOUND..BOUND + 9], [2, 0, 0, 1, 0, 0, 0, 0x03, 0xe8]);
        header[BOUND + 1..BOUND + 9].copy_from_slice(&(256 << 32 | norm).to_be_bytes());
        let transaction = run.submission(0, header);
        assert!(matches!(run.contract.admit(&transaction), Admission::Decided(_)));
        let receipt = run.apply(&transaction);
        is_a_fault_of(&run, 0, receipt, Reason::MalformedEncoding);
    }
}

#[test]
fn a_norm_proof_that_does_not_hold_is_a_fault_of_its_own() {
    let mut run = Run::norm_bounded(1, 1000);
    assert!(run.open().is_accepted());
    let mut update = run.encrypt(0, run.round(), &[1; DIMENSION]);
    // φ: after masks, the commitment, its mask and the responses.
    let phi = 32 * (DIMENSION + 2 + 256 + 128 + 16);
    update.body[phi] ^= 1;
    let body_hash = Context::LEN + 16 * 96 + 64;
    update.header[body_hash..body_hash + 32].copy_from_slice(&Sha256::digest(&update.body));
    let receipt = run.apply_update(&run.submission(0, update.header), &update.body);
    is_a_fault_of(&run, 0, receipt, Reason::BadNormProof);
}

#[test]
fn an_update_outside_its_bounds_is_a_fault_and_three_expel() {
    for bound in bounds() {
        let mut run = Run::bounded(5, bound);
        for credit in (0..INITIAL_CREDIT).rev() {
            assert!(run.open().is_accepted());
            let receipt = run.submit(0, &[1270; DIMENSION]);
            assert_eq!((receipt.reason, receipt.culprit), (beyond(&bound), Some(run.name(0))));
            assert_eq!(run.credit(0), credit);
            for i in 1..4 {
                assert!(run.submit(i, &[1; DIMENSION]).is_accepted());
            }
            assert!(
                run.close_collection().is_accepted(),
                "the round goes on without it, and does not wait"
            );
            run.end_block();
            run.open_and_close();
        }
        assert!(run.open().is_accepted());
        let receipt = submit_expelled(&mut run, 0);
        assert_eq!((receipt.reason, receipt.culprit), (Reason::Expelled, None));
        for i in 1..4 {
            assert!(run.submit(i, &[1; DIMENSION]).is_accepted());
        }
        assert!(run.close_collection().is_accepted());
        run.end_block();
        let block = run.sealed_hash();
        assert!(run.countersign(0, block).is_accepted(), "expulsion stops updates, not shares");
    }
}

pub fn submit_expelled(run: &mut Run, i: usize) -> Receipt {
    let update = run.encrypt(i, run.round(), &[1; DIMENSION]);
    let transaction = run.submission(i, update.header);
    assert!(
        matches!(run.contract.admit(&transaction), Admission::Decided(_)),
        "its body is not even asked for"
    );
    run.apply(&transaction)
}

/// Where the header names the hash of its body, the length right behind it.
const BODY_HASH: usize = Context::LEN + 16 * Ciphertext::LEN + 64;

const BODY_LENGTH: usize = BODY_HASH + 32;

#[test]
fn a_header_with_one_byte_changed_and_signed_again_is_a_fault() {
    // One byte of the limbs, of the proof of knowledge, of the range proof.
    for position in [Context::LEN + 5, BODY_LENGTH + 20, HEADER_LEN - 40] {
        let mut run = Run::collecting();
        let mut update = run.encrypt(0, run.round(), &[1; DIMENSION]);
        update.header[position] ^= 1;
        let receipt = apply_changed(&mut run, 0, &update.header, &update.body);
        assert!(
            matches!(receipt.reason, Reason::BadKeyProof | Reason::MalformedEncoding),
            "{position}: {receipt:?}"
        );
        is_a_fault_of(&run, 0, receipt, receipt.reason);
    }
}

#[test]
fn limbs_in_another_order_are_a_bad_key_proof() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let mut update = run.encrypt(0, run.round(), &[1; DIMENSION]);
        update.header[Context::LEN..BODY_HASH - 64].rotate_left(Ciphertext::LEN);
        let receipt = apply_changed(&mut run, 0, &update.header, &update.body);
        is_a_fault_of(&run, 0, receipt, Reason::BadKeyProof);
    }
}

#[test]
fn parameters_or_responses_in_another_order_are_a_bad_link_proof() {
    // Masks; the responses about V_σ, behind one point, and those about the key, behind two more.
    let responses = 64 * DIMENSION + 32;
    for reordered in
        [0..32 * DIMENSION, responses..responses + 64, responses + 128..responses + 192]
    {
        let mut run = Run::collecting();
        let mut update = run.encrypt(0, run.round(), &[1; DIMENSION]);
        update.body[reordered].rotate_left(32);
        update.header[BODY_HASH..BODY_LENGTH].copy_from_slice(&Sha256::digest(&update.body));
        let receipt = apply_changed(&mut run, 0, &update.header, &update.body);
        is_a_fault_of(&run, 0, receipt, Reason::BadLinkProof);
    }
}

#[test]
fn a_header_that_announces_a_body_of_another_length_than_all_others_is_a_fault() {
    for bound in bounds() {
        for (difference, reason) in [(1, Reason::TooLarge), (-1, Reason::WrongDimension)] {
            let mut run = Run::collecting_under(bound);
            let mut update = run.encrypt(0, run.round(), &[1; DIMENSION]);
            let length = update.body.len() as i64 + difference;
            update.header[BODY_LENGTH..BODY_LENGTH + 8].copy_from_slice(&length.to_be_bytes());
            let receipt = run.apply(&run.submission(0, update.header));
            is_a_fault_of(&run, 0, receipt, reason);
        }
    }
}

fn apply_changed(run: &mut Run, i: usize, header: &[u8], body: &[u8]) -> Receipt {
    let transaction = run.submission(i, header.to_vec());
    match run.contract.admit(&transaction) {
        Admission::Decided(_) => run.apply(&transaction),
        Admission::NeedsBody { .. } => run.apply_update(&transaction, body),
    }
}

#[test]
fn a_false_proof_in_a_batch_does_not_touch_the_others() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let updates: Vec<_> = (0..4)
            .map(|i| {
                run.encrypt(
                    i,
                    run.round(),
                    &if i == 2 { [1270; DIMENSION] } else { [1; DIMENSION] },
                )
            })
            .collect();
        let transactions: Vec<CandidateTransaction> = updates
            .iter()
            .enumerate()
            .map(|(i, update)| run.submission(i, update.header.clone()))
            .collect();
        let batch: Vec<_> = transactions
            .iter()
            .zip(&updates)
            .map(|(t, update)| (t, update.body.as_slice()))
            .collect();
        let checked = check_updates(run.parameters(), run.committee(), &batch, &mut OsRng);
        for (i, (transaction, checked)) in transactions.iter().zip(checked).enumerate() {
            let receipt = run.contract.apply(transaction, Body::Checked(checked.into())).unwrap();
            assert_eq!(receipt.reason, if i == 2 { beyond(&bound) } else { Reason::Accepted });
        }
        assert!(run.close_collection().is_accepted());
    }
}

//! Every reason code, and what is a fault and whose (design: "What is a fault, and whose").
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{
    Admission, ApplyError, Body, CandidateTransaction, Phase, Receipt, SealedBlock, check_updates,
    roster::INITIAL_CREDIT, transaction,
};
use consilium_crypto::{Ciphertext, Context, HEADER_LEN, signature::SigningKey};
use consilium_ledger::Checkpoint;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run, TIMEOUT_MS, bounds};
use rand_core::OsRng;
use sha2::{Digest, Sha256};

/// Rejected for `reason`, and nobody has less credit than before.
fn costs_nothing(run: &Run, receipt: Receipt, reason: Reason) {
    assert_eq!((receipt.reason, receipt.culprit), (reason, None));
    for i in 0..4 {
        assert_eq!(run.credit(i), INITIAL_CREDIT);
    }
}

/// Rejected for `reason`, and member `i` alone has paid for it.
fn is_a_fault_of(run: &Run, i: usize, receipt: Receipt, reason: Reason) {
    assert_eq!((receipt.reason, receipt.culprit), (reason, Some(run.name(i))));
    for other in 0..4 {
        assert_eq!(run.credit(other), if other == i { INITIAL_CREDIT - 1 } else { INITIAL_CREDIT });
    }
}

#[test]
fn noise_under_anothers_name_is_dropped_and_held_against_nobody() {
    let mut run = Run::collecting();
    let update = run.encrypt(0, run.round(), &[1; DIMENSION]);
    let stranger = SigningKey::generate(&mut OsRng);
    let action = Action::SubmitUpdate(v1::SubmitUpdate { header: update.header.clone() });
    let forged = run.by(&stranger, Some(run.name(0)), action.clone());
    let receipt = run.apply(&forged);
    assert!(!receipt.may_stand(&forged));
    costs_nothing(&run, receipt, Reason::BadSignature);
    let unknown = run.by(&stranger, Some([3; 32]), action);
    let receipt = run.apply(&unknown);
    assert!(!receipt.may_stand(&unknown));
    costs_nothing(&run, receipt, Reason::UnknownInstitution);
    assert!(run.apply_update(&run.submission(0, update.header), &update.body).is_accepted());
}

#[test]
fn a_signature_given_on_another_chain_means_nothing() {
    let mut run = Run::collecting();
    let other = Run::founded(1);
    let header = run.encrypt(0, run.round(), &[1; DIMENSION]).header;
    let action = Action::SubmitUpdate(v1::SubmitUpdate { header });
    let signed = transaction::sign(run.key(0), &other.chain_id(), Some(&run.name(0)), action);
    let receipt = run.apply(&CandidateTransaction::parse(signed).unwrap());
    costs_nothing(&run, receipt, Reason::BadSignature);
}

#[test]
fn nobody_speaks_for_the_coordinator_or_the_authority() {
    let mut run = Run::enrolled(1);
    let open = run.open_action();
    let as_member = run.by_member(0, open.clone());
    assert_eq!(run.apply(&as_member).reason, Reason::UnknownInstitution);
    let as_authority = run.by_authority(open);
    assert_eq!(run.apply(&as_authority).reason, Reason::BadSignature);
    let revoke = Action::Revoke(v1::Revoke { pseudonym: run.name(0).to_vec() });
    let as_coordinator = run.by_coordinator(revoke);
    assert_eq!(run.apply(&as_coordinator).reason, Reason::BadSignature);
    assert!(!run.contract.roster().get(&run.name(0)).unwrap().revoked);
}

#[test]
fn a_second_genesis_is_refused() {
    let mut run = Run::founded(1);
    let other = consilium_testkit::ceremony(1, |_| ());
    let genesis = consilium_testkit::genesis(&other);
    let second = run.by_authority(Action::Genesis(genesis.clone()));
    assert_eq!(run.apply(&second).reason, Reason::Duplicate);
    let noise = run.by(other.authority_key(), None, Action::Genesis(genesis));
    assert!(
        !run.apply(&noise).may_stand(&noise),
        "the authority of another run has no say in this one"
    );
}

#[test]
fn an_enrolment_needs_a_certificate_of_the_authority_for_its_own_key() {
    let mut run = Run::founded(1);
    let enrol =
        |certificate: v1::Certificate| Action::Enrol(v1::Enrol { certificate: Some(certificate) });
    let mut altered = run.certificate(0);
    altered.rows += 1;
    let transaction = run.by_member(0, enrol(altered));
    assert_eq!(run.apply(&transaction).reason, Reason::BadCertificate);
    let stolen = run.by_member(0, enrol(run.certificate(1)));
    assert_eq!(
        run.apply(&stolen).reason,
        Reason::BadCertificate,
        "the author is not the one it certifies"
    );
    let thief = SigningKey::generate(&mut OsRng);
    let stolen = run.by(&thief, Some(run.name(1)), enrol(run.certificate(1)));
    assert_eq!(
        run.apply(&stolen).reason,
        Reason::BadSignature,
        "the thief has not the certified key"
    );
    assert!(run.contract.roster().is_empty());
    assert!(run.enrol(0).is_accepted());
    assert_eq!(run.enrol(0).reason, Reason::Duplicate);
}

#[test]
fn an_update_of_another_step_attempt_or_model_is_rejected_and_costs_nothing() {
    for bound in bounds() {
        let mut run = Run::collecting_under(bound);
        let right = run.round();
        for (step, attempt, model_hash, reason) in [
            (1, 0, right.model_hash, Reason::WrongStep),
            (0, 1, right.model_hash, Reason::WrongStep),
            (0, 0, [8; 32], Reason::WrongModel),
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
    run.time_ms += TIMEOUT_MS;
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
        round.bound = consilium_crypto::Bound::Parameter { bits };
        let update = consilium_crypto::QuantisedUpdate::unchecked(vec![1; values], round.bound);
        let context = Context { round, pseudonym: run.name(0) };
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
    is_a_fault_of(&run, 0, receipt, Reason::BadRangeProof);

    let parameter = consilium_crypto::Bound::Parameter { bits: 8 };
    let norm = |norm, projections| consilium_crypto::Bound::Norm { norm, projections };
    for bound in [parameter, norm(1001, 256), norm(1000, 512)] {
        let mut run = Run::norm_bounded(1, 1000);
        assert!(run.open().is_accepted());
        let mut round = run.round();
        round.bound = bound;
        let update = consilium_crypto::QuantisedUpdate::unchecked(vec![1; DIMENSION], bound);
        let context = Context { round, pseudonym: run.name(0) };
        let encrypted =
            consilium_crypto::update::encrypt(&run.committee().public_key, &context, &update)
                .unwrap();
        let receipt = run.apply(&run.submission(0, encrypted.prove().unwrap().header));
        is_a_fault_of(&run, 0, receipt, Reason::WrongDimension);
    }
}

#[test]
fn a_norm_too_large_for_its_range_proofs_is_a_fault_before_any_body_is_taken() {
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
    // φ: after masks, commitments and their masks, three squares, the link, the responses and z.
    let phi = 32 * (DIMENSION + 256 + 256 + 3 + 7 + 256 + 1);
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
            assert_eq!(
                (receipt.reason, receipt.culprit),
                (Reason::BadRangeProof, Some(run.name(0)))
            );
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

fn submit_expelled(run: &mut Run, i: usize) -> Receipt {
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
    let responses = 64 * DIMENSION + 96;
    for reordered in [0..32 * DIMENSION, responses..responses + 4 * 32] {
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
fn a_revoked_institution_submits_no_more_and_nobody_waits_for_it() {
    let mut run = Run::collecting();
    for i in 1..4 {
        run.submit(i, &[1; DIMENSION]);
    }
    let revoke = run.by_authority(Action::Revoke(v1::Revoke { pseudonym: run.name(0).to_vec() }));
    assert!(run.apply(&revoke).is_accepted());
    assert_eq!(run.apply(&revoke).reason, Reason::Duplicate);
    let receipt = submit_expelled(&mut run, 0);
    costs_nothing(&run, receipt, Reason::Revoked);
    assert!(run.close_collection().is_accepted());
    let nobody = run.by_authority(Action::Revoke(v1::Revoke { pseudonym: vec![5; 31] }));
    assert_eq!(run.apply(&nobody).reason, Reason::MalformedEncoding);
}

#[test]
fn a_revocation_holds_against_an_enrolment_that_comes_after_it() {
    let mut run = Run::founded(1);
    let before = run.contract.state_root();
    let revoke = run.by_authority(Action::Revoke(v1::Revoke { pseudonym: run.name(0).to_vec() }));
    assert!(run.apply(&revoke).is_accepted());
    assert_ne!(run.contract.state_root(), before);
    assert_eq!(run.apply(&revoke).reason, Reason::Duplicate);
    assert_eq!(run.enrol(0).reason, Reason::Revoked);
    assert!(run.contract.roster().is_empty());
    assert!(run.enrol(1).is_accepted());
}

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
    let receipt = run.countersign(0, [1; 32]);
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
    let another_root = Checkpoint { root: [1; 32], ..honest.checkpoint };
    let another_size = Checkpoint { size: 8, ..honest.checkpoint };
    let another_chain = Checkpoint { chain_id: [1; 32], ..honest.checkpoint };
    let mut another_time = right.cosignature.clone();
    another_time[7] ^= 1;
    let mut no_time = right.cosignature.clone();
    no_time[0] = 0x80;
    let cases = [
        (of(SealedBlock { checkpoint: another_root, ..honest }, 0), Reason::BadCosignature),
        (of(SealedBlock { checkpoint: another_size, ..honest }, 0), Reason::BadCosignature),
        (of(SealedBlock { checkpoint: another_chain, ..honest }, 0), Reason::BadCosignature),
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
    let receipt = run.countersign(0, [1; 32]);
    is_a_fault_of(&run, 0, receipt, Reason::WrongAggregate);
    assert_eq!(run.countersign(0, [1; 32]).reason, Reason::Duplicate);
    for i in 1..run.parameters().quorum as usize {
        assert!(run.countersign(i, block).is_accepted());
    }
    let receipt = run.countersign(0, [2; 32]);
    assert_eq!((receipt.reason, receipt.culprit), (Reason::WrongAggregate, Some(run.name(0))));
    assert_eq!(run.credit(0), INITIAL_CREDIT - 2);
    assert_eq!(run.countersign(3, [2; 32]).culprit, None);
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
            assert_eq!(
                receipt.reason,
                if i == 2 { Reason::BadRangeProof } else { Reason::Accepted }
            );
        }
        assert!(run.close_collection().is_accepted());
    }
}

#[test]
fn an_entry_with_any_byte_changed_is_refused_or_unsigned() {
    let mut run = Run::sealed();
    let block = run.sealed_hash();
    let action = Action::Countersign(run.countersignature(0, 0, block));
    let entry = transaction::entry(run.by_member(0, action).signed().clone(), false);
    for position in 0..entry.len() {
        let mut changed = entry.clone();
        changed[position] ^= 1;
        if let Ok((transaction, _)) = transaction::parse_entry(&changed) {
            let receipt = run.apply(&transaction);
            assert!(!receipt.may_stand(&transaction), "byte {position}: {receipt:?}");
        }
    }
    assert!(run.countersign(0, block).is_accepted());
}

#[test]
fn only_an_update_can_miss_its_body() {
    let run = Run::enrolled(1);
    let entry = transaction::entry(run.by_coordinator(run.open_action()).signed().clone(), true);
    assert!(transaction::parse_entry(&entry).is_err());
}

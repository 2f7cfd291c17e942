//! Who may say what: signatures, enrolment, revocation, and what stands on no chain.
use consilium_contract::{CandidateTransaction, transaction};
use consilium_crypto::signature::SigningKey;
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{DIMENSION, Run};
use rand_core::OsRng;

use crate::costs_nothing;

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
    let unknown = run.by(&stranger, Some(Pseudonym([3; 32])), action);
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
fn a_revoked_institution_submits_no_more_and_nobody_waits_for_it() {
    let mut run = Run::collecting();
    for i in 1..4 {
        run.submit(i, &[1; DIMENSION]);
    }
    let revoke = run.by_authority(Action::Revoke(v1::Revoke { pseudonym: run.name(0).to_vec() }));
    assert!(run.apply(&revoke).is_accepted());
    assert_eq!(run.apply(&revoke).reason, Reason::Duplicate);
    let receipt = crate::updates::submit_expelled(&mut run, 0);
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

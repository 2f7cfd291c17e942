//! Two runs of the same parties with the same keys: nothing that was said, signed or proven in one is taken in the other.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{Phase, Receipt, certificate::CertificateError, roster::INITIAL_CREDIT};
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{
    Ceremony, CeremonySpec, DIMENSION, Op, Run, bounds, ceremony, next_ceremony,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, RngCore as _, SeedableRng as _};

const SEED: u64 = 11;

/// A run, and the next one of its parties. As hard as can be: the authority's generator gives the second run the nonces of the
/// first, and those of the institutions repeat themselves: pseudonyms and certificates are the same, too, and the chain alone is another.
/// So is the decryption key, which members draw for the chain even then.
fn twins(change: impl Fn(&mut CeremonySpec)) -> [Run; 2] {
    let first = ceremony(SEED, &change);
    // What the keys of the ceremony took: three of the coordinator's, two of the authority's.
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    rng.fill_bytes(&mut [0; 5 * 32]);
    let second = next_ceremony(&first, &mut rng, |spec| {
        change(spec);
        spec.steps += 1;
    });
    assert_ne!(first.parameters.chain_id, second.parameters.chain_id);
    let certificates = |ceremony: &Ceremony| {
        let all = ceremony.institutions.iter().map(|files| files.certificate.clone());
        all.collect::<Vec<_>>()
    };
    assert_eq!(certificates(&first), certificates(&second));
    [Run::of(first, SEED), Run::of(second, SEED)]
}

/// Both with everyone and the key.
fn twins_with_key(change: impl Fn(&mut CeremonySpec)) -> [Run; 2] {
    let twins = twins(change).map(|run| run.with_everyone().with_key());
    let [first, second] = &twins;
    assert_ne!(first.round().key_hash, second.round().key_hash);
    twins
}

fn collect(run: &mut Run) {
    assert!(run.open().is_accepted());
    for place in 0..4 {
        assert!(run.submit(place, &[1; DIMENSION]).is_accepted());
    }
}

fn seal(run: &mut Run) {
    collect(run);
    assert!(run.close_collection().is_accepted());
    run.end_block();
}

/// Offers everything that one run was told to another, which takes nothing of it.
fn replay(from: &Run, into: &mut Run) {
    let step = into.contract.step();
    let phase = into.contract.phase().name();
    for op in &from.log {
        let receipt = match op {
            Op::Apply(transaction, Some(body)) if into.contract.committee().is_some() => {
                into.apply_update(transaction, body)
            }
            Op::Apply(transaction, Some(_)) | Op::Missing(transaction) => {
                into.apply_missing(transaction)
            }
            Op::Apply(transaction, None) => into.apply(transaction),
            Op::EndBlock(_) => continue,
        };
        let refused = matches!(receipt.reason, Reason::BadSignature | Reason::UnknownInstitution);
        assert!(refused && receipt.culprit.is_none(), "{op:?} while {phase}: {receipt:?}");
    }
    assert_eq!((into.contract.step(), into.contract.phase().name()), (step, phase));
    for place in 0..4 {
        let credit = into.contract.roster().get(&into.name(place)).map(|one| one.credit);
        assert!(credit.is_none_or(|credit| credit == INITIAL_CREDIT));
    }
}

#[test]
fn nothing_that_was_said_in_one_run_is_taken_in_another_of_the_same_keys() {
    let [mut first, mut second] = twins(|spec| spec.steps = 1);
    first = first.with_everyone().with_key();
    seal(&mut first);
    first.open_and_close();
    for action in [
        Action::Pause(v1::Pause { request: 1 }),
        Action::Resume(v1::Resume { request: 2 }),
        Action::Revoke(v1::Revoke { pseudonym: first.name(3).to_vec() }),
    ] {
        first.accept(first.decrees(action));
    }
    replay(&first, &mut second);
    assert_eq!(second.contract.roster().len(), 0);
    second = second.with_everyone();
    replay(&first, &mut second);
    second = second.with_key();
    replay(&first, &mut second);
    assert!(second.open().is_accepted());
    replay(&first, &mut second);
    for place in 0..4 {
        assert!(second.submit(place, &[1; DIMENSION]).is_accepted());
    }
    assert!(second.close_collection().is_accepted());
    second.end_block();
    replay(&first, &mut second);
    second.open_and_close();
    replay(&first, &mut second);
    assert!(!second.contract.pausing().is_paused());
    assert!(!second.contract.roster().get(&second.name(3)).unwrap().revoked);
}

/// The same statement, signed by the same institution for another run.
fn again(into: &mut Run, place: usize, action: &Action) -> Receipt {
    let transaction = into.by_member(place, action.clone());
    into.apply(&transaction)
}

#[test]
fn an_update_is_proven_for_one_run_whoever_signs_it_again_for_another() {
    for bound in bounds() {
        let [first, second] = twins_with_key(|spec| spec.bound = bound);
        let opened = [first, second].map(|mut run| {
            assert!(run.open().is_accepted());
            run
        });
        let [first, mut second] = opened;
        let update = first.encrypt(0, first.round(), &[1; DIMENSION]);
        let as_it_is = second.submission(0, update.header.clone());
        let receipt = second.apply_update(&as_it_is, &update.body);
        assert_eq!(receipt.reason, Reason::WrongContext, "{bound:?}");

        // And with chain and key of the other run written over those of its own.
        let update = first.encrypt(1, first.round(), &[1; DIMENSION]);
        let mut header = update.header.clone();
        let [own, other] = [first.round(), second.round()];
        for (own, other) in [(own.chain_id.0, other.chain_id.0), (own.key_hash.0, other.key_hash.0)]
        {
            let place = header.windows(32).position(|part| part == own).unwrap();
            header[place..place + 32].copy_from_slice(&other);
        }
        let changed = second.submission(1, header);
        let receipt = second.apply_update(&changed, &update.body);
        let proofs = [Reason::BadKeyProof, Reason::BadLinkProof, Reason::BadRangeProof];
        assert!(proofs.contains(&receipt.reason), "{bound:?}: {receipt:?}");
        assert!(second.submit(2, &[1; DIMENSION]).is_accepted(), "what is made for it is taken");
    }
}

#[test]
fn sums_countersignatures_and_shares_answer_for_one_run() {
    let [mut first, mut second] = twins_with_key(|spec| spec.steps = 2);
    collect(&mut first);
    collect(&mut second);
    let sum = Action::CloseCollection(first.close_action());
    let refused = second.apply(&second.by_coordinator(sum));
    assert_eq!(refused.reason, Reason::WrongAggregate);
    for run in [&mut first, &mut second] {
        assert!(run.close_collection().is_accepted());
        run.end_block();
    }
    // Blocks of one hash, so that the chain is all that differs.
    let block = first.sealed_hash();
    assert_eq!(block, second.sealed_hash());
    let said = Action::Countersign(first.countersignature(0, 0, block));
    assert_eq!(again(&mut second, 0, &said).reason, Reason::BadCosignature);
    for place in 0..3 {
        assert!(first.countersign(place, block).is_accepted());
        assert!(second.countersign(place, block).is_accepted());
    }
    let share = first.share(0);
    assert_eq!(second.submit_share(0, share).reason, Reason::BadShareProof);
    let own = second.share(1);
    assert!(second.submit_share(1, own).is_accepted());
}

#[test]
fn what_a_member_says_while_the_key_is_made_is_for_one_run() {
    let [first, second] = twins(|spec| spec.steps = 1);
    let first = first.with_everyone().with_key();
    let mut second = second.with_everyone();
    let contributions = first.log.iter().filter_map(|op| match op {
        Op::Apply(transaction, None) => match transaction.action() {
            said @ Action::Contribute(_) => Some((transaction.author().unwrap(), said.clone())),
            _ => None,
        },
        _ => None,
    });
    let contributions: Vec<_> = contributions.collect();
    assert!(contributions.len() >= 8, "offers and dealings at least");
    let time_ms = second.time_ms;
    second.play_until(time_ms, |contract| matches!(contract.phase(), Phase::Keygen(_)));
    for (author, said) in &contributions {
        let place = (0..4).find(|place| second.name(*place) == *author).unwrap();
        let receipt = again(&mut second, place, said);
        assert!(!receipt.is_accepted() && receipt.culprit.is_none(), "{receipt:?}");
    }
    second.share_key();
    assert!(second.contract.committee().is_some(), "none of it stands in the way");
}

#[test]
fn a_certificate_and_a_receipt_are_of_one_run() {
    let first = ceremony(SEED, |_| ());
    let next = next_ceremony(&first, &mut OsRng, |_| ());
    let mut second = Run::of(next, SEED);
    let certificate = first.institutions[0].certificate.clone();
    let refused = second.parameters().verify_certificate(&certificate);
    assert_eq!(refused, Err(CertificateError::BadSignature));
    let enrol = Action::Enrol(v1::Enrol { certificate: Some(certificate) });
    for name in [first.institutions[0].identity.pseudonym, second.name(0)] {
        let key = consilium_crypto::SigningKey::from_bytes(&second.key(0).to_bytes());
        let enrolment = second.by(&key, Some(name), enrol.clone());
        assert_eq!(second.apply(&enrolment).reason, Reason::BadCertificate);
    }

    let first = Run::of(first, SEED);
    let receipt = second.enrol(0);
    assert!(receipt.is_accepted());
    let coordinator = &second.ceremony.coordinator.signing;
    let signed = receipt.sign(coordinator, &second.chain_id());
    let key = coordinator.verifying_key();
    assert!(Receipt::verify(&signed, &key, &second.chain_id()).is_ok());
    assert!(Receipt::verify(&signed, &key, &first.chain_id()).is_err());
}

//! Who is convicted of a sum over an update that does not prove what it must, and who is not.

use consilium_contract::CandidateTransaction;
use consilium_crypto::{UpdateError, mask::CandidateHeader};
use consilium_hash::ChainId;
use consilium_ledger::sha256;
use consilium_proto::v1::{
    Charge, CloseCollection, SignedTransaction, UnprovenEvidence, evidence::Statements,
    transaction::Action,
};
use consilium_testkit::{UpdateKind, World, ceremony, splice};

use super::super::{Culprit, Evidence, EvidenceError, Genesis, Verdict};

fn read(world: &World, statements: UnprovenEvidence) -> Result<Verdict, EvidenceError> {
    let genesis = Genesis { entry: &world.ceremony.genesis_entry, parameters: world.parameters() };
    let file = Evidence::new(Statements::Unproven(statements), genesis)?.encode();
    Evidence::decode(&file)?.verify(&world.ceremony.genesis_entry)
}

fn acquits(world: &World, statements: &UnprovenEvidence) {
    let read = read(world, statements.clone());
    assert!(matches!(read, Err(EvidenceError::NotConvicting(_))), "{read:?}");
}

/// The transaction in the last block, which seals a sum.
fn close(world: &World) -> SignedTransaction {
    let entry = &world.blocks.last().unwrap().entries[0];
    consilium_contract::transaction::parse_entry(entry).unwrap().0.signed().clone()
}

pub(super) fn of(world: &World, header: &[u8]) -> UnprovenEvidence {
    let body = CandidateHeader::decode(header).unwrap().body_hash();
    UnprovenEvidence {
        header: header.to_vec(),
        body: world.bodies[&body].clone(),
        close: Some(close(world)),
        public_key: world.committee().public_key.encode().to_vec(),
    }
}

/// A run in which institution 3's update fails for `reason` and is in the sum; the honest headers, and the false one.
pub(super) fn attacked(world: &mut World, reason: UpdateError) -> (Vec<Vec<u8>>, Vec<u8>) {
    world.open();
    let honest = world.submit(&[0, 1, 2]);
    let header = world.seal_unproven(&honest, &reason);
    (honest, header)
}

#[test]
fn a_sum_over_an_update_without_a_bound_or_link_proof_convicts_the_coordinator_under_either_bound()
{
    for kind in UpdateKind::all() {
        for reason in kind.reasons() {
            let mut world = World::under(kind);
            let (_, header) = attacked(&mut world, reason.clone());
            let statements = of(&world, &header);
            let verdict = read(&world, statements.clone()).unwrap();
            let found = (verdict.culprit, verdict.charge);
            assert_eq!(found, (Culprit::Coordinator, Charge::UnprovenUpdate));
            assert!(verdict.detail.contains(&reason.to_string()), "{verdict}");
            // Another run convicts nobody with it.
            let stranger = World::of(ceremony(2, |spec| kind.ask(spec)));
            acquits(&stranger, &statements);
        }
    }
}

#[test]
fn an_honest_sum_convicts_nobody_whichever_of_its_updates_is_shown() {
    for kind in UpdateKind::all() {
        let mut world = World::under(kind);
        for header in world.seal() {
            acquits(&world, &of(&world, &header));
        }
    }
}

#[test]
fn a_hostile_institution_finds_no_statements_that_convict_an_honest_coordinator() {
    let mut world = World::new();
    world.open();
    let headers = world.submit(&[0, 1, 2]);
    // Institution 3 signs an update that proves nothing, which the coordinator refuses, and nobody sums.
    let false_update = world.unproven_update(3, 4, &UpdateError::BadRangeProof);
    world.time_passes();
    let evaluation = world.evaluation(&world.round(), &headers);
    let honest_close = world.close_collection(evaluation.clone());
    world.commit(vec![honest_close]);
    let honest = of(&world, &headers[0]);
    let key = honest.public_key.clone();
    let mut other_bit =
        world.bodies[&CandidateHeader::decode(&headers[0]).unwrap().body_hash()].clone();
    *other_bit.last_mut().unwrap() ^= 1;

    // Its own update under the honest sum; an accepted header with another body, without one, and with a part of it.
    let own = UnprovenEvidence {
        header: false_update.header.clone(),
        body: false_update.body.clone(),
        ..honest.clone()
    };
    acquits(&world, &own);
    acquits(&world, &UnprovenEvidence { body: other_bit, ..honest.clone() });
    acquits(&world, &UnprovenEvidence { body: Vec::new(), ..honest.clone() });
    let shorter = honest.body[..honest.body.len() - 1].to_vec();
    acquits(&world, &UnprovenEvidence { body: shorter, ..honest.clone() });
    acquits(&world, &UnprovenEvidence { body: false_update.body.clone(), ..honest.clone() });

    // Another key, under which no proof holds: of another run, and none at all.
    let stranger = World::of(ceremony(2, |_| {}));
    let theirs = stranger.committee().public_key.encode().to_vec();
    acquits(&world, &UnprovenEvidence { public_key: theirs, ..honest.clone() });
    acquits(&world, &UnprovenEvidence { public_key: key[1..].to_vec(), ..honest.clone() });

    // A sum that names its update, and that it has signed itself; the honest one with a byte changed; none.
    let named = splice(&evaluation, &sha256(&headers[1]), &sha256(&false_update.header));
    let action = Action::CloseCollection(CloseCollection {
        step: 0,
        attempt: 0,
        evaluation: named,
        time_ms: 1,
    });
    let by_itself = world.says(3, action.clone());
    acquits(&world, &UnprovenEvidence { close: Some(by_itself), ..own.clone() });
    let mut changed = honest.close.clone().unwrap();
    let place = changed.transaction.windows(32).position(|at| at == sha256(&headers[1])).unwrap();
    changed.transaction[place..place + 32].copy_from_slice(&sha256(&false_update.header));
    acquits(&world, &UnprovenEvidence { close: Some(changed), ..own.clone() });
    acquits(&world, &UnprovenEvidence { close: None, ..own.clone() });
    // What the coordinator has signed, and is no sum; and its sum of another run of the same key.
    let open = world.open_round();
    acquits(&world, &UnprovenEvidence { close: Some(open), ..own.clone() });
    let key = &world.ceremony.coordinator.signing;
    let elsewhere = consilium_contract::transaction::sign(key, &ChainId([9; 32]), None, action);
    assert!(CandidateTransaction::parse(elsewhere.clone()).is_ok());
    acquits(&world, &UnprovenEvidence { close: Some(elsewhere), ..own });
}

#[test]
fn every_byte_of_the_file_counts() {
    let mut world = World::new();
    let (_, header) = attacked(&mut world, UpdateError::BadRangeProof);
    let genesis = Genesis { entry: &world.ceremony.genesis_entry, parameters: world.parameters() };
    let file = Evidence::new(Statements::Unproven(of(&world, &header)), genesis).unwrap().encode();
    for place in (0..file.len()).step_by(61) {
        let mut changed = file.clone();
        changed[place] ^= 1;
        let verdict = Evidence::decode(&changed)
            .and_then(|evidence| evidence.verify(&world.ceremony.genesis_entry));
        assert!(verdict.is_err(), "byte {place}");
    }
}

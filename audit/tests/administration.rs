//! Whatever the authority, institutions and outsiders send, and whenever: an honest coordinator's chain audits, is followed,
//! and convicts nobody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{collections::BTreeSet, sync::Arc};

use consilium_audit::{
    audit,
    evidence::{EvidenceError, from_ledger},
    follow::Follower,
};
use consilium_contract::{Phase, keygen::StageName};
use consilium_ledger::Store;
use consilium_proto::v1::{
    Abandon, BeginKeygen, ChangeCommittee, CloseRound, EndStage, Enrol, Reason, Revoke,
    SignedTransaction, transaction::Action,
};
use consilium_testkit::{World, ceremony};

/// The place of an institution that the authority has certified after the others.
const NEWCOMER: usize = 4;

/// What somebody sends, as the run stands.
type Sent = fn(&World) -> SignedTransaction;

fn enrol(world: &World, place: usize) -> SignedTransaction {
    world.enrolment(place)
}

fn revoke(world: &World, pseudonym: &[u8]) -> SignedTransaction {
    world.decrees(Action::Revoke(Revoke { pseudonym: pseudonym.to_vec() }))
}

fn change(world: &World, places: &[usize], threshold: u32, request: u64) -> SignedTransaction {
    let committee = world.contract.succession().next_number();
    let members = places.iter().map(|place| world.name(*place).to_vec()).collect();
    world.decrees(Action::ChangeCommittee(ChangeCommittee {
        committee,
        members,
        threshold,
        request,
    }))
}

/// Later than every request before.
fn request(world: &World) -> u64 {
    world.blocks.len() as u64 + 1
}

/// Every administrative action: valid at some time or never, and what the coordinator has said or could say.
const ACTIONS: [(&str, Sent); 21] = [
    ("enrol the first", |world| enrol(world, 0)),
    ("enrol the last", |world| enrol(world, 3)),
    ("enrol the newcomer", |world| enrol(world, NEWCOMER)),
    ("enrol with the certificate of another", |world| {
        let certificate = Some(world.certificate(1));
        world.says(2, Action::Enrol(Enrol { certificate }))
    }),
    ("enrol without a certificate", |world| world.says(2, Action::Enrol(Enrol::default()))),
    ("revoke the last", |world| revoke(world, &world.name(3).to_vec())),
    ("revoke the newcomer", |world| revoke(world, &world.name(NEWCOMER).to_vec())),
    ("revoke somebody unknown", |world| revoke(world, &[7; 32])),
    ("revoke what is no name", |world| revoke(world, &[7; 3])),
    ("revoke in the name of the coordinator", |world| {
        world.orders(Action::Revoke(Revoke { pseudonym: world.name(0).to_vec() }))
    }),
    ("change to all", |world| change(world, &[0, 1, 2, 3], 2, request(world))),
    ("change to one who has not enrolled", |world| {
        change(world, &[0, 1, 2, NEWCOMER], 2, request(world))
    }),
    ("change to one alone", |world| change(world, &[0], 1, request(world))),
    ("change to too large a threshold", |world| change(world, &[0, 1, 2, 3], 3, request(world))),
    ("change to one twice", |world| change(world, &[0, 1, 1, 2], 2, request(world))),
    ("change by an old request", |world| change(world, &[3, 2, 1, 0], 2, 0)),
    ("change by number", |world| {
        let members = (0..4).map(|place| world.name(place).to_vec()).collect();
        let request = request(world);
        let change = ChangeCommittee { committee: 9, members, threshold: 2, request };
        world.decrees(Action::ChangeCommittee(change))
    }),
    ("begin a ceremony", |world| {
        let committee = world.contract.succession().next_number();
        world.orders(Action::BeginKeygen(BeginKeygen { committee, time_ms: world.time_ms }))
    }),
    ("end a stage", |world| {
        let stage = StageName::Offering.into();
        let end = EndStage { committee: 0, attempt: 0, stage, time_ms: world.time_ms };
        world.orders(Action::EndStage(end))
    }),
    ("abandon", |world| {
        let step = world.contract.step();
        let abandon = Abandon { step, attempt: 0, time_ms: world.time_ms };
        world.orders(Action::Abandon(abandon))
    }),
    ("close a round", |world| world.orders(Action::CloseRound(CloseRound::default()))),
];

/// Where the run is when they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Founded,
    TwoEnrolled,
    AllEnrolled,
    Stage(StageName),
    Idle,
    Collecting,
    Submitted,
    Sealed,
    Opening,
    Closed,
    Finished,
}

const ALWAYS: [When; 17] = [
    When::Founded,
    When::TwoEnrolled,
    When::AllEnrolled,
    When::Stage(StageName::Offering),
    When::Stage(StageName::Dealing),
    When::Stage(StageName::Checking),
    When::Stage(StageName::Agreeing),
    When::Stage(StageName::Products),
    When::Stage(StageName::ShareKeys),
    When::Stage(StageName::Confirming),
    When::Idle,
    When::Collecting,
    When::Submitted,
    When::Sealed,
    When::Opening,
    When::Closed,
    When::Finished,
];

/// Offers all actions, beginning with the one at `first`; each twice in a row, and the first once more at the end.
fn offer_all(world: &mut World, first: usize, reasons: &mut BTreeSet<Reason>) {
    let order = (0..=ACTIONS.len()).map(|shift| (first + shift) % ACTIONS.len());
    for action in order.collect::<Vec<_>>() {
        let (name, sent) = ACTIONS[action];
        for _ in 0..2 {
            let signed = sent(world);
            let receipt = world.offer(signed);
            assert_eq!(receipt.culprit, None, "{name}");
            reasons.insert(receipt.reason);
        }
    }
}

/// A run that comes to `when`, takes all of it in, and goes on.
fn run(when: When, first: usize, reasons: &mut BTreeSet<Reason>) -> World {
    let mut world = World::founded(ceremony(1, |spec| spec.steps = 1));
    assert_eq!(world.newcomer("newcomer"), NEWCOMER);
    let mut is_due = |world: &mut World, now: When| {
        if now == when {
            offer_all(world, first, reasons);
        }
        now == when
    };
    if is_due(&mut world, When::Founded) {
        return world;
    }
    for place in 0..4 {
        if place == 2 && is_due(&mut world, When::TwoEnrolled) {
            return world;
        }
        assert!(world.offer(world.enrolment(place)).is_accepted());
    }
    if is_due(&mut world, When::AllEnrolled) {
        return world;
    }
    // What is taken in during a ceremony does not stop it.
    let mut offered = false;
    world.share_key(|world, signed| {
        let stage = match world.contract.phase() {
            Phase::Keygen(keygen) => Some(When::Stage(keygen.stage().name())),
            _ => None,
        };
        if let Some(stage) = stage.filter(|_| !offered) {
            offered = is_due(world, stage);
        }
        world.offer(signed);
    });
    if offered || is_due(&mut world, When::Idle) {
        return world;
    }
    world.open();
    if is_due(&mut world, When::Collecting) {
        return world;
    }
    let headers = world.submit(&[0, 1, 2]);
    if is_due(&mut world, When::Submitted) {
        return world;
    }
    world.time_passes();
    let evaluation = world.evaluation(&world.round(), &headers);
    let close = world.close_collection(evaluation);
    world.commit(vec![close]);
    if is_due(&mut world, When::Sealed) {
        return world;
    }
    let step = world.contract.step();
    let block = world.sealed_hash();
    world.commit((0..3).map(|place| world.countersignature(place, step, &block)).collect());
    if is_due(&mut world, When::Opening) {
        return world;
    }
    world.commit(vec![world.share(1), world.share(2)]);
    if is_due(&mut world, When::Closed) {
        return world;
    }
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    assert!(is_due(&mut world, When::Finished));
    world
}

/// The chain is followed and audited, and nothing on it convicts anybody.
fn acquits(world: &World, case: &str) {
    let parameters = Arc::new(world.parameters().clone());
    let mut follower = Follower::new(parameters, world.ceremony.genesis_entry.clone());
    for (block, header) in world.blocks.iter().zip(world.chain.headers()) {
        let _ = follower.read(block, header).unwrap_or_else(|error| panic!("{case}: {error}"));
    }
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger");
    world.ledger(&ledger);
    let report = audit(&ledger, directory.path(), None);
    let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(report.blocks, world.blocks.len() as u64);
    let copy = directory.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let store = Store::open_copy(&ledger, &copy).unwrap();
    let judged = from_ledger(&store, world.blocks.len() as u64 - 1);
    assert!(matches!(judged, Err(EvidenceError::NotConvicting(_))), "{case}: {judged:?}");
}

#[test]
fn whatever_an_honest_coordinator_takes_in_and_whenever_leads_to_a_chain_that_convicts_nobody() {
    let mut reasons = BTreeSet::new();
    for (turn, when) in ALWAYS.into_iter().enumerate() {
        // Each action comes first in some phase, and in each phase several do.
        for first in (turn % 7..ACTIONS.len()).step_by(7) {
            let world = run(when, first, &mut reasons);
            acquits(&world, &format!("{when:?}, beginning with {}", ACTIONS[first].0));
        }
    }
    for reason in [
        Reason::Accepted,
        Reason::UnknownInstitution,
        Reason::BadCertificate,
        Reason::BadSignature,
        Reason::Duplicate,
        Reason::Revoked,
        Reason::NoPlace,
        Reason::MalformedEncoding,
        Reason::WrongStep,
        Reason::WrongCommittee,
        Reason::TooEarly,
    ] {
        assert!(reasons.contains(&reason), "{reason:?} never came: {reasons:?}");
    }
}

#[test]
fn the_readmes_own_step_of_asking_for_a_member_before_it_has_enrolled_convicts_nobody() {
    let mut world = World::new();
    let newcomer = world.newcomer("newcomer");
    let asked = change(&world, &[0, 1, 2, newcomer], 2, 1);
    let before = world.blocks.len();
    assert_eq!(world.offer(asked.clone()).reason, Reason::UnknownInstitution);
    assert_eq!(world.blocks.len(), before, "answered, and not recorded");
    assert!(world.offer(revoke(&world, &world.name(3).to_vec())).is_accepted());
    assert!(world.offer(world.enrolment(newcomer)).is_accepted());
    assert!(world.offer(asked).is_accepted(), "the same transaction, in time");
    acquits(&world, "step 7");
}

#[test]
fn a_coordinator_that_records_what_may_not_stand_is_convicted_by_every_reader() {
    let asks: [Sent; 3] = [
        |world| change(world, &[0, 1, 2, 3], 1, 0),
        |world| revoke(world, &[7; 3]),
        |world| enrol(world, 0),
    ];
    for sent in asks {
        let mut world = World::new();
        world.record(sent(&world));
        let parameters = Arc::new(world.parameters().clone());
        let mut follower = Follower::new(parameters, world.ceremony.genesis_entry.clone());
        let mut blocks = world.blocks.iter().zip(world.chain.headers());
        assert!(blocks.any(|(block, header)| follower.read(block, header).is_err()));
        let directory = tempfile::tempdir().unwrap();
        let ledger = directory.path().join("ledger");
        world.ledger(&ledger);
        assert!(audit(&ledger, directory.path(), None).is_err());
        let copy = directory.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        let store = Store::open_copy(&ledger, &copy).unwrap();
        assert!(from_ledger(&store, world.blocks.len() as u64 - 1).is_ok());
    }
}

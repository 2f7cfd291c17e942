//! What is shared beside the rounds: participants, records, consents, and a group that asks.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use consilium_contract::{
    CandidateTransaction, Receipt,
    exchange::{Exchange, group::request_context},
    light::View,
};
use consilium_crypto::SigningKey;
use consilium_exchange::{
    group_signature::Member,
    records::{Standing, Withdrawal},
};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::{Run, Sharing, admission};
use rand_core::OsRng;
use std::sync::Arc;

const OTHER: Pseudonym = Pseudonym([202; 32]);
const PROXY: Pseudonym = Pseudonym([203; 32]);

/// A run in which the owner and somebody else are admitted, watched by a follower without bodies.
struct World {
    run: Run,
    view: View,
    sharing: Sharing,
    other_key: SigningKey,
}

impl World {
    fn new() -> Self {
        let run = Run::founded(2);
        let sharing = Sharing::new(run.chain_id(), run.name(0), run.key(0));
        let view = View::new(Arc::new(run.parameters().clone()));
        let other_key = SigningKey::generate(&mut OsRng);
        let mut world = Self { run, view, sharing, other_key };
        for place in 0..4 {
            let enrolment = world.run.enrolment(place);
            assert!(world.hear(CandidateTransaction::parse(enrolment).unwrap()).is_accepted());
        }
        for (name, key) in
            [(world.sharing.owner, &world.sharing.owner_key), (OTHER, &world.other_key)]
        {
            let action = admission(&name, key);
            let decree = world.run.by_authority(action);
            world.run.apply(&decree);
            world.view.read(&decree, false, 1).unwrap();
        }
        world
    }

    /// Has contract and follower hear a transaction; they come to the same.
    fn hear(&mut self, transaction: CandidateTransaction) -> Receipt {
        let receipt = self.run.apply(&transaction);
        let read = self.view.read(&transaction, false, 1);
        assert_eq!(read.is_ok(), receipt.is_accepted(), "{receipt:?} {read:?}");
        if let Err(error) = read {
            assert_eq!(
                error.convicts_the_coordinator(),
                !receipt.may_stand(&transaction),
                "{receipt:?} {error}"
            );
        }
        let same = |of: fn(&Exchange) -> String| {
            assert_eq!(of(self.run.contract.exchange()), of(self.view.exchange()));
        };
        same(|exchange| format!("{:?}", exchange.records()));
        same(|exchange| format!("{:?}", exchange.participants()));
        receipt
    }

    fn institution(&mut self, place: usize, action: Action) -> Receipt {
        let said = self.run.by_member(place, action);
        self.hear(said)
    }

    fn owner(&mut self, action: Action) -> Receipt {
        let said = self.run.by(&self.sharing.owner_key, Some(self.sharing.owner), action);
        self.hear(said)
    }

    fn other(&mut self, action: Action) -> Receipt {
        let said = self.run.by(&self.other_key, Some(OTHER), action);
        self.hear(said)
    }

    fn authority(&mut self, action: Action) -> Receipt {
        let said = self.run.by_authority(action);
        self.hear(said)
    }

    fn credit(&self, name: &Pseudonym) -> u32 {
        self.run.contract.exchange().participants().credit(name)
    }

    fn store(&mut self) -> v1::StoreRecord {
        v1::StoreRecord { record: self.sharing.record(b"a record").encode() }
    }

    fn consent(&mut self) -> v1::GiveConsent {
        let (_, request) = self.sharing.request(OTHER);
        let given = self.sharing.consent(&request, PROXY);
        v1::GiveConsent { consent: given.consent().encode() }
    }

    fn member(&mut self, name: Pseudonym, key: &SigningKey) -> (Action, Member) {
        let group = self.run.contract.exchange().group().unwrap().parameters().clone();
        let (join, member) = self.sharing.join(&group, &name, key);
        (Action::JoinGroup(v1::JoinGroup { join: join.encode() }), member)
    }

    fn post(&mut self, member: &Member, epoch: u64) -> Action {
        let (sealed, _) = self.sharing.request(OTHER);
        let request = sealed.encode();
        let context = request_context(&self.run.chain_id());
        let signature = member.sign(&context, &request, &mut self.sharing.rng).encode();
        Action::PostRequest(v1::PostRequest { request, epoch, signature })
    }
}

#[test]
fn a_record_is_taken_once_from_its_custodian_and_only_with_both_signatures() {
    let mut world = World::new();
    let store = world.store();
    assert_eq!(world.other(Action::StoreRecord(store.clone())).reason, Reason::NotTheAuthor);
    assert!(world.institution(0, Action::StoreRecord(store.clone())).is_accepted());
    assert_eq!(world.run.contract.exchange().records().records().count(), 1);
    assert_eq!(world.institution(0, Action::StoreRecord(store)).reason, Reason::Duplicate);

    // Each signature, the hash of the header, the owner's and the custodian's name.
    let next = world.store().record;
    let custodian = world.run.name(0);
    for at in [0, 32, 96, 160] {
        let mut record = next.clone();
        record[at] ^= 1;
        let before = world.credit(&custodian);
        let receipt = world.institution(0, Action::StoreRecord(v1::StoreRecord { record }));
        let (reason, is_fault) = match at {
            // Somebody of whom nothing is known may be admitted tomorrow.
            32 => (Reason::UnknownParticipant, false),
            _ => (Reason::BadStatement, true),
        };
        assert_eq!(receipt.reason, reason, "{at}");
        assert_eq!(before - world.credit(&custodian), u32::from(is_fault), "{at}");
    }
    // The third ends it, also for what would hold; of the rounds' credit nothing is gone.
    assert_eq!(world.credit(&custodian), 0);
    let receipt = world.institution(0, Action::StoreRecord(v1::StoreRecord { record: next }));
    assert_eq!(receipt.reason, Reason::Expelled);
    assert_eq!(world.run.credit(0), 3);
}

#[test]
fn one_false_statement_costs_one_credit_however_often_it_is_sent() {
    let mut world = World::new();
    let mut record = world.store().record;
    record[100] ^= 1;
    let said = world.run.by_member(0, Action::StoreRecord(v1::StoreRecord { record }));
    assert_eq!(world.hear(said.clone()).culprit, Some(world.run.name(0)));
    for _ in 0..3 {
        let again = world.hear(said.clone());
        assert_eq!((again.reason, again.culprit), (Reason::Duplicate, None));
    }
    assert_eq!(world.credit(&world.run.name(0)), 2);
}

#[test]
fn a_consent_is_its_owners_alone_and_is_taken_back_for_ever() {
    let mut world = World::new();
    let consent = world.consent();
    assert_eq!(world.other(Action::GiveConsent(consent.clone())).reason, Reason::NotTheAuthor);
    let mut forged = consent.clone();
    *forged.consent.last_mut().unwrap() ^= 1;
    assert_eq!(world.owner(Action::GiveConsent(forged)).reason, Reason::BadStatement);
    assert!(world.owner(Action::GiveConsent(consent.clone())).is_accepted());
    assert_eq!(world.owner(Action::GiveConsent(consent.clone())).reason, Reason::Duplicate);

    let records = world.run.contract.exchange().records();
    let (hash, _) = records.consents().next().unwrap();
    let hash = *hash;
    assert_eq!(records.standing(&hash), Standing::InForce);
    let withdrawal = |key: &SigningKey| {
        let withdrawal = Withdrawal::sign(&world.run.chain_id(), &hash, key).encode();
        Action::WithdrawConsent(v1::WithdrawConsent { withdrawal })
    };
    let honest = withdrawal(&world.sharing.owner_key);
    let forged = withdrawal(&world.other_key);
    assert_eq!(world.other(honest.clone()).reason, Reason::NotTheAuthor);
    assert_eq!(world.owner(forged).reason, Reason::BadStatement);
    assert!(world.owner(honest.clone()).is_accepted());
    let standing = world.run.contract.exchange().records().standing(&hash);
    assert_eq!(standing, Standing::Withdrawn);
    assert_eq!(world.owner(honest).reason, Reason::Withdrawn);
    assert_eq!(world.owner(Action::GiveConsent(consent)).reason, Reason::Duplicate);
    let unknown = Withdrawal::sign(
        &world.run.chain_id(),
        &consilium_hash::ConsentHash([9; 32]),
        &world.other_key,
    );
    let unknown = v1::WithdrawConsent { withdrawal: unknown.encode() };
    assert_eq!(world.other(Action::WithdrawConsent(unknown)).reason, Reason::UnknownConsent);
}

#[test]
fn strangers_say_nothing_and_leave_nothing_on_the_chain() {
    let mut world = World::new();
    let stranger = SigningKey::generate(&mut world.sharing.rng);
    let action = Action::GiveConsent(world.consent());
    for (key, name) in [(&stranger, Pseudonym([9; 32])), (&stranger, world.sharing.owner)] {
        let said = world.run.by(key, Some(name), action.clone());
        let receipt = world.hear(said.clone());
        assert!(!receipt.is_accepted() && !receipt.may_stand(&said), "{receipt:?}");
    }
    assert_eq!(world.credit(&world.sharing.owner), 3);
}

#[test]
fn whoever_is_admitted_has_a_name_and_a_key_of_its_own_and_may_be_revoked() {
    let mut world = World::new();
    let fresh = SigningKey::generate(&mut world.sharing.rng);
    let unused = Pseudonym([210; 32]);
    let owner = world.sharing.owner;
    for (name, key) in [
        (owner, &fresh),
        (world.run.name(1), &fresh),
        (unused, &SigningKey::from_bytes(&world.other_key.to_bytes())),
        (unused, &SigningKey::from_bytes(&world.run.key(1).to_bytes())),
    ] {
        assert_eq!(world.authority(admission(&name, key)).reason, Reason::Duplicate);
    }
    // The other way round, too: nobody enrols as an institution under a participant's name.
    let mut run = Run::founded(2);
    let decree = run.by_authority(admission(&run.name(0), &fresh));
    assert!(run.apply(&decree).is_accepted());
    assert_eq!(run.enrol(0).reason, Reason::Duplicate);
    assert!(run.enrol(1).is_accepted());

    let revoke = |name: &Pseudonym| Action::Revoke(v1::Revoke { pseudonym: name.to_vec() });
    assert!(world.authority(revoke(&unused)).is_accepted());
    assert_eq!(world.authority(admission(&unused, &fresh)).reason, Reason::Revoked);
    assert!(world.authority(revoke(&owner)).is_accepted());
    let consent = world.consent();
    assert_eq!(world.owner(Action::GiveConsent(consent)).reason, Reason::Revoked);
}

#[test]
fn a_request_is_some_members_of_the_current_epoch_and_is_taken_once() {
    let mut world = World::new();
    let other_key = SigningKey::from_bytes(&world.other_key.to_bytes());
    let unfounded = v1::JoinGroup { join: Vec::new() };
    assert_eq!(world.other(Action::JoinGroup(unfounded)).reason, Reason::NoGroup);
    assert!(world.authority(world.sharing.group()).is_accepted());
    assert_eq!(world.authority(world.sharing.group()).reason, Reason::Duplicate);

    let (join, member) = world.member(OTHER, &other_key);
    assert_eq!(world.owner(join.clone()).reason, Reason::NotTheAuthor);
    assert!(world.other(join.clone()).is_accepted());
    assert_eq!(world.other(join).reason, Reason::Duplicate);

    // Whoever passes it on.
    let request = world.post(&member, 0);
    assert!(world.institution(2, request.clone()).is_accepted());
    assert_eq!(world.institution(3, request).reason, Reason::Duplicate);
    let early = world.post(&member, 1);
    assert_eq!(world.institution(2, early).reason, Reason::WrongEpoch);
    let Action::PostRequest(mut forged) = world.post(&member, 0) else { panic!() };
    *forged.signature.last_mut().unwrap() ^= 1;
    assert_eq!(world.institution(2, Action::PostRequest(forged)).culprit, Some(world.run.name(2)));
}

#[test]
fn after_a_revocation_the_revoked_ask_no_more_and_the_others_do() {
    let mut world = World::new();
    assert!(world.authority(world.sharing.group()).is_accepted());
    let other_key = SigningKey::from_bytes(&world.other_key.to_bytes());
    let key = SigningKey::from_bytes(&world.run.key(1).to_bytes());
    let (join, stays) = world.member(world.run.name(1), &key);
    assert!(world.institution(1, join).is_accepted());

    let group = world.run.contract.exchange().group().unwrap().parameters().clone();
    let secret =
        consilium_exchange::group_signature::MemberSecret::generate(&mut world.sharing.rng);
    let chain = world.run.chain_id();
    let join = secret.join(&group, &chain, &OTHER, &other_key, &mut world.sharing.rng);
    let verified = join.clone().verify(&group, &chain, &other_key.verifying_key()).unwrap();
    let certificate =
        world.sharing.issuer.certify(&group, &verified, &mut world.sharing.rng).unwrap();
    let goes = Member::new(&group, secret, &certificate).unwrap();
    let join = Action::JoinGroup(v1::JoinGroup { join: join.encode() });
    assert!(world.other(join).is_accepted());

    let revocation = world.sharing.issuer.revoke(&group, &certificate.revocation_handle()).unwrap();
    let mut forged = revocation.encode();
    // Its divisor is another member's, whose bases these are not.
    forged[0] ^= 1;
    let revoke = |revocation| Action::RevokeMember(v1::RevokeMember { revocation, epoch: 0 });
    assert_eq!(world.other(revoke(forged)).reason, Reason::BadStatement);
    assert!(world.institution(3, revoke(revocation.encode())).is_accepted());
    // Whoever passes on what somebody else has passed on is not to blame.
    let again = world.institution(3, revoke(revocation.encode()));
    assert_eq!((again.reason, again.culprit), (Reason::WrongEpoch, None));

    let stays = stays.update(&revocation.verify(&group).unwrap()).unwrap();
    let request = world.post(&stays, 1);
    assert!(world.institution(2, request).is_accepted());
    for (epoch, reason) in [(0, Reason::WrongEpoch), (1, Reason::BadStatement)] {
        let request = world.post(&goes, epoch);
        assert_eq!(world.institution(2, request).reason, reason);
    }
}

#[test]
fn the_same_statements_lead_to_the_same_state_and_every_one_of_them_changes_it() {
    let mut world = World::new();
    let mut roots = vec![world.run.contract.state_root()];
    let store = Action::StoreRecord(world.store());
    let consent = Action::GiveConsent(world.consent());
    assert!(world.institution(0, store).is_accepted());
    roots.push(world.run.contract.state_root());
    assert!(world.owner(consent).is_accepted());
    roots.push(world.run.contract.state_root());
    assert!(world.authority(world.sharing.group()).is_accepted());
    roots.push(world.run.contract.state_root());
    let mut distinct = roots.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), roots.len());
    assert_eq!(world.run.again().last(), roots.last());
}

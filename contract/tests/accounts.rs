//! Hidden quantities on the ledger: accounts, and a follower without bodies that comes to the same.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::sync::Arc;

use consilium_contract::{Receipt, light::View};
use consilium_exchange::quantity::{Account, AccountSecret, Wallet};
use consilium_hash::Pseudonym;
use consilium_proto::v1::{self, Reason, transaction::Action};
use consilium_testkit::Run;
use rand_core::OsRng;
use zeroize::Zeroizing;

/// Two institutions with wallets, and a third without.
struct World {
    run: Run,
    view: View,
    wallets: Vec<Wallet>,
    /// Their keys, for wallets that go on.
    secrets: Vec<Zeroizing<[u8; 64]>>,
}

impl World {
    fn new() -> Self {
        let run = Run::founded(2);
        let view = View::new(Arc::new(run.parameters().clone()));
        let secrets: Vec<_> =
            (0..2).map(|_| AccountSecret::generate(&mut OsRng).unwrap().to_bytes()).collect();
        let wallet = |(place, secret)| {
            let secret = AccountSecret::from_bytes(secret).unwrap();
            Wallet::new(run.chain_id(), run.name(place), secret)
        };
        let wallets = secrets.iter().enumerate().map(wallet).collect();
        let mut world = Self { run, view, wallets, secrets };
        for place in 0..4 {
            let enrolment = world.run.enrolment(place);
            let enrolment = consilium_contract::CandidateTransaction::parse(enrolment).unwrap();
            assert!(world.run.apply(&enrolment).is_accepted());
            world.view.read(&enrolment, false, 1).unwrap();
        }
        for place in 0..2 {
            let open = world.registration(place);
            assert!(world.says(place, open).is_accepted());
        }
        world
    }

    fn registration(&self, place: usize) -> Action {
        let registration = self.wallets[place].register(&mut OsRng).encode();
        Action::OpenAccount(v1::OpenAccount { registration })
    }

    fn says(&mut self, place: usize, action: Action) -> Receipt {
        let said = self.run.by_member(place, action);
        let receipt = self.run.apply(&said);
        let read = self.view.read(&said, false, 1);
        assert_eq!(read.is_ok(), receipt.is_accepted(), "{receipt:?} {read:?}");
        let accounts = |accounts: &consilium_exchange::quantity::Accounts| {
            accounts.iter().map(|(name, account)| (*name, account.encode())).collect::<Vec<_>>()
        };
        assert_eq!(
            accounts(self.run.contract.exchange().accounts()),
            accounts(self.view.exchange().accounts())
        );
        receipt
    }

    fn account(&self, place: usize) -> &Account {
        self.run.contract.exchange().accounts().get(&self.run.name(place)).unwrap()
    }

    /// A deposit that the authority has approved.
    fn deposit(&self, place: usize, amount: u32) -> v1::Deposit {
        let account = self.account(place);
        let (deposit, opening) = self.wallets[place].deposit(account, amount, &mut OsRng).unwrap();
        let authority = &self.run.ceremony.authority.signing;
        let name = self.run.name(place);
        let chain = self.run.chain_id();
        let deposit = deposit.approve(&chain, &name, account.keys(), &opening, authority).unwrap();
        v1::Deposit { deposit: deposit.encode() }
    }

    fn roll(&self, place: usize) -> Action {
        let roll = self.wallets[place].roll(self.account(place)).encode().to_vec();
        Action::Roll(v1::Roll { roll })
    }

    /// An account with so many units in its balance.
    fn fund(&mut self, place: usize, amount: u32) {
        let deposit = self.deposit(place, amount);
        assert!(self.says(place, Action::Deposit(deposit)).is_accepted());
        let roll = self.roll(place);
        assert!(self.says(place, roll).is_accepted());
        let name = self.run.name(place);
        let secret = AccountSecret::from_bytes(&self.secrets[place]).unwrap();
        self.wallets[place] =
            Wallet::resume(self.run.chain_id(), name, secret, u64::from(amount), 0);
    }

    fn transfer(&self, amount: u32) -> v1::Transfer {
        let to = self.run.name(1);
        let receiver = (&to, self.account(1));
        let transfer =
            self.wallets[0].transfer(self.account(0), receiver, amount, &mut OsRng).unwrap();
        v1::Transfer { transfer: transfer.encode() }
    }

    fn credit(&self, place: usize) -> u32 {
        let name: Pseudonym = self.run.name(place);
        self.run.contract.exchange().participants().credit(&name)
    }
}

#[test]
fn units_come_in_with_the_authoritys_word_move_once_and_are_rolled_in_by_their_owner() {
    let mut world = World::new();
    world.fund(0, 1_000);
    let transfer = Action::Transfer(world.transfer(300));
    assert!(world.says(0, transfer.clone()).is_accepted());
    assert_eq!(world.account(1).total_credits(), 1);
    // The same again, or after another of the same author, moves nothing and is no fault.
    let again = world.says(0, transfer);
    assert_eq!((again.reason, again.culprit), (Reason::WrongSequence, None));
    let roll = world.roll(1);
    assert!(world.says(1, roll).is_accepted());
    assert_eq!(world.credit(0), 3);
}

#[test]
fn a_deposit_without_the_authoritys_word_and_a_transfer_that_proves_nothing_cost_a_credit() {
    let mut world = World::new();
    world.fund(0, 1_000);
    let mut unapproved = world.deposit(0, 7);
    *unapproved.deposit.last_mut().unwrap() ^= 1;
    let mut overspent = world.transfer(300);
    *overspent.transfer.last_mut().unwrap() ^= 1;
    let mut other = world.transfer(300);
    // Another receiver than the one that is proven for.
    other.transfer[8..40].copy_from_slice(&world.run.name(2).0);
    assert_eq!(world.says(0, Action::Transfer(other)).reason, Reason::UnknownParticipant);
    assert_eq!(world.credit(0), 3);
    for action in [Action::Deposit(unapproved), Action::Transfer(overspent)] {
        let receipt = world.says(0, action);
        assert!(
            matches!(receipt.reason, Reason::BadStatement | Reason::MalformedEncoding),
            "{receipt:?}"
        );
        assert_eq!(receipt.culprit, Some(world.run.name(0)));
    }
    assert_eq!(world.credit(0), 1);
    // What is there is still there.
    let honest = Action::Transfer(world.transfer(1_000));
    assert!(world.says(0, honest).is_accepted());
}

#[test]
fn an_account_is_one_institutions_and_its_keys_are_nobody_elses() {
    let mut world = World::new();
    let again = world.registration(0);
    assert_eq!(world.says(0, again.clone()).reason, Reason::Duplicate);
    // Another's proof under one's own name: the keys are taken, and before that it would not hold.
    assert_eq!(world.says(2, again).reason, Reason::Duplicate);
    let roll = v1::Roll { roll: vec![0; 8] };
    assert_eq!(world.says(2, Action::Roll(roll)).reason, Reason::NoAccount);
    let fresh = Wallet::new(
        world.run.chain_id(),
        world.run.name(3),
        AccountSecret::generate(&mut OsRng).unwrap(),
    );
    let registration = fresh.register(&mut OsRng).encode();
    let open = Action::OpenAccount(v1::OpenAccount { registration });
    let stolen = world.says(2, open.clone());
    assert_eq!((stolen.reason, stolen.culprit), (Reason::BadStatement, Some(world.run.name(2))));
    assert!(world.says(3, open).is_accepted());
}

#[test]
fn nothing_goes_to_or_comes_from_whom_the_authority_has_revoked() {
    let mut world = World::new();
    world.fund(0, 50);
    let transfer = Action::Transfer(world.transfer(20));
    let revoke = world
        .run
        .by_authority(Action::Revoke(v1::Revoke { pseudonym: world.run.name(1).to_vec() }));
    assert!(world.run.apply(&revoke).is_accepted());
    world.view.read(&revoke, false, 1).unwrap();
    let refused = world.says(0, transfer);
    assert_eq!((refused.reason, refused.culprit), (Reason::Revoked, None));
    let roll = world.roll(1);
    assert_eq!(world.says(1, roll).reason, Reason::Revoked);
}

#[test]
fn every_action_changes_the_state_root_and_the_same_actions_lead_to_the_same() {
    let mut world = World::new();
    let mut roots = vec![world.run.contract.state_root()];
    let deposit = Action::Deposit(world.deposit(0, 9));
    assert!(world.says(0, deposit).is_accepted());
    roots.push(world.run.contract.state_root());
    let roll = world.roll(0);
    assert!(world.says(0, roll).is_accepted());
    roots.push(world.run.contract.state_root());
    assert_ne!(roots[0], roots[1]);
    assert_ne!(roots[1], roots[2]);
    assert_eq!(world.run.again().last(), roots.last());
}

//! Accounts of hidden quantities as institutions use them: the program, a coordinator on a socket, and the authority.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

#[path = "../common/coordinator.rs"]
mod coordinator;
mod stopped;
mod world;

use consilium_exchange::quantity::{Deposit, DepositRequest};
use consilium_proto::v1::{self, Reason, transaction::Action};

use world::{World, is_private};

#[test]
fn units_come_in_with_the_authoritys_word_are_sent_and_rolled_in_and_both_know_what_they_have() {
    let world = World::enrolled(2);
    for place in 0..2 {
        assert!(world.status(place)["account"].is_null());
        let said = world.run(place, &["open"]);
        assert!(said.contains("done: open an account"), "{said}");
    }
    assert_eq!(world.status(0)["others"][0], world.name(1));
    world.fund(0, 1_000);
    assert_eq!(world.holds(0), (1_000, 0));
    let to = world.name(1);
    world.run(0, &["transfer", "--to", &to, "--amount", "300"]);
    world.run(0, &["transfer", "--to", &to, "--amount", "0"]);
    world.run(0, &["transfer", "--to", &to, "--amount", "700"]);
    assert_eq!((world.holds(0), world.holds(1)), ((0, 0), (0, 1_000)));
    world.run(1, &["roll"]);
    assert_eq!(world.holds(1), (1_000, 0));
    assert_eq!(world.status(1)["account"]["credits"], 3);
    world.run(1, &["rebase"]);
    assert_eq!(world.status(1)["account"]["credits"], 1);
    world.run(1, &["transfer", "--to", &world.name(0), "--amount", "1000"]);
    world.run(0, &["roll"]);
    assert_eq!((world.holds(0), world.holds(1)), ((1_000, 0), (0, 0)));
    let folder = world.state(0).join("account");
    for name in ["account.key", "balance.bin", "blocks.bin"] {
        assert!(is_private(&folder.join(name)), "{name}");
    }
    // Nothing is left to be sent.
    assert!(world.stated(0).is_none());
}

#[test]
fn what_a_rule_refuses_is_refused_before_anything_is_sent() {
    let world = World::enrolled(2);
    let to = world.name(1);
    let message = world.refused(0, &["transfer", "--to", &to, "--amount", "1"], 1);
    assert!(message.contains("account open"), "{message}");
    let message = world.refused(2, &["open"], 1);
    assert!(message.contains("has not enrolled"), "{message}");
    world.run(0, &["open"]);
    assert!(world.refused(0, &["open"], 2).contains("an account already"));
    world.fund(0, 10);
    let message = world.refused(0, &["transfer", "--to", &to, "--amount", "1"], 2);
    assert!(message.contains("has no account"), "{message}");
    world.run(1, &["open"]);
    let overdraft = world.refused(0, &["transfer", "--to", &to, "--amount", "11"], 2);
    assert!(overdraft.contains("the balance is 10; 11 cannot be sent"), "{overdraft}");
    let own = world.name(0);
    world.refused(0, &["transfer", "--to", &own, "--amount", "1"], 2);
    assert!(world.refused(0, &["roll"], 2).contains("nothing has come in"));
    world.refused(0, &["transfer", "--to", "+1", "--amount", "1"], 2);
    assert_eq!(world.holds(0), (10, 0));
    let statements = |place| {
        let is_own = |it: &consilium_contract::CandidateTransaction| {
            it.author().is_some_and(|name| name.to_string() == world.name(place))
        };
        world.chain(0).iter().filter(|it| is_own(it)).count()
    };
    // Enrolled, opened, deposited, rolled.
    assert_eq!((statements(0), statements(1)), (4, 2));
}

#[test]
fn a_deposit_needs_the_authoritys_word_for_this_account_this_amount_and_this_moment() {
    let world = World::enrolled(2);
    world.run(0, &["open"]);
    world.run(1, &["open"]);
    // The authority signs for what it has seen, and for whom.
    let authority = world.authority();
    let request = || DepositRequest::decode(&world.ask(0, 50)).unwrap();
    for (institution, amount) in [(world.name(0), 51), (world.name(1), 50)] {
        let refused = authority.approve_deposit(&institution, amount, request()).unwrap_err();
        assert!(refused.to_string().contains("nothing was signed"), "{refused}");
    }
    let approved = world.approved(0, 50);
    // A signature that is not the authority's, and another's deposit.
    let mut forged = approved.encode();
    let last = forged.len() - 40;
    forged[last] ^= 1;
    let file = world.file("forged.bin", &forged);
    let message = world.refused(0, &["deposit", "--approved", &file], 2);
    assert!(message.contains("not signed by the authority"), "{message}");
    let file = world.file("approved.bin", &approved.encode());
    world.refused(1, &["deposit", "--approved", &file], 2);
    // Nor does the ledger take it from a program that checks nothing; there it costs a credit.
    assert!(Deposit::decode(&forged).is_ok());
    let receipt = world.say(world.signed(0, Action::Deposit(v1::Deposit { deposit: forged })));
    assert_eq!(receipt.reason(), Reason::BadStatement);
    assert_eq!(receipt.culprit, world.files(0).identity.pseudonym.to_vec());
    // With it, once.
    world.run(0, &["deposit", "--approved", &file]);
    let message = world.refused(0, &["deposit", "--approved", &file], 2);
    assert!(message.contains("ask the authority for a new one"), "{message}");
    assert_eq!(world.holds(0), (0, 50));
}

//! Commands that are stopped between disk, ledger and screen: the same bytes are sent, and nothing is paid twice.

use std::fs;

use consilium_proto::v1::{Reason, transaction::Action};

use crate::world::World;

/// Two institutions with accounts, of which the first has 100 units.
fn funded() -> World {
    let world = World::enrolled(2);
    world.run(0, &["open"]);
    world.run(1, &["open"]);
    world.fund(0, 100);
    world
}

fn transfer<'a>(to: &'a str, amount: &'a str) -> [&'a str; 5] {
    ["transfer", "--to", to, "--amount", amount]
}

#[test]
fn a_command_that_is_killed_before_it_sends_sends_the_same_bytes_when_it_is_given_again() {
    let world = funded();
    let to = world.name(1);
    let pay = transfer(&to, "30");
    let (file, signed) = world.kill_before_sending(0, &pay);
    assert_eq!(world.status(0)["in_progress"], format!("transfer 30 units to {to}"));
    assert_eq!((world.holds(0), world.holds(1)), ((100, 0), (0, 0)));
    // Killed again, it has made no other.
    assert_eq!(world.kill_before_sending(0, &pay).0, file);
    let said = world.run(0, &pay);
    assert!(said.contains("as an earlier command had begun"), "{said}");
    assert_eq!((world.holds(0), world.holds(1)), ((70, 0), (0, 30)));
    let chain = world.chain(0);
    assert_eq!(chain.iter().filter(|it| *it.signed() == signed).count(), 1);
    assert_eq!(world.status(0)["in_progress"], serde_json::Value::Null);
    // Given once more, it is another payment.
    world.run(0, &pay);
    assert_eq!((world.holds(0), world.holds(1)), ((40, 0), (0, 60)));
}

#[test]
fn keys_that_were_made_for_an_account_are_those_of_the_account_though_the_command_was_killed() {
    let world = World::enrolled(1);
    world.kill_before_sending(0, &["open"]);
    let key = fs::read(world.state(0).join("account/account.key")).unwrap();
    world.run(0, &["open"]);
    assert_eq!(fs::read(world.state(0).join("account/account.key")).unwrap(), key);
    world.fund(0, 5);
    assert_eq!(world.holds(0), (5, 0));
}

#[test]
fn a_command_that_was_killed_after_the_ledger_took_its_statement_pays_nothing_again() {
    let world = funded();
    let to = world.name(1);
    let pay = transfer(&to, "30");
    let (file, _) = world.kill_before_sending(0, &pay);
    world.run(0, &pay);
    // As if it had been killed before it said so.
    fs::write(world.statement(0), file).unwrap();
    let said = world.run(0, &pay);
    assert!(said.contains("as an earlier command had begun"), "{said}");
    assert_eq!((world.holds(0), world.holds(1)), ((70, 0), (0, 30)));
    assert!(world.stated(0).is_none());
}

#[test]
fn an_order_that_was_begun_is_finished_before_another_one() {
    let world = funded();
    let to = world.name(1);
    world.kill_before_sending(0, &transfer(&to, "30"));
    let said = world.run(0, &transfer(&to, "31"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("transfer 30 units") && lines[0].contains("had begun"), "{said}");
    assert!(lines[1].contains("transfer 31 units") && !lines[1].contains("had begun"), "{said}");
    assert_eq!((world.holds(0), world.holds(1)), ((39, 0), (0, 61)));
}

#[test]
fn a_transfer_that_somebody_sends_again_moves_nothing() {
    let world = funded();
    let to = world.name(1);
    let pay = transfer(&to, "30");
    let (_, signed) = world.kill_before_sending(0, &pay);
    let first = world.say(signed.clone());
    assert_eq!(first.reason(), Reason::Accepted);
    // Its author finds it on the chain. The coordinator knows it, and gives the answer that it gave; so it does after others.
    world.run(0, &pay);
    assert_eq!(world.say(signed.clone()), first);
    world.run(0, &transfer(&to, "1"));
    assert_eq!(world.say(signed.clone()), first);
    assert_eq!((world.holds(0), world.holds(1)), ((69, 0), (0, 31)));
    let chain = world.chain(0);
    assert_eq!(chain.iter().filter(|it| *it.signed() == signed).count(), 1);
    // The same numbers in the next turn are another statement, and hold no more.
    let Some(Action::Transfer(mut other)) =
        chain.iter().find_map(|it| (*it.signed() == signed).then(|| it.action().clone()))
    else {
        panic!()
    };
    other.transfer[7] += 1;
    let stale = world.say(world.signed(0, Action::Transfer(other.clone())));
    assert_eq!((stale.reason(), stale.culprit), (Reason::WrongSequence, Vec::new()));
    other.transfer[7] += 1;
    let replayed = world.say(world.signed(0, Action::Transfer(other)));
    assert_eq!(replayed.reason(), Reason::BadStatement);
    assert_eq!((world.holds(0), world.holds(1)), ((69, 0), (0, 31)));
}

#[test]
fn a_count_that_is_damaged_is_made_again_from_the_chain_and_lost_keys_are_named() {
    let world = funded();
    let folder = world.state(0).join("account");
    let mut count = fs::read(folder.join("balance.bin")).unwrap();
    for at in [7, 15, 23] {
        count[at] ^= 1;
        fs::write(folder.join("balance.bin"), &count).unwrap();
        assert_eq!(world.holds(0), (100, 0));
    }
    fs::remove_file(folder.join("account.key")).unwrap();
    let to = world.name(1);
    let message = world.refused(0, &transfer(&to, "1"), 1);
    assert!(message.contains("restore it from a backup"), "{message}");
}

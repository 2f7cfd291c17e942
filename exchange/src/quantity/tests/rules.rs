//! The rules of accounts: each refusal is its own.

use super::*;

#[test]
fn nobody_sends_to_itself() {
    let mut world = World::new(70, 2);
    world.fund(0, 100);
    assert_eq!(world.try_transfer(0, 0, 10).unwrap_err(), QuantityError::ToSelf);
    let to_other = world.transfer(0, 1, 10);
    let to_self = Transfer { receiver: name(0), ..to_other };
    let error = world.verify(0, Action::Transfer(to_self)).unwrap_err();
    assert_eq!(error, QuantityError::ToSelf);
}

#[test]
fn nothing_goes_to_somebody_who_was_revoked() {
    let mut world = World::new(71, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let verified = world.verify(0, Action::Transfer(transfer.clone())).unwrap();
    world.accounts.revoke(&name(1)).unwrap();
    let refused = QuantityError::Revoked { who: Party::Receiver };
    assert_eq!(world.verify(0, Action::Transfer(transfer)).unwrap_err(), refused);
    assert_eq!(world.apply(0, &verified).unwrap_err(), refused, "after it was verified");
}

#[test]
fn somebody_who_was_revoked_does_nothing_any_more() {
    let mut world = World::new(72, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let rebase = world.rebase(0);
    let deposit = world.deposit(0, 10);
    world.accounts.revoke(&name(0)).unwrap();
    let refused = QuantityError::Revoked { who: Party::Author };
    for action in [Action::Transfer(transfer), Action::Rebase(rebase), Action::Deposit(deposit)] {
        assert_eq!(world.verify(0, action).unwrap_err(), refused);
    }
    let sequence = world.account(0).sequence();
    assert_eq!(world.accounts.roll(&name(0), &Roll { sequence }), Err(refused.clone()));
    assert_eq!(world.accounts.revoke(&name(0)), Err(refused));
}

#[test]
fn who_has_no_account_neither_sends_nor_receives() {
    let mut world = World::new(73, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let to_nobody = Transfer { receiver: name(8), ..transfer.clone() };
    let error = world.verify(0, Action::Transfer(to_nobody)).unwrap_err();
    assert_eq!(error, QuantityError::NotRegistered { who: Party::Receiver });
    let error = world.verify(8, Action::Transfer(transfer)).unwrap_err();
    assert_eq!(error, QuantityError::NotRegistered { who: Party::Author });
    let error = world.accounts.roll(&name(8), &Roll { sequence: 0 }).unwrap_err();
    assert_eq!(error, QuantityError::NotRegistered { who: Party::Author });
}

#[test]
fn a_transfer_counts_once() {
    let mut world = World::new(74, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let verified = world.verify(0, Action::Transfer(transfer.clone())).unwrap();
    world.apply(0, &verified).unwrap();
    let sequence = world.account(0).sequence();
    let twice = QuantityError::WrongSequence { expected: sequence, found: sequence - 1 };
    assert_eq!(world.verify(0, Action::Transfer(transfer)).unwrap_err(), twice);
    assert_eq!(world.accounts.apply(&name(0), &verified), Err(twice));
    assert_eq!(world.wallets[1].pending(), 10);
}

#[test]
fn a_proof_is_for_the_sequence_number_that_it_was_made_with() {
    let mut world = World::new(75, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    world.send(0, 1, 5).unwrap();
    let renumbered = Transfer { sequence: world.account(0).sequence(), ..transfer };
    let error = world.verify(0, Action::Transfer(renumbered)).unwrap_err();
    assert_eq!(error, QuantityError::BadProof { what: "transfer" });
}

#[test]
fn a_roll_between_proof_and_transfer_makes_the_proof_worthless() {
    let mut world = World::new(76, 2);
    world.fund(0, 100);
    let deposit = world.deposit(0, 50);
    world.act(0, Action::Deposit(deposit)).unwrap();
    let transfer = world.transfer(0, 1, 10);
    let verified = world.verify(0, Action::Transfer(transfer.clone())).unwrap();
    world.roll(0);
    let sequence = world.account(0).sequence();
    let late = QuantityError::WrongSequence { expected: sequence, found: sequence - 1 };
    assert_eq!(world.accounts.apply(&name(0), &verified), Err(late.clone()));
    assert_eq!(world.verify(0, Action::Transfer(transfer.clone())).unwrap_err(), late);
    let renumbered = Transfer { sequence, ..transfer };
    let error = world.verify(0, Action::Transfer(renumbered)).unwrap_err();
    assert_eq!(error, QuantityError::BadProof { what: "transfer" });
}

#[test]
fn what_comes_in_does_not_touch_a_proof_in_flight() {
    let mut world = World::new(77, 2);
    world.fund(0, 100);
    world.fund(1, 100);
    let in_flight = world.transfer(0, 1, 60);
    world.send(1, 0, 7).unwrap();
    world.act(0, Action::Transfer(in_flight)).unwrap();
    assert_eq!((world.wallets[0].balance(), world.wallets[0].pending()), (40, 7));
}

#[test]
fn a_verified_action_is_outdated_where_anything_that_it_speaks_of_is_another() {
    let mut world = World::new(78, 2);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let verified = world.verify(0, Action::Transfer(transfer)).unwrap();
    // No rule does this; another branch of a ledger might.
    let changes: [fn(&mut World); 3] = [
        |world| world.account_mut(0).credits += 1,
        |world| {
            world.account_mut(0).keys = *AccountSecret::generate(&mut world.rng).unwrap().keys()
        },
        |world| {
            world.account_mut(1).keys = *AccountSecret::generate(&mut world.rng).unwrap().keys()
        },
    ];
    for change in changes {
        let before = world.accounts.clone();
        change(&mut world);
        assert_eq!(world.accounts.apply(&name(0), &verified), Err(QuantityError::Outdated));
        world.accounts = before;
    }
    world.apply(0, &verified).unwrap();
}

#[test]
fn the_65537th_credit_is_refused_and_a_rebase_makes_room() {
    let mut world = World::new(79, 2);
    world.fund(0, 100);
    world.fund(1, 100);
    // As if this account had been credited that often.
    world.account_mut(1).credits = MAX_CREDITS - 2;
    world.send(0, 1, 1).unwrap();
    world.send(0, 1, 1).unwrap();
    assert_eq!(world.account(1).total_credits(), 65_536);
    let transfer = world.transfer(0, 1, 1);
    let full = QuantityError::AccountFull { credits: 65_536 };
    assert_eq!(world.verify(0, Action::Transfer(transfer)).unwrap_err(), full);
    let deposit = world.deposit(1, 1);
    assert_eq!(world.verify(1, Action::Deposit(deposit)).unwrap_err(), full);
    world.roll(1);
    assert_eq!(world.account(1).total_credits(), 65_536, "a roll gives none back");
    let rebase = world.rebase(1);
    world.act(1, Action::Rebase(rebase)).unwrap();
    assert_eq!(world.account(1).total_credits(), 1);
    world.send(0, 1, 1).unwrap();
}

#[test]
fn an_account_that_fills_up_after_a_transfer_was_verified_refuses_it() {
    let mut world = World::new(80, 3);
    world.fund(0, 100);
    world.fund(2, 100);
    world.account_mut(1).credits = MAX_CREDITS - 1;
    let transfer = world.transfer(0, 1, 1);
    let verified = world.verify(0, Action::Transfer(transfer)).unwrap();
    world.send(2, 1, 1).unwrap();
    let full = QuantityError::AccountFull { credits: 65_536 };
    assert_eq!(world.accounts.apply(&name(0), &verified), Err(full));
}

#[test]
fn a_rebase_keeps_what_is_pending_and_counts_it() {
    let mut world = World::new(81, 2);
    world.fund(0, 100);
    world.fund(0, 100);
    world.fund(1, 100);
    world.send(1, 0, 3).unwrap();
    assert_eq!(world.account(0).total_credits(), 3);
    let rebase = world.rebase(0);
    world.act(0, Action::Rebase(rebase)).unwrap();
    assert_eq!(world.account(0).total_credits(), 2);
    world.roll(0);
    assert_eq!(world.wallets[0].balance(), 203);
}

#[test]
fn an_account_with_more_than_2_to_the_34_still_sends() {
    let mut world = World::new(82, 2);
    for _ in 0..5 {
        world.fund(0, u32::MAX);
    }
    assert!(world.wallets[0].balance() > 1 << 34);
    world.send(0, 1, u32::MAX).unwrap();
    world.send(0, 1, 1).unwrap();
    assert_eq!(world.wallets[0].balance(), 4 * u64::from(u32::MAX) - 1);
}

#[test]
fn a_roll_is_the_owners_and_has_its_turn() {
    let mut world = World::new(83, 1);
    let sequence = world.account(0).sequence();
    let early = QuantityError::WrongSequence { expected: sequence, found: sequence + 1 };
    assert_eq!(world.accounts.roll(&name(0), &Roll { sequence: sequence + 1 }), Err(early));
    world.roll(0);
    assert_eq!(world.account(0).sequence(), sequence + 1);
}

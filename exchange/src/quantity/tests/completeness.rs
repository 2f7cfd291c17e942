//! What is true has a proof, at every edge; and proofs are as long as they should be.

use rand_core::RngCore;

use super::super::proof::{Proof, prove};
use super::forge::{Order, digits, forge, holds};
use super::*;

#[test]
fn any_amount_that_a_balance_has_is_sent_and_read() {
    let mut rng = ChaCha20Rng::seed_from_u64(10);
    let some = rng.next_u32() >> 3;
    let cases = [
        (0, 0),
        (1, 0),
        (1, 1),
        (some, some),
        (some, some / 3),
        (u32::MAX, 0),
        (u32::MAX, 1),
        (u32::MAX, u32::MAX - 1),
        (u32::MAX, u32::MAX),
    ];
    let mut draw = || {
        let balance = rng.next_u32() >> 8;
        (balance, rng.next_u32() % (balance + 1))
    };
    let drawn: Vec<(u32, u32)> = (0..12).map(|_| draw()).collect();
    for (seed, (balance, amount)) in (100..).zip(cases.into_iter().chain(drawn)) {
        let mut world = World::new(seed, 2);
        world.fund(0, balance);
        world.send(0, 1, amount).unwrap();
        world.roll(1);
        let balances = world.wallets.iter().map(Wallet::balance).collect::<Vec<_>>();
        assert_eq!(balances, [u64::from(balance - amount), u64::from(amount)]);
    }
}

#[test]
fn what_is_left_has_a_proof_up_to_the_largest_balance_that_credits_allow() {
    let largest = u64::from(MAX_CREDITS) * u64::from(u32::MAX);
    assert!(largest < 1 << 48);
    let mut world = World::new(11, 2);
    for balance in [1 << 32, 1 << 34, (1 << 47) + 1, largest] {
        for amount in [0, 1, u32::MAX] {
            // As if it had been credited that often.
            let randomness = randomness(&mut world.rng);
            let mut held = randomness.encrypt(world.wallets[0].secret.keys(), 0);
            let plain = h_times(&Scalar::from(balance));
            held.c3 = point::Point::new(held.c3.element() + plain);
            world.account_mut(0).balance = held;
            world.wallets[0].balance = balance;
            let transfer = world.transfer(0, 1, amount);
            world.verify(0, Action::Transfer(transfer)).unwrap();
        }
    }
}

#[test]
fn every_statement_has_a_proof_of_the_length_that_its_secrets_make() {
    let lengths = [(2, 0, 192), (2, 16, 864), (4, 16, 928), (4, 32, 1440), (4, 40, 1696)];
    for (scalars, digits, length) in lengths {
        assert_eq!(Proof::length(scalars, digits), length);
    }
    assert_eq!(Transfer::PROOF_LEN, 1696);
    assert_eq!((Registration::LEN, Deposit::LEN), (64 + 192, 8 + 96 + 928 + 64));
    assert_eq!((Transfer::LEN, Rebase::LEN), (8 + 32 + 160 + 1696, 8 + 864));
}

#[test]
fn our_prover_and_one_written_from_the_formulas_are_believed_alike() {
    let mut world = World::new(12, 2);
    world.fund(0, 9);
    let (statement, witness) = world.true_statement(4);
    let ours = prove(&statement, &witness, &mut world.rng);
    let digits = [digits(4, 16), digits(5, 24)].concat();
    let theirs = forge(&statement, &witness.scalars, &digits, Order::AfterD, &mut world.rng);
    assert_eq!(ours.len(), theirs.len());
    assert!(holds(&statement, &ours, Order::AfterD) && holds(&statement, &theirs, Order::AfterD));
}

#[test]
fn a_balance_of_zero_sends_zero_and_rebases() {
    let mut world = World::new(13, 2);
    world.send(0, 1, 0).unwrap();
    let rebase = world.rebase(0);
    world.act(0, Action::Rebase(rebase)).unwrap();
    let error = world.try_transfer(0, 1, 1).unwrap_err();
    assert_eq!(error, QuantityError::Overspent { balance: 0, amount: 1 });
}

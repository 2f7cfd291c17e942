//! An institution's own view.

use super::*;

#[test]
fn a_wallet_that_has_not_followed_the_ledger_makes_nothing() {
    let mut world = World::new(120, 2);
    world.fund(0, 100);
    world.wallets[0].balance = 101;
    let account = world.accounts.get(&name(0)).unwrap();
    let wallet = &world.wallets[0];
    let rng = &mut world.rng;
    let receiver = world.accounts.get(&name(1)).unwrap();
    let transfer = wallet.transfer(account, (&name(1), receiver), 1, rng);
    assert_eq!(transfer.unwrap_err(), QuantityError::OutOfStep);
    assert_eq!(wallet.rebase(account, rng).unwrap_err(), QuantityError::OutOfStep);
    assert_eq!(wallet.deposit(account, 1, rng).map(drop), Err(QuantityError::OutOfStep));
}

#[test]
fn a_wallet_does_nothing_with_somebody_elses_account() {
    let mut world = World::new(121, 2);
    let other = world.accounts.get(&name(1)).unwrap();
    let rebase = world.wallets[0].rebase(other, &mut world.rng);
    assert_eq!(rebase.unwrap_err(), QuantityError::OutOfStep);
}

#[test]
fn a_rebase_needs_a_balance_below_2_to_the_32() {
    let mut world = World::new(122, 2);
    world.fund(0, u32::MAX);
    let rebase = world.rebase(0);
    world.act(0, Action::Rebase(rebase)).unwrap();
    world.fund(0, 1);
    let account = world.accounts.get(&name(0)).unwrap();
    let error = world.wallets[0].rebase(account, &mut world.rng).unwrap_err();
    assert_eq!(error, QuantityError::TooMuchToRebase { balance: 1 << 32 });
    world.send(0, 1, 1).unwrap();
    let rebase = world.rebase(0);
    world.act(0, Action::Rebase(rebase)).unwrap();
}

#[test]
fn incoming_amounts_are_opened_one_by_one_over_all_32_bits() {
    let mut world = World::new(123, 2);
    for _ in 0..3 {
        world.fund(0, u32::MAX);
    }
    let mut expected = 0;
    for amount in [u32::MAX, 65_535, 65_536, 1 << 31, u32::MAX] {
        world.send(0, 1, amount).unwrap();
        expected += u64::from(amount);
        assert_eq!(world.wallets[1].pending(), expected);
    }
    assert!(expected > 1 << 32, "their sum has no table");
}

#[test]
fn what_an_eavesdropper_opens_with_its_own_keys_is_nothing() {
    let mut world = World::new(124, 3);
    world.fund(0, 100);
    let transfer = world.transfer(0, 1, 10);
    let table = DiscreteLogTable::shared();
    let open = |place: usize, ciphertext: &Ciphertext| {
        let point = world.wallets[place].secret.open(ciphertext.points());
        table.find(&point, 20)
    };
    assert_eq!(open(1, &transfer.credited()), Some(10));
    assert_eq!(open(0, &transfer.sent), Some(10));
    assert_eq!(open(2, &transfer.credited()), None);
    assert_eq!(open(0, &transfer.credited()), None);
}

#[test]
fn two_transfers_of_one_amount_look_unlike() {
    let mut world = World::new(125, 2);
    world.fund(0, 100);
    let [first, second] = [(); 2].map(|()| world.transfer(0, 1, 10));
    let points = |transfer: &Transfer| {
        let all = [transfer.sent.encode(), transfer.credited().encode()].concat();
        all.as_chunks::<32>().0.to_vec()
    };
    assert!(points(&first).iter().zip(points(&second)).all(|(first, second)| *first != second));
}

#[test]
fn a_generator_that_repeats_itself_hides_two_amounts_under_unlike_randomness() {
    let mut world = World::new(127, 2);
    world.fund(0, 100);
    let [first, second] = [10, 11].map(|amount| {
        world.rng = ChaCha20Rng::seed_from_u64(3);
        world.transfer(0, 1, amount)
    });
    assert_ne!(first.sent.c1, second.sent.c1);
    assert_ne!(first.sent.c2, second.sent.c2);
}

#[test]
fn a_wallet_goes_on_where_it_was() {
    let mut world = World::new(128, 2);
    world.fund(0, 100);
    let bytes = world.wallets[0].secret.to_bytes();
    let secret = || AccountSecret::from_bytes(&bytes).unwrap();
    let account = world.accounts.get(&name(0)).unwrap();
    let right = Wallet::resume(CHAIN, name(0), secret(), 100, 0);
    let wrong = Wallet::resume(CHAIN, name(0), secret(), 0, 100);
    let rebase = right.rebase(account, &mut world.rng).unwrap();
    assert_eq!(wrong.rebase(account, &mut world.rng), Err(QuantityError::OutOfStep));
    world.act(0, Action::Rebase(rebase)).unwrap();
}

#[test]
fn secrets_are_not_shown() {
    let world = World::new(126, 1);
    let wallet = &world.wallets[0];
    let shown = format!("{wallet:?} {:?}", wallet.secret);
    for secret in wallet.secret.to_bytes().as_chunks::<4>().0 {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&hex));
    }
}

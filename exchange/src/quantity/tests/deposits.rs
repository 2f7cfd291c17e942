//! Units come from nowhere but what the authority has signed.

use super::*;

fn unapproved(world: &mut World, amount: u32) -> (UnapprovedDeposit, DepositOpening) {
    let account = world.accounts.get(&name(0)).unwrap();
    world.wallets[0].deposit(account, amount, &mut world.rng).unwrap()
}

#[test]
fn a_deposit_that_the_authority_has_not_signed_is_refused() {
    let mut world = World::new(110, 1);
    let (deposit, opening) = unapproved(&mut world, 1000);
    let keys = *world.account(0).keys();
    let own = SigningKey::generate(&mut world.rng);
    let deposit = deposit.approve(&CHAIN, &name(0), &keys, &opening, &own).unwrap();
    let error = world.verify(0, Action::Deposit(deposit)).unwrap_err();
    assert_eq!(error, QuantityError::NotApproved);
    assert_eq!(error.culprit(), Some(Party::Author));
}

#[test]
fn the_authoritys_signature_is_for_one_account_one_chain_one_number_and_one_ciphertext() {
    let mut world = World::new(111, 2);
    let keys = *world.account(0).keys();
    let (deposit, opening) = unapproved(&mut world, 1000);
    let approve = |chain: &ChainId, author: usize, deposit: &UnapprovedDeposit| {
        deposit.clone().approve(chain, &name(author), &keys, &opening, &world.authority).unwrap()
    };
    let numbered = UnapprovedDeposit { sequence: 1, ..deposit.clone() };
    let later = approve(&CHAIN, 0, &numbered).encode();
    let signature = &later[UnapprovedDeposit::LEN..];
    let moved = [deposit.encode().as_slice(), signature].concat();
    let wrong = [
        approve(&ChainId([1; 32]), 0, &deposit),
        approve(&CHAIN, 1, &deposit),
        Deposit::decode(&moved).unwrap(),
    ];
    for deposit in wrong {
        let error = world.verify(0, Action::Deposit(deposit)).unwrap_err();
        assert_eq!(error, QuantityError::NotApproved);
    }
    let approved = approve(&CHAIN, 0, &deposit).encode();
    let (other, _) = unapproved(&mut world, 1000);
    let signature = &approved[UnapprovedDeposit::LEN..];
    let moved = Deposit::decode(&[other.encode().as_slice(), signature].concat()).unwrap();
    let error = world.verify(0, Action::Deposit(moved)).unwrap_err();
    assert_eq!(error, QuantityError::NotApproved);
    world.act(0, Action::Deposit(Deposit::decode(&approved).unwrap())).unwrap();
}

#[test]
fn the_authority_signs_only_for_the_amount_that_it_was_shown() {
    let mut world = World::new(112, 2);
    let keys = *world.account(0).keys();
    let (_, small) = unapproved(&mut world, 10);
    let (large, opening) = unapproved(&mut world, 1000);
    let authority = &world.authority;
    let approve = |keys, opening| large.clone().approve(&CHAIN, &name(0), keys, opening, authority);
    assert_eq!(approve(&keys, &small).unwrap_err(), QuantityError::WrongOpening);
    let mut lied = opening.encode();
    lied[..4].copy_from_slice(&10u32.to_be_bytes());
    let lied = DepositOpening::decode(&lied).unwrap();
    assert_eq!((lied.amount(), opening.amount()), (10, 1000));
    assert_eq!(approve(&keys, &lied).unwrap_err(), QuantityError::WrongOpening);
    let others = world.account(1).keys();
    assert_eq!(approve(others, &opening).unwrap_err(), QuantityError::WrongOpening);
    assert!(approve(&keys, &opening).is_ok());
}

#[test]
fn a_deposit_waits_until_it_is_rolled_in() {
    let mut world = World::new(113, 2);
    let deposit = world.deposit(0, 100);
    world.act(0, Action::Deposit(deposit)).unwrap();
    assert_eq!((world.wallets[0].balance(), world.wallets[0].pending()), (0, 100));
    assert!(matches!(world.try_transfer(0, 1, 1), Err(QuantityError::Overspent { .. })));
    world.roll(0);
    world.send(0, 1, 100).unwrap();
}

#[test]
fn an_opening_is_not_shown() {
    let mut world = World::new(114, 1);
    let (_, opening) = unapproved(&mut world, 123_456);
    assert_eq!(format!("{opening:?}"), "DepositOpening(redacted)");
}

#[test]
fn a_request_comes_to_the_authority_whole_and_is_approved_for_what_it_holds_alone() {
    let mut world = World::new(46, 1);
    let account = world.accounts.get(&name(0)).unwrap();
    let deposit = world.wallets[0].deposit(account, 70, &mut world.rng).unwrap();
    let request = DepositRequest::new(CHAIN, name(0), *account.keys(), deposit);
    let bytes = request.encode();
    assert_eq!(bytes.len(), DepositRequest::LEN);
    let read = DepositRequest::decode(&bytes).unwrap();
    assert_eq!((read.chain_id(), read.author(), read.amount()), (&CHAIN, &name(0), 70));
    assert!(!format!("{read:?}").contains("70"), "{read:?}");
    let approved = read.approve(&world.authority).unwrap();
    world.act(0, Action::Deposit(approved)).unwrap();
    assert_eq!(world.wallets[0].pending(), 70);
    assert_eq!(world.wallets[0].compare(world.account(0)), Ok(()));
    // The opening's amount: nobody has a larger one approved than the deposit holds.
    let mut larger = bytes.to_vec();
    let amount = DepositRequest::LEN - DepositOpening::LEN;
    larger[amount] ^= 1;
    let larger = DepositRequest::decode(&larger).unwrap();
    assert_eq!(larger.approve(&world.authority), Err(QuantityError::WrongOpening));
    for length in [0, bytes.len() - 1] {
        assert!(DepositRequest::decode(&bytes[..length]).is_err());
    }
}

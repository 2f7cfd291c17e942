//! Bytes of a peer: each one counts, none panics, and encodings are fixed.

use rand_core::RngCore;
use sha2::{Digest, Sha256};

use super::*;

/// Changes each byte in turn, and cuts the encoding at each; nothing may verify.
fn every_byte_counts(bytes: &[u8], verify: impl Fn(&[u8]) -> Result<(), QuantityError>) {
    verify(bytes).unwrap();
    for position in 0..bytes.len() {
        let mut changed = bytes.to_vec();
        changed[position] ^= 1 << (position % 8);
        assert!(verify(&changed).is_err(), "byte {position}");
        assert!(verify(&bytes[..position]).is_err(), "cut to {position}");
    }
    assert!(verify(&[bytes, &[0]].concat()).is_err());
}

#[test]
fn every_byte_of_a_registration_counts() {
    let mut world = World::new(40, 1);
    let wallet = Wallet::new(CHAIN, name(5), AccountSecret::generate(&mut world.rng).unwrap());
    let bytes = wallet.register(&mut world.rng).encode();
    every_byte_counts(&bytes, |bytes| {
        let action = Action::Registration(Registration::decode(bytes)?);
        world.verify(5, action).map(|_| ())
    });
}

#[test]
fn every_byte_of_a_deposit_counts() {
    let mut world = World::new(41, 1);
    let bytes = world.deposit(0, 1000).encode();
    every_byte_counts(&bytes, |bytes| {
        world.verify(0, Action::Deposit(Deposit::decode(bytes)?)).map(|_| ())
    });
}

#[test]
fn every_byte_of_a_transfer_counts() {
    let mut world = World::new(42, 2);
    world.fund(0, 1000);
    let bytes = world.transfer(0, 1, 300).encode();
    every_byte_counts(&bytes, |bytes| {
        world.verify(0, Action::Transfer(Transfer::decode(bytes)?)).map(|_| ())
    });
}

#[test]
fn every_byte_of_a_rebase_counts() {
    let mut world = World::new(43, 1);
    world.fund(0, 1000);
    let bytes = world.rebase(0).encode();
    every_byte_counts(&bytes, |bytes| {
        world.verify(0, Action::Rebase(Rebase::decode(bytes)?)).map(|_| ())
    });
}

#[test]
fn a_proof_of_another_action_of_the_same_length_is_refused() {
    let mut world = World::new(44, 3);
    world.fund(0, 1000);
    let to_one = world.transfer(0, 1, 300);
    let to_other = world.transfer(0, 2, 300);
    let mixed = Transfer { proof: to_other.proof, ..to_one };
    let error = world.verify(0, Action::Transfer(mixed)).unwrap_err();
    assert_eq!(error, QuantityError::BadProof { what: "transfer" });
    assert_eq!(error.culprit(), Some(Party::Author));
}

#[test]
fn random_bytes_of_any_length_do_not_panic() {
    let mut rng = ChaCha20Rng::seed_from_u64(45);
    for length in (0..2100).step_by(7).chain([
        Registration::LEN,
        Deposit::LEN,
        UnapprovedDeposit::LEN,
        DepositOpening::LEN,
        Transfer::LEN,
        Rebase::LEN,
        AccountKeys::LEN,
        100_000,
    ]) {
        for fill in [None, Some(0), Some(255)] {
            let mut bytes = vec![fill.unwrap_or_default(); length];
            if fill.is_none() {
                rng.fill_bytes(&mut bytes);
            }
            let decoded = [
                Registration::decode(&bytes).is_ok(),
                AccountKeys::decode(&bytes).is_ok(),
                Deposit::decode(&bytes).is_ok(),
                UnapprovedDeposit::decode(&bytes).is_ok(),
                Transfer::decode(&bytes).is_ok(),
            ];
            let [registration, keys, statements @ ..] = decoded;
            assert!(!registration && !keys, "{length} {fill:?}");
            // Zeros are the identity, which is no key but can be an amount.
            assert!(fill == Some(0) || !statements.contains(&true), "{length} {fill:?}");
        }
    }
}

#[test]
fn proofs_of_zeros_and_of_scalars_that_are_not_reduced_are_refused() {
    let mut world = World::new(46, 2);
    world.fund(0, 1000);
    let transfer = world.transfer(0, 1, 300);
    let zeros = Transfer { proof: vec![0; Transfer::PROOF_LEN], ..transfer.clone() };
    let error = world.verify(0, Action::Transfer(zeros)).unwrap_err();
    assert_eq!(error, QuantityError::BadProof { what: "transfer" });
    // z, behind D and T_D.
    let mut unreduced = transfer;
    unreduced.proof[64..96].fill(255);
    let error = world.verify(0, Action::Transfer(unreduced)).unwrap_err();
    assert!(matches!(error, QuantityError::Decode(_)));
}

#[test]
fn what_is_decoded_encodes_to_the_same_bytes() {
    let mut world = World::new(47, 2);
    world.fund(0, 1000);
    let transfer = world.transfer(0, 1, 300);
    assert_eq!(Transfer::decode(&transfer.encode()).unwrap(), transfer);
    let deposit = world.deposit(0, 5);
    assert_eq!(Deposit::decode(&deposit.encode()).unwrap(), deposit);
    let rebase = world.rebase(0);
    assert_eq!(Rebase::decode(&rebase.encode()).unwrap(), rebase);
    let roll = world.wallets[0].roll(world.account(0));
    assert_eq!(Roll::decode(&roll.encode()).unwrap(), roll);
    assert!(Roll::decode(&[0; 7]).is_err() && Roll::decode(&[0; 9]).is_err());
    let registration = world.wallets[0].register(&mut world.rng);
    assert_eq!(Registration::decode(&registration.encode()).unwrap(), registration);
    let secret = &world.wallets[0].secret;
    let again = AccountSecret::from_bytes(&secret.to_bytes()).unwrap();
    assert_eq!(again.keys(), secret.keys());
    assert_eq!(AccountKeys::decode(&secret.keys().encode()).unwrap(), *secret.keys());
}

#[test]
fn encodings_are_fixed() {
    let mut world = World::new(48, 2);
    world.fund(0, 1000);
    let registration = world.wallets[0].register(&mut world.rng);
    let account = world.accounts.get(&name(0)).unwrap();
    let (unapproved, opening) = world.wallets[0].deposit(account, 5, &mut world.rng).unwrap();
    let encodings = [
        ("registration", registration.encode()),
        ("unapproved deposit", unapproved.encode()),
        ("opening", opening.encode().to_vec()),
        ("deposit", world.deposit(0, 5).encode()),
        ("transfer", world.transfer(0, 1, 300).encode()),
        ("rebase", world.rebase(0).encode()),
        ("account", world.account(0).encode()),
    ];
    assert_eq!(encodings[6].1.len(), Account::LEN);
    let hashes = encodings.map(|(what, bytes)| {
        let hash = Sha256::digest(&bytes);
        let hex: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{what} {} {hex}", bytes.len())
    });
    assert_eq!(hashes, EXPECTED);
}

/// Lengths, and the first eight bytes of the SHA-256. Whoever changes them changes what ledgers have.
const EXPECTED: [&str; 7] = [
    "registration 256 a6449bac96554498",
    "unapproved deposit 1032 4b0d5e3dbae07dbf",
    "opening 68 096df1cdb15b776c",
    "deposit 1096 73febe32f897f8eb",
    "transfer 1896 a7b58f851ae790ae",
    "rebase 872 c6c3e73ce2271256",
    "account 273 564b505978d60ede",
];

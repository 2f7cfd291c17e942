//! Keys that an account cannot have.

use consilium_crypto::DecodeError;
use zeroize::Zeroizing;

use super::*;

fn wallet(world: &mut World, place: usize) -> Wallet {
    Wallet::new(CHAIN, name(place), AccountSecret::generate(&mut world.rng).unwrap())
}

#[test]
fn the_identity_is_no_key() {
    let mut world = World::new(90, 1);
    let bytes = world.wallets[0].register(&mut world.rng).encode();
    for half in 0..2 {
        let mut changed = bytes.clone();
        changed[32 * half..][..32].fill(0);
        let error = Registration::decode(&changed).unwrap_err();
        assert!(matches!(error, DecodeError::DegenerateKey { .. }), "{error:?}");
    }
    let zero = AccountSecret::from_bytes(&Zeroizing::new([0; 64])).unwrap_err();
    assert!(matches!(zero, DecodeError::DegenerateKey { .. }));
}

#[test]
fn both_halves_of_a_key_cannot_be_equal() {
    let mut world = World::new(91, 1);
    let mut bytes = world.wallets[0].register(&mut world.rng).encode();
    bytes.copy_within(..32, 32);
    let error = Registration::decode(&bytes).unwrap_err();
    assert!(matches!(error, DecodeError::DegenerateKey { .. }), "{error:?}");
    let mut secret = world.wallets[0].secret.to_bytes();
    secret.copy_within(..32, 32);
    assert!(AccountSecret::from_bytes(&secret).is_err());
}

#[test]
fn half_of_somebodys_keys_in_either_place_is_taken() {
    let mut world = World::new(92, 1);
    let bytes = world.wallets[0].secret.to_bytes();
    let fresh = wallet(&mut world, 5).secret.to_bytes();
    let halves = |bytes: &[u8; 64]| <[[u8; 32]; 2]>::try_from(bytes.as_chunks().0).unwrap();
    let [x1, x2] = halves(&bytes);
    let [own, _] = halves(&fresh);
    // Its owner registers under another name: the proof holds.
    for (first, second) in [(x1, own), (x2, own), (own, x1), (own, x2), (x1, x2), (x2, x1)] {
        let mut bytes = Zeroizing::new([0; 64]);
        bytes[..32].copy_from_slice(&first);
        bytes[32..].copy_from_slice(&second);
        let secret = AccountSecret::from_bytes(&bytes).unwrap();
        let registration = Registration::new(&CHAIN, &name(5), &secret, &mut world.rng);
        let error = world.verify(5, Action::Registration(registration)).unwrap_err();
        assert_eq!(error, QuantityError::KeyTaken);
    }
}

#[test]
fn somebodys_registration_is_refused_under_another_name_and_on_another_chain() {
    let mut world = World::new(93, 1);
    let new = wallet(&mut world, 5);
    let registration = new.register(&mut world.rng);
    let bad = QuantityError::BadProof { what: "registration" };
    let error = world.verify(6, Action::Registration(registration.clone())).unwrap_err();
    assert_eq!(error, bad);
    let other = Accounts::new(ChainId([1; 32]), world.authority.verifying_key());
    let claim = other.claim(&name(5), Action::Registration(registration.clone())).unwrap();
    assert_eq!(claim.verify().unwrap_err(), bad);
    world.act(5, Action::Registration(registration)).unwrap();
}

#[test]
fn nobody_has_two_accounts() {
    let mut world = World::new(94, 1);
    let second = wallet(&mut world, 0).register(&mut world.rng);
    let error = world.verify(0, Action::Registration(second)).unwrap_err();
    assert_eq!(error, QuantityError::AlreadyRegistered);
}

#[test]
fn of_two_registrations_of_one_key_that_are_both_verified_the_first_stands() {
    let mut world = World::new(95, 1);
    let secret = AccountSecret::generate(&mut world.rng).unwrap();
    let [first, second] = [5, 6].map(|place| {
        let registration = Registration::new(&CHAIN, &name(place), &secret, &mut world.rng);
        world.verify(place, Action::Registration(registration)).unwrap()
    });
    world.accounts.apply(&name(5), &first).unwrap();
    assert_eq!(world.accounts.apply(&name(6), &second), Err(QuantityError::KeyTaken));
}

#[test]
fn keys_of_others_without_their_secrets_are_not_proven() {
    let mut world = World::new(96, 1);
    // Somebody else's fresh key, with a proof by another secret.
    let keys = *wallet(&mut world, 5).secret.keys();
    let own = wallet(&mut world, 5).register(&mut world.rng);
    let stolen = Registration { keys, proof: own.proof };
    let error = world.verify(5, Action::Registration(stolen)).unwrap_err();
    assert_eq!(error, QuantityError::BadProof { what: "registration" });
}

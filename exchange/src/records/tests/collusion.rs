//! What a proxy and a requester open together, who tell each other everything.

use curve25519_dalek::scalar::Scalar;

use super::*;
use crate::records::transcript::rekey_scalar;

/// rk and b of a consent to one month.
fn colluders(world: &mut World) -> (Scalar, SecretKey, VerifiedConsent) {
    let (request, key) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let given = world.give(&request, 1, 1);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, _) = given.release(Standing::InForce).unwrap();
    (grants[0].keys[0], key, consent)
}

fn opens(a: &Scalar, stored: &Stored) -> bool {
    let prologue = stored.header.prologue();
    let shared = prologue.capsule.e().point() * a;
    let context = prologue.context.encode();
    let key = prologue.capsule.key_from(&shared, &prologue.delegator, &context);
    if key.check(&prologue.commitment, Party::Owner).is_err() {
        return false;
    }
    let body = stored.header.body();
    let decryptor = BodyDecryptor::new(&key.body_key(), prologue.hash(), body).unwrap();
    decrypt(decryptor, &stored.body).is_ok()
}

#[test]
fn a_proxy_and_a_requester_together_open_exactly_one_category_and_month() {
    let mut world = World::new(70);
    let (rk, b, consent) = colluders(&mut world);
    let (x, agreed) = (consent.x(), b.agree(consent.x()));
    let d = |month| {
        let period = period(month).encode();
        *rekey_scalar(x.encoding(), b.public().encoding(), &agreed, consent.hash(), &period)
    };
    // a = rk·d is the delegator key of the month.
    let a = rk * d(5);
    let scope = world.scope("repair", 5);
    assert_eq!(PublicKey::of(&a), *world.owner.seed.delegator_key(&scope).public());
    // Everything of this scope opens, with the keyword or without.
    for keywords in [&["brakes"][..], &["engine"], &[]] {
        assert!(opens(&a, &world.store(&scope, keywords, b"a record")));
    }
    // Nothing of any other does, with a or with what d of another month gives.
    let mut closed = vec![
        world.store(&Scope { period: period(6), ..scope.clone() }, &["brakes"], b""),
        world.store(&Scope { period: period(4), ..scope.clone() }, &["brakes"], b""),
        world.store(&world.scope("claims", 5), &["brakes"], b""),
    ];
    std::mem::swap(&mut world.custodian, &mut world.other);
    closed.push(world.store(&world.scope("repair", 5), &["brakes"], b""));
    std::mem::swap(&mut world.custodian, &mut world.other);
    std::mem::swap(&mut world.owner, &mut world.other);
    closed.push(world.store(&world.scope("repair", 5), &["brakes"], b""));
    for (number, stored) in closed.iter().enumerate() {
        for month in [4, 5, 6] {
            assert!(!opens(&(rk * d(month)), stored), "record {number}");
        }
    }
}

#[test]
fn fewer_proxies_than_the_threshold_and_the_requester_open_nothing() {
    let mut world = World::new(71);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, &["brakes"], b"a record");
    let (request, b) = world.request(world.selection("repair", &[5]), &["brakes"]);
    let given = world.give(&request, 3, 2);
    let consent = given.consent().clone().verify(&CHAIN, &world.owner.key()).unwrap();
    let (grants, _) = given.release(Standing::InForce).unwrap();
    let agreed = b.agree(consent.x());
    let period = period(5).encode();
    let x = consent.x().encoding();
    let d = *rekey_scalar(x, b.public().encoding(), &agreed, consent.hash(), &period);
    for grant in &grants {
        assert!(!opens(&(grant.keys[0] * d), &stored), "one share is not the key");
    }
    let lagrange = consilium_crypto::building_blocks::lagrange(&[1, 3], 0);
    let rk = lagrange[0] * grants[0].keys[0] + lagrange[1] * grants[2].keys[0];
    assert!(opens(&(rk * d), &stored), "two are");
}

#[test]
fn months_of_one_consent_do_not_give_each_other_away() {
    // Without d, the keys of two months are unrelated: their quotient is not that of the delegator keys.
    let mut world = World::new(72);
    let (request, _) = world.request(world.selection("repair", &[5, 6]), &["brakes"]);
    let given = world.give(&request, 1, 1);
    let (grants, _) = given.release(Standing::InForce).unwrap();
    let keys = &grants[0].keys;
    let [five, six] =
        [5, 6].map(|month| *world.owner.seed.delegator_key(&world.scope("repair", month)).scalar());
    assert_ne!(keys[0] * keys[1].invert(), five * six.invert());
}

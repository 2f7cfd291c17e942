//! Re-encryptions: moved, changed, shared among proxies, handed on.

use curve25519_dalek::scalar::Scalar;

use super::*;
use crate::records::grant::prove;

const KEYWORD: &[&str] = &["brakes"];

fn world(proxies: usize, threshold: u8) -> (World, Stored, Shared) {
    let mut world = World::new(40);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, KEYWORD, b"front brakes replaced");
    let selection = world.selection("repair", &[5]);
    let shared = world.share(selection, KEYWORD, proxies, threshold);
    (world, stored, shared)
}

#[test]
fn every_byte_of_a_reencryption_counts() {
    let (mut world, stored, shared) = world(1, 1);
    let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    let bytes = made.encode();
    assert_eq!(bytes.len(), 96);
    let bad = RecordError::BadReencryption { place: 1 };
    assert_eq!(bad.culprit(), Some(Party::Proxy { place: 1 }));
    let mut decoded = 0;
    for position in 0..bytes.len() {
        let mut changed = bytes;
        changed[position] ^= 2;
        let Ok(changed) = Reencryption::decode(&changed) else { continue };
        decoded += 1;
        let error = shared.accepted.verify(&stored.header, 1, &changed).unwrap_err();
        assert_eq!(error, bad, "byte {position}");
    }
    assert!(decoded > 60, "scalars decode mostly: {decoded}");
}

/// Two records of one consent, and what the proxy makes of each.
fn two_records() -> (Shared, [(Stored, Reencryption); 2]) {
    let (mut world, stored, shared) = world(1, 1);
    let scope = world.scope("repair", 5);
    let other = world.store(&scope, KEYWORD, b"another record");
    let made = [stored, other].map(|stored| {
        let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
        (stored, made)
    });
    (shared, made)
}

fn refused(shared: &Shared, stored: &Stored, made: &Reencryption) {
    let error = shared.accepted.verify(&stored.header, 1, made).unwrap_err();
    assert_eq!(error, RecordError::BadReencryption { place: 1 });
}

#[test]
fn a_reencryption_of_another_records_e_is_refused() {
    let (shared, [(stored, _), (_, of_other)]) = two_records();
    refused(&shared, &stored, &of_other);
}

#[test]
fn another_records_reencrypted_point_under_a_records_proof_is_refused() {
    let (shared, [(stored, made), (_, of_other)]) = two_records();
    refused(&shared, &stored, &Reencryption { e: of_other.e, ..made });
}

#[test]
fn another_records_proof_over_a_records_reencrypted_point_is_refused() {
    let (shared, [(stored, made), (_, of_other)]) = two_records();
    refused(&shared, &stored, &Reencryption { e: made.e, ..of_other });
}

#[test]
fn a_verified_reencryption_opens_its_own_record_only() {
    let (shared, [(stored, made), (other, of_other)]) = two_records();
    let verified = shared.accepted.verify(&other.header, 1, &of_other).unwrap();
    let error = shared.accepted.open(&stored.header, &[verified]).unwrap_err();
    assert_eq!(error, RecordError::OtherRecord);
    let verified = shared.accepted.verify(&stored.header, 1, &made).unwrap();
    assert!(shared.accepted.open(&stored.header, &[verified]).is_ok());
}

#[test]
fn a_reencryption_with_another_key_or_under_another_consent_is_refused() {
    let (mut world, stored, shared) = world(1, 1);
    let selection = world.selection("repair", &[5]);
    let other = world.share(selection, KEYWORD, 1, 1);
    let of_other = other.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    let error = shared.accepted.verify(&stored.header, 1, &of_other).unwrap_err();
    assert_eq!(error, RecordError::BadReencryption { place: 1 });
    let verified = other.accepted.verify(&stored.header, 1, &of_other).unwrap();
    let error = shared.accepted.open(&stored.header, &[verified]).unwrap_err();
    assert_eq!(error, RecordError::OtherConsent);
    // A key of the proxy's own, proven for its own R.
    let key = Scalar::from(7u64);
    let e = stored.header.prologue().capsule.e();
    let r = PublicKey::of(&key);
    let forged = prove(shared.consent.hash(), 1, e, &r, &key, &mut world.rng);
    assert!(forged.holds(shared.consent.hash(), 1, e, &r));
    let error = shared.accepted.verify(&stored.header, 1, &forged).unwrap_err();
    assert_eq!(error, RecordError::BadReencryption { place: 1 });
}

#[test]
fn any_three_of_five_proxies_open_a_record_and_no_two() {
    let (mut world, stored, shared) = world(5, 3);
    for places in [[1, 2, 3], [5, 3, 1], [2, 4, 5], [4, 1, 2]] {
        let read = shared.read(&places, &stored, &mut world.rng);
        assert_eq!(read.unwrap(), b"front brakes replaced", "{places:?}");
    }
    assert!(shared.read(&[5, 4, 3, 2, 1], &stored, &mut world.rng).is_ok(), "all five");
    let error = shared.read(&[1, 4], &stored, &mut world.rng).unwrap_err();
    assert_eq!(error, RecordError::TooFew { expected: 3, found: 2 });
    let error = shared.read(&[1, 4, 1], &stored, &mut world.rng).unwrap_err();
    assert_eq!(error, RecordError::Duplicate { place: 1 });
    for place in [0, 6, 255] {
        let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
        let error = shared.accepted.verify(&stored.header, place, &made).unwrap_err();
        assert_eq!(error, RecordError::OtherProxy { place });
    }
    // One proxy's answer does not pass for another's.
    let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    let error = shared.accepted.verify(&stored.header, 2, &made).unwrap_err();
    assert_eq!(error, RecordError::BadReencryption { place: 2 });
}

#[test]
fn proxies_that_have_the_same_key_answer_each_for_itself() {
    // With threshold 1 every proxy has the whole key, and the same R.
    let (mut world, stored, shared) = world(2, 1);
    assert_eq!(shared.consent.share(0, 1), shared.consent.share(0, 2));
    let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    assert!(shared.accepted.verify(&stored.header, 1, &made).is_ok());
    let error = shared.accepted.verify(&stored.header, 2, &made).unwrap_err();
    assert_eq!(error, RecordError::BadReencryption { place: 2 });
}

#[test]
fn a_consent_whose_shares_lie_on_no_polynomial_is_refused() {
    let mut world = World::new(41);
    let (request, _) = world.request(world.selection("repair", &[5, 6]), KEYWORD);
    let given = world.give(&request, 5, 3);
    for place in 0..5 {
        let mut content = given.consent().content.clone();
        let share = &mut content.shares[1][place];
        *share = PublicKey::from_point(share.point() + PublicKey::of(&Scalar::ONE).point());
        let consent = content.sign(&CHAIN, &world.owner.signing);
        let error = consent.verify(&CHAIN, &world.owner.key()).unwrap_err();
        assert_eq!(error, RecordError::InconsistentShares { period: 1, threshold: 3 });
    }
    // Of one degree more.
    let mut content = given.consent().content.clone();
    content.threshold = 2;
    let consent = content.sign(&CHAIN, &world.owner.signing);
    let error = consent.verify(&CHAIN, &world.owner.key()).unwrap_err();
    assert_eq!(error, RecordError::InconsistentShares { period: 0, threshold: 2 });
}

#[test]
fn a_consent_with_another_key_than_the_records_convicts_the_owner() {
    let mut world = World::new(42);
    let scope = world.scope("repair", 5);
    let stored = world.store(&scope, KEYWORD, b"a record");
    let seed = OwnerSeed::generate(&mut world.rng);
    let honest = std::mem::replace(&mut world.owner.seed, seed);
    let selection = world.selection("repair", &[5]);
    let shared = world.share(selection, KEYWORD, 1, 1);
    world.owner.seed = honest;
    let error = shared.read(&[1], &stored, &mut world.rng).unwrap_err();
    assert_eq!(error, RecordError::WrongContentKey { by: Party::Owner });
    assert_eq!(error.culprit(), Some(Party::Owner));
}

#[test]
fn what_a_requester_hands_on_opens_nothing_without_its_key() {
    let (mut world, stored, shared) = world(1, 1);
    let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    let prologue = stored.header.prologue();
    let context = prologue.context.encode();
    let check = |shared: &curve25519_dalek::RistrettoPoint| {
        let key = prologue.capsule.key_from(shared, &prologue.delegator, &context);
        key.check(&prologue.commitment, Party::Owner)
    };
    // Whoever gets E' has it, X, B, R and A; and tries its own key in place of b.
    let own = SecretKey::generate(&mut world.rng);
    let period = period(5).encode();
    for agreed in [own.agree(shared.consent.x()), own.agree(own.public())] {
        let d = transcript::rekey_scalar(
            shared.consent.x().encoding(),
            own.public().encoding(),
            &agreed,
            shared.consent.hash(),
            &period,
        );
        assert!(check(&(made.e.point() * *d)).is_err());
    }
    assert!(check(made.e.point()).is_err());
    assert!(check(prologue.capsule.e().point()).is_err());
    // The owner's own point does open it, so that the check can succeed.
    let delegator = world.owner.seed.delegator_key(stored.header.scope());
    assert!(check(&(prologue.capsule.e().point() * delegator.scalar())).is_ok());
}

#[test]
fn a_proxy_alone_reads_nothing() {
    let (mut world, stored, shared) = world(1, 1);
    let prologue = stored.header.prologue();
    let context = prologue.context.encode();
    // E, rk·E and R are all that it can make of the capsule without d.
    let made = shared.reencrypt(1, &stored.header, &mut world.rng).unwrap();
    let e = prologue.capsule.e();
    let r = shared.consent.share(0, 1).unwrap();
    for point in [e, &made.e, r, shared.consent.x()] {
        let key = prologue.capsule.key_from(point.point(), &prologue.delegator, &context);
        assert!(key.check(&prologue.commitment, Party::Owner).is_err());
    }
}

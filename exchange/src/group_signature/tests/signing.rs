//! Signatures: what they are bound to.

use super::*;

#[test]
fn every_byte_of_a_signature_counts() {
    let mut world = World::new(20, 2);
    let bytes = world.sign(1, MESSAGE).encode();
    assert_eq!(bytes.len(), 400);
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        let verify = |bytes: &[u8]| world.check(&GroupSignature::decode(bytes)?);
        assert!(verify(&changed).is_err(), "byte {position}");
        assert!(GroupSignature::decode(&bytes[..position]).is_err());
    }
    assert!(GroupSignature::decode(&[bytes, vec![0]].concat()).is_err());
}

#[test]
fn a_signature_is_of_its_message_and_context_only() {
    let mut world = World::new(21, 1);
    let signature = world.sign(0, MESSAGE);
    assert!(world.check(&signature).is_ok());
    let honest = claim(0, &signature);
    let joined = [CONTEXT, MESSAGE].concat();
    for other in [
        Claim { message: b"another message", ..honest },
        Claim { context: b"audit on chain 9", ..honest },
        Claim { context: b"", message: &joined, ..honest },
        Claim { context: MESSAGE, message: CONTEXT, ..honest },
    ] {
        assert_eq!(other.verify(&world.group).unwrap_err(), GroupError::BadSignature);
    }
}

#[test]
fn a_signature_is_of_its_group_only() {
    let mut world = World::new(22, 1);
    let signature = world.sign(0, MESSAGE);
    let other = World::new(23, 1);
    assert_eq!(other.check(&signature).unwrap_err(), GroupError::BadSignature);
    // Also if only the opener differs.
    let opener = OpenerKey::generate(&mut world.rng);
    let group = GroupParameters::found(*world.issuer.public(), *opener.public());
    assert_eq!(claim(0, &signature).verify(&group).unwrap_err(), GroupError::BadSignature);
}

#[test]
fn no_two_signatures_of_a_member_have_anything_in_common() {
    let mut world = World::new(24, 1);
    let mut elements = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let bytes = world.sign(0, MESSAGE).encode();
        elements.extend(bytes[..240].chunks(48).chain(bytes[240..].chunks(32)).map(<[u8]>::to_vec));
    }
    assert_eq!(elements.len(), 200);
}

#[test]
fn a_generator_that_repeats_does_not_give_a_secret_away() {
    // The same generator for two messages: nonces depend on the message, so that no challenge meets a nonce twice.
    let world = World::new(25, 1);
    let rng = || ChaCha20Rng::seed_from_u64(1);
    let [one, two] =
        [MESSAGE, b"another"].map(|message| world.members[0].sign(CONTEXT, message, &mut rng()));
    assert_ne!(one.a, two.a);
    assert_ne!(one.e, two.e);
    assert_eq!(one, world.members[0].sign(CONTEXT, MESSAGE, &mut rng()));
}

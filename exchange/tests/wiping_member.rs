//! No memory that joining a group and signing gives back holds a secret: all of the process's heap is read and searched afterwards. One test
//! a file, since another's stack would be searched, too.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../../crypto/tests/memory/mod.rs"]
mod memory;

use consilium_crypto::SigningKey;
use consilium_exchange::group_signature::{
    GroupParameters, IssuerKey, Member, MemberSecret, OpenerKey,
};
use consilium_hash::{ChainId, Pseudonym};
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

const CHAIN: ChainId = ChainId([1; 32]);
const NAME: Pseudonym = Pseudonym([2; 32]);

/// A member that has joined, been certified and signed, always with the same randomness; its secret.
fn member() -> Zeroizing<[u8; 32]> {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let issuer = IssuerKey::generate(&mut rng);
    let opener = OpenerKey::generate(&mut rng);
    let group = GroupParameters::found(*issuer.public(), *opener.public());
    let secret = MemberSecret::generate(&mut rng);
    let bytes = secret.to_bytes();
    let signing = SigningKey::generate(&mut rng);
    let join = secret.join(&group, &CHAIN, &NAME, &signing, &mut rng);
    let join = join.verify(&group, &CHAIN, &signing.verifying_key()).unwrap();
    let certificate = issuer.certify(&group, &join, &mut rng).unwrap();
    let member = Member::new(&group, secret, &certificate).unwrap();
    member.sign(b"context", b"message", &mut rng);
    bytes
}

#[test]
fn a_members_secret_is_nowhere_on_the_heap_once_it_has_signed() {
    drop(member());
    let after = heap();
    let kept = Box::new(member());
    assert!(!holds(&after, &kept[16..]), "the secret is left behind");
    assert!(holds(&heap(), &kept[16..]), "the search finds what is there");
}

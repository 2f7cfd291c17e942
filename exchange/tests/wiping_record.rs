//! No memory that encrypting a record gives back holds a secret: all of the process's heap is read and searched afterwards. One test
//! a file, since another's stack would be searched, too.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../../crypto/tests/memory/mod.rs"]
mod memory;

use consilium_crypto::SigningKey;
use consilium_exchange::records::{
    Category, KeywordKey, Named, OwnerSeed, Period, RecordEncryptor, Scope, SecretKey,
};
use consilium_hash::{ChainId, Pseudonym};
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

const CHAIN: ChainId = ChainId([1; 32]);
const OWNER: Pseudonym = Pseudonym([2; 32]);
const CUSTODIAN: Pseudonym = Pseudonym([3; 32]);

/// A record that no copy waits of to be compared with.
fn data() -> impl Iterator<Item = u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
}

#[test]
fn a_record_is_nowhere_once_it_is_encrypted_and_its_source_is_wiped() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let signing = SigningKey::generate(&mut rng);
    let [owner, custodian] = [(); 2].map(|()| SecretKey::generate(&mut rng));
    let category = Category::new("repair").unwrap();
    let period = Period::new(2026, 5).unwrap();
    let scope = Scope { owner: OWNER, custodian: CUSTODIAN, category, period };
    let published = OwnerSeed::generate(&mut rng).delegator_key(&scope).publish(&CHAIN, &signing);
    let delegator = published.verify(&CHAIN, &signing.verifying_key()).unwrap();
    let owner = Named { name: &OWNER, key: owner.public() };
    let keyword_key = KeywordKey::of_custodian(&CUSTODIAN, &custodian, owner);
    let source: Zeroizing<Vec<u8>> = Zeroizing::new(Vec::from_iter(data()));
    assert_eq!(source.len(), 200_000);
    let pieces = |from: usize| Vec::from_iter(data().skip(from).take(64));
    assert!(holds(&heap(), &pieces(70_000)), "the search finds what is there");
    let mut encryptor = RecordEncryptor::new(&delegator, &keyword_key, &[], &mut rng).unwrap();
    let mut rest = source.as_slice();
    while !rest.is_empty() {
        encryptor.absorb(&mut rest).unwrap();
    }
    let finished = encryptor.finish().unwrap();
    // Another is given up in the middle.
    let mut given_up = RecordEncryptor::new(&delegator, &keyword_key, &[], &mut rng).unwrap();
    given_up.absorb(&mut &source[..100_000]).unwrap();
    given_up.absorb(&mut &source[..50_000]).unwrap();
    drop((source, given_up));
    let after = heap();
    for from in [5000, 30_000, 70_000, 150_000, 199_900] {
        assert!(!holds(&after, &pieces(from)), "bytes from {from} on are left behind");
    }
    drop(finished);
}

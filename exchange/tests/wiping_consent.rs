//! No memory that giving a consent gives back holds a secret: all of the process's heap is read and searched afterwards. One test
//! a file, since another's stack would be searched, too.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../../crypto/tests/memory/mod.rs"]
mod memory;

use consilium_crypto::SigningKey;
use consilium_exchange::records::{
    Allowance, Category, Grant, Keyword, KeywordKey, Named, OwnerKeys, OwnerSeed, Period, Request,
    SecretKey, Selection, Standing, give_consent,
};
use consilium_hash::{ChainId, Pseudonym};
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

const CHAIN: ChainId = ChainId([1; 32]);
const OWNER: Pseudonym = Pseudonym([2; 32]);
const CUSTODIAN: Pseudonym = Pseudonym([3; 32]);
const PROXY: Pseudonym = Pseudonym([5; 32]);

/// Everything that an owner does to give a consent, always with the same randomness: its grant to one proxy.
fn grant() -> Grant {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let signing = SigningKey::generate(&mut rng);
    let [owner, custodian, requester] = [(); 3].map(|()| SecretKey::generate(&mut rng));
    let seed = OwnerSeed::generate(&mut rng);
    let custodian = Named { name: &CUSTODIAN, key: custodian.public() };
    let keyword_key = KeywordKey::of_owner(&OWNER, &owner, custodian);
    let category = Category::new("repair").unwrap();
    let periods = (1..=12).map(|month| Period::new(2026, month).unwrap()).collect();
    let selection = Selection::new(CUSTODIAN, category, periods).unwrap();
    let keywords = vec![Keyword::new("brakes").unwrap(), Keyword::new("tyres").unwrap()];
    let key = *requester.public();
    let request = Request::new(Pseudonym([4; 32]), key, selection.clone(), keywords.clone(), "");
    let keys =
        OwnerKeys { name: &OWNER, signing: &signing, seed: &seed, keyword_key: &keyword_key };
    let proxies = vec![PROXY, CUSTODIAN];
    let allowance = Allowance { selection, keywords, until_ms: 1, proxies, threshold: 2 };
    let given = give_consent(&CHAIN, &keys, &request.unwrap(), &allowance, &mut rng).unwrap();
    let consent = given.consent().clone();
    consent.verify(&CHAIN, &signing.verifying_key()).unwrap();
    given.release(Standing::InForce).unwrap().0.swap_remove(0)
}

/// Re-encryption keys and trapdoors of a grant, from its encoding: after consent, place and two counts.
fn secrets(grant: &Grant) -> Vec<Zeroizing<[u8; 32]>> {
    let bytes = grant.encode();
    let secrets = bytes[35..].as_chunks::<32>().0;
    secrets[..12 + 24].iter().map(|secret| Zeroizing::new(*secret)).collect()
}

#[test]
fn keys_and_trapdoors_of_a_consent_are_nowhere_once_its_grants_have_gone() {
    let alive = secrets(&grant());
    assert!(holds(&heap(), &alive[0][16..]), "the search finds what is there");
    drop(alive);
    let sent = grant().encode();
    let received = Grant::decode(&sent).unwrap();
    drop((sent, received));
    let after = heap();
    for (number, secret) in secrets(&grant()).iter().enumerate() {
        // The ends, since an allocator writes over a block's beginning.
        assert!(!holds(&after, &secret[16..]), "secret {number} is left behind");
    }
}

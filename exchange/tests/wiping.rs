//! No memory that sharing gives back holds a secret: all of the process's heap is read and searched afterwards.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../../crypto/tests/memory/mod.rs"]
mod memory;

use std::sync::{Mutex, MutexGuard, PoisonError};

use consilium_crypto::{DiscreteLogTable, SigningKey};
use consilium_exchange::group_signature::{
    GroupParameters, IssuerKey, Member, MemberSecret, OpenerKey,
};
use consilium_exchange::quantity::{AccountSecret, Accounts, Action, Wallet};
use consilium_exchange::records::{
    Allowance, Category, Grant, Keyword, KeywordKey, Named, OwnerKeys, OwnerSeed, Period,
    RecordEncryptor, Request, Scope, SecretKey, Selection, Standing, give_consent,
};
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::Scalar;
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

const CHAIN: ChainId = ChainId([1; 32]);
const OWNER: Pseudonym = Pseudonym([2; 32]);
const CUSTODIAN: Pseudonym = Pseudonym([3; 32]);
const PROXY: Pseudonym = Pseudonym([5; 32]);

/// One test at a time: what another has alive, or its copy of the heap, would be found here.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

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
    let secrets = bytes[35..].as_chunks::<32>().0.iter().take(12 + 24);
    secrets.map(|secret| Zeroizing::new(*secret)).collect()
}

#[test]
fn keys_and_trapdoors_of_a_consent_are_nowhere_once_its_grants_have_gone() {
    let _alone = alone();
    let alive = grant();
    let while_alive = heap();
    drop(alive);
    let sent = grant().encode();
    let received = Grant::decode(&sent).unwrap();
    drop((sent, received));
    let after = heap();
    for (number, secret) in secrets(&grant()).iter().enumerate() {
        // The ends, since an allocator writes over a block's beginning.
        assert!(holds(&while_alive, &secret[16..]), "the search finds what is there: {number}");
        assert!(!holds(&after, &secret[16..]), "secret {number} is left behind");
    }
}

/// A record that no copy waits of to be compared with.
fn data() -> impl Iterator<Item = u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
}

#[test]
fn a_record_is_nowhere_once_it_is_encrypted_and_its_source_is_wiped() {
    let _alone = alone();
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

/// A member that has joined, been certified and signed, always with the same randomness; its secret.
fn member() -> Zeroizing<[u8; 32]> {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let issuer = IssuerKey::generate(&mut rng);
    let opener = OpenerKey::generate(&mut rng);
    let group = GroupParameters::found(*issuer.public(), *opener.public());
    let secret = MemberSecret::generate(&mut rng);
    let bytes = secret.to_bytes();
    let signing = SigningKey::generate(&mut rng);
    let join = secret.join(&group, &CHAIN, &OWNER, &signing, &mut rng);
    let join = join.verify(&group, &CHAIN, &signing.verifying_key()).unwrap();
    let certificate = issuer.certify(&group, &join, &mut rng).unwrap();
    let member = Member::new(&group, secret, &certificate).unwrap();
    member.sign(b"context", b"message", &mut rng);
    bytes
}

#[test]
fn a_members_secret_is_nowhere_on_the_heap_once_it_has_signed() {
    let _alone = alone();
    drop(member());
    let after = heap();
    let kept = Box::new(member());
    assert!(!holds(&after, &kept[16..]), "the secret is left behind");
    assert!(holds(&heap(), &kept[16..]), "the search finds what is there");
}

/// An account that is registered, funded and sends, always with the same randomness: x1 and x2.
fn sender() -> Zeroizing<[u8; 64]> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let authority = SigningKey::generate(&mut rng);
    let mut accounts = Accounts::new(CHAIN, authority.verifying_key());
    let secret = AccountSecret::generate(&mut rng).unwrap();
    let bytes = secret.to_bytes();
    let mut wallet = Wallet::new(CHAIN, OWNER, secret);
    let receiver = Wallet::new(CHAIN, CUSTODIAN, AccountSecret::generate(&mut rng).unwrap());
    for (name, wallet) in [(OWNER, &wallet), (CUSTODIAN, &receiver)] {
        let registration = Action::Registration(wallet.register(&mut rng));
        let verified = accounts.claim(&name, registration).unwrap().verify().unwrap();
        accounts.apply(&name, &verified).unwrap();
    }
    let account = accounts.get(&OWNER).unwrap();
    let (deposit, opening) = wallet.deposit(account, 1000, &mut rng).unwrap();
    let deposit = deposit.approve(&CHAIN, &OWNER, account.keys(), &opening, &authority).unwrap();
    let verified = accounts.claim(&OWNER, Action::Deposit(deposit)).unwrap().verify().unwrap();
    accounts.apply(&OWNER, &verified).unwrap();
    wallet.follow(&OWNER, &verified, &DiscreteLogTable::shared()).unwrap();
    accounts.roll(&OWNER, &wallet.roll(accounts.get(&OWNER).unwrap())).unwrap();
    wallet.rolled();
    let [account, to] = [OWNER, CUSTODIAN].map(|name| accounts.get(&name).unwrap());
    let transfer = wallet.transfer(account, (&CUSTODIAN, to), 300, &mut rng).unwrap();
    accounts.claim(&OWNER, Action::Transfer(transfer)).unwrap().verify().unwrap();
    wallet.rebase(account, &mut rng).unwrap();
    bytes
}

#[test]
fn an_accounts_keys_are_nowhere_on_the_heap_once_it_has_sent() {
    let _alone = alone();
    drop(sender());
    let after = heap();
    let kept = Box::new(sender());
    let halves = kept.as_chunks::<32>().0;
    let inverse = |half: &[u8; 32]| Scalar::from_canonical_bytes(*half).unwrap().invert();
    for half in halves {
        assert!(!holds(&after, &half[16..]), "a key is left behind");
        assert!(!holds(&after, &inverse(half).as_bytes()[16..]), "what decrypts is left behind");
    }
    assert!(holds(&heap(), &halves[0][16..]), "the search finds what is there");
}

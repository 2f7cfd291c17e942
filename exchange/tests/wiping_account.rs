//! No memory that an account gives back once it has sent units holds a secret: all of the process's heap is read and searched
//! afterwards. One test a file, since another's stack would be searched, too.
//!
//! Only the stack is left out: what the compiler copies there nobody can wipe.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[path = "../../crypto/tests/memory/mod.rs"]
mod memory;

use consilium_crypto::{DiscreteLogTable, SigningKey};
use consilium_exchange::quantity::{AccountSecret, Accounts, Action, Wallet};
use consilium_hash::{ChainId, Pseudonym};
use curve25519_dalek::Scalar;
use memory::{heap, holds};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

const CHAIN: ChainId = ChainId([1; 32]);
const OWNER: Pseudonym = Pseudonym([2; 32]);
const CUSTODIAN: Pseudonym = Pseudonym([3; 32]);

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

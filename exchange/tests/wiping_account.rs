//! No memory that an account's keys were in holds them once it has sent: all of the process's heap is read and searched
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
const SENDER: Pseudonym = Pseudonym([2; 32]);
const RECEIVER: Pseudonym = Pseudonym([3; 32]);

/// An account that is registered, funded and sends, always with the same randomness: x1 and x2.
fn sender() -> Zeroizing<[u8; 64]> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let authority = SigningKey::generate(&mut rng);
    let mut accounts = Accounts::new(CHAIN, authority.verifying_key());
    let secret = AccountSecret::generate(&mut rng).unwrap();
    let bytes = secret.to_bytes();
    let mut wallet = Wallet::new(CHAIN, SENDER, secret);
    let receiver = Wallet::new(CHAIN, RECEIVER, AccountSecret::generate(&mut rng).unwrap());
    for (name, wallet) in [(SENDER, &wallet), (RECEIVER, &receiver)] {
        let registration = Action::Registration(wallet.register(&mut rng));
        let verified = accounts.claim(&name, registration).unwrap().verify().unwrap();
        accounts.apply(&name, &verified).unwrap();
    }
    let account = accounts.get(&SENDER).unwrap();
    let (deposit, opening) = wallet.deposit(account, 1000, &mut rng).unwrap();
    let deposit = deposit.approve(&CHAIN, &SENDER, account.keys(), &opening, &authority).unwrap();
    let verified = accounts.claim(&SENDER, Action::Deposit(deposit)).unwrap().verify().unwrap();
    accounts.apply(&SENDER, &verified).unwrap();
    wallet.follow(&SENDER, verified.action(), &DiscreteLogTable::shared()).unwrap();
    accounts.roll(&SENDER, &wallet.roll(accounts.get(&SENDER).unwrap())).unwrap();
    wallet.rolled();
    let [account, to] = [SENDER, RECEIVER].map(|name| accounts.get(&name).unwrap());
    let transfer = wallet.transfer(account, (&RECEIVER, to), 300, &mut rng).unwrap();
    accounts.claim(&SENDER, Action::Transfer(transfer)).unwrap().verify().unwrap();
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

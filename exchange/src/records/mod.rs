//! Consented record sharing: liu2021 with proxy re-encryption and keyword search over ristretto255.
//!
//! A custodian (hospital, insurer, repair shop) keeps an owner's (patient's, policyholder's) records, encrypted to keys of
//! the owner. A requester who has the owner's consent gets them through a proxy, which re-encrypts the key of each record
//! with one of the consent's keywords and sees neither record nor word. Record, consent and withdrawal are on a ledger as
//! hashes, commitments and signatures.
//!
//! # One record, one consent
//!
//! ```text
//! owner       OwnerSeed::delegator_key → publish → PublishedDelegatorKey        one for each custodian, category, month
//! custodian   RecordEncryptor → UnsignedRecord::sign → OfferedRecord
//! owner       OfferedRecord::review → Review → ReviewedRecord::accept → Record                            on the ledger
//! requester   Request::seal → SealedRequest, under a group signature
//! owner       SealedRequest::open → give_consent → Consent                                                on the ledger
//!             GivenConsent::release → Grant for each proxy, Notice for the requester
//! proxy       Grant::verify → VerifiedGrant::reencrypt → Reencryption
//! requester   Notice::verify → AcceptedConsent::verify → open → BodyDecryptor
//! owner       Withdrawal                                                                                  on the ledger
//! ```
//!
//! # Notation
//!
//! liu2021's table 1 is an image and missing from our text; these are the design's symbols. Written additively in
//! ristretto255, of prime order ℓ with basepoint g.
//!
//! | symbol | meaning |
//! | --- | --- |
//! | a, A = a·g | delegator key of one scope: owner, custodian, category, month |
//! | b, B = b·g | the requester's key, fresh for each request |
//! | ctx | version, chain, record id, scope |
//! | r, u; (E, V, s) | a capsule's randomness; the capsule |
//! | K | content key, KDF(r·A, E, A, ctx) |
//! | x, X; d | the consent's fresh key; H(X, B, x·B, consent, month) |
//! | rk, R = rk·g | re-encryption key a·d^(−1), or a proxy's share of it; its public half |
//! | E' | rk·E; d·E' = a·E = r·A |
//! | κ, τ_w | keyword key of owner and custodian; trapdoor of a word |
//! | n, t | proxies of a consent, how many of them are needed |
//!
//! # What holds, and what does not
//!
//! Unidirectional, single-hop. K is one value, so a re-encrypted ciphertext cannot be changed into another of the same
//! record; in the random-oracle model, from the gap Diffie–Hellman assumption. A proxy and a requester who tell each other
//! everything have a = rk·d: they open every record of the scopes consented to, whatever its keywords, and nothing else.
//! A proxy sees how many and which records match a trapdoor, and when two trapdoors are the same. The ledger sees of whom a
//! record or consent is, who keeps the record, and of how many months and proxies the consent is. Whoever has read a
//! record can hand it on; E' is of no use without b. A withdrawal stops an honest proxy at once, any other from the first
//! month that is not in the consent.
//!
//! # Map
//!
//! From the ground up; nothing uses what stands below it in this list.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `error`, `scope`, `keys` | reasons; what a record is of; pairs, seeds and delegator keys |
//! | `transcript` | every label, and what is derived under it |
//! | `keyword` | words, trapdoors, tags |
//! | `capsule`, `body/` | encrypting a content key; encrypting a record of any length |
//! | `record`, `header`, `store` | a record's statement for the ledger; its header; how both come to be |
//! | `selection`, `request` | which records; asking for them |
//! | `consent`, `withdrawal`, `terms` | statements for the ledger; what the consent's commitment is of |
//! | `reencryption`, `grant`, `notice`, `give` | E' and its proof; what proxy and requester get; making all of it |
//!
//! # Sources
//!
//! liu2021, sections 2.6 and 3. Núñez, "Umbral: a threshold proxy re-encryption scheme", 2018. Libert, Vergnaud,
//! "Unidirectional chosen-ciphertext secure proxy re-encryption", PKC 2008. Huang, Li, "An efficient public-key searchable
//! encryption scheme secure against inside keyword guessing attacks", Information Sciences 2017.

mod body;
mod capsule;
mod consent;
mod error;
mod give;
mod given;
mod grant;
mod header;
mod keys;
mod keyword;
mod notice;
mod record;
mod reencryption;
mod request;
mod scope;
mod selection;
mod store;
mod terms;
#[cfg(test)]
mod tests;
mod transcript;
mod withdrawal;

pub use body::{BodyDecryptor, CHUNK_LEN, ENCRYPTED_CHUNK_LEN, encrypted_length};
pub use consent::{Consent, MAX_PROXIES, Standing, VerifiedConsent};
pub use error::{Party, RecordError};
pub use give::{Allowance, GivenConsent, OwnerKeys, give_consent};
pub use grant::{Grant, VerifiedGrant};
pub use header::{CandidateHeader, VerifiedHeader};
pub use keys::{
    DelegatorKey, OwnerSeed, PublicKey, PublishedDelegatorKey, SecretKey, VerifiedDelegatorKey,
};
pub use keyword::{Keyword, KeywordKey, Named, TAGS, Tags, Trapdoor};
pub use notice::{AcceptedConsent, Notice};
pub use record::{Record, VerifiedRecord};
pub use reencryption::{Reencryption, VerifiedReencryption};
pub use request::{MAX_KEYWORDS, MAX_PURPOSE_LEN, Request, SealedRequest};
pub use scope::{Category, Period, RecordContext, RecordId, Scope};
pub use selection::{MAX_PERIODS, Selection};
pub use store::{OfferedRecord, RecordEncryptor, Review, ReviewedRecord, UnsignedRecord};
pub use withdrawal::{VerifiedWithdrawal, Withdrawal};

//! Everything that bytes of a peer are read by, one function each: they return whatever the bytes are.
//!
//! `tests/corpus.rs` runs them over bytes of a real run and over what becomes of those when they are cut, spliced and flipped, and
//! watches what is allocated. `libfuzzer/` runs them under libFuzzer ([`cargo fuzz`](https://github.com/rust-fuzz/cargo-fuzz)), for as
//! long as one likes:
//!
//! ```text
//! cargo run --release -p consilium-fuzz --example corpus -- fuzz/libfuzzer/corpus
//! cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer block
//! ```

use std::hint::black_box;

use consilium_audit::Evidence;
use consilium_contract::{CandidateTransaction, Parameters, transaction::parse_entry};
use consilium_crypto::{
    DecryptionShare, MaskKeySum, PublicKey, Signature,
    dkg::{Product, SealingKey, ShareKey},
    mask::{CandidateHeader, CandidateUpdate, Kind, Parameters as UpdateParameters},
    signature::VerifyingKey,
};
use consilium_exchange::{
    group_signature::{
        GroupParameters, GroupSignature, IssuerPublicKey, Join, OpenerPublicKey, OpeningPart,
        Revocation,
    },
    quantity::{Deposit, DepositRequest, Rebase, Registration, Roll, Transfer},
    records::{Consent, Grant, Notice, Record, Reencryption, Withdrawal},
};
use consilium_ledger::{Block, Checkpoint, Contradiction, Cosignature, Note, SealedHeader};
use consilium_proto::{GENESIS_BYTES, decode, training::Agreed, v1};

/// What reads bytes of a peer.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, as a file of a corpus and a fuzzer have it.
    pub name: &'static str,
    /// Reads the bytes, and drops what comes of it.
    pub read: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "transaction", read: transaction },
    Target { name: "genesis", read: genesis },
    Target { name: "plan", read: plan },
    Target { name: "block", read: block },
    Target { name: "sealed_header", read: sealed_header },
    Target { name: "note", read: note },
    Target { name: "contradiction", read: contradiction },
    Target { name: "evidence", read: evidence },
    Target { name: "update", read: update },
    Target { name: "shares", read: shares },
    Target { name: "quantities", read: quantities },
    Target { name: "group", read: group },
    Target { name: "records", read: records },
];

/// What is between the header and the body of an update.
pub const UPDATE_HEADER_BYTES: usize = 2;

fn transaction(bytes: &[u8]) {
    let Ok(signed) = decode::<v1::SignedTransaction>("transaction", bytes, GENESIS_BYTES) else {
        return;
    };
    if let Ok(transaction) = CandidateTransaction::parse(signed) {
        black_box(transaction.kind());
        let _ = black_box(transaction.update_header());
    }
}

fn genesis(bytes: &[u8]) {
    if let Ok(parameters) = Parameters::from_genesis_entry(bytes) {
        black_box((parameters.promise(), parameters.influence(), parameters.longest_body()));
        plan(&parameters.training);
    }
}

fn plan(bytes: &[u8]) {
    let _ = black_box(Agreed::decode(bytes));
}

/// A block, and everything that stands in it.
fn block(bytes: &[u8]) {
    let Ok(block) = Block::decode(bytes) else { return };
    let _ = black_box(block.verify_entries());
    for entry in &block.entries {
        if let Ok((transaction, _)) = parse_entry(entry) {
            let _ = black_box(transaction.update_header());
        }
    }
}

fn sealed_header(bytes: &[u8]) {
    if let Ok(header) = SealedHeader::decode(bytes) {
        black_box(header.hash());
    }
}

/// A note, and the head and cosignatures that it may be of.
fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    let _ = black_box(Checkpoint::parse(note.text()));
    for signature in note.signatures() {
        let _ = black_box(Cosignature::decode(signature.signature()));
    }
}

fn contradiction(bytes: &[u8]) {
    let _ = black_box(Contradiction::decode(bytes));
}

fn evidence(bytes: &[u8]) {
    if let Ok(evidence) = Evidence::decode(bytes) {
        black_box(evidence.encode());
    }
}

/// The length of a header in two bytes, big-endian, the header, and a body.
fn update(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<UPDATE_HEADER_BYTES>() else { return };
    let (header, body) = rest.split_at(usize::from(u16::from_be_bytes(*length)).min(rest.len()));
    let Ok(header) = CandidateHeader::decode(header) else { return };
    let round = &header.context().round;
    for kind in [Kind::Group, Kind::Lattice { scale: 16 }] {
        // Of so many updates a sum is; the length of one does not follow from it.
        if let Ok(parameters) = UpdateParameters::new(kind, round.dimension, round.bound, 4) {
            let _ = black_box(CandidateUpdate::parse(header.clone(), body, &parameters));
        }
    }
}

/// What trustees say: shares of a decryption, and parts of a key that is being made.
fn shares(bytes: &[u8]) {
    let _ = black_box(DecryptionShare::decode(bytes));
    let _ = black_box(MaskKeySum::decode(bytes));
    let _ = black_box(ShareKey::decode(bytes));
    let _ = black_box(Product::decode(bytes));
    let _ = black_box(SealingKey::decode(bytes));
    let _ = black_box(PublicKey::decode(bytes));
    let _ = black_box(VerifyingKey::decode(bytes));
    let _ = black_box(Signature::decode(bytes));
}

fn quantities(bytes: &[u8]) {
    let _ = black_box(Registration::decode(bytes));
    let _ = black_box(Transfer::decode(bytes));
    let _ = black_box(Deposit::decode(bytes));
    let _ = black_box(DepositRequest::decode(bytes));
    let _ = black_box(Rebase::decode(bytes));
    let _ = black_box(Roll::decode(bytes));
}

fn group(bytes: &[u8]) {
    let _ = black_box(GroupParameters::decode(bytes));
    let _ = black_box(IssuerPublicKey::decode(bytes));
    let _ = black_box(OpenerPublicKey::decode(bytes));
    let _ = black_box(GroupSignature::decode(bytes));
    let _ = black_box(Join::decode(bytes));
    let _ = black_box(OpeningPart::decode(bytes));
    let _ = black_box(Revocation::decode(bytes));
}

fn records(bytes: &[u8]) {
    let _ = black_box(Record::decode(bytes));
    let _ = black_box(Consent::decode(bytes));
    let _ = black_box(Grant::decode(bytes));
    let _ = black_box(Notice::decode(bytes));
    let _ = black_box(Reencryption::decode(bytes));
    let _ = black_box(Withdrawal::decode(bytes));
}

/// Reads the bytes as the target of this name does.
pub fn read(name: &str, bytes: &[u8]) {
    TARGETS.iter().filter(|target| target.name == name).for_each(|target| (target.read)(bytes));
}

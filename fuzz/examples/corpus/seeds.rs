//! Bytes of a run of four institutions, with a round and with what is said of accounts and records.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what cannot be made stops whoever makes it"
)]

use std::collections::BTreeMap;

use consilium_ledger::{Note, coordinator_key};
use consilium_proto::v1::{SignedTransaction, transaction::Action};
use consilium_testkit::{Sharing, Traders, World};
use prost::Message as _;

/// Target, name and bytes. The same every time.
pub fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes: Vec<u8>| seeds.push((target, name.to_owned(), bytes));
    let mut world = World::new();
    let chain_id = world.chain_id();
    let genesis = world.ceremony.genesis_entry.clone();
    add("genesis", "four", genesis);
    add("plan", "network", world.parameters().training.clone());

    let headers = world.seal();
    for (place, header) in headers.iter().enumerate() {
        let body = world.bodies.values().max_by_key(|body| body.len()).unwrap();
        let length = u16::try_from(header.len()).unwrap().to_be_bytes();
        add("update", &format!("{place}"), [&length[..], header, body].concat());
    }
    let share = world.share(0);
    world.unseal();
    for (height, block) in world.blocks.iter().enumerate() {
        add("block", &format!("{height}"), block.encode().unwrap());
        add("sealed_header", &format!("{height}"), block.sealed.encode().to_vec());
    }

    let mut transactions: BTreeMap<&str, SignedTransaction> = BTreeMap::new();
    transactions.insert("enrol", world.enrolment(0));
    transactions.insert("submit", world.submission(0, &headers[0]));
    transactions.insert("share", share.clone());
    let names = (0..world.institutions()).map(|place| world.name(place)).collect();
    let mut traders = Traders::new(chain_id, names, 3);
    let mut sharing = Sharing::new(chain_id, world.name(0), world.key(0));
    let opened = traders.open(0);
    if let Action::OpenAccount(open) = &opened {
        add("quantities", "registration", open.registration.clone());
    }
    transactions.insert("open-account", world.says(0, opened));
    let group = sharing.group();
    if let Action::FoundGroup(found) = &group {
        add("group", "issuer", found.issuer_key.clone());
        add("group", "opener", found.opener_key.clone());
    }
    transactions.insert("found-group", world.decrees(group));
    add("records", "record", sharing.record(b"a finding").encode());
    for (name, signed) in transactions {
        add("transaction", name, signed.encode_to_vec());
    }
    if let Some(Action::SubmitShare(submitted)) = action(&share) {
        add("shares", "decryption", submitted.share);
    }

    let head = world.chain.head().unwrap();
    let note: Note = head.checkpoint().sign(&(&world.ceremony.coordinator.signing).into());
    add("note", "head", note.encode().into_bytes());
    add(
        "note",
        "key",
        coordinator_key(&chain_id, world.parameters().coordinator.into()).vkey().into_bytes(),
    );
    // Nobody has contradicted himself here: only what begins like it.
    let header = world.blocks[1].sealed.encode();
    add("contradiction", "header", [&header[..], &[1], &[7; 32], b"note"].concat());
    add("evidence", "header", [b"consilium evidence\n", &header[..]].concat());
    seeds
}

fn action(signed: &SignedTransaction) -> Option<Action> {
    consilium_proto::v1::Transaction::decode(signed.transaction.as_slice()).ok()?.action
}

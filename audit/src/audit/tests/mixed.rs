//! A ledger that mixes a round, transfers and consents: it is replayed whole, and the first byte that does not hold is named.

use std::path::Path;

use consilium_contract::transaction::sign;
use consilium_hash::Pseudonym;
use consilium_ledger::{Block, LedgerError};
use consilium_proto::v1;
use consilium_testkit::{Parties as _, Sharing, Traders, admission};

use super::*;

const PROXY: Pseudonym = Pseudonym([203; 32]);
/// Changed bytes of each entry.
const POSITIONS: usize = 3;

/// A round, and between its blocks accounts, transfers, a false transfer and consents.
fn mixed() -> World {
    let mut world = World::new();
    let mut traders = Traders::new(world.chain_id(), vec![world.name(0), world.name(1)], 3);
    let mut sharing = Sharing::new(world.chain_id(), world.name(2), world.key(2));
    let mut said = vec![world.decrees(admission(&sharing.owner, &sharing.owner_key))];
    for place in 0..2 {
        let open = traders.open(place);
        said.push(world.says(place, open));
    }
    world.commit(said);
    let deposit = traders.deposit(
        world.contract.exchange().accounts(),
        (0, 0),
        1_000,
        &world.ceremony.authority.signing,
    );
    let deposit = world.says(0, deposit);
    world.commit(vec![deposit]);
    let roll = traders.roll(world.contract.exchange().accounts(), 0);
    let roll = world.says(0, roll);
    world.commit(vec![roll]);
    world.seal();
    for sent in 0..3 {
        let accounts = world.contract.exchange().accounts();
        let balance = 1_000 - 100 * sent;
        let transfer = traders.transfer(accounts, (0, balance), 1, 100);
        if sent == 1 {
            let mut other = transfer.clone();
            let last = other.transfer.len() - 32;
            other.transfer[last] ^= 1;
            let signed = world.says(0, Action::Transfer(other));
            assert!(world.record(signed).culprit.is_some());
        }
        let (_, request) = sharing.request(world.name(3));
        let given = sharing.consent(&request, PROXY);
        let consent = Action::GiveConsent(v1::GiveConsent { consent: given.consent().encode() });
        let consent = sign(&sharing.owner_key, &world.chain_id(), Some(&sharing.owner), consent);
        let transfer = world.says(0, Action::Transfer(transfer));
        world.commit(vec![transfer, consent]);
    }
    world.unseal();
    let (close, _) = world.result();
    let close = world.orders(Action::CloseRound(close));
    world.commit(vec![close]);
    world
}

/// The audit of a ledger of these blocks.
fn audit_of(blocks: &[(&Block, &[Vec<u8>])], folder: &Path) -> Result<AuditReport, AuditError> {
    let directory = tempfile::tempdir_in(folder).unwrap();
    let ledger = directory.path().join("ledger");
    let store = Store::open(&ledger).unwrap();
    for (block, blobs) in blocks {
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        store.append_block(block, &blobs).unwrap();
    }
    store.close().unwrap();
    audit(&ledger, directory.path(), None)
}

fn blocks(world: &World) -> Vec<(&Block, &[Vec<u8>])> {
    world.blocks.iter().zip(world.blobs.iter().map(Vec::as_slice)).collect()
}

#[test]
fn a_mixed_ledger_is_replayed_and_what_is_false_in_it_is_counted() {
    let world = mixed();
    let report = audited(&world, None).unwrap();
    assert_eq!(report.rejected, BTreeMap::from([("bad statement".to_owned(), 1)]));
    assert_eq!((report.accepted_updates, report.steps), (4, (1, 2)));
    assert_eq!(report.model, world.contract.model().hash().to_string());
}

#[test]
fn of_a_mixed_ledger_that_is_closed_the_file_of_a_changed_byte_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger");
    mixed().ledger(&ledger);
    let mut changes = 0;
    for path in files_below(&ledger) {
        let whole = fs::read(&path).unwrap();
        let step = (whole.len() / 5).max(1);
        for position in (step / 2..whole.len()).step_by(step) {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            fs::write(&path, changed).unwrap();
            let refused = audit(&ledger, directory.path(), None).unwrap_err();
            let AuditError::Ledger(LedgerError::FilesChanged { file, .. }) = &refused else {
                panic!("byte {position} of {}: {refused}", path.display())
            };
            // In a line of the manifest the hash may be wrong, or the name: then it is the file that has none.
            let is_manifest = path.ends_with("MANIFEST");
            assert!(is_manifest || path.ends_with(file), "{}: {refused}", path.display());
            changes += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(changes > 10, "{changes}");
    assert!(audit(&ledger, directory.path(), None).is_ok());
}

#[test]
fn of_a_mixed_ledger_the_entry_of_a_changed_byte_is_named_also_where_the_coordinator_seals_it() {
    let world = mixed();
    let folder = tempfile::tempdir().unwrap();
    // From the first block after the key on; that of the key is large, and nothing of it is about what is mixed here.
    for height in 2..world.blocks.len() {
        let block = &world.blocks[height];
        let mut chain = world.ceremony.empty_chain();
        world.blocks[..height]
            .iter()
            .for_each(|block| drop(chain.append_block(block).unwrap().clone()));
        for index in 0..block.entries.len() {
            let length = block.entries[index].len();
            for sample in 0..POSITIONS {
                let position = (sample * 2 + 1) * length / (2 * POSITIONS) + height % 2;
                let mut entries = block.entries.clone();
                entries[index][position] ^= 1 << (position % 8);
                let root = block.sealed.header.state_root;
                let header = chain.propose(&entries, root, block.sealed.header.time_ms).unwrap();
                let forged = Block { sealed: world.seal_header(header), entries };
                let mut all = blocks(&world);
                all.truncate(height + 1);
                all[height].0 = &forged;
                let refused = audit_of(&all, folder.path()).unwrap_err();
                let AuditError::Transaction { height: at, index: named, .. } = &refused else {
                    panic!("block {height}, entry {index}, byte {position}: {refused}")
                };
                assert_eq!((*at, *named), (height as u64, index), "byte {position}: {refused}");
            }
        }
    }
}

#[test]
fn of_a_mixed_ledger_the_update_whose_body_has_a_changed_byte_is_named() {
    let world = mixed();
    let folder = tempfile::tempdir().unwrap();
    let height = world.blobs.iter().position(|blobs| blobs.len() == 4).unwrap();
    for index in 0..4 {
        let mut blobs = world.blobs[height].clone();
        let position = (index + 1) * blobs[index].len() / 5;
        blobs[index][position] ^= 1;
        let mut all = blocks(&world);
        all[height].1 = &blobs;
        let refused = audit_of(&all, folder.path()).unwrap_err();
        let AuditError::Transaction { height: at, index: named, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!((at, named), (height as u64, index));
    }
}

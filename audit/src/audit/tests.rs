use std::{collections::BTreeMap, fs};

use consilium_hash::{ChainId, StateRoot};

use consilium_contract::{
    Body, check_updates,
    transaction::{entry, parse_entry},
};
use consilium_crypto::CandidateHeader;
use rand_core::OsRng;

use super::*;
use consilium_testkit::World;

mod mixed;

fn finished() -> World {
    let mut world = World::new();
    world.full_round();
    world.full_round();
    world
}

fn audited(world: &World, chain_id: Option<&ChainId>) -> Result<AuditReport, AuditError> {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    world.ledger(&ledger);
    audit(&ledger, dir.path(), chain_id)
}

#[test]
fn an_honest_ledger_is_replayed_and_everything_in_it_counted() {
    let world = finished();
    let report = audited(&world, Some(&world.chain_id())).unwrap();
    let blocks = world.blocks.len() as u64;
    // Genesis, 4 enrolments; a ceremony is begun, 4 members speak in each of its 7 stages, each of which is ended; a
    // round is opened, 4 updates, closed, 3 countersignatures, 2 shares, closed.
    let expected = AuditReport {
        chain_id: world.chain_id().to_string(),
        is_closed: true,
        blocks,
        transactions: 5 + 36 + 2 * 12,
        signatures: 5 + 36 + 2 * 12,
        contributions: 28,
        certificates: 4,
        proven_updates: 8,
        earlier_updates: 0,
        accepted_updates: 8,
        sums: 2,
        countersignatures: 6,
        shares: 4,
        models: 2,
        blobs: 1 + 8 + 4,
        rejected: BTreeMap::new(),
        steps: (2, 2),
        privacy: None,
        phase: "finished".into(),
        model: world.contract.model().hash().to_string(),
        elapsed_s: report.elapsed_s,
    };
    assert_eq!(report, expected);
    let text = report.to_string();
    assert!(text.contains("2 of 2") && text.contains("everything holds"), "{text}");
}

#[test]
fn the_ledger_of_another_run_is_refused() {
    let world = World::new();
    let refused = audited(&world, Some(&ChainId([7; 32]))).unwrap_err();
    assert!(matches!(refused, AuditError::OtherChain { .. }), "{refused}");
}

#[test]
fn a_body_that_is_not_in_the_ledger_is_named_with_height_and_transaction() {
    let mut world = finished();
    let height = world.blobs.iter().position(|blobs| blobs.len() == 4).unwrap();
    world.blobs[height].remove(2);
    let AuditError::Transaction { height: at, index, transaction, .. } =
        audited(&world, None).unwrap_err()
    else {
        panic!()
    };
    assert_eq!((at, index), (height as u64, 2));
    let (named, _) = parse_entry(&world.blocks[height].entries[2]).unwrap();
    assert_eq!(transaction, Some(named.id()));
}

#[test]
fn a_model_or_sums_that_are_not_in_the_ledger_are_missed() {
    for blob in 0..2 {
        // One round: two of them would share the blob of their equal sums.
        let mut world = World::new();
        world.full_round();
        let height = world.blobs.iter().rposition(|blobs| blobs.len() == 2).unwrap();
        world.blobs[height].remove(blob);
        let refused = audited(&world, None).unwrap_err();
        assert!(matches!(refused, AuditError::Transaction { .. }), "{refused}");
    }
}

#[test]
fn a_state_root_that_the_contract_does_not_reach_is_found() {
    let mut world = World::new();
    let open = world.open_round();
    world.append(vec![entry(open, false)], StateRoot([0; 32]), Vec::new());
    let refused = audited(&world, None).unwrap_err();
    assert!(
        matches!(refused, AuditError::StateRoot { height: 2, found: StateRoot([0, ..]), .. }),
        "{refused}"
    );
}

#[test]
fn a_block_that_was_executed_wrongly_is_found_in_the_header_after_it_and_not_before() {
    let mut world = World::new();
    world.open();
    let updates = [0, 1].map(|i| world.update(i, &world.round(), 1));
    let submissions =
        updates.each_ref().map(|update| entry(world.submission(0, &update.header), true));
    // The coordinator goes on from the state before the round was opened.
    let [first, second] = submissions;
    world.append(vec![first], world.state, Vec::new());
    let report = audited(&world, None).unwrap();
    assert_eq!(report.blocks, world.chain.len());
    world.append(vec![second], world.state, Vec::new());
    let refused = audited(&world, None).unwrap_err();
    let last = world.chain.len() - 1;
    assert!(matches!(refused, AuditError::StateRoot { height, .. } if height == last), "{refused}");
}

#[test]
fn a_transaction_that_must_not_be_recorded_is_found() {
    let mut world = World::new();
    world.open();
    let header = world.update(0, &world.round(), 1).header;
    let mut noise = world.submission(0, &header);
    noise.signature[0] ^= 1;
    world.forge(vec![noise]);
    let refused = audited(&world, None).unwrap_err();
    assert!(refused.to_string().contains("BAD_SIGNATURE"), "{refused}");
}

#[test]
fn a_rejection_is_replayed_and_counted() {
    let mut world = World::new();
    world.open();
    let header = world.update(0, &world.round(), 1).header;
    let signed = world.submission(0, &header);
    let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
    world.contract.apply(&candidate, Body::Missing).unwrap();
    world.settle(vec![entry(signed, true)], Vec::new());
    let report = audited(&world, None).unwrap();
    assert_eq!(report.rejected, BTreeMap::from([("incomplete body".to_owned(), 1)]));
    assert_eq!((report.proven_updates, report.phase.as_str()), (0, "collecting"));
}

fn audited_since(
    world: &World,
    earlier: &Audited,
    since: u64,
) -> Result<(AuditReport, Audited), AuditError> {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    world.ledger(&ledger);
    let scope = Scope { chain_id: None, since: Some((earlier, since)), progress: &mut |_, _| {} };
    audit_within(&ledger, dir.path(), scope)
}

fn first_audit(world: &World) -> Audited {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    world.ledger(&ledger);
    let mut heard = Vec::new();
    let scope = Scope {
        chain_id: None,
        since: None,
        progress: &mut |done, total| heard.push((done, total)),
    };
    let (_, audited) = audit_within(&ledger, dir.path(), scope).unwrap();
    let total = world.blocks.len() as u64;
    assert_eq!(heard, (2..=total).map(|done| (done, total)).collect::<Vec<_>>());
    audited
}

#[test]
fn an_audit_goes_on_from_an_earlier_one_and_proves_only_what_is_new() {
    let mut world = World::new();
    world.full_round();
    let earlier = first_audit(&world);
    let size = world.blocks.len() as u64;
    assert_eq!(*earlier.checkpoint(), world.chain.head_checkpoint());
    world.full_round();
    let whole = audited(&world, None).unwrap();
    for since in [size - 1, 0] {
        let (report, later) = audited_since(&world, &earlier, since).unwrap();
        let expected = if since == 0 { (8, 0) } else { (4, 4) };
        assert_eq!((report.proven_updates, report.earlier_updates), expected);
        assert_eq!((report.model.clone(), report.blobs), (whole.model.clone(), whole.blobs));
        assert_eq!(*later.checkpoint(), world.chain.head_checkpoint());
    }
    let refused = audited_since(&world, &earlier, size).unwrap_err();
    assert!(matches!(refused, AuditError::NotAudited { .. }), "{refused}");
}

#[test]
fn an_audit_does_not_go_on_from_that_of_another_history_or_of_a_longer_one() {
    let mut world = World::new();
    world.full_round();
    let earlier = first_audit(&world);
    let shorter = first_audit(&World::new());
    let mut other = World::new();
    other.time_passes();
    other.full_round();
    let refused = audited_since(&other, &earlier, 3).unwrap_err();
    assert!(matches!(refused, AuditError::OtherHistory { .. }), "{refused}");
    let refused = audited_since(&World::new(), &earlier, 1).unwrap_err();
    assert!(matches!(refused, AuditError::OtherHistory { .. }), "{refused}");
    let mut stranger = shorter.clone();
    stranger.checkpoint.chain_id = ChainId([7; 32]);
    let refused = audited_since(&world, &stranger, 1).unwrap_err();
    assert!(matches!(refused, AuditError::OtherHistory { .. }), "{refused}");
    assert!(audited_since(&world, &shorter, 1).is_ok());
}

/// A ledger with an update whose proof does not hold, refused as the contract refuses it; then a closed round.
fn with_a_refuted_update() -> World {
    let mut world = World::new();
    world.open();
    let mut update = world.update(0, &world.round(), 1);
    // The last scalar of the last proof.
    let last = update.body.len() - 32;
    update.body[last] ^= 1;
    let signed = world.submission(0, &rehashed(update.header, &update.body));
    let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
    let checked = check_updates(
        &world.ceremony.parameters,
        world.committee(),
        &[(&candidate, &update.body)],
        &mut OsRng,
    )
    .remove(0);
    assert!(!checked.is_proven());
    let receipt = world.contract.apply(&candidate, Body::Checked(checked.into())).unwrap();
    assert!(receipt.culprit.is_some());
    world.settle(vec![entry(signed, false)], vec![update.body]);
    world
}

/// A header that names another body, under a proof that is left as it was.
fn rehashed(mut header: Vec<u8>, body: &[u8]) -> Vec<u8> {
    let decoded = CandidateHeader::decode(&header).unwrap();
    let old = decoded.body_hash().0;
    let at = header.windows(32).position(|window| window == old).unwrap();
    header[at..at + 32].copy_from_slice(&consilium_ledger::sha256(body));
    header
}

#[test]
fn what_an_earlier_audit_has_refuted_is_refuted_again_and_not_taken_for_granted() {
    let mut world = with_a_refuted_update();
    world.submit(&[1]);
    let earlier = first_audit(&world);
    assert_eq!(earlier.refuted.len(), 1);
    let last = world.blocks.len() as u64 - 1;
    let (report, later) = audited_since(&world, &earlier, last).unwrap();
    assert_eq!((report.proven_updates, report.earlier_updates), (1, 1));
    assert_eq!(later, earlier);
    // An audit that forgets it reaches another state than the one in the next header.
    let forgetful = Audited { refuted: Vec::new(), ..earlier };
    let refused = audited_since(&world, &forgetful, last).unwrap_err();
    assert!(matches!(refused, AuditError::StateRoot { .. }), "{refused}");
}

/// All files of a ledger.
fn files_below(ledger: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![ledger.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let kind = if entry.file_type().unwrap().is_dir() { &mut folders } else { &mut files };
            kind.push(entry.path());
        }
    }
    files
}

#[test]
fn a_changed_byte_anywhere_in_the_closed_ledger_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    finished().ledger(&ledger);
    let mut flipped = 0;
    for path in files_below(&ledger) {
        let whole = fs::read(&path).unwrap();
        let step = (whole.len() / 3).max(1);
        for position in (step / 2..whole.len()).step_by(step) {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(
                audit(&ledger, dir.path(), None).is_err(),
                "byte {position} of {}",
                path.display()
            );
            flipped += 1;
        }
        fs::write(&path, whole).unwrap();
    }
    assert!(flipped >= 6, "{flipped}");
    assert!(audit(&ledger, dir.path(), None).is_ok());
}

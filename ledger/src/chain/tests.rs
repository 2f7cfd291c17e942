//! The verification of one header after another.

use consilium_hash::{BlockHash, ChainId, MerkleRoot, StateRoot};
use ed25519_dalek::SigningKey;

use super::*;
use crate::{
    header::NO_STATE,
    limits::MAX_ENTRY_BYTES,
    seal::{BadSeal, Seal},
};

pub(crate) const CHAIN_ID: ChainId = ChainId([1; 32]);

pub(crate) fn coordinator() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub(crate) fn validators() -> Validators {
    Validators::single(CHAIN_ID, coordinator().verifying_key())
}

pub(crate) fn empty_chain() -> HeaderChain {
    HeaderChain::new(validators())
}

/// A state to name before the entries of the block at `height`.
pub(crate) fn state_before(height: u64) -> StateRoot {
    if height == 0 { NO_STATE } else { StateRoot([3; 32]) }
}

/// The next block of `chain`, with two entries.
pub(crate) fn next_block(chain: &HeaderChain) -> Block {
    let entries = vec![chain.len().to_be_bytes().to_vec(), vec![0xab; 100]];
    let header = chain.propose(&entries, state_before(chain.len()), 1_000 + chain.len()).unwrap();
    Block { sealed: header.seal(&CHAIN_ID, &coordinator()), entries }
}

pub(crate) fn chain_of(blocks: u64) -> (HeaderChain, Vec<Block>) {
    let mut chain = empty_chain();
    let blocks = (0..blocks)
        .map(|_| {
            let block = next_block(&chain);
            chain.append_block(&block).unwrap();
            block
        })
        .collect();
    (chain, blocks)
}

fn seal(header: Header) -> SealedHeader {
    header.seal(&CHAIN_ID, &coordinator())
}

#[test]
fn blocks_in_order_verify_and_known_ones_change_nothing() {
    let (chain, blocks) = chain_of(9);
    let mut copy = verify_chain(blocks.iter().cloned().map(Ok), validators()).unwrap();
    assert_eq!(copy.len(), 9);
    assert_eq!(copy.head(), chain.head());
    assert_eq!(copy.append(blocks[3].sealed).unwrap().height, 3);
    assert_eq!(copy.len(), 9);
    assert!(copy.headers().map(|header| *header.hash()).eq(blocks.iter().map(Block::hash)));
}

#[test]
fn every_wrong_field_has_its_own_error_and_leaves_the_chain_as_it_was() {
    let (mut chain, blocks) = chain_of(4);
    let good = next_block(&chain).sealed.header;
    let bad = [9; 32];
    let ours = blocks[3].sealed;
    let successor_of_another = seal(Header { previous: BlockHash(bad), ..good });
    let cases = [
        (
            seal(Header { version: 1, ..good }),
            ChainError::Version { height: 4, expected: 2, got: 1 },
        ),
        (seal(Header { height: 5, ..good }), ChainError::Gap { expected: 4, got: 5 }),
        (
            successor_of_another,
            ChainError::Fork(Box::new(Fork { height: 3, ours, theirs: successor_of_another })),
        ),
        (
            seal(Header { history_root: MerkleRoot(bad), ..good }),
            ChainError::WrongHistory {
                height: 4,
                expected: good.history_root,
                got: MerkleRoot(bad),
            },
        ),
        (
            seal(Header { time_ms: 1_002, ..good }),
            ChainError::TimeBackwards { height: 4, previous_ms: 1_003, got_ms: 1_002 },
        ),
        (
            SealedHeader { seal: Seal::from_bytes([0; 64]), ..seal(good) },
            ChainError::BadSeal(BadSeal { height: 4 }),
        ),
        (good.seal(&ChainId(bad), &coordinator()), ChainError::BadSeal(BadSeal { height: 4 })),
    ];
    for (candidate, expected) in cases {
        assert_eq!(chain.append(candidate), Err(expected));
        assert_eq!(chain.len(), 4);
    }
    assert!(chain.append(seal(good)).is_ok());
}

#[test]
fn the_first_header_must_name_the_chain_id() {
    let mut chain = empty_chain();
    let first = next_block(&chain).sealed.header;
    let stranger = seal(Header { previous: BlockHash([9; 32]), ..first });
    assert_eq!(
        chain.append(stranger),
        Err(ChainError::WrongGenesis { expected: CHAIN_ID, got: BlockHash([9; 32]) })
    );
    assert!(chain.append(seal(first)).is_ok());
}

#[test]
fn the_first_header_names_no_state_and_later_ones_any() {
    let mut chain = empty_chain();
    let first = next_block(&chain).sealed.header;
    assert_eq!(first.state_root, NO_STATE);
    let stated = seal(Header { state_root: StateRoot([9; 32]), ..first });
    assert_eq!(chain.append(stated), Err(ChainError::FirstState { got: StateRoot([9; 32]) }));
    assert!(chain.append(seal(first)).is_ok());
    for state_root in [StateRoot([9; 32]), NO_STATE] {
        let header = chain.propose(&[Vec::new()], state_root, 0).unwrap();
        assert_eq!(header.state_root, state_root);
        assert!(chain.append(seal(header)).is_ok());
    }
}

#[test]
fn two_signed_headers_at_one_height_are_evidence_and_noise_is_not() {
    let (mut chain, blocks) = chain_of(4);
    let second = seal(Header { state_root: StateRoot([9; 32]), ..blocks[2].sealed.header });
    let Err(ChainError::Fork(fork)) = chain.append(second) else { panic!("expected a fork") };
    assert_eq!(*fork, Fork { height: 2, ours: blocks[2].sealed, theirs: second });
    let other = Validators::single(ChainId([8; 32]), coordinator().verifying_key());
    assert!(fork.verify(&validators()));
    assert!(!fork.verify(&other));
    assert!(!Fork { theirs: fork.ours, ..*fork }.verify(&validators()));
    assert!(!Fork { theirs: blocks[3].sealed, ..*fork }.verify(&validators()));
    let successor = seal(Header { previous: BlockHash([9; 32]), ..blocks[3].sealed.header });
    assert!(Fork { theirs: successor, ..*fork }.verify(&validators()));

    let unsigned = SealedHeader { seal: Seal::from_bytes([7; 64]), ..second };
    assert_eq!(chain.append(unsigned), Err(ChainError::BadSeal(BadSeal { height: 2 })));
    assert!(!Fork { theirs: unsigned, ..*fork }.verify(&validators()));
}

#[test]
fn entries_that_are_not_the_headers_are_refused() {
    let (mut chain, _) = chain_of(2);
    let block = next_block(&chain);
    let mut changed = block.clone();
    changed.entries[1][50] ^= 1;
    assert!(matches!(
        chain.append_block(&changed),
        Err(ChainError::WrongEntries { height: 2, .. })
    ));
    let mut swapped = block.clone();
    swapped.entries.swap(0, 1);
    assert!(matches!(
        chain.append_block(&swapped),
        Err(ChainError::WrongEntries { height: 2, .. })
    ));
    let mut missing = block.clone();
    missing.entries.pop();
    assert!(matches!(
        chain.append_block(&missing),
        Err(ChainError::WrongCount { height: 2, expected: 2, got: 1 })
    ));
    assert!(chain.append_block(&block).is_ok());
}

#[test]
fn a_clock_that_goes_back_does_not_stop_the_chain() {
    let (mut chain, blocks) = chain_of(3);
    let header = chain.propose(&blocks[0].entries, NO_STATE, 5).unwrap();
    assert_eq!(header.time_ms, 1_002);
    assert!(chain.append(seal(header)).is_ok());
}

#[test]
fn proposals_outside_the_limits_are_refused() {
    let chain = empty_chain();
    assert!(matches!(chain.propose(&[], NO_STATE, 0), Err(ChainError::WrongCount { .. })));
    assert!(matches!(
        chain.propose(&vec![vec![]; 65], NO_STATE, 0),
        Err(ChainError::WrongCount { .. })
    ));
    let long = vec![vec![0; MAX_ENTRY_BYTES + 1]];
    assert!(matches!(
        chain.propose(&long, NO_STATE, 0),
        Err(ChainError::EntryTooLong { index: 0, .. })
    ));
}

#[test]
fn one_header_proves_every_earlier_header_and_history() {
    let (chain, blocks) = chain_of(11);
    for head in 0..=11 {
        let Checkpoint { size, root, .. } = chain.checkpoint(head).unwrap();
        assert_eq!(size, head);
        assert!(blocks.get(head as usize).is_none_or(|block| block.header().history_root == root));
        for height in 0..head {
            let proof = chain.inclusion_proof(height, head).unwrap();
            let leaf = merkle::leaf_hash(&blocks[height as usize].hash().0);
            assert_eq!(proof.verify(&leaf, &root), Ok(()));
            let proof = chain.consistency_proof(height, head).unwrap();
            assert_eq!(proof.verify(&blocks[height as usize].header().history_root, &root), Ok(()));
        }
        assert_eq!(chain.inclusion_proof(head, head), None);
    }
    assert_eq!(chain.checkpoint(11), Some(chain.head_checkpoint()));
    assert_eq!(chain.checkpoint(12), None);
    assert_eq!(chain.inclusion_proof(0, 12), None);
    assert_eq!(chain.consistency_proof(3, 12), None);
}

/// The chain of `whole` again, from what is kept of its first `size` headers on.
fn resume(whole: &HeaderChain, size: u64) -> HeaderChain {
    let header = |height| *whole.get(height).unwrap().sealed();
    let (before, _) = chain_of(size);
    HeaderChain::resume(validators(), header(size - 1), before.peaks().to_vec(), &header(size))
        .unwrap()
}

#[test]
fn a_chain_goes_on_from_its_last_header_and_peaks_as_it_would_have_from_all() {
    let (whole, blocks) = chain_of(20);
    for size in 1..20 {
        let mut resumed = resume(&whole, size);
        assert_eq!((resumed.len(), resumed.head()), (size, whole.get(size - 1)));
        for block in &blocks[size as usize..] {
            resumed.append_block(block).unwrap();
        }
        assert_eq!(resumed.head(), whole.head());
        assert_eq!(next_block(&resumed), next_block(&whole));
        // What is not at hand is not made up, and taken from nobody.
        assert_eq!(resumed.get(size.wrapping_sub(2)), None);
        assert_eq!(resumed.consistency_proof(1, 19).is_some(), size == 1);
        assert_eq!(resumed.append(blocks[18].sealed).unwrap(), whole.get(18).unwrap());
        resumed.forget();
        assert_eq!((resumed.len(), resumed.headers().len()), (20, 1));
        let known = resumed.append(blocks[3].sealed);
        assert_eq!(known, Err(ChainError::Gap { expected: 20, got: 3 }));
        assert_eq!(resumed.head(), whole.head());
    }
}

#[test]
fn nothing_but_what_the_next_header_vouches_for_is_gone_on_from() {
    let (whole, _) = chain_of(8);
    let header = |height| *whole.get(height).unwrap().sealed();
    let (before, _) = chain_of(6);
    let peaks = before.peaks().to_vec();
    let resume = |last, peaks, next| HeaderChain::resume(validators(), last, peaks, &next);
    assert!(resume(header(5), peaks.clone(), header(6)).is_ok());

    let mut other = peaks.clone();
    other[1].0[7] ^= 1;
    for peaks in [Vec::new(), peaks[..1].to_vec(), other] {
        let refused = resume(header(5), peaks, header(6)).unwrap_err();
        assert!(matches!(refused, ChainError::WrongHistory { height: 6, .. }), "{refused}");
    }
    let mut changed = header(5);
    changed.header.time_ms += 1;
    for (last, next) in [(header(4), header(6)), (header(6), header(6)), (changed, header(6))] {
        let refused = resume(last, peaks.clone(), next).unwrap_err();
        assert!(matches!(refused, ChainError::WrongPredecessor { height: 6, .. }), "{refused}");
    }
    let mut unsealed = header(6);
    unsealed.header.time_ms += 1;
    let refused = resume(header(5), peaks, unsealed).unwrap_err();
    assert_eq!(refused, ChainError::BadSeal(BadSeal { height: 6 }));
}

use consilium_hash::{BlockHash, ChainId};

use super::*;

const CHAIN: ChainId = ChainId([1; 32]);

/// An attempt at the committee of this number.
fn first(number: u32) -> Place {
    Place { number, attempt: 0 }
}

/// A memory that has lost nothing.
fn open(directory: &Path) -> Memory {
    open_for(directory, CHAIN)
}

fn open_for(directory: &Path, chain: ChainId) -> Memory {
    let mut memory = Memory::open(directory, chain).unwrap();
    memory.catch_up(false, None, &[]).unwrap();
    memory
}

/// A memory with which committee 0 was confirmed.
fn member(directory: &Path) -> Memory {
    let mut memory = open(directory);
    memory.swear_committee(first(0), 0, &ConfirmationHash([7; 32])).unwrap();
    memory
}

fn refusal(result: Result<(), ClientError>) -> MemoryError {
    let Err(ClientError::Memory(error)) = result else {
        panic!("expected a refusal, got {result:?}")
    };
    error
}

#[test]
fn one_block_a_step_is_remembered_across_restarts_and_every_other_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let block = BlockHash([2; 32]);
    let other = BlockHash([3; 32]);
    let mut memory = member(dir.path());
    memory.remember(0, 5, &block).unwrap();
    memory.remember(0, 5, &block).unwrap();
    for _ in 0..2 {
        let refused = refusal(memory.remember(0, 5, &other));
        assert_eq!(refused, MemoryError::OtherBlock { step: 5, remembered: block, asked: other });
        drop(memory);
        memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(memory.is_certain());
    }
    memory.remember(0, 6, &other).unwrap();
    assert_eq!(memory.countersigned(5), Some(block));
    let another_chain = Memory::open(dir.path(), ChainId([9; 32])).unwrap();
    assert_eq!(another_chain.countersigned(5), None);
}

#[test]
fn what_is_lost_is_lost_across_restarts_and_only_a_committee_made_later_is_answered_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = member(dir.path());
    memory.remember(0, 4, &BlockHash([2; 32])).unwrap();
    let loss =
        memory.catch_up(true, Some(Place::standing(0)), &[(About::Step(5), OathHash([4; 32]))]);
    assert_eq!(loss.unwrap(), Some(Loss::Older));
    for _ in 0..2 {
        // Neither what is known, nor what the chain has taught it, nor anything new.
        for (step, block) in [(4, [2; 32]), (5, [4; 32]), (6, [2; 32])] {
            let refused = refusal(memory.remember(0, step, &BlockHash(block)));
            assert_eq!(refused, MemoryError::Lost { number: 0 }, "step {step}");
        }
        let refused = refusal(memory.remember(0, 5, &BlockHash([2; 32])));
        assert!(matches!(refused, MemoryError::OtherBlock { remembered: BlockHash([4, ..]), .. }));
        for refused in [
            refusal(memory.swear_committee(first(0), 0, &ConfirmationHash([7; 32]))),
            refusal(memory.swear_dealings(first(0), &QualifiedHash([7; 32]))),
            refusal(memory.keep_secrets(Place { number: 0, attempt: 9 }, &SecretsName([7; 32]))),
        ] {
            assert_eq!(refused, MemoryError::Lost { number: 0 });
        }
        drop(memory);
        memory = Memory::open(dir.path(), CHAIN).unwrap();
        // The same blocks are read again, and teach nothing new.
        assert!(memory.holds(About::Step(5), &OathHash([4; 32])));
        assert_eq!(memory.catch_up(true, Some(Place::standing(0)), &[]).unwrap(), None);
    }
    memory.swear_committee(first(1), 6, &ConfirmationHash([8; 32])).unwrap();
    memory.remember(1, 6, &BlockHash([2; 32])).unwrap();
}

#[test]
fn a_loss_while_a_committee_is_made_spares_later_attempts_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = open(dir.path());
    let attempt = |attempt| Place { number: 1, attempt };
    memory.lose(attempt(2)).unwrap();
    for lost in [attempt(0), attempt(2), Place::standing(0)] {
        assert!(!memory.takes_part_in(lost), "{lost:?}");
    }
    assert!(memory.has_lost(0) && !memory.has_lost(1));
    memory.swear_dealings(attempt(3), &QualifiedHash([2; 32])).unwrap();
    memory.swear_committee(attempt(3), 5, &ConfirmationHash([2; 32])).unwrap();
    memory.remember(1, 5, &BlockHash([2; 32])).unwrap();
    // A confirmation of before a loss binds, and is not enough to answer for what came after it.
    memory.lose(attempt(4)).unwrap();
    assert_eq!(
        refusal(memory.remember(1, 6, &BlockHash([2; 32]))),
        MemoryError::Unconfirmed { committee: 1 }
    );
    assert_eq!(memory.confirmed(), Some(1));
}

#[test]
fn a_new_memory_of_an_institution_that_the_chain_knows_is_a_lost_one_and_says_nothing_before_it_is_compared()
 {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    assert_eq!(
        refusal(memory.swear_committee(first(3), 0, &ConfirmationHash([2; 32]))),
        MemoryError::Uncertain
    );
    assert!(memory.remember(0, 0, &BlockHash([2; 32])).is_err());
    drop(memory);
    // The process has ended before it had caught up: it is still a new one.
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    let standing = Some(Place::standing(2));
    assert_eq!(memory.catch_up(true, standing, &[]).unwrap(), Some(Loss::New));
    assert!(memory.has_lost(2) && !memory.has_lost(3));
    assert_eq!(memory.catch_up(true, standing, &[]).unwrap(), None);

    // Before a committee was made, and before it was enrolled, it can have said nothing that binds it.
    for (is_known, through) in [(false, standing), (true, None)] {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert_eq!(memory.catch_up(is_known, through, &[]).unwrap(), None);
        assert!(memory.takes_part_in(Place::default()));
    }
}

#[test]
fn attempts_at_one_committee_and_at_the_next_are_never_taken_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let places = [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (257, 0), (1, 256), (u32::MAX, 0)];
    let places = places.map(|(number, attempt)| Place { number, attempt });
    let mut memory = open(dir.path());
    let said = |place: Place| {
        let mut said = [1; 32];
        said[..4].copy_from_slice(&place.number.to_be_bytes());
        said[4..8].copy_from_slice(&place.attempt.to_be_bytes());
        said
    };
    for place in places {
        assert!(!memory.has_secrets_of(place), "{place:?}");
        memory.keep_secrets(place, &SecretsName(said(place))).unwrap();
        memory.swear_dealings(place, &QualifiedHash(said(place))).unwrap();
    }
    let mut memory = open(dir.path());
    for place in places {
        memory.keep_secrets(place, &SecretsName(said(place))).unwrap();
        memory.swear_dealings(place, &QualifiedHash(said(place))).unwrap();
        for refused in [
            refusal(memory.keep_secrets(place, &SecretsName([9; 32]))),
            refusal(memory.swear_dealings(place, &QualifiedHash([9; 32]))),
        ] {
            assert!(
                matches!(refused, MemoryError::OtherOath { remembered, .. } if remembered.0 == said(place))
            );
        }
    }
    // A committee is confirmed once, whatever the attempt.
    memory.swear_committee(Place { number: 1, attempt: 1 }, 0, &ConfirmationHash([2; 32])).unwrap();
    let refused = refusal(memory.swear_committee(
        Place { number: 1, attempt: 2 },
        0,
        &ConfirmationHash([3; 32]),
    ));
    assert!(matches!(refused, MemoryError::OtherOath { .. }));
}

#[test]
fn two_histories_shown_to_two_halves_never_get_two_quorums_for_any_n_up_to_10_any_t_and_any_split()
{
    let dir = tempfile::tempdir().unwrap();
    let blocks = [BlockHash([2; 32]), BlockHash([3; 32])];
    // An honest trustee, asked for both in either order, answers the first.
    for (step, first) in [0, 1].into_iter().enumerate() {
        let mut memory = if step == 0 { member(dir.path()) } else { open(dir.path()) };
        let mut answers = |block: usize| memory.remember(0, step as u64, &blocks[block]).is_ok();
        assert!(answers(first) && !answers(1 - first));
    }
    for n in 1..=10_u32 {
        for t in (1..=n).take_while(|t| n + 2 >= 3 * t) {
            let quorum = consilium_crypto::countersign_quorum(n, t);
            assert!(quorum <= n - (t - 1), "{n}, {t}: the honest ones suffice");
            for corrupt in (0..1_u32 << n).filter(|corrupt| corrupt.count_ones() < t) {
                // Whom the first history is shown to; the others see the second. The corrupt answer both.
                for first in 0..1_u32 << n {
                    let second = !first & ((1 << n) - 1);
                    let has_quorum = |shown: u32| (shown | corrupt).count_ones() >= quorum;
                    assert!(
                        !(has_quorum(first) && has_quorum(second)),
                        "{n}, {t}: {first:b}, corrupt {corrupt:b}"
                    );
                }
            }
        }
    }
}

#[test]
fn an_oath_is_kept_across_restarts_and_every_other_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let one = [2; 32];
    let other = [3; 32];
    open(dir.path()).swear_dealings(first(1), &QualifiedHash(one)).unwrap();
    open(dir.path()).swear_committee(first(1), 0, &ConfirmationHash(one)).unwrap();
    let mut memory = open(dir.path());
    memory.swear_dealings(first(1), &QualifiedHash(one)).unwrap();
    memory.swear_committee(first(1), 0, &ConfirmationHash(one)).unwrap();
    assert!(matches!(
        refusal(memory.swear_dealings(first(1), &QualifiedHash(other))),
        MemoryError::OtherOath { .. }
    ));
    assert!(matches!(
        refusal(memory.swear_committee(first(1), 0, &ConfirmationHash(other))),
        MemoryError::OtherOath { .. }
    ));
    // Another attempt, another committee, another chain.
    memory.swear_dealings(Place { number: 1, attempt: 1 }, &QualifiedHash(other)).unwrap();
    memory.swear_committee(first(2), 0, &ConfirmationHash(other)).unwrap();
    open_for(dir.path(), ChainId([9; 32]))
        .swear_committee(first(1), 0, &ConfirmationHash(other))
        .unwrap();
}

#[test]
fn who_has_confirmed_a_committee_answers_for_earlier_ones_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = member(dir.path());
    memory.remember(0, 5, &BlockHash([3; 32])).unwrap();
    memory.swear_committee(first(1), 6, &ConfirmationHash([2; 32])).unwrap();
    for mut memory in [memory, open(dir.path())] {
        let refused = refusal(memory.remember(0, 6, &BlockHash([3; 32])));
        assert_eq!(refused, MemoryError::HandedOver { confirmed: 1, asked: 0 });
        memory.remember(1, 6, &BlockHash([3; 32])).unwrap();
    }
}

#[test]
fn who_has_answered_for_a_step_confirms_no_other_committee_that_would_answer_for_it() {
    let dir = tempfile::tempdir().unwrap();
    member(dir.path()).remember(0, 5, &BlockHash([3; 32])).unwrap();
    let mut memory = open(dir.path());
    for step in [4, 5] {
        let refused = refusal(memory.swear_committee(first(1), step, &ConfirmationHash([2; 32])));
        assert_eq!(refused, MemoryError::Answered { answered: 5, step });
    }
    // What is confirmed can be said again.
    memory.swear_committee(first(1), 6, &ConfirmationHash([2; 32])).unwrap();
    memory.remember(1, 7, &BlockHash([3; 32])).unwrap();
    memory.swear_committee(first(1), 6, &ConfirmationHash([2; 32])).unwrap();
}

#[test]
fn a_changed_byte_of_the_memory_silences_the_trustee() {
    let dir = tempfile::tempdir().unwrap();
    member(dir.path()).remember(0, 5, &BlockHash([2; 32])).unwrap();
    let standing = Some(Place::standing(0));
    for file in [FILE, "countersigned.mark"] {
        let path = dir.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            // It does not open, or it answers for nothing any more.
            if let Ok(mut memory) = Memory::open(dir.path(), CHAIN) {
                assert!(!memory.is_certain(), "{file}, byte {position}");
                assert_eq!(memory.catch_up(true, standing, &[]).unwrap(), Some(Loss::CutShort));
                assert!(
                    memory.remember(0, 5, &BlockHash([2; 32])).is_err(),
                    "{file}, byte {position}"
                );
                std::fs::remove_dir_all(dir.path()).unwrap();
                std::fs::create_dir_all(dir.path()).unwrap();
                member(dir.path()).remember(0, 5, &BlockHash([2; 32])).unwrap();
            }
            std::fs::write(&path, &whole).unwrap();
        }
    }
}

use super::*;

const CHAIN: Hash = [1; 32];

fn refusal(result: Result<(), ClientError>) -> MemoryError {
    let Err(ClientError::Memory(error)) = result else {
        panic!("expected a refusal, got {result:?}")
    };
    error
}

#[test]
fn one_block_a_step_is_remembered_across_restarts_and_every_other_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let block = [2; 32];
    let other = [3; 32];
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    assert!(memory.is_new());
    memory.remember(0, 5, &block).unwrap();
    memory.remember(0, 5, &block).unwrap();
    for _ in 0..2 {
        let refused = refusal(memory.remember(0, 5, &other));
        assert_eq!(
            refused,
            MemoryError::OtherBlock { step: 5, remembered: block, asked: other }
        );
        drop(memory);
        memory = Memory::open(dir.path(), CHAIN).unwrap();
        assert!(!memory.is_new());
    }
    memory.remember(0, 6, &other).unwrap();
    assert_eq!(memory.countersigned(5), Some(&block));
    let another_chain = Memory::open(dir.path(), [9; 32]).unwrap();
    assert_eq!(another_chain.countersigned(5), None);
}

#[test]
fn a_forgone_step_is_forgone_across_restarts_and_a_remembered_one_is_not_forgone() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    memory.forgo(3).unwrap();
    memory.remember(0, 4, &[2; 32]).unwrap();
    memory.forgo(4).unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    assert!(memory.is_forgone(3) && !memory.is_forgone(4));
    assert_eq!(memory.countersigned(3), None);
    assert_eq!(refusal(memory.remember(0, 3, &[2; 32])), MemoryError::Forgone { step: 3 });
}

#[test]
fn two_histories_shown_to_two_halves_never_get_two_quorums_for_any_n_up_to_10_any_t_and_any_split()
 {
    let dir = tempfile::tempdir().unwrap();
    let blocks = [[2; 32], [3; 32]];
    // An honest trustee, asked for both in either order, answers the first.
    for (step, first) in [0, 1].into_iter().enumerate() {
        let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
        let mut answers =
            |block: usize| memory.remember(0, step as u64, &blocks[block]).is_ok();
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
    Memory::open(dir.path(), CHAIN).unwrap().swear_dealings(1, 0, &one).unwrap();
    Memory::open(dir.path(), CHAIN).unwrap().swear_committee(1, 0, &one).unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    memory.swear_dealings(1, 0, &one).unwrap();
    memory.swear_committee(1, 0, &one).unwrap();
    assert!(matches!(
        refusal(memory.swear_dealings(1, 0, &other)),
        MemoryError::OtherOath { .. }
    ));
    assert!(matches!(
        refusal(memory.swear_committee(1, 0, &other)),
        MemoryError::OtherOath { .. }
    ));
    // Another attempt, another committee, another chain.
    memory.swear_dealings(1, 1, &other).unwrap();
    memory.swear_committee(2, 0, &other).unwrap();
    Memory::open(dir.path(), [9; 32]).unwrap().swear_committee(1, 0, &other).unwrap();
}

#[test]
fn who_has_confirmed_a_committee_answers_for_earlier_ones_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    memory.swear_committee(0, 0, &[2; 32]).unwrap();
    memory.remember(0, 5, &[3; 32]).unwrap();
    memory.swear_committee(1, 6, &[2; 32]).unwrap();
    for mut memory in [memory, Memory::open(dir.path(), CHAIN).unwrap()] {
        let refused = refusal(memory.remember(0, 6, &[3; 32]));
        assert_eq!(refused, MemoryError::HandedOver { confirmed: 1, asked: 0 });
        memory.remember(1, 6, &[3; 32]).unwrap();
    }
}

#[test]
fn who_has_answered_for_a_step_confirms_no_other_committee_that_would_answer_for_it() {
    let dir = tempfile::tempdir().unwrap();
    Memory::open(dir.path(), CHAIN).unwrap().remember(0, 5, &[3; 32]).unwrap();
    let mut memory = Memory::open(dir.path(), CHAIN).unwrap();
    for step in [4, 5] {
        let refused = refusal(memory.swear_committee(1, step, &[2; 32]));
        assert_eq!(refused, MemoryError::Answered { answered: 5, step });
    }
    // A step that is left to the others is not answered for, and what is confirmed can be said again.
    memory.forgo(6).unwrap();
    memory.swear_committee(1, 6, &[2; 32]).unwrap();
    memory.remember(1, 7, &[3; 32]).unwrap();
    memory.swear_committee(1, 6, &[2; 32]).unwrap();
}

#[test]
fn a_changed_byte_of_the_memory_silences_the_trustee() {
    let dir = tempfile::tempdir().unwrap();
    Memory::open(dir.path(), CHAIN).unwrap().remember(0, 5, &[2; 32]).unwrap();
    let path = dir.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    for position in 4..whole.len() {
        let mut changed = whole.clone();
        changed[position] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(Memory::open(dir.path(), CHAIN).is_err(), "byte {position}");
    }
}

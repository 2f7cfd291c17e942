use super::*;
use crate::proof_systems::prover::tests::{check_prover, check_randomness};

#[test]
fn a_transfer_is_accepted_at_every_edge_of_amount_and_balance() {
    for size in SIZES {
        for (balance, amounts) in
            [(0, vec![0]), (5, vec![0, 1, 5]), (u32::MAX, vec![0, 1, u32::MAX - 1, u32::MAX])]
        {
            let world = with_balance(size, balance);
            for amount in amounts {
                let message = world.transfer(amount).unwrap();
                assert_eq!(accept(&world, &message), Ok(()), "{amount} of {balance}, {size:?}");
            }
        }
    }
}

#[test]
fn no_more_than_the_balance_is_sent() {
    let world = with_balance(DigitBits::Eight, 5);
    assert_eq!(world.transfer(6), Err(PairingFormError::Overspent));
}

#[test]
fn proofs_have_the_length_that_the_formulas_say_and_fresh_randomness() {
    assert_eq!(SIZES.map(Proof::length), [3840, 2176]);
    for size in SIZES {
        let repaired = Repaired::new(size);
        check_prover(&repaired);
        check_randomness(&repaired);
    }
}

#[test]
fn digits_make_up_the_number() {
    for size in SIZES {
        for number in [0, 1, 0x1234_5678, u32::MAX] {
            let digits = size.of(number);
            assert_eq!(digits.len(), size.digits());
            let sum = digits.iter().rev().fold(0u64, |sum, digit| {
                assert!(*digit < 1 << size.bits());
                (sum << size.bits()) + u64::from(*digit)
            });
            assert_eq!(sum, u64::from(number));
        }
    }
}

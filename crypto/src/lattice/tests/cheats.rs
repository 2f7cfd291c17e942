//! Every cheat that stays consistent is rejected, for the right reason.

use curve25519_dalek::scalar::Scalar;

use super::Lattice;
use super::prover::Cheat;
use crate::UpdateError;

const D: u32 = 3000;
const B: u32 = 5600;

fn verdict(cheat: &Cheat<'_>) -> Option<UpdateError> {
    let mut lattice = Lattice::new(11, D, B, 512, 10);
    let x = lattice.federation.values(1);
    let update = lattice.cheat(1, &x, cheat);
    lattice.verify(&update).err()
}

#[test]
fn the_prover_of_these_tests_is_believed_where_it_does_not_cheat() {
    assert_eq!(verdict(&Cheat::default()), None);
}

#[test]
fn what_is_masked_must_be_what_is_projected() {
    // One bit of c; a coefficient of s in c alone; v in the last, half-empty block after it was masked.
    let c = |c: &mut Vec<u8>| c[4 * 2999] ^= 1;
    let cheat = Cheat { c: Some(&c), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof));
    let masking = |s: &mut Vec<i8>| s[11] = if s[11] == 0 { 1 } else { 0 };
    let cheat = Cheat { masking: Some(&masking), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof));
    let y = |y: &mut Vec<i64>| y[200] += 1;
    let cheat = Cheat { y: Some(&y), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof));
    // All of y, so that nothing of the update is left to be bounded.
    let y = |y: &mut Vec<i64>| y.fill(0);
    let cheat = Cheat { y: Some(&y), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof));
}

#[test]
fn a_projection_that_is_no_small_integer_is_rejected() {
    for wrong in
        [Scalar::from(2u64).invert(), Scalar::from(1u128 << 121), -Scalar::from(1u128 << 121)]
    {
        let y_entries = |y: &mut Vec<Scalar>| y[0] = wrong;
        let cheat = Cheat { y_entries: Some(&y_entries), ..Cheat::default() };
        assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof));
    }
}

#[test]
fn multiples_of_the_modulus_and_masks_of_sums_must_be_those_of_the_relation() {
    // w_2, then p_5, each by one, with F of what was committed to.
    for place in [2, 9] {
        let w = |w: &mut Vec<Scalar>| w[place] += Scalar::ONE;
        let cheat = Cheat { w: Some(&w), ..Cheat::default() };
        // p may be anything: F follows it.
        let expected = (place < 4).then_some(UpdateError::BadLinkProof);
        assert_eq!(verdict(&cheat), expected, "entry {place}");
    }
    for place in [0, 15 * 127, 15 * 64 + 14] {
        let sums = |sums: &mut Vec<u8>| sums[place] ^= 1;
        let cheat = Cheat { sums: Some(&sums), ..Cheat::default() };
        assert_eq!(verdict(&cheat), Some(UpdateError::BadLinkProof), "byte {place} of F");
    }
}

#[test]
fn digits_of_what_is_left_must_be_digits_and_add_up() {
    for (place, difference) in [(0, 1), (3, -1), (7, 16)] {
        let digits = |digits: &mut Vec<i64>| digits[place] += difference;
        let cheat = Cheat { digits: Some(&digits), ..Cheat::default() };
        assert_eq!(verdict(&cheat), Some(UpdateError::BadNormProof), "digit {place}");
    }
    // The same number in another way: a digit of 16 in the place of a carry.
    let digits = |digits: &mut Vec<i64>| {
        let place = (1..16).find(|place| digits[*place] > 0).unwrap();
        digits[place] -= 1;
        digits[place - 1] += 16;
    };
    let cheat = Cheat { digits: Some(&digits), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadNormProof));
}

#[test]
fn an_update_that_is_too_long_is_rejected() {
    let mut lattice = Lattice::new(12, D, B, 512, 10);
    let mut x = vec![0; D as usize];
    for (length, holds) in [(B, true), (3 * B, false), (4 * B, false)] {
        x[77] = i64::from(length);
        let update = lattice.encrypt(1, x.clone());
        let expected = (!holds).then_some(UpdateError::BadNormProof);
        assert_eq!(lattice.verify(&update).err(), expected, "length {length}");
    }
    // As long as the modulus lets anything be: v = c, with s = 0 or not.
    let v = |v: &mut Vec<i32>| {
        v.iter_mut().zip(1i32..).for_each(|(v, j)| *v = j.wrapping_mul(1_640_531_527));
    };
    let cheat = Cheat { v: Some(&v), ..Cheat::default() };
    assert_eq!(verdict(&cheat), Some(UpdateError::BadNormProof));
}

#[test]
fn a_key_that_is_not_ternary_is_rejected_from_header_and_key_part_alone() {
    for wrong in [2, -2, 3, 127] {
        let s = |s: &mut Vec<i8>| s[11] = wrong;
        let cheat = Cheat {
            masking: Some(&s),
            encrypted: Some(&s),
            committed: Some(&s),
            ..Cheat::default()
        };
        rejected_by_its_key_part(&cheat);
    }
    let half = |s: &mut Vec<Scalar>| s[11] = Scalar::from(2u64).invert();
    rejected_by_its_key_part(&Cheat { fraction: Some(&half), ..Cheat::default() });
}

#[test]
fn what_is_encrypted_must_be_the_key_that_is_committed_to() {
    // K_3 + 1; the limb of other places; a whole other key.
    let one_more = |s: &mut Vec<i8>| s[15] += 1;
    let swapped = |s: &mut Vec<i8>| s.rotate_left(5);
    let negated = |s: &mut Vec<i8>| s.iter_mut().for_each(|s| *s = -*s);
    for change in [Some(&one_more as &dyn Fn(&mut _)), Some(&swapped), Some(&negated)] {
        rejected_by_its_key_part(&Cheat { encrypted: change, ..Cheat::default() });
        rejected_by_its_key_part(&Cheat { committed: change, ..Cheat::default() });
    }
}

fn rejected_by_its_key_part(cheat: &Cheat<'_>) {
    let mut lattice = Lattice::new(13, 64, B, 512, 10);
    let x = lattice.federation.values(1);
    let update = lattice.cheat(1, &x, cheat);
    assert_eq!(lattice.verify_key_part(&update).err(), Some(UpdateError::BadKeyProof));
}

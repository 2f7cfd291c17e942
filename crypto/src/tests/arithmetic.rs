//! What the cheats compute modulo ℓ and among small integers.

use std::collections::BinaryHeap;

use curve25519_dalek::scalar::Scalar;

/// A vector other than 0 that a matrix of fewer rows than columns takes to 0 modulo ℓ.
pub(super) fn kernel(mut rows: Vec<Vec<Scalar>>) -> Vec<Scalar> {
    let width = rows[0].len();
    let mut pivots = Vec::new();
    for column in 0..width {
        let rank = pivots.len();
        let Some(found) = (rank..rows.len()).find(|row| rows[*row][column] != Scalar::ZERO) else {
            // Free: 1 here, and in each pivot's place what cancels it.
            let mut x = vec![Scalar::ZERO; width];
            x[column] = Scalar::ONE;
            for (row, pivot) in pivots.iter().enumerate() {
                x[*pivot] = -rows[row][column];
            }
            return x;
        };
        rows.swap(rank, found);
        let inverse = rows[rank][column].invert();
        let pivot: Vec<_> = rows[rank].iter().map(|value| value * inverse).collect();
        for (number, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if number != rank && factor != Scalar::ZERO {
                row.iter_mut()
                    .zip(&pivot)
                    .skip(column)
                    .for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
        rows[rank] = pivot;
        pivots.push(column);
    }
    panic!("no more columns than rows")
}

/// The low bits, where there are more.
pub(super) fn low(value: Scalar) -> u64 {
    u64::from_le_bytes(*value.as_bytes().first_chunk().unwrap())
}

/// a^(integer / 2^shift).
pub(super) fn power(a: &Scalar, integer: &Scalar, shift: usize) -> Scalar {
    let bits = (shift..256).rev().map(|bit| integer.as_bytes()[bit / 8] >> (bit % 8) & 1 == 1);
    bits.fold(Scalar::ONE, |power, bit| power * power * if bit { *a } else { Scalar::ONE })
}

/// √−1 modulo ℓ.
pub(super) fn root_of_minus_one() -> Scalar {
    power(&Scalar::from(2u64), &-Scalar::ONE, 2)
}

/// √a modulo ℓ, which is 5 modulo 8.
pub(super) fn square_root(a: &Scalar) -> Option<Scalar> {
    let root = a * power(a, &-Scalar::from(5u64), 3);
    [root, root * root_of_minus_one()].into_iter().find(|root| root * root == *a)
}

/// Small integers with the same Σγ_t·y_t: the multiple of γ that is nearest to y, rounded; what is then missing of the sum
/// is made up of short combinations of the γ_t that are ever smaller numbers, each the difference of two before it.
pub(super) fn small_with_the_same_sum(gamma: &[u128], y: &[i64]) -> Vec<i64> {
    let inner = |a: &dyn Fn(usize) -> f64| {
        gamma.iter().enumerate().map(|(t, g)| *g as f64 * a(t)).sum::<f64>()
    };
    let share = inner(&|t| y[t] as f64) / inner(&|t| gamma[t] as f64);
    let mut small: Vec<_> =
        gamma.iter().map(|gamma| (share * *gamma as f64).round() as i64).collect();
    // What is missing, in two halves that do not overflow; a few γ_t more or less, until they are one number.
    let halves = |small: &[i64]| {
        let terms = gamma
            .iter()
            .zip(y.iter().zip(small))
            .map(|(gamma, (y, small))| (*gamma, i128::from(y - small)));
        terms.fold([0; 2], |[high, low], (gamma, times)| {
            [
                high + i128::from((gamma >> 64) as u64) * times,
                low + i128::from(gamma as u64) * times,
            ]
        })
    };
    let missing = (0..).find_map(|t| {
        let [high, low] = halves(&small);
        let high = high + (low >> 64);
        if high.unsigned_abs() < 1 << 62 {
            return Some((high << 64) + i128::from(low as u64));
        }
        small[t % y.len()] += high.signum() as i64;
        None
    });
    let mut missing = missing.unwrap();
    let unit = |t: usize| (0..gamma.len()).map(|i| i64::from(i == t)).collect::<Vec<_>>();
    let mut numbers: BinaryHeap<_> =
        gamma.iter().enumerate().map(|(t, gamma)| (*gamma, unit(t))).collect();
    while missing != 0 {
        let (largest, mut vector) = numbers.pop().unwrap();
        if missing.unsigned_abs() >= largest {
            let times = (missing.unsigned_abs() / largest) as i64 * missing.signum() as i64;
            missing -= i128::from(times) * largest.cast_signed();
            small.iter_mut().zip(&vector).for_each(|(small, v)| *small += times * v);
        }
        let (second, minus) = numbers.peek().unwrap();
        let less = largest - second;
        vector.iter_mut().zip(minus).for_each(|(plus, minus)| *plus -= minus);
        numbers.push((less, vector));
    }
    small
}

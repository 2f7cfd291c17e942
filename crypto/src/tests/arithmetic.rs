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

/// Small integers with the same Σγ_t·y_t: the multiple of γ that is nearest to y, rounded, and what is then missing of the
/// sum.
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
    let made_up = made_of(gamma, missing.unwrap());
    small.iter_mut().zip(made_up).for_each(|(small, more)| *small += more);
    small
}

/// Small integers v with Σγ_t·v_t = `missing`: of short combinations of the γ_t that are ever smaller numbers, each the
/// difference of two before it.
fn made_of(gamma: &[u128], mut missing: i128) -> Vec<i64> {
    let mut small = vec![0; gamma.len()];
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

/// The representative of a scalar that is nearest to 0, roughly.
fn nearest(value: &Scalar) -> f64 {
    let size = |value: &Scalar| {
        value.as_bytes().iter().rev().fold(0.0, |size, byte| size * 256.0 + f64::from(*byte))
    };
    let [above, below] = [size(value), size(&-value)];
    if above <= below { above } else { -below }
}

/// Integers F_j in [0, 2^120) with Σω_j·F_j = `total` modulo ℓ.
pub(super) fn sums_with_total(omega: &[u128], total: Scalar) -> Vec<u128> {
    let weights: Vec<_> = omega.iter().map(|omega| Scalar::from(*omega)).collect();
    let all: f64 = omega.iter().map(|omega| *omega as f64).sum();
    // Around 2^119, one for all, ever nearer to the total; then a few of the first more or less.
    let mut common = 1i128 << 119;
    let missing = |common: i128, extra: i128| {
        let common = Scalar::from(common.cast_unsigned());
        let extra_size = Scalar::from(extra.unsigned_abs());
        let extra = if extra < 0 { -extra_size } else { extra_size };
        total - common * weights.iter().sum::<Scalar>() - extra * weights[0]
    };
    while nearest(&missing(common, 0)).abs() > all {
        common += (nearest(&missing(common, 0)) / all).round() as i128;
    }
    let extra = (nearest(&missing(common, 0)) / omega[0] as f64).round() as i128;
    let missing = missing(common, extra);
    let size = |value: &Scalar| i128::from_le_bytes(*value.as_bytes().first_chunk().unwrap());
    let missing = if nearest(&missing) < 0.0 { -size(&-missing) } else { size(&missing) };
    let mut sums: Vec<_> =
        made_of(omega, missing).into_iter().map(|more| common + i128::from(more)).collect();
    sums[0] += extra;
    sums.into_iter().map(i128::cast_unsigned).collect()
}

/// What is orthogonal to two vectors of three.
pub(super) fn between(a: &[Scalar; 3], b: &[Scalar; 3]) -> [Scalar; 3] {
    [0, 1, 2].map(|i| {
        let [j, k] = [(i + 1) % 3, (i + 2) % 3];
        a[j] * b[k] - a[k] * b[j]
    })
}

/// Remainder of a polynomial, lowest coefficient first, by another.
fn remainder(mut value: Vec<Scalar>, by: &[Scalar]) -> Vec<Scalar> {
    let inverse = by.last().unwrap().invert();
    while value.len() >= by.len() {
        let factor = value.last().unwrap() * inverse;
        let start = value.len() - by.len();
        value[start..].iter_mut().zip(by).for_each(|(value, by)| *value -= factor * by);
        value.pop();
    }
    while value.last() == Some(&Scalar::ZERO) {
        value.pop();
    }
    value
}

pub(super) fn product(left: &[Scalar], right: &[Scalar]) -> Vec<Scalar> {
    let mut product = vec![Scalar::ZERO; (left.len() + right.len()).max(1) - 1];
    for (i, left) in left.iter().enumerate() {
        product[i..].iter_mut().zip(right).for_each(|(sum, right)| *sum += left * right);
    }
    product
}

/// The root of a polynomial modulo ℓ, where it has one alone: what it has in common with x^ℓ − x.
pub(super) fn only_root(polynomial: &[Scalar]) -> Option<Scalar> {
    let x = [Scalar::ZERO, Scalar::ONE];
    // ℓ is the number after −1.
    let exponent = -Scalar::ONE;
    let mut power = vec![Scalar::ONE];
    for bit in (0..256).rev() {
        power = remainder(product(&power, &power), polynomial);
        if exponent.as_bytes()[bit / 8] >> (bit % 8) & 1 == 1 {
            power = remainder(product(&power, &x), polynomial);
        }
    }
    power = product(&power, &x);
    power.resize(power.len().max(2), Scalar::ZERO);
    power[1] -= Scalar::ONE;
    let mut larger = polynomial.to_vec();
    let mut smaller = remainder(power, polynomial);
    while !smaller.is_empty() {
        let next = remainder(larger, &smaller);
        larger = std::mem::replace(&mut smaller, next);
    }
    let [constant, slope] = larger.try_into().ok()?;
    Some(-constant * slope.invert())
}

/// factor·Π_c (v − c), where v is a polynomial itself.
pub(super) fn of_digits(factor: Scalar, v: &[Scalar]) -> Vec<Scalar> {
    (0..16u64).fold(vec![factor], |whole, c| {
        let mut linear = v.to_vec();
        linear[0] -= Scalar::from(c);
        product(&whole, &linear)
    })
}

/// Sixteen numbers, all digits but the first, with Σχ_i·Π_c (v_i − c) + Σ16^i·v_i = `rest`.
pub(super) fn digit_that_makes(chi: &[Scalar], rest: Scalar) -> Vec<Scalar> {
    let first = (0u64..16).find_map(|second| {
        let mut polynomial = of_digits(chi[0], &[Scalar::ZERO, Scalar::ONE]);
        polynomial[0] += Scalar::from(16 * second) - rest;
        polynomial[1] += Scalar::ONE;
        Some((only_root(&polynomial)?, second))
    });
    let (first, second) = first.unwrap();
    let mut digits = vec![Scalar::ZERO; 16];
    (digits[0], digits[1]) = (first, Scalar::from(second));
    digits
}

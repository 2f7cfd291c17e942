//! The ring Z_q[X]/(X^2048 + 1), q = 2^32 − 12,287, and its number-theoretic transform.
//!
//! q is the largest prime below 2^32 that is 1 modulo 4,096, so that X^2048 + 1 splits: with ψ of order 4,096, place i of a
//! transform is the value at ψ^(2·rev(i)+1), rev the reversal of 11 bits. Products are made place by place.
//!
//! Factors that are known beforehand come with ⌊factor·2^64/q⌋ (Shoup): a product modulo q is then three multiplications of
//! 64 bits, of any number below 2^64, and nothing has to be reduced on the way. In scalar code these are faster than eight
//! lanes of 32 bits that must be reduced after every step. No branch and no address depends on a value.

use std::sync::OnceLock;

/// q.
pub(crate) const Q: u64 = 4_294_955_009;
/// The degree of the ring: coefficients of an element.
pub(crate) const DEGREE: usize = 2048;
/// ψ = 3^((q−1)/4096), of order 4,096.
const PSI: u64 = 3_199_275_160;
/// ⌊2^64/q⌋.
const BARRETT: u64 = (((1u128) << 64) / Q as u128) as u64;

/// An element of the ring, or its transform.
pub(crate) type Element = [u64; DEGREE];

/// A public factor with ⌊factor·2^64/q⌋.
#[derive(Clone, Copy)]
struct Factor {
    value: u64,
    quotient: u64,
}

impl Factor {
    const fn new(value: u64) -> Self {
        Self { value, quotient: (((value as u128) << 64) / Q as u128) as u64 }
    }

    /// The product modulo q, below q + 2^14 where the number is below 2^46.
    #[inline(always)]
    fn times(self, number: u64) -> u64 {
        let product = self.value.wrapping_mul(number);
        product.wrapping_sub(high(self.quotient, number).wrapping_mul(Q))
    }
}

/// The roots by which the layers multiply: ψ^rev(k) and its inverse, k = 1, 2, …; and 1/2048.
struct Roots {
    forward: Vec<Factor>,
    inverse: Vec<Factor>,
    shrink: Factor,
}

fn roots() -> &'static Roots {
    static ROOTS: OnceLock<Roots> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let reversed = |k: usize| u64::from((k as u16).reverse_bits() >> (16 - DEGREE.ilog2()));
        let table = |psi| (0..DEGREE).map(|k| Factor::new(power(psi, reversed(k)))).collect();
        Roots {
            forward: table(PSI),
            inverse: table(power(PSI, Q - 2)),
            shrink: Factor::new(power(DEGREE as u64, Q - 2)),
        }
    })
}

/// The upper half of a product.
#[inline(always)]
fn high(left: u64, right: u64) -> u64 {
    ((u128::from(left) * u128::from(right)) >> 64) as u64
}

/// base^exponent modulo q, for public numbers.
fn power(base: u64, exponent: u64) -> u64 {
    let squares = std::iter::successors(Some(base), |square| Some(square * square % Q));
    let bits = (0..u64::BITS).map(|bit| exponent >> bit & 1);
    bits.zip(squares).fold(
        1,
        |product, (bit, square)| {
            if bit == 1 { product * square % Q } else { product }
        },
    )
}

/// A number congruent modulo q, below 2q.
#[inline(always)]
pub(crate) fn shorten(number: u64) -> u64 {
    number.wrapping_sub(high(BARRETT, number).wrapping_mul(Q))
}

/// The number modulo q, of one below 2q.
#[inline(always)]
pub(crate) fn finish(number: u64) -> u64 {
    let less = number.wrapping_sub(Q);
    // The sign as a mask: no branch.
    less.wrapping_add(Q & (less >> 63).wrapping_neg())
}

/// The number modulo q.
#[inline(always)]
pub(crate) fn reduce(number: u64) -> u64 {
    finish(shorten(number))
}

/// The signed number modulo q.
#[inline(always)]
pub(crate) fn residue(number: i64) -> u64 {
    // 2^31·q, a multiple of q that is larger than any |number| below 2^62.
    reduce(number.wrapping_add((Q << 30).cast_signed()).cast_unsigned())
}

/// The representative in (−q/2, q/2) of a residue.
#[inline(always)]
pub(crate) fn centred(residue: u64) -> i64 {
    let above = (Q / 2).wrapping_sub(residue) >> 63;
    residue.wrapping_sub(Q & above.wrapping_neg()).cast_signed()
}

/// The transform of an element whose coefficients are below 2^45; its places are below that and 23·q.
pub(crate) fn transform(element: &mut Element) {
    let roots = &roots().forward;
    let mut length = DEGREE / 2;
    while length >= 4 {
        let layer = roots.get(DEGREE / (2 * length)..).unwrap_or_default();
        for (block, root) in element.chunks_exact_mut(2 * length).zip(layer) {
            let (left, right) = block.split_at_mut(length);
            left.iter_mut().zip(right).for_each(|(left, right)| join(left, right, *root));
        }
        length /= 2;
    }
    // The last two layers at once: their blocks are too short for a loop of their own.
    let (_, upper) = roots.split_at(DEGREE / 4);
    let (of_fours, of_pairs) = upper.split_at(DEGREE / 4);
    let pairs = of_pairs.as_chunks::<2>().0;
    for (([a, b, c, d], root), [first, second]) in
        element.as_chunks_mut().0.iter_mut().zip(of_fours).zip(pairs)
    {
        join(a, c, *root);
        join(b, d, *root);
        join(a, b, *first);
        join(c, d, *second);
    }
}

/// (a, b) becomes (a + root·b, a − root·b).
#[inline(always)]
fn join(left: &mut u64, right: &mut u64, root: Factor) {
    let product = root.times(*right);
    *right = *left + 2 * Q - product;
    *left += product;
}

/// The element of a transform whose places are below 2q; its coefficients are reduced.
pub(crate) fn untransform(element: &mut Element) {
    let Roots { inverse: roots, shrink, .. } = roots();
    let (_, upper) = roots.split_at(DEGREE / 4);
    let (of_fours, of_pairs) = upper.split_at(DEGREE / 4);
    let pairs = of_pairs.as_chunks::<2>().0;
    for (([a, b, c, d], root), [first, second]) in
        element.as_chunks_mut().0.iter_mut().zip(of_fours).zip(pairs)
    {
        split(a, b, *first);
        split(c, d, *second);
        split(a, c, *root);
        split(b, d, *root);
    }
    let mut length = 4;
    while length < DEGREE {
        let layer = roots.get(DEGREE / (2 * length)..).unwrap_or_default();
        for (block, root) in element.chunks_exact_mut(2 * length).zip(layer) {
            let (left, right) = block.split_at_mut(length);
            left.iter_mut().zip(right).for_each(|(left, right)| split(left, right, *root));
        }
        length *= 2;
    }
    element.iter_mut().for_each(|place| *place = finish(shrink.times(*place)));
}

/// (a, b) becomes (a + b, (a − b)·root). Sums double in each of eleven layers: they stay below 2^12·q.
#[inline(always)]
fn split(left: &mut u64, right: &mut u64, root: Factor) {
    let difference = *left + (Q << 12) - *right;
    *left += *right;
    *right = root.times(difference);
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;

    fn random(rng: &mut ChaCha20Rng) -> Element {
        std::array::from_fn(|_| rng.next_u64() % Q)
    }

    /// The product in the ring by definition.
    fn schoolbook(left: &Element, right: &Element) -> Vec<u64> {
        let mut product = vec![0u64; DEGREE];
        for (i, left) in left.iter().enumerate() {
            for (j, right) in right.iter().enumerate() {
                let term = left * right % Q;
                let place = &mut product[(i + j) % DEGREE];
                *place = if i + j < DEGREE { *place + term } else { *place + Q - term } % Q;
            }
        }
        product
    }

    #[test]
    fn the_modulus_is_the_largest_prime_below_two_to_the_32_that_is_one_modulo_4096() {
        let is_prime = |n: u64| (2..).take_while(|i| i * i <= n).all(|i| !n.is_multiple_of(i));
        let candidates = (1..).map(|k| (1 << 32) - 4096 * k + 1);
        assert_eq!(candidates.into_iter().find(|n| is_prime(*n)), Some(Q));
        assert_eq!(PSI, power(3, (Q - 1) / 4096));
        assert_eq!(power(PSI, 2048), Q - 1, "the order of ψ is 4,096");
    }

    #[test]
    fn products_by_transform_are_those_of_the_schoolbook() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let largest = [Q - 1; DEGREE];
        let mut single = [0; DEGREE];
        single[DEGREE - 1] = Q - 1;
        for (left, right) in [
            (random(&mut rng), random(&mut rng)),
            (largest, largest),
            (largest, single),
            (single, random(&mut rng)),
        ] {
            let expected = schoolbook(&left, &right);
            let [mut product, mut other] = [left, right];
            transform(&mut product);
            transform(&mut other);
            for (place, other) in product.iter_mut().zip(&other) {
                *place = shorten(reduce(*place) * reduce(*other));
            }
            untransform(&mut product);
            assert_eq!(product.as_slice(), expected);
        }
    }

    #[test]
    fn a_place_of_the_transform_is_the_value_at_an_odd_power_of_the_root() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let element = random(&mut rng);
        let mut places = element;
        transform(&mut places);
        for place in [0, 1, 2, 5, 1024, 2047] {
            let reversed = (place as u16).reverse_bits() >> 5;
            let point = power(PSI, u64::from(2 * reversed + 1));
            let value = element.iter().rev().fold(0, |sum, c| (sum * point + c) % Q);
            assert_eq!(reduce(places[place]), value, "place {place}");
        }
    }

    #[test]
    fn a_transform_takes_numbers_that_are_not_reduced_and_its_inverse_gives_their_residues() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for mask in [(1 << 32) - 1, (1 << 45) - 1] {
            let mut element: Element = std::array::from_fn(|_| rng.next_u64() & mask);
            element[7] = mask;
            let expected: Vec<u64> = element.iter().map(|c| c % Q).collect();
            transform(&mut element);
            assert!(element.iter().all(|place| *place <= mask + 23 * Q));
            element.iter_mut().for_each(|place| *place = shorten(*place));
            untransform(&mut element);
            assert_eq!(element.as_slice(), expected);
        }
    }

    #[test]
    fn residues_are_right_at_every_edge() {
        for number in [0, 1, Q - 1, Q, Q + 1, 2 * Q - 1, 2 * Q, (Q - 1) * (Q - 1), u64::MAX] {
            assert!(shorten(number) < 2 * Q);
            assert_eq!(reduce(number), number % Q, "{number}");
        }
        let half = (Q / 2).cast_signed();
        for number in [0, 1, -1, half, -half, half - 1, 1 << 61, -(1 << 61)] {
            let expected = number.rem_euclid(Q.cast_signed()).cast_unsigned();
            assert_eq!(residue(number), expected, "{number}");
        }
        for number in [0, 1, -1, half, -half] {
            assert_eq!(centred(residue(number)), number);
        }
    }
}

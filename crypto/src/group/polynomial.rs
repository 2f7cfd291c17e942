//! Polynomials over the scalars, as sharings have them: values at places 1, 2, …, the secret at 0.

use curve25519_dalek::scalar::Scalar;
use zeroize::Zeroizing;

/// f(x) by Horner's rule, from the coefficients of f in ascending order; in constant time in all but their number.
pub fn evaluate(coefficients: &[Scalar], x: u32) -> Scalar {
    let x = Scalar::from(x);
    coefficients.iter().rev().fold(Scalar::ZERO, |sum, coefficient| sum * x + coefficient)
}

/// A polynomial of this degree whose constant is given and whose other coefficients are drawn.
pub fn random(
    constant: Scalar,
    degree: usize,
    draw: impl FnMut() -> Scalar,
) -> Zeroizing<Vec<Scalar>> {
    // Never grown, which would leave copies behind.
    let mut coefficients = Zeroizing::new(Vec::with_capacity(degree + 1));
    coefficients.push(constant);
    coefficients.extend(std::iter::repeat_with(draw).take(degree));
    coefficients
}

/// 1, x, …, x^(count−1).
pub(crate) fn powers(x: u32, count: usize) -> Vec<Scalar> {
    let x = Scalar::from(x);
    std::iter::successors(Some(Scalar::ONE), |power| Some(power * x)).take(count).collect()
}

/// λ_i = Π (x − j)/(i − j) over the other places j: f(x) = Σ λ_i·f(i) for every f of smaller degree than there are places.
/// The places are distinct.
pub fn lagrange(places: &[u32], x: u32) -> Vec<Scalar> {
    let x = Scalar::from(x);
    let mut factors: Vec<Scalar> = places
        .iter()
        .map(|place| others(place, places).map(|other| Scalar::from(*place) - other).product())
        .collect();
    // One inversion for all of them.
    Scalar::invert_batch_alloc(&mut factors);
    for (factor, place) in factors.iter_mut().zip(places) {
        *factor *= others(place, places).map(|other| x - other).product::<Scalar>();
    }
    factors
}

/// For each power c, the factors of f(i) in f's coefficient of x^c. The places are distinct.
pub(crate) fn interpolation(places: &[u32]) -> Vec<Vec<Scalar>> {
    let bases: Vec<Vec<Scalar>> = places
        .iter()
        .map(|place| {
            // Π (X − j)/(i − j), multiplied out.
            let mut product = vec![Scalar::ONE];
            for other in others(place, places) {
                let scale = (Scalar::from(*place) - other).invert();
                let shifted = std::iter::once(Scalar::ZERO).chain(product.iter().copied());
                let kept = product.iter().copied().chain(std::iter::once(Scalar::ZERO));
                product = shifted
                    .zip(kept)
                    .map(|(shifted, kept)| (shifted - kept * other) * scale)
                    .collect();
            }
            product
        })
        .collect();
    let power =
        |c: usize| bases.iter().map(|base| base.get(c).copied().unwrap_or_default()).collect();
    (0..places.len()).map(power).collect()
}

fn others<'a>(place: &u32, places: &'a [u32]) -> impl Iterator<Item = Scalar> + 'a {
    let place = *place;
    places.iter().filter(move |other| **other != place).map(|other| Scalar::from(*other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_give_the_coefficients_back_and_the_value_anywhere() {
        let f: Vec<Scalar> = [7u64, 0, 5, 11].map(Scalar::from).to_vec();
        let places = [9, 2, 4, 1];
        let values = places.map(|place| evaluate(&f, place));
        let inner = |factors: &[Scalar]| {
            factors.iter().zip(values).map(|(factor, value)| factor * value).sum()
        };
        let coefficients: Vec<Scalar> =
            interpolation(&places).iter().map(|factors| inner(factors)).collect();
        assert_eq!(coefficients, f);
        for x in [0, 1, 3, 200] {
            let value: Scalar = inner(&lagrange(&places, x));
            assert_eq!(value, evaluate(&f, x), "at {x}");
            let by_powers: Scalar =
                powers(x, f.len()).iter().zip(&f).map(|(power, c)| power * c).sum();
            assert_eq!(by_powers, value, "at {x}");
        }
        assert_eq!(evaluate(&f, 0), f[0]);
        assert!(interpolation(&[]).is_empty());
    }

    #[test]
    fn a_drawn_polynomial_never_moves_and_leaves_no_copy_behind() {
        let mut next = 0u64;
        let f = random(Scalar::ONE, 3, || {
            next += 2;
            Scalar::from(next)
        });
        assert_eq!(*f, [1u64, 2, 4, 6].map(Scalar::from));
        assert_eq!(f.capacity(), 4);
    }
}

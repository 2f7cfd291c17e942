//! The constants Γ and λ of a bound on the norm, where no sample reaches: tails of ‖Πx‖², exact or in the limit.

use std::collections::BTreeMap;

use crate::Bound;

/// The constants themselves, where no sample reaches: exact tails of χ²_N/2 and of one coordinate's binomial.
#[test]
fn the_constants_of_the_bound_leave_tails_of_the_stated_probabilities() {
    // log2 Σ exp(terms).
    let log2_sum = |terms: Vec<f64>| {
        let most = terms.iter().copied().fold(f64::MIN, f64::max);
        (most + terms.iter().map(|term| (term - most).exp()).sum::<f64>().ln())
            / std::f64::consts::LN_2
    };
    let ln_factorial = |n: u32| (2..=n).map(|i| f64::from(i).ln()).sum::<f64>();
    for (rows, gamma, lambda) in
        [(256u32, 232.0f64, 30.0f64), (512, 390.0, 98.0), (1024, 696.0, 268.0)]
    {
        // Pr[χ²_2k/2 > x] = e^-x Σ_{i<k} x^i/i!.
        let poisson = |x: f64, i: u32| f64::from(i) * x.ln() - x - ln_factorial(i);
        let upper = log2_sum((0..rows / 2).map(|i| poisson(gamma, i)).collect());
        let lower = log2_sum((rows / 2..rows).map(|i| poisson(lambda, i)).collect());
        let choose = |i: u32| ln_factorial(rows) - ln_factorial(i) - ln_factorial(rows - i);
        let few = (0..lambda as u32).map(|i| choose(i) - f64::from(rows) * std::f64::consts::LN_2);
        let one = log2_sum(few.collect());
        assert!(upper < -42.0 && lower < -130.0 && one < -128.9, "{rows}: {upper} {lower} {one}");
        // Pr[|y_t| > 5.83·‖x‖ for any t] ≤ N·2·φ(z)/z, y_t/‖x‖ being close to a normal variable of variance 1/2.
        let z = 5.83 * std::f64::consts::SQRT_2;
        let ln_density = -z * z / 2.0 - (2.0 * std::f64::consts::PI).ln() / 2.0;
        let wide = ((2.0 * f64::from(rows) / z).ln() + ln_density) / std::f64::consts::LN_2;
        assert!(wide < -42.0, "{rows}: {wide}");
        assert_eq!(
            (gamma / lambda).sqrt(),
            Bound::Norm { norm: 1, projections: rows as u16 }.slack()
        );
    }
}

/// log2 of the probability that ‖Πx‖² < λ·‖x‖² over N rows, enumerated: every value of a row's square with its
/// probability, and of the sum of the rows as far as the threshold. Nothing but sums of products of positive numbers, so
/// that even 2^-130 is exact to many digits.
fn lower_tail(x: &[i64], rows: u32, lambda: i64) -> f64 {
    let mut row = BTreeMap::from([(0i64, 1.0)]);
    for x in x {
        let mut longer = BTreeMap::new();
        for (sum, probability) in row {
            for (entry, share) in [(0, 0.5), (1, 0.25), (-1, 0.25)] {
                *longer.entry(sum + entry * x).or_insert(0.0) += probability * share;
            }
        }
        row = longer;
    }
    let mut squares = BTreeMap::new();
    for (y, probability) in row {
        *squares.entry((y * y) as usize).or_insert(0.0) += probability;
    }
    let threshold = (lambda * x.iter().map(|x| x * x).sum::<i64>()) as usize;
    let mut sums = vec![0.0; threshold];
    sums[0] = 1.0;
    for _ in 0..rows {
        let mut next = vec![0.0; threshold];
        for (square, probability) in &squares {
            let shifted = next.iter_mut().skip(*square);
            shifted.zip(&sums).for_each(|(next, sum): (&mut f64, &f64)| *next += probability * sum);
        }
        sums = next;
    }
    sums.iter().sum::<f64>().log2()
}

#[test]
fn short_vectors_that_the_limit_does_not_cover_pass_with_a_probability_below_2_to_the_minus_126() {
    let of = |x: &[i64]| lower_tail(x, 256, 30);
    // The binomial of one coordinate, known by its closed form.
    assert!((of(&[1]) + 128.985).abs() < 0.001, "{}", of(&[1]));
    // A small second coordinate is worse: thirty rows that see the first pass about every second time.
    let worst = of(&[60, 1]);
    assert!(worst > -127.0 && worst < -126.99, "{worst}");
    let vectors: [&[i64]; 8] =
        [&[1, 1], &[3, 2], &[10, 1], &[30, 1], &[50, 1], &[24, 1, 1], &[32, 1, 1], &[28, 1, 1, 1]];
    for x in vectors {
        let tail = of(x);
        assert!(tail < worst, "{x:?}: {tail}");
    }
    for (rows, lambda) in [(512, 98), (1024, 268)] {
        for x in [[1, 0], [10, 3], [20, 1]] {
            let tail = lower_tail(&x, rows, lambda);
            assert!(tail < -150.0, "{rows}, {x:?}: {tail}");
        }
    }
}

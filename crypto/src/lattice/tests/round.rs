//! Sums under a lattice mask are those of the updates.

use super::Lattice;

#[test]
fn the_sum_of_ten_is_exact_once_it_is_rounded() {
    for dimension in [1, 2047, 2049, 5000] {
        let mut lattice = Lattice::new(1, dimension, 10_000, 1024, 10);
        let updates: Vec<_> = (1..=10).map(|who| lattice.update(who)).collect();
        let sums = lattice.open(&updates);
        for (j, sum) in sums.iter().enumerate() {
            let plain: i64 = (1..=10).map(|who| lattice.federation.values(who)[j]).sum();
            let rounded = (sum + 512).div_euclid(1024);
            assert_eq!(rounded, plain, "parameter {j} of {dimension}");
        }
    }
}

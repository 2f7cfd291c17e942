//! How many owners, insurers and shops.

use serde::Serialize;

use crate::ExperimentError;

/// Most owners of a run: all of them follow the ledger in this one process.
const MOST_USERS: usize = 200;
/// Most insurers, and most shops.
const MOST_FIRMS: usize = 50;
/// Stages are timed for so many times the owners that are on sockets.
const TIMED: usize = 10;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InsuranceConfig {
    /// Car owners, each with a policy, a repair and a claim.
    pub users: usize,
    /// Insurers, among whom the owners are dealt.
    pub insurers: usize,
    /// Repair shops, likewise.
    pub shops: usize,
    /// Length of a policy and of a repair record, in bytes.
    pub record_bytes: usize,
}

impl InsuranceConfig {
    /// # Errors
    /// [`ExperimentError::Invalid`] naming the flag to change.
    pub fn new(
        users: usize,
        insurers: usize,
        shops: usize,
        record_bytes: usize,
    ) -> Result<Self, ExperimentError> {
        for (flag, value, most) in [
            ("--users", users, MOST_USERS),
            ("--insurers", insurers, MOST_FIRMS),
            ("--shops", shops, MOST_FIRMS),
            ("--record-bytes", record_bytes, 1 << 20),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ExperimentError::Invalid(format!(
                    "{flag} must be from 1 to {most}, got {value}"
                )));
            }
        }
        Ok(Self { users, insurers, shops, record_bytes })
    }

    /// Numbers of owners at which bytes are read off.
    #[must_use]
    pub fn counted(&self) -> Vec<usize> {
        steps(self.users)
    }

    /// Numbers of owners for whom the stages are timed.
    #[must_use]
    pub fn timed(&self) -> Vec<usize> {
        steps(self.users * TIMED)
    }
}

/// 1, 2, 5, 10, 20, 50 and so on, up to the last.
fn steps(last: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1usize), |power| power.checked_mul(10));
    let mut steps: Vec<_> = powers
        .take_while(|power| *power < last)
        .flat_map(|power| [power, 2 * power, 5 * power])
        .filter(|step| *step < last)
        .collect();
    steps.push(last);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_cannot_work_name_their_flag() {
        for (numbers, flag) in [
            ([0, 1, 1, 1], "--users"),
            ([201, 1, 1, 1], "--users"),
            ([1, 0, 1, 1], "--insurers"),
            ([1, 1, 51, 1], "--shops"),
            ([1, 1, 1, 0], "--record-bytes"),
        ] {
            let [users, insurers, shops, record] = numbers;
            let error = InsuranceConfig::new(users, insurers, shops, record).unwrap_err();
            assert!(error.to_string().contains(flag), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn a_curve_goes_from_one_owner_to_all_of_them() {
        assert_eq!(steps(1), [1]);
        assert_eq!(steps(20), [1, 2, 5, 10, 20]);
        assert_eq!(steps(30), [1, 2, 5, 10, 20, 30]);
        assert_eq!(*InsuranceConfig::new(3, 1, 1, 64).unwrap().timed().last().unwrap(), 30);
    }
}

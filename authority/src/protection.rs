//! A threshold of 1 protects nobody; whoever founds a run with one has to say so.

use clap::Args;

use crate::AuthorityError;

/// Whether a single institution may be able to open everyone's updates.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Take a threshold of 1, with which each member of the committee can open every single update by itself. For
    /// trials with two or three institutions, where nothing has to stay hidden.
    #[arg(long)]
    pub allow_threshold_one: bool,
}

impl Protection {
    /// Refuses a first committee of `institutions` whose updates one member alone could open.
    ///
    /// # Errors
    /// [`AuthorityError::Unprotected`], naming the flag and what to do.
    pub fn check_founding(
        self,
        institutions: u32,
        threshold: u32,
        min_threshold: u32,
    ) -> Result<(), AuthorityError> {
        self.check("--threshold", threshold, || match institutions {
            0..4 => format!(
                "{institutions} institutions allow no larger one (n ≥ 3t − 2): have four or more"
            ),
            _ => "give 2 or more, or leave it out".to_owned(),
        })?;
        self.check("--min-threshold", min_threshold, || {
            "the key could be passed on to such a committee: give 2 or more, or leave it out"
                .to_owned()
        })
    }

    /// Refuses a later committee of `members` in which one alone could open updates.
    ///
    /// # Errors
    /// [`AuthorityError::Unprotected`].
    pub fn check_committee(self, members: usize, threshold: u32) -> Result<(), AuthorityError> {
        self.check("--threshold", threshold, || match members {
            0..4 => {
                format!("{members} members allow no larger one (n ≥ 3t − 2): name four or more")
            }
            _ => "give 2 or more, or leave it out".to_owned(),
        })
    }

    fn check(
        self,
        flag: &'static str,
        threshold: u32,
        advice: impl FnOnce() -> String,
    ) -> Result<(), AuthorityError> {
        // 0 is no threshold at all, and refused as such.
        if threshold == 1 && !self.allow_threshold_one {
            return Err(AuthorityError::Unprotected { flag, advice: advice() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Protection = Protection { allow_threshold_one: false };
    const LAX: Protection = Protection { allow_threshold_one: true };

    #[test]
    fn a_threshold_of_1_is_refused_with_the_reason_and_what_to_do_unless_it_is_asked_for() {
        for institutions in [1, 2, 3] {
            let error = STRICT.check_founding(institutions, 1, 1).unwrap_err().to_string();
            assert!(error.starts_with("--threshold is 1: each member"), "{error}");
            assert!(error.contains("have four or more") && error.contains("--allow-threshold-one"));
            LAX.check_founding(institutions, 1, 1).unwrap();
        }
        let error = STRICT.check_founding(10, 1, 1).unwrap_err().to_string();
        assert!(error.contains("give 2 or more"), "{error}");
        STRICT.check_founding(4, 2, 2).unwrap();
    }

    #[test]
    fn nor_can_the_key_be_passed_on_to_a_threshold_of_1_unless_it_is_asked_for() {
        let error = STRICT.check_founding(10, 4, 1).unwrap_err().to_string();
        assert!(
            error.starts_with("--min-threshold is 1") && error.contains("passed on"),
            "{error}"
        );
        LAX.check_founding(10, 4, 1).unwrap();
        let error = STRICT.check_committee(3, 1).unwrap_err().to_string();
        assert!(error.contains("name four or more"), "{error}");
        STRICT.check_committee(4, 2).unwrap();
        LAX.check_committee(3, 1).unwrap();
    }
}

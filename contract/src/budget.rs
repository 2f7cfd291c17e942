//! What the closed steps have cost every institution, and whether the budget affords another one.
//!
//! The noise that counts in a sum is that of the institutions which nobody who opens it can subtract: with a threshold t,
//! h = min_updates − (t − 1) of them. So a step costs what the committee that answers for it makes it cost: more under a
//! larger t, less under a smaller one. All of it follows from the chain's signed orders, in integers.

use consilium_privacy::{Spent, Thousandths};

use crate::{
    keygen::{Holder, Succession},
    parameters::{Parameters, honest_shares},
};

impl Parameters {
    /// Whether the run is finished after `step` closed steps: all of them are made, or the privacy budget does not afford
    /// the committee that holds the key another one. While another committee is to be made before that step, this is not
    /// decided: the step is that one's.
    pub fn is_over(&self, step: u64, succession: &Succession) -> bool {
        if step >= self.steps {
            return true;
        }
        !succession.is_asked_for(step) && !self.affords_a_step(succession)
    }

    /// Whether the privacy budget affords the committee that holds the key another step.
    pub(crate) fn affords_a_step<C: Holder>(&self, succession: &Succession<C>) -> bool {
        let Some(privacy) = &self.privacy else { return true };
        let Some(Ok(shape)) = succession.committee().map(|committee| committee.shape()) else {
            return true;
        };
        let honest = honest_shares(self.min_updates, shape.threshold());
        privacy.affordable(&self.spent(succession), honest) > 0
    }

    /// ε that the closed steps have cost each institution, where there is noise.
    pub fn epsilon(&self, succession: &Succession) -> Option<Thousandths> {
        self.privacy.as_ref().map(|privacy| privacy.epsilon(&self.spent(succession)))
    }

    /// What the closed steps have cost each institution, and how many the budget affords the committee that holds the
    /// key, in words, where there is noise.
    pub fn describe_privacy(&self, succession: &Succession) -> Option<String> {
        let threshold =
            succession.committee().map_or(self.threshold, |committee| committee.threshold());
        let honest = honest_shares(self.min_updates, threshold);
        self.privacy.as_ref().map(|privacy| privacy.describe(&self.spent(succession), honest))
    }

    fn spent<C: Holder>(&self, succession: &Succession<C>) -> Spent {
        let answered = succession.answered().iter();
        answered
            .map(|(threshold, steps)| (honest_shares(self.min_updates, *threshold), *steps))
            .collect()
    }
}

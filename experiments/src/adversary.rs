//! The poisoned update: what the institution would honestly send, sign-flipped and scaled by ten.

use consilium_client::learning::{LearningError, LocalUpdate, Trainer};
use consilium_crypto::QuantisedUpdate;

/// Factor between the honest and the poisoned update.
pub const POISON: i8 = -10;

/// A malicious institution: trains honestly, sends −10 times its quantised update. What then lies outside the bounds
/// cannot be proven.
pub struct Poisoner<T> {
    honest: T,
}

impl<T: Trainer> Poisoner<T> {
    /// Poisons the updates of `honest`.
    pub fn new(honest: T) -> Self {
        Self { honest }
    }
}

impl<T: Trainer> Trainer for Poisoner<T> {
    fn local_update(&mut self, step: u64, global: &[f32]) -> Result<LocalUpdate, LearningError> {
        let mut update = self.honest.local_update(step, global)?;
        let poisoned = update.quantised.as_slice().iter().map(|q| q * i64::from(POISON)).collect();
        update.quantised = QuantisedUpdate::unchecked(poisoned, update.quantised.bound());
        Ok(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Choice;
    use crate::federation::load_dataset;
    use crate::{Federation, ReplayConfig};

    #[test]
    fn a_poisoned_update_is_minus_ten_times_the_honest_one_and_leaves_the_bounds() {
        let config = ReplayConfig::resolve(Choice::default(), 768).unwrap();
        let federation = Federation::new(&config, &load_dataset("pima").unwrap()).unwrap();
        let mut honest = federation.trainers().unwrap().remove(0);
        let mut poisoner = Poisoner::new(federation.trainers().unwrap().remove(0));
        let good = honest.local_update(1, &federation.initial).unwrap();
        let bad = poisoner.local_update(1, &federation.initial).unwrap();
        assert!(good.quantised.as_slice().iter().zip(bad.quantised.as_slice()).all(|(good, bad)| *bad == -10 * good));
        assert!(bad.quantised.as_slice().iter().any(|q| q.abs() > 127));
        assert_eq!(good.model, bad.model);
    }
}

//! The poisoned update: what the institution would honestly send, sign-flipped and scaled by ten.

use consilium_client::prepare::{Preparation, PrepareError, Prepared};
use consilium_crypto::QuantisedUpdate;

/// Factor between the honest and the poisoned update.
pub const POISON: i8 = -10;

/// A malicious institution: trains honestly, sends −10 times its quantised update. What then lies outside the bound
/// cannot be proven: under a bound on parameters wherever one of them was above c/10, under a bound on the norm wherever
/// the honest update was longer than about c/7 (the proofs of a vector of 1.35·B still hold half of the time, those of
/// 1.5·B hardly ever). A shorter one is judged as what it then is, an update within the bound, and is accepted.
pub struct Poisoner<P> {
    honest: P,
}

impl<P: Preparation> Poisoner<P> {
    /// Poisons what `honest` prepares.
    pub fn new(honest: P) -> Self {
        Self { honest }
    }
}

impl<P: Preparation> Preparation for Poisoner<P> {
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError> {
        let mut update = self.honest.prepare(step, global, local)?;
        let poisoned = update.quantised.as_slice().iter().map(|q| q * i64::from(POISON)).collect();
        update.quantised = QuantisedUpdate::unchecked(poisoned, update.quantised.bound());
        Ok(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{Choice, Federation, ReplayConfig, load_dataset};
    use consilium_authority::{BoundChoice, BoundKind};
    use consilium_client::prepare::Participant;
    use consilium_crypto::Bound;

    #[test]
    fn a_poisoned_update_is_minus_ten_times_the_honest_one_and_leaves_either_bound() {
        for bound in [BoundKind::Parameter, BoundKind::Norm] {
            let dataset = load_dataset("pima").unwrap();
            let choice = Choice {
                bound: BoundChoice { bound, ..BoundChoice::default() },
                ..Choice::default()
            };
            let config = ReplayConfig::resolve(choice, &dataset).unwrap();
            let federation = Federation::new(&config, &dataset).unwrap();
            let mut honest = federation.participants().unwrap().remove(0);
            let Participant { trainer, preparation, .. } =
                federation.participants().unwrap().remove(0);
            let mut poisoner = Participant::new(trainer, Poisoner::new(preparation));
            let good = honest.local_update(1, &federation.initial).unwrap();
            let bad = poisoner.local_update(1, &federation.initial).unwrap();
            let good_values = good.quantised.as_slice();
            let values = bad.quantised.as_slice();
            assert!(good_values.iter().zip(values).all(|(good, bad)| *bad == -10 * good));
            match config.bound {
                Bound::Parameter { .. } => assert!(values.iter().any(|q| q.abs() > 127)),
                // Longer even than what is proven.
                Bound::Norm { norm, .. } => {
                    let length = (values.iter().map(|q| q * q).sum::<i64>() as f64).sqrt();
                    assert!(length > config.bound.slack() * f64::from(norm), "{length}");
                }
            }
            assert_eq!(good.model, bad.model);
        }
    }
}

//! A malicious institution as a [`Preparation`]: it can stand in the simulation and in the encrypted federation alike.

use consilium_client::prepare::{Participant, Preparation, PrepareError, Prepared, difference};
use consilium_crypto::quantise::unit;
use consilium_crypto::{Bound, QuantiseError, QuantisedUpdate, Quantiser};
use consilium_learning::{LearningError, LocalTrainer, generator};

use super::attacks::{Attack, Delivery, Limit, gaussian, length};
use super::backdoor::{Trigger, flipped};
use crate::ExperimentError;
use crate::replay::Federation;

/// Factor of [`Attack::Scaling`].
const SCALING: f64 = -10.0;
/// How far beyond c [`Attack::AtBound`] goes where no bound is.
const UNBOUNDED: f64 = 10.0;
/// Standard deviation of [`Attack::Noise`] over the root mean square of the honest update.
const NOISE: f64 = 10.0;

/// Makes the updates of one malicious institution. It knows its weight ω, and the bound that it is held against.
pub struct Attacker {
    attack: Attack,
    delivery: Delivery,
    trainer: LocalTrainer,
    /// ω: bounds are on x = ω·Δ.
    weight: f64,
    /// Where there is no bound, that on every parameter.
    limit: Limit,
    /// Its share of the bound.
    own: Bound,
    summands: u32,
    /// n/m.
    boost: f64,
    seed: u64,
    institution: u64,
}

impl Attacker {
    /// Institution `institution` of `federation` as one of its malicious ones.
    ///
    /// # Errors
    /// [`ExperimentError::Quantise`], [`ExperimentError::Learning`] for numbers that cannot work.
    pub fn new(
        federation: &Federation,
        institution: usize,
        (attack, delivery): (Attack, Delivery),
        limit: Limit,
    ) -> Result<Self, ExperimentError> {
        let own = federation.tables.get(institution).zip(federation.weights.get(institution));
        let Some((table, &weight)) = own else {
            let n = federation.tables.len();
            let k = institution;
            return Err(ExperimentError::Invalid(format!("institution {k} of {n} cannot attack")));
        };
        let table = match attack {
            Attack::LabelFlip => flipped(table),
            Attack::Backdoor | Attack::Replacement => {
                Trigger::choose(&federation.tables).poisoned(table)
            }
            Attack::None | Attack::SignFlip | Attack::Scaling | Attack::Noise | Attack::AtBound => {
                table.clone()
            }
        };
        let config = &federation.config;
        let n = federation.tables.len();
        let summands = u32::try_from(n).unwrap_or(u32::MAX);
        let architecture = federation.architecture.clone();
        let local = config.local.clone();
        let place = institution;
        let institution = institution as u64;
        Ok(Self {
            trainer: LocalTrainer::new(architecture, table, local, config.seed, institution)?,
            boost: n as f64 / federation.malicious.len().max(1) as f64,
            seed: config.seed,
            attack,
            delivery,
            weight,
            own: federation.own_bound(limit.bound, place),
            limit,
            summands,
            institution,
        })
    }

    /// It, and what trains for it.
    pub fn participant(self) -> Participant {
        Participant::new(self.trainer.clone(), self)
    }

    /// x, what the attack would have added to the sum Σω·Δ (`[d]`), before any bound.
    fn wanted(&self, step: u64, global: &[f32], local: &[f32]) -> Vec<f64> {
        let mut x: Vec<f64> =
            difference(local, global).iter().map(|&v| self.weight * f64::from(v)).collect();
        let d = x.len() as f64;
        match self.attack {
            Attack::None | Attack::LabelFlip | Attack::Backdoor => {}
            Attack::SignFlip => x.iter_mut().for_each(|x| *x = -*x),
            Attack::Scaling => x.iter_mut().for_each(|x| *x *= SCALING),
            Attack::Replacement => x.iter_mut().for_each(|x| *x *= self.boost),
            Attack::Noise => {
                let deviation = NOISE * length(x.iter().copied()) / d.sqrt();
                x = gaussian("attack noise", self.seed, &[self.institution, step], x.len());
                x.iter_mut().for_each(|x| *x *= deviation);
            }
            Attack::AtBound => {
                let clip = f64::from(self.limit.clip);
                let each = match (self.delivery, self.limit.bound) {
                    (Delivery::Naive, _) => UNBOUNDED * clip,
                    (_, Bound::Norm { .. }) => clip / d.sqrt(),
                    _ => clip,
                };
                x.iter_mut().for_each(|x| *x = -each * x.signum());
            }
        }
        x
    }

    /// Δ in floats, as plain averaging takes it: weighted by ω it is x.
    ///
    /// # Errors
    /// [`LearningError::NonFinite`] once training has diverged.
    pub fn plain_update(&self, step: u64, global: &[f32]) -> Result<Vec<f32>, LearningError> {
        let local = self.trainer.fit(step, global)?;
        let x = self.wanted(step, global, &local);
        Ok(x.iter().map(|x| (x / self.weight) as f32).collect())
    }

    /// x as integers. Against the bound ω plays no part any more: it is in x.
    fn delivered(&self, step: u64, x: &[f64]) -> Result<QuantisedUpdate, QuantiseError> {
        let Limit { bound, clip } = self.limit;
        let values = match (self.delivery, self.own) {
            (Delivery::Bounded, _) => {
                let floats: Vec<f32> = x.iter().map(|&x| x as f32).collect();
                let mut rounding =
                    generator("attack rounding", self.seed, &[self.institution, step]);
                return Ok(Quantiser::new(bound, clip, 1.0, self.summands)?
                    .within(self.own)
                    .quantise(&floats, &mut rounding)?
                    .0);
            }
            (Delivery::Tried | Delivery::Slack, Bound::Norm { norm, .. }) => {
                // Truncated toward zero, it gets no longer.
                let most = self.delivery.stretch(bound).unwrap_or(1.0) * f64::from(norm);
                let scale = most / length(x.iter().copied()).max(f64::MIN_POSITIVE);
                x.iter().map(|x| (x * scale) as i64).collect()
            }
            (Delivery::Naive | Delivery::Tried | Delivery::Slack, _) => {
                let unit = unit(bound, clip, x.len())?;
                x.iter().map(|x| (x / unit).round() as i64).collect()
            }
        };
        Ok(QuantisedUpdate::unchecked(values, self.own))
    }
}

impl Preparation for Attacker {
    fn prepare(
        &mut self,
        step: u64,
        global: &[f32],
        local: &[f32],
    ) -> Result<Prepared, PrepareError> {
        let x = self.wanted(step, global, local);
        Ok(Prepared { quantised: self.delivered(step, &x)?, clipped_share: 0.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Defence;
    use crate::attack::config::test_federation as federation;

    /// An update of a malicious institution, and its share of the bound.
    fn update(attack: Attack, delivery: Delivery, defence: Defence) -> (QuantisedUpdate, Limit) {
        let (federation, limits) = federation(2);
        let limit = limits.of(defence);
        let attacker =
            Attacker::new(&federation, federation.malicious[0], (attack, delivery), limit);
        let mut participant = attacker.unwrap().participant();
        let update = participant.local_update(1, &federation.initial).unwrap().quantised;
        let own = federation.own_bound(limit.bound, federation.malicious[0]);
        assert_eq!(update.bound(), own);
        (update, Limit { bound: own, ..limit })
    }

    fn norm_of(update: &QuantisedUpdate) -> f64 {
        length(update.as_slice().iter().map(|&q| q as f64))
    }

    #[test]
    fn every_cut_update_could_be_an_honest_one_and_naive_strong_ones_are_refused() {
        for defence in [Defence::Parameter, Defence::Norm] {
            for attack in Attack::ALL {
                for &delivery in attack.deliveries(defence) {
                    let (update, limit) = update(attack, delivery, defence);
                    let is_honest =
                        QuantisedUpdate::new(update.as_slice().to_vec(), limit.bound).is_ok();
                    let case = format!("{attack:?} {delivery:?} {defence:?}");
                    match delivery {
                        Delivery::Bounded => assert!(is_honest, "{case}"),
                        Delivery::Tried | Delivery::Slack => {
                            assert!(!is_honest && limit.admits(update.as_slice()), "{case}")
                        }
                        Delivery::Naive if attack == Attack::Replacement => {}
                        Delivery::Naive => assert!(!limit.admits(update.as_slice()), "{case}"),
                    }
                }
            }
        }
    }

    #[test]
    fn at_the_bound_means_every_coordinate_or_the_whole_norm_and_slack_more_than_twice_that() {
        let (update, limit) = update(Attack::AtBound, Delivery::Bounded, Defence::Parameter);
        assert!(update.as_slice().iter().all(|q| q.unsigned_abs() == limit.bound.reach()));
        for (delivery, times) in
            [(Delivery::Bounded, 1.0), (Delivery::Tried, 1.69), (Delivery::Slack, 2.78)]
        {
            let (update, limit) = self::update(Attack::AtBound, delivery, Defence::Norm);
            let Bound::Norm { norm, .. } = limit.bound else { panic!("not a norm") };
            let ratio = norm_of(&update) / f64::from(norm);
            assert!((ratio - times).abs() < 0.01, "{delivery:?}: {ratio}");
        }
    }

    #[test]
    fn a_flipped_sign_is_the_honest_update_turned_around_up_to_rounding() {
        let (federation, limits) = federation(2);
        let limit = limits.of(Defence::Parameter);
        let send = |attack| {
            let attacker = Attacker::new(
                &federation,
                federation.malicious[0],
                (attack, Delivery::Bounded),
                limit,
            );
            attacker.unwrap().participant().local_update(1, &federation.initial).unwrap().quantised
        };
        let honest = send(Attack::None);
        let flipped = send(Attack::SignFlip);
        assert!(honest.as_slice().iter().zip(flipped.as_slice()).all(|(a, b)| (a + b).abs() <= 1));
        assert!(norm_of(&honest) > 100.0);
    }
}

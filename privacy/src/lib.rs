//! Differential privacy of institutions: each adds its share of Skellam noise to its own update, and nobody is trusted
//! with the rest. No I/O, no clock, no tensors, no floating point.
//!
//! **What is protected.** One institution's whole update in every step. The sums and models that a run publishes are
//! (ε, δ)-indistinguishable from those of a run in which that institution had sent zero in every step, and noise. The
//! institution is the unit: what one of its patients' records changes is hidden too, but no better than all records
//! of the institution together. It is **not record-level privacy**, which would need noise in the training itself,
//! and would cost less accuracy for the same ε. That an institution takes part, how many rows it says to have, when
//! it answers, whether it sits a step out, and statistics that were agreed on beforehand are not covered.
//!
//! **What it costs.** The noise hides one institution among n, so it must outweigh one: with multiplier z it has
//! standard deviation z·S in every place of the sum, where the signal of all institutions together has at most the
//! norm n·S. Sixty steps at ε = 8, δ = 2^-17 need z = 5 or so. With n = 10 and d = 289 the noise of the honest shares
//! alone then has a norm of √289·5·S = 85·S against a signal of 10·S at best: next to nothing is learned. It is an
//! option for hundreds of institutions, for a few steps, or for an ε that promises little; say so to whoever asks for
//! it.
//!
//! **Why the honest institution's own norm is the sensitivity.** An institution clips to S, rounds so that the norm
//! stays at or below S whatever is drawn, and only then adds noise. What it sends differs from what zero would have
//! sent by at most S, because the institution itself does so; nobody else's word is needed. The proven bound, 2.78·B
//! and the like, says how far a *malicious* institution may go. It protects the model; no privacy rests on it, and a
//! malicious institution has none to lose.
//!
//! **Whose noise counts.** Colluding readers of a sum know their own noise and subtract it. Up to t − 1
//! institutions and the coordinator may do so, as everywhere in this protocol; at least `min_updates` updates are in
//! every sum, so at least h = min_updates − (t − 1) shares of noise remain, the protected institution's own among
//! them. The accountant charges a step with variance h·μ, however many took part, where t is that of the committee that
//! opens the step's sum: under a later committee with a larger t a step costs more, with a smaller t less ([`Spent`]). An institution that adds no
//! noise, or less, cannot be detected: its update proves a bound, not how it was made. It counts as one of the t − 1;
//! were there more, ε would be larger.
//!
//! **Attempts that are given up** cost nothing. Their masked updates stay on the ledger, each with its mask key
//! encrypted to the trustees; t − 1 of them learn nothing of a key from their shares, and an honest trustee helps to
//! open one sum a step, for ever (`ARCHITECTURE.md`). What was never opened is hidden computationally, as all of this
//! protocol is. Whoever gets t shares, also years later, opens every single update on the ledger, and each is then
//! protected by its own share of the noise alone: h times the cost, at least. A new attempt draws new noise; bytes
//! that are sent again carry the old.
//!
//! **Noise that does not fit.** A noisy update must prove ‖x‖ ≤ B. B is chosen so that noise exceeds it with
//! probability 2^-100 (`tail`). Drawing until it fits would draw from another distribution, whose cost nobody has
//! computed. Cutting it to fit would hide that something is broken. So the institution sits the step out, which is
//! what the rare event costs.
//!
//! **δ.** Half of δ = 2^-k is spent in the conversion from Rényi divergence. The other half covers noise that does not
//! fit and the distance of the sampler from the true distribution: η over all draws of a run adds (1 + e^ε)·η to δ.
//!
//! - `skellam`: the sampler; `tail`: the bound that noise needs; `renyi`: the accountant; `fit`: numbers for a budget

mod fit;
mod renyi;
mod skellam;
mod tail;

pub use fit::{calibrate, fit};
pub use skellam::{MAX_VARIANCE, Skellam};
pub use tail::least_norm;

use std::collections::BTreeMap;

use renyi::{Renyi, Steps};
use thiserror::Error;

/// Largest ε, in thousandths: a promise beyond 20 means nothing.
pub const MAX_EPSILON_MILLI: u32 = 20_000;

/// Bits of −log₂ of what η allows for each draw, step and institution: 2^-84 ≥ 2·2^-86 + 2^-100.
const DISTANCE_BITS: u32 = skellam::DISTANCE_BITS - 2;
const _: () = assert!(DISTANCE_BITS < tail::MISFIT_BITS);

/// What a genesis says about privacy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// S: norm of an institution's quantised update before noise, at least 1.
    pub signal: u32,
    /// μ: variance of the noise that each institution adds to every parameter.
    pub variance: u64,
    /// ε at which the run ends, in thousandths: 1 to [`MAX_EPSILON_MILLI`].
    pub epsilon_milli: u32,
    /// k: δ = 2^-k, 10 to 40.
    pub delta_bits: u32,
}

/// What else of a run decides what the noise is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// d.
    pub dimension: u32,
    /// B, which every noisy update proves.
    pub norm: u32,
    /// n.
    pub institutions: u32,
    /// h: shares of noise that nobody else knows, min_updates − (t − 1), in sums that the first committee opens.
    pub honest: u32,
    /// The same in sums that a committee with the smallest t that the run allows opens: no sum has more.
    pub most_honest: u32,
    /// Steps that the run is meant to make.
    pub steps: u64,
}

/// Why the noise gives no privacy, or the budget buys no step.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PrivacyError {
    /// μ out of range.
    #[error("the noise has variance {variance}; it must be 1 to {MAX_VARIANCE}")]
    Variance {
        /// μ.
        variance: u64,
    },
    /// Another number out of range.
    #[error("{field} is {actual}; it must be {expected}")]
    OutOfRange {
        /// The number.
        field: &'static str,
        /// What it is.
        actual: u64,
        /// What it must be.
        expected: &'static str,
    },
    /// B leaves no room for the noise.
    #[error(
        "noise of variance {variance} on updates of norm {signal} may exceed the norm {norm}; raise the norm to {least}, \
         or lower the noise"
    )]
    NoRoom {
        /// S.
        signal: u32,
        /// μ.
        variance: u64,
        /// B.
        norm: u32,
        /// The least B that admits the noise.
        least: u64,
    },
    /// The first step is beyond the budget.
    #[error(
        "one step costs ε = {cost} and the budget is {budget}; raise the noise multiplier, or the budget",
        cost = Thousandths(*cost_milli),
        budget = Thousandths(u64::from(*budget_milli))
    )]
    Unaffordable {
        /// ε after one step, in thousandths.
        cost_milli: u64,
        /// The budget, in thousandths.
        budget_milli: u32,
    },
    /// Half of δ does not cover what the sampler and the bound leave open.
    #[error(
        "δ = 2^-{delta_bits} is below what the sampler guarantees in so long a run; raise δ to 2^-{most}"
    )]
    Delta {
        /// k.
        delta_bits: u32,
        /// The largest k possible.
        most: u32,
    },
    /// No noise within the norm buys so many steps.
    #[error(
        "no noise that fits the norm {norm} affords {steps} steps; raise the norm or the budget, or lower the steps"
    )]
    NoFit {
        /// B.
        norm: u32,
        /// Steps asked for.
        steps: u64,
    },
}

/// A number of thousandths, as a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thousandths(pub u64);

impl std::fmt::Display for Thousandths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// What a run promises to its institutions, checked.
#[derive(Debug, Clone)]
pub struct Guarantee {
    terms: Terms,
    run: Run,
    renyi: Renyi,
    steps: u64,
}

impl Guarantee {
    /// Checks that the noise fits its bound and that the budget buys at least one step.
    ///
    /// # Errors
    /// [`PrivacyError`] naming the number to change.
    pub fn new(terms: Terms, run: Run) -> Result<Self, PrivacyError> {
        let Terms { signal, variance, epsilon_milli, delta_bits } = terms;
        let require = |holds: bool, field, actual: u64, expected| {
            if holds { Ok(()) } else { Err(PrivacyError::OutOfRange { field, actual, expected }) }
        };
        if !(1..=MAX_VARIANCE).contains(&variance) {
            return Err(PrivacyError::Variance { variance });
        }
        require(signal > 0, "norm before noise", signal.into(), "at least 1")?;
        let budgets = 1..=MAX_EPSILON_MILLI;
        require(
            budgets.contains(&epsilon_milli),
            "ε in thousandths",
            epsilon_milli.into(),
            "1 to 20000",
        )?;
        require((10..=40).contains(&delta_bits), "−log₂ δ", delta_bits.into(), "10 to 40")?;
        require(
            run.honest > 0,
            "number of honest shares of noise",
            run.honest.into(),
            "at least 1",
        )?;
        let least = least_norm(signal, variance, run.dimension);
        if u64::from(run.norm) < least {
            return Err(PrivacyError::NoRoom { signal, variance, norm: run.norm, least });
        }
        require(
            run.honest <= run.most_honest,
            "number of honest shares of noise",
            run.honest.into(),
            "at most that under the smallest threshold",
        )?;
        let renyi = Renyi::new(signal, run.dimension, delta_bits + 1);
        let most = |honest: u32| {
            renyi.affordable(&[], variance * u64::from(honest), epsilon_milli).min(run.steps)
        };
        let steps = most(run.honest);
        if steps == 0 {
            return Err(PrivacyError::Unaffordable {
                cost_milli: renyi.epsilon_milli(&[Steps {
                    variance: variance * u64::from(run.honest),
                    count: 1,
                }]),
                budget_milli: epsilon_milli,
            });
        }
        // log₂(1 + e^ε) ≤ 1 + 1.4427·ε; then one bit for the half of δ.
        let growth = 1 + (1_443 * epsilon_milli).div_ceil(1_000_000);
        // Committees with a smaller t make the steps cheaper, and more of them.
        let draws = ceil_log(most(run.most_honest))
            + ceil_log(run.institutions.into())
            + ceil_log(run.dimension.into());
        let most = DISTANCE_BITS.saturating_sub(growth + draws + 1);
        if delta_bits > most {
            return Err(PrivacyError::Delta { delta_bits, most });
        }
        Ok(Self { terms, run, renyi, steps })
    }

    /// What the genesis says.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Steps until the run is over, if the first committee opens all of them: those it is meant to make, or fewer where
    /// the budget buys fewer.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Further steps that a committee opens under which `honest` shares of noise count, until the run is over.
    pub fn affordable(&self, spent: &Spent, honest: u32) -> u64 {
        let left = self.run.steps.saturating_sub(spent.steps());
        let variance = self.variance(honest);
        self.renyi.affordable(&self.taken(spent), variance, self.terms.epsilon_milli).min(left)
    }

    /// ε that the steps so far have cost, in thousandths, rounded up.
    pub fn epsilon(&self, spent: &Spent) -> Thousandths {
        Thousandths(self.renyi.epsilon_milli(&self.taken(spent)))
    }

    /// What the steps so far have cost, for people: ε, the budget, δ, and where it ends the run if `honest` shares of
    /// noise count from now on.
    pub fn describe(&self, spent: &Spent, honest: u32) -> String {
        let Terms { epsilon_milli, delta_bits, .. } = self.terms;
        let cost = self.epsilon(spent);
        let budget = Thousandths(epsilon_milli.into());
        let steps = spent.steps();
        let most = steps.saturating_add(self.affordable(spent, honest));
        format!(
            "ε = {cost} of {budget} at δ = 2^-{delta_bits}, for an institution; {steps} of {most} affordable rounds"
        )
    }

    /// What the whole run costs if the first committee opens every sum, for people.
    pub fn plan(&self) -> String {
        self.describe(&Spent::of(self.steps, self.run.honest), self.run.honest)
    }

    /// The noise that counts in a sum, in every place.
    fn variance(&self, honest: u32) -> u64 {
        self.terms.variance.saturating_mul(u64::from(honest))
    }

    fn taken(&self, spent: &Spent) -> Vec<Steps> {
        let steps = spent.0.iter();
        steps
            .map(|(honest, count)| Steps { variance: self.variance(*honest), count: *count })
            .collect()
    }
}

/// Steps that are closed, by the shares of noise that counted in each: h follows from the t of the committee that opened
/// the step's sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent(BTreeMap<u32, u64>);

impl Spent {
    /// So many steps, in each of which `honest` shares counted.
    pub fn of(steps: u64, honest: u32) -> Self {
        Self(BTreeMap::from([(honest, steps)]))
    }

    /// Steps in all.
    pub fn steps(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl FromIterator<(u32, u64)> for Spent {
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(steps: I) -> Self {
        let mut spent = Self::default();
        for (honest, count) in steps {
            let sum = spent.0.entry(honest).or_default();
            *sum = sum.saturating_add(count);
        }
        spent
    }
}

/// ⌈log₂ value⌉, 0 for 0.
fn ceil_log(value: u64) -> u32 {
    u64::BITS - value.saturating_sub(1).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms =
        Terms { signal: 100, variance: 40_000, epsilon_milli: 8_000, delta_bits: 17 };
    const RUN: Run =
        Run { dimension: 289, norm: 5_600, institutions: 10, honest: 7, most_honest: 8, steps: 60 };

    #[test]
    fn a_budget_ends_a_run_at_the_last_step_that_it_affords() {
        let guarantee = Guarantee::new(TERMS, Run { steps: 1_000, ..RUN }).unwrap();
        let steps = guarantee.steps();
        assert!(
            guarantee.epsilon(&Spent::of(steps, 7)) <= Thousandths(8_000)
                && guarantee.epsilon(&Spent::of(steps + 1, 7)) > Thousandths(8_000)
        );
        assert_eq!(Guarantee::new(TERMS, Run { steps: 3, ..RUN }).unwrap().steps(), 3);
        // σ/S = √(7·40,000)/100 = 5.29.
        let sixty = guarantee.epsilon(&Spent::of(60, 7)).to_string();
        assert_eq!((steps, sixty.as_str()), (64, "7.695"));
    }

    #[test]
    fn more_honest_shares_cost_less_and_more_steps_cost_more() {
        let guarantee = Guarantee::new(TERMS, RUN).unwrap();
        let cost = |steps, honest| guarantee.epsilon(&Spent::of(steps, honest));
        assert!(cost(10, 7) < cost(10, 4) && cost(10, 4) < cost(11, 4));
        assert_eq!(cost(0, 7), Thousandths(0));
        let few = Guarantee::new(TERMS, Run { honest: 4, ..RUN }).unwrap();
        assert!(few.steps() < guarantee.steps());
    }

    #[test]
    fn every_step_costs_what_the_committee_that_opened_it_makes_it_cost() {
        let guarantee = Guarantee::new(TERMS, Run { steps: 1_000, ..RUN }).unwrap();
        let first = Spent::of(10, 7);
        let mixed: Spent = [(7, 10), (5, 10)].into_iter().collect();
        assert_eq!(mixed.steps(), 20);
        assert!(guarantee.epsilon(&mixed) > guarantee.epsilon(&Spent::of(20, 7)));
        assert!(guarantee.epsilon(&mixed) < guarantee.epsilon(&Spent::of(20, 5)));
        // After ten steps of the first committee a larger t affords fewer, a smaller t more than that committee would.
        let same = guarantee.affordable(&first, 7);
        assert_eq!(same, guarantee.steps() - 10);
        assert!(guarantee.affordable(&first, 5) < same && guarantee.affordable(&first, 8) > same);
        let last = guarantee.affordable(&first, 5);
        let after = |count| guarantee.epsilon(&[(7, 10), (5, count)].into_iter().collect());
        assert!(after(last) <= Thousandths(8_000) && after(last + 1) > Thousandths(8_000));
    }

    #[test]
    fn what_promises_nothing_is_refused_with_the_number_to_change() {
        let refused = |terms: Terms, run: Run, expected: &str| {
            let error = Guarantee::new(terms, run).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} should say {expected}");
        };
        refused(Terms { variance: 0, ..TERMS }, RUN, "variance 0; it must be 1 to 100000000");
        refused(Terms { signal: 0, ..TERMS }, RUN, "norm before noise is 0");
        refused(Terms { epsilon_milli: 0, ..TERMS }, RUN, "ε in thousandths is 0");
        refused(Terms { epsilon_milli: 20_001, ..TERMS }, RUN, "1 to 20000");
        refused(Terms { delta_bits: 9, ..TERMS }, RUN, "−log₂ δ is 9");
        refused(TERMS, Run { honest: 0, ..RUN }, "honest shares");
        refused(TERMS, Run { honest: 9, ..RUN }, "under the smallest threshold");
        refused(TERMS, Run { norm: 4_000, ..RUN }, "raise the norm to");
        refused(Terms { variance: 10, ..TERMS }, RUN, "raise the noise multiplier, or the budget");
        let long = Run {
            dimension: 1 << 20,
            norm: u32::MAX,
            institutions: 128,
            steps: 1 << 20,
            honest: 100,
            most_honest: 100,
        };
        refused(Terms { variance: 20_000, delta_bits: 40, ..TERMS }, long, "raise δ to 2^-");
    }

    #[test]
    fn the_norm_that_an_error_names_is_the_least_that_is_taken() {
        let error = Guarantee::new(TERMS, Run { norm: 1, ..RUN }).unwrap_err();
        let PrivacyError::NoRoom { least, .. } = error else { panic!("{error}") };
        let least = u32::try_from(least).unwrap();
        assert!(Guarantee::new(TERMS, Run { norm: least, ..RUN }).is_ok());
        assert!(Guarantee::new(TERMS, Run { norm: least - 1, ..RUN }).is_err());
    }

    #[test]
    fn what_is_spent_is_said_in_one_line() {
        let said = Guarantee::new(TERMS, RUN).unwrap().describe(&Spent::of(60, 7), 7);
        assert_eq!(
            said,
            "ε = 7.695 of 8.000 at δ = 2^-17, for an institution; 60 of 60 affordable rounds"
        );
    }

    #[test]
    fn thousandths_read_as_decimals() {
        assert_eq!(
            (Thousandths(7_042).to_string(), Thousandths(9).to_string()),
            ("7.042".into(), "0.009".into())
        );
    }
}

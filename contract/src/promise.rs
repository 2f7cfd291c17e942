//! What a run's bound promises about every accepted update.
//!
//! What is proven about an update is a number of units, and a unit is worth what honest updates are quantised by. Without
//! noise that is the bound itself: B units are c. With noise an honest update is clipped to c = S units and noise comes on
//! top, so B, which leaves room for the noise, is B/S times c; and that much a hostile institution, which adds no noise,
//! may send in the direction of its choice.

use std::fmt;

use consilium_crypto::{
    Bound,
    mask::{Kind, Parameters as UpdateParameters},
    quantise::{share, unit},
};

use crate::Parameters;

/// An accepted update may be so many times as long as an honest one before whoever founds a run is warned. Without noise
/// it is the slack, 2.78 at most; ten is what a plain federation loses everything to.
const WORTH_A_WARNING: f64 = 10.0;

/// What follows from a genesis about the size of every accepted update. Its [`Display`](fmt::Display) says it in words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    bound: Bound,
    quantised: Bound,
    clip: f32,
    dimension: u32,
    mask: Kind,
}

impl Promise {
    /// What is promised where updates of `dimension` parameters prove `bound`, and honest ones are clipped to `clip`,
    /// which is the largest of the bound `quantised`: the same bound, or a smaller norm where noise comes on top.
    pub fn new(bound: Bound, quantised: Bound, clip: f32, dimension: u32) -> Self {
        Self { bound, quantised, clip, dimension, mask: Kind::Group }
    }

    /// The same where updates are hidden by this mask.
    #[must_use]
    pub fn under(self, mask: Kind) -> Self {
        Self { mask, ..self }
    }

    /// What no accepted update that proves `bound` is longer than, in units.
    fn reach(&self, bound: Bound) -> f64 {
        match (self.mask, bound) {
            (Kind::Lattice { .. }, bound) => {
                // How many updates are in a sum has no part in it.
                let parameters = UpdateParameters::new(self.mask, self.dimension, bound, 1);
                parameters.map_or(f64::NAN, |parameters| parameters.reach())
            }
            (Kind::Group, Bound::Parameter { most, .. }) => most.into(),
            (Kind::Group, Bound::Norm { norm, .. }) => bound.slack() * f64::from(norm),
        }
    }

    /// What an update proves about itself.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// c, to which an honest update is clipped.
    pub fn clip(&self) -> f32 {
        self.clip
    }

    /// What no accepted update exceeds, the largest institution's included: the absolute value of a parameter, or the norm of all. Not a number where the
    /// bound is none that a genesis can have.
    pub fn longest(&self) -> f64 {
        let unit = unit(self.quantised, self.clip, self.dimension as usize).unwrap_or(f64::NAN);
        unit * self.reach(self.bound)
    }

    /// The bound of an institution with that many rows, where the largest has `max_rows`: its share, in proportion to its
    /// weight. The whole bound for everyone where there is noise: an update needs room for its noise, which has no weight,
    /// and that is almost all of the bound (docs/privacy.md).
    pub fn share(&self, rows: u64, max_rows: u64) -> Bound {
        if self.bound != self.quantised {
            return self.bound;
        }
        share(self.bound, rows, max_rows, self.dimension)
    }

    /// What no accepted update of such an institution exceeds, as it is added to the sum.
    pub fn longest_of(&self, rows: u64, max_rows: u64) -> f64 {
        let unit = unit(self.quantised, self.clip, self.dimension as usize).unwrap_or(f64::NAN);
        let share = self.share(rows, max_rows);
        match self.mask {
            Kind::Group => unit * share.reach() as f64,
            Kind::Lattice { .. } => unit * self.reach(share),
        }
    }

    /// Whether it is the norm that is bounded, and not every parameter by itself.
    pub fn is_of_the_norm(&self) -> bool {
        matches!(self.bound, Bound::Norm { .. })
    }

    /// How many times larger than the clip of an honest update an accepted one may be.
    pub fn excess(&self) -> f64 {
        self.longest() / f64::from(self.clip)
    }

    /// What whoever founds a run has to be told, where the bound hardly limits a hostile institution.
    pub fn warning(&self) -> Option<String> {
        (self.excess() > WORTH_A_WARNING).then(|| {
            format!(
                "an accepted update may be {:.0} times as long as an honest one: it needs room for the noise, which a \
                 hostile institution need not add. The bound then protects the model hardly at all; a larger --min-updates, \
                 a larger ε or fewer steps need less noise for each",
                self.excess()
            )
        })
    }
}

impl Parameters {
    /// What the genesis promises about every accepted update.
    pub fn promise(&self) -> Promise {
        Promise::new(self.bound, self.quantised_bound(), self.clip, self.dimension)
            .under(self.update_parameters().kind())
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bound, quantised, clip, .. } = self;
        let longest = self.longest();
        let (norm, projections) = match *bound {
            Bound::Parameter { bits, most } => {
                return write!(
                    f,
                    "every parameter is clipped to ±{clip} ({most} units of {bits} bits); none of an update that is \
                     accepted is beyond that"
                );
            }
            Bound::Norm { norm, projections } => (norm, projections),
        };
        let slack = bound.slack();
        let reach = slack * f64::from(norm);
        match *quantised {
            Bound::Norm { norm: signal, .. } if signal != norm => write!(
                f,
                "an update is clipped to norm {clip} (S = {signal}), and proves B = {norm} with its noise; one that is \
                 accepted is at most {slack:.2}·B = {reach:.0}, a norm of about {longest:.3}, {:.0} times the clip \
                 ({projections} projections)",
                self.excess()
            ),
            _ => write!(
                f,
                "an update is clipped to norm {clip} (B = {norm}); one that is accepted is at most {slack:.2}·B = \
                 {reach:.0}, a norm of about {longest:.3} ({projections} projections)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Bound = Bound::parameter(8);

    fn norm(norm: u32) -> Bound {
        Bound::Norm { norm, projections: 256 }
    }

    #[test]
    fn a_promise_names_c_b_and_the_slack() {
        let said = Promise::new(norm(5_600), norm(5_600), 0.476, 289).to_string();
        assert!(
            said.contains("norm 0.476 (B = 5600)")
                && said.contains("2.78·B = 15573, a norm of about 1.324"),
            "{said}"
        );
        let said = Promise::new(EIGHT, EIGHT, 0.04, 289).to_string();
        assert!(
            said.contains("±0.04 (127 units of 8 bits)") && said.contains("beyond that"),
            "{said}"
        );
    }

    #[test]
    fn where_noise_comes_on_top_the_promise_follows_from_the_norm_before_it() {
        let promise = Promise::new(norm(5_600), norm(56), 0.476, 289);
        // A unit is c/(√(56² − 289/4) − 1), and 2.7809·5,600 of them are accepted.
        let unit = 0.476 / ((3_136.0_f64 - 72.25).sqrt() - 1.0);
        assert!(
            (promise.longest() / (15_573.3 * unit) - 1.0).abs() < 1e-4,
            "{}",
            promise.longest()
        );
        let said = promise.to_string();
        assert!(said.contains("clipped to norm 0.476 (S = 56), and proves B = 5600"), "{said}");
        assert!(said.contains("a norm of about 136.386") && said.contains("287 times"), "{said}");
    }

    #[test]
    fn no_sum_of_accepted_updates_decodes_to_more_than_the_promise() {
        use consilium_crypto::quantise::decode;
        for (bound, quantised) in [(norm(5_600), norm(56)), (norm(900), norm(900)), (EIGHT, EIGHT)]
        {
            let promise = Promise::new(bound, quantised, 0.5, 3);
            // The largest that a proof lets pass in one place, as the sum of one update of weight 1.
            let most = match bound {
                Bound::Norm { norm, .. } => (bound.slack() * f64::from(norm)) as i64,
                Bound::Parameter { most, .. } => most.into(),
            };
            let mean = decode(&[most, most, most], quantised, 0.5, 1.0).unwrap();
            let decoded = mean[0].abs();
            assert!(
                decoded <= promise.longest() * (1.0 + 1e-12) && decoded > 0.99 * promise.longest(),
                "{decoded} of {}",
                promise.longest()
            );
        }
    }

    #[test]
    fn a_bound_that_leaves_a_hostile_institution_ten_times_as_much_is_warned_of() {
        assert_eq!(Promise::new(EIGHT, EIGHT, 0.04, 289).warning(), None);
        assert_eq!(Promise::new(norm(5_600), norm(5_600), 0.5, 289).warning(), None);
        assert_eq!(Promise::new(norm(5_600), norm(2_000), 0.5, 289).warning(), None);
        let warning = Promise::new(norm(5_600), norm(56), 0.5, 289).warning().unwrap();
        assert!(warning.contains("287 times") && warning.contains("--min-updates"), "{warning}");
    }
}

//! How the learning rate changes over the steps of a run.

use std::f64::consts::PI;

use consilium_proto::v1::{self, schedule};
use serde::{Deserialize, Serialize};

/// A learning rate that rises over the first steps of a run, where it does, and falls after them.
///
/// Within a step it is constant: an institution's optimiser starts anew in every step, and all institutions follow the same
/// rate, however many rows they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Steps in which it rises: step k of them, from 0, has (k + 1) / (`warmup_steps` + 1) of the learning rate.
    #[serde(default)]
    pub warmup_steps: u32,
    /// What comes after them.
    #[serde(default)]
    pub fall: Fall,
}

/// How a learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fall {
    /// Not at all.
    #[default]
    Constant,
    /// Along half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017, eq. 5, without restarts).
    Cosine {
        /// Share of the learning rate that the last step has, above 0 and at most 1.
        final_share: f64,
        /// Steps of the run, the rising ones among them; later steps have the final share too.
        steps: u64,
    },
    /// Multiplied by the same factor again and again.
    StepDecay {
        /// Between 0 and 1.
        factor: f64,
        /// Steps between two falls, at least 1.
        every_steps: u64,
    },
}

impl Schedule {
    /// Share of the learning rate in a step of the run, counted from 0; from 0 to 1.
    #[must_use]
    pub fn share(self, step: u64) -> f64 {
        let warmup = u64::from(self.warmup_steps);
        let Some(since) = step.checked_sub(warmup) else {
            return (step + 1) as f64 / (warmup + 1) as f64;
        };
        match self.fall {
            Fall::Constant => 1.0,
            Fall::Cosine { final_share, steps } => {
                // From the first step after the rise to the last step of the run.
                let last = steps.saturating_sub(warmup).saturating_sub(1);
                let passed = since.min(last) as f64 / last.max(1) as f64;
                final_share + (1.0 - final_share) * (1.0 + (PI * passed).cos()) / 2.0
            }
            Fall::StepDecay { factor, every_steps } => {
                let falls = since / every_steps.max(1);
                factor.powi(i32::try_from(falls).unwrap_or(i32::MAX))
            }
        }
    }

    pub(super) fn to_plan(self) -> v1::Schedule {
        let fall = match self.fall {
            Fall::Constant => None,
            Fall::Cosine { final_share, steps } => {
                Some(schedule::Fall::Cosine(v1::Cosine { final_share, steps }))
            }
            Fall::StepDecay { factor, every_steps } => {
                Some(schedule::Fall::StepDecay(v1::StepDecay { factor, every_steps }))
            }
        };
        v1::Schedule { warmup_steps: self.warmup_steps, fall }
    }

    pub(super) fn from_plan(schedule: v1::Schedule) -> Self {
        let fall = match schedule.fall {
            None => Fall::Constant,
            Some(schedule::Fall::Cosine(v1::Cosine { final_share, steps })) => {
                Fall::Cosine { final_share, steps }
            }
            Some(schedule::Fall::StepDecay(v1::StepDecay { factor, every_steps })) => {
                Fall::StepDecay { factor, every_steps }
            }
        };
        Self { warmup_steps: schedule.warmup_steps, fall }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(schedule: Schedule, steps: u64) -> Vec<f64> {
        (0..steps).map(|step| (schedule.share(step) * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn a_cosine_has_the_whole_rate_first_half_of_the_way_in_the_middle_and_the_final_share_last() {
        let fall = Fall::Cosine { final_share: 0.2, steps: 5 };
        let cosine = Schedule { warmup_steps: 0, fall };
        assert_eq!(shares(cosine, 7), [1.0, 0.882_843, 0.6, 0.317_157, 0.2, 0.2, 0.2]);
        let one = Schedule { warmup_steps: 0, fall: Fall::Cosine { final_share: 0.2, steps: 1 } };
        assert_eq!(shares(one, 1), [1.0]);
    }

    #[test]
    fn a_rate_rises_evenly_before_it_falls() {
        let cosine = Fall::Cosine { final_share: 0.5, steps: 6 };
        let rising = Schedule { warmup_steps: 3, fall: cosine };
        assert_eq!(shares(rising, 6), [0.25, 0.5, 0.75, 1.0, 0.75, 0.5]);
        let constant = Schedule { warmup_steps: 1, fall: Fall::Constant };
        assert_eq!(shares(constant, 3), [0.5, 1.0, 1.0]);
    }

    #[test]
    fn a_decay_multiplies_every_so_many_steps_and_never_overflows() {
        let fall = Fall::StepDecay { factor: 0.1, every_steps: 2 };
        let decay = Schedule { warmup_steps: 0, fall };
        assert_eq!(shares(decay, 5), [1.0, 1.0, 0.1, 0.1, 0.01]);
        assert_eq!(decay.share(u64::MAX), 0.0);
    }

    #[test]
    fn a_schedule_comes_back_from_its_plan() {
        for fall in [
            Fall::Constant,
            Fall::Cosine { final_share: 0.1, steps: 60 },
            Fall::StepDecay { factor: 0.5, every_steps: 20 },
        ] {
            let schedule = Schedule { warmup_steps: 2, fall };
            assert_eq!(Schedule::from_plan(schedule.to_plan()), schedule);
        }
    }
}

//! What is done to a simulated federation, and when.

use std::{fmt, str::FromStr};

use super::flood::Flood;

/// The end of a party's process at a step. It is killed, not asked to stop, and started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drop {
    /// Number of the institution, from 1.
    pub institution: u32,
    /// Closed steps after which it is killed.
    pub step: u64,
}

impl FromStr for Drop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let drop = text.split_once('@').and_then(|(institution, step)| {
            Some(Self { institution: institution.parse().ok()?, step: step.parse().ok()? })
        });
        drop.ok_or_else(|| "expected INSTITUTION@STEP, as in 3@5".to_owned())
    }
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.institution, self.step)
    }
}

/// Everything that is done to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Faults {
    /// Institutions that are killed.
    pub drops: Vec<Drop>,
    /// Closed steps after which the coordinator is killed.
    pub kill_coordinator: Vec<u64>,
    /// What every byte takes longer in each direction, in milliseconds.
    pub latency_ms: u64,
    /// Share of packets, in percent, that come late as if they had to be sent again.
    pub loss_percent: f64,
    /// What strangers do, in turns.
    pub floods: Vec<Flood>,
}

impl Faults {
    /// Whether anything is done at all.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the wire itself is disturbed.
    pub fn disturb_the_wire(&self) -> bool {
        self.latency_ms > 0 || self.loss_percent > 0.0
    }

    /// What is left to do, in the order of steps.
    pub(super) fn kills(&self) -> Vec<(u64, Victim)> {
        let institutions =
            self.drops.iter().map(|drop| (drop.step, Victim::Institution(drop.institution)));
        let coordinator = self.kill_coordinator.iter().map(|step| (*step, Victim::Coordinator));
        let mut kills: Vec<_> = institutions.chain(coordinator).collect();
        kills.sort();
        kills
    }
}

/// Whose process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    /// An institution, by its number from 1.
    Institution(u32),
    Coordinator,
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Institution(number) => write!(f, "institution {number}"),
            Self::Coordinator => f.write_str("the coordinator"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_is_an_institution_and_a_step() {
        assert_eq!("3@5".parse(), Ok(Drop { institution: 3, step: 5 }));
        for wrong in ["3", "@5", "3@", "three@5", "3@5@7", "3@-1"] {
            assert!(wrong.parse::<Drop>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn kills_come_in_the_order_of_their_steps() {
        let drop = |institution, step| Drop { institution, step };
        let faults = Faults {
            drops: vec![drop(3, 9), drop(1, 5)],
            kill_coordinator: vec![7],
            ..Faults::default()
        };
        let expected =
            [(5, Victim::Institution(1)), (7, Victim::Coordinator), (9, Victim::Institution(3))];
        assert_eq!(faults.kills(), expected);
        assert!(!faults.is_none() && !faults.disturb_the_wire());
    }
}

//! What the bars compare, and at which sizes.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The sizes that comparisons are made at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// d of a whole update under either bound.
    pub update: u32,
    /// d of the two masks in turns.
    pub masks: u32,
    /// Hidden layers of the large model.
    pub hidden: Vec<usize>,
    /// Rounds of its federation.
    pub large_rounds: usize,
    /// Rounds of the replay.
    pub replay_rounds: usize,
    /// Turns of the replay and its peers.
    pub turns: usize,
    /// Institutions whose traffic is counted: ten and many.
    pub many: usize,
    /// Rounds in which it is.
    pub traffic_rounds: usize,
}

impl Sizes {
    /// Those that the bars are about.
    #[must_use]
    pub fn asked() -> Self {
        Self {
            update: 289,
            masks: 1_000_000,
            hidden: vec![1_000, 990],
            large_rounds: 3,
            replay_rounds: 60,
            turns: 3,
            many: 50,
            traffic_rounds: 4,
        }
    }

    /// Small ones, which show that everything works and decide nothing.
    #[must_use]
    pub fn quick() -> Self {
        Self {
            update: 32,
            masks: 4_096,
            hidden: vec![16, 8],
            large_rounds: 2,
            replay_rounds: 2,
            turns: 1,
            many: 12,
            traffic_rounds: 2,
        }
    }
}

/// A program to take turns with the replay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// What the table calls it.
    pub name: String,
    /// What a shell runs.
    pub command: String,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = text.split_once('=').unwrap_or_default();
        let name = name.trim();
        let command = command.trim();
        if name.is_empty() || command.is_empty() || name == OURS {
            return Err(format!(
                "expected NAME=COMMAND with a name other than {OURS}, for example plain='python replay.py'"
            ));
        }
        Ok(Self { name: name.to_owned(), command: command.to_owned() })
    }
}

/// What our side is called in a comparison.
pub const OURS: &str = "ours";

/// One comparison; what takes turns does so in one process, and on one core unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Comparison {
    /// Our prover and the bulletproofs crate's, 256 values of 8 bits and the key's limbs.
    CrateProver,
    /// Our folded verification of ten updates of 289 parameters and the crate's, proof by proof.
    CrateVerifier,
    /// The proof of a norm and 256 range proofs of 16 bits.
    NormProof,
    /// Whole updates under either bound.
    WholeUpdate {
        /// d.
        dimension: u32,
    },
    /// Both masks: client, coordinator, opening.
    Masks {
        /// d.
        dimension: u32,
        /// n.
        institutions: u32,
    },
    /// The replay's verified rounds, and peers, each in processes of its own on all cores.
    Replays {
        /// Rounds.
        rounds: usize,
        /// Turns.
        turns: usize,
        /// Who takes them, too.
        peers: Vec<Peer>,
        /// Where the ledger of the last turn is left.
        ledger: PathBuf,
    },
    /// The full audit of that ledger, on all cores.
    Audit {
        /// Where it is.
        ledger: PathBuf,
    },
    /// What a replay's coordinator sends each institution a round.
    Traffic {
        /// n.
        institutions: usize,
        /// Rounds.
        rounds: usize,
    },
    /// Ten institutions and a coordinator, each a process, under a lattice mask; then the audit.
    Large {
        /// Hidden layers.
        hidden: Vec<usize>,
        /// Rounds.
        rounds: usize,
        /// Where its files go.
        folder: PathBuf,
    },
}

impl Comparison {
    /// All of issue 11's, in the order in which they are made.
    #[must_use]
    pub fn of_bars(sizes: &Sizes, peers: &[Peer], scratch: &Path) -> Vec<Self> {
        let ledger = scratch.join("replay");
        let rounds = sizes.replay_rounds;
        // Without a peer there is nobody to take turns with; the audit needs a ledger all the same.
        let turns = if peers.is_empty() { 1 } else { sizes.turns };
        let traffic = |institutions| Self::Traffic { institutions, rounds: sizes.traffic_rounds };
        vec![
            Self::NormProof,
            Self::WholeUpdate { dimension: sizes.update },
            Self::Masks { dimension: sizes.masks, institutions: 10 },
            Self::Replays { rounds, turns, peers: peers.to_vec(), ledger: ledger.clone() },
            Self::Audit { ledger },
            traffic(10),
            traffic(sizes.many),
            Self::Large {
                hidden: sizes.hidden.clone(),
                rounds: sizes.large_rounds,
                folder: scratch.join("large"),
            },
        ]
    }

    /// What results and JSON call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::CrateProver => "crate-prover".into(),
            Self::CrateVerifier => "crate-verifier".into(),
            Self::NormProof => "norm-proof".into(),
            Self::WholeUpdate { .. } => "whole-update".into(),
            Self::Masks { .. } => "masks".into(),
            Self::Replays { .. } => "replays".into(),
            Self::Audit { .. } => "audit".into(),
            Self::Traffic { institutions, .. } => traffic_of(*institutions),
            Self::Large { .. } => "large".into(),
        }
    }

    /// Whether it may use all cores.
    #[must_use]
    pub fn is_parallel(&self) -> bool {
        match self {
            Self::CrateProver
            | Self::CrateVerifier
            | Self::NormProof
            | Self::WholeUpdate { .. } => false,
            // Only what is not timed.
            Self::Masks { .. } => true,
            Self::Replays { .. }
            | Self::Audit { .. }
            | Self::Traffic { .. }
            | Self::Large { .. } => true,
        }
    }

    /// Roughly how long it takes, in seconds of some machine.
    #[must_use]
    pub fn effort_s(&self) -> f64 {
        match self {
            Self::CrateProver | Self::CrateVerifier | Self::NormProof => 15.0,
            Self::WholeUpdate { .. } => 10.0,
            Self::Masks { dimension, institutions } => {
                f64::from(*dimension) * f64::from(*institutions) * 45e-6
            }
            Self::Replays { rounds, turns, peers, .. } => {
                0.4 * (*rounds * *turns) as f64 * (1.0 + 1.5 * peers.len() as f64)
            }
            Self::Audit { .. } => 12.0,
            Self::Traffic { institutions, rounds } => {
                1e-3 * (*institutions * *institutions * *rounds) as f64
            }
            Self::Large { rounds, .. } => 10.0 + 15.0 * *rounds as f64,
        }
    }
}

/// The name of the traffic of so many institutions.
pub(crate) fn traffic_of(institutions: usize) -> String {
    format!("traffic-{institutions}")
}

impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CrateProver => f.write_str("our prover and the crate's in turns"),
            Self::CrateVerifier => f.write_str("our verifier and the crate's in turns"),
            Self::NormProof => f.write_str("norm proof and range proofs in turns"),
            Self::WholeUpdate { dimension } => write!(f, "both bounds in turns, d = {dimension}"),
            Self::Masks { dimension, .. } => write!(f, "both masks in turns, d = {dimension}"),
            Self::Replays { rounds, turns, peers, .. } => {
                write!(
                    f,
                    "replay of {rounds} rounds, {turns} × in turns with {} peers",
                    peers.len()
                )
            }
            Self::Audit { .. } => f.write_str("full audit of the replay"),
            Self::Traffic { institutions, .. } => {
                write!(f, "traffic of {institutions} institutions")
            }
            Self::Large { rounds, .. } => {
                write!(f, "large model, one process each, {rounds} rounds")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_a_name_and_a_command_that_may_hold_equals_signs() {
        let peer: Peer = "plain=python replay.py --rounds=60".parse().unwrap();
        assert_eq!(
            (peer.name.as_str(), peer.command.as_str()),
            ("plain", "python replay.py --rounds=60")
        );
        for text in ["", "plain", "plain=", "=python", "ours=true"] {
            let error = text.parse::<Peer>().unwrap_err();
            assert!(
                error.contains("NAME=COMMAND") && error.lines().count() == 1,
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn every_comparison_has_a_name_of_its_own_and_the_audit_comes_after_its_ledger() {
        let peers = ["plain=true".parse().unwrap(), "secagg=true".parse().unwrap()];
        for sizes in [Sizes::asked(), Sizes::quick()] {
            let all = Comparison::of_bars(&sizes, &peers, Path::new("scratch"));
            let mut names: Vec<_> = all.iter().map(Comparison::name).collect();
            let place = |name: &str| names.iter().position(|found| found == name).unwrap();
            assert!(place("replays") < place("audit"));
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all.len());
        }
    }

    #[test]
    fn nobody_to_take_turns_with_is_one_turn() {
        let turns = |peers: &[Peer]| {
            let all = Comparison::of_bars(&Sizes::asked(), peers, Path::new("scratch"));
            all.into_iter().find_map(|comparison| match comparison {
                Comparison::Replays { turns, .. } => Some(turns),
                _ => None,
            })
        };
        assert_eq!(turns(&[]), Some(1));
        assert_eq!(turns(&["plain=true".parse().unwrap()]), Some(3));
    }
}

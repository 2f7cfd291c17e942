//! What all schedules share: the run, and where its parties' folders stand when a schedule begins.

use std::{path::PathBuf, sync::OnceLock};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_client::prepare::{Participant, Preparation, PrepareError, Prepared};
use consilium_contract::Parameters;
use consilium_crypto::{Bound, QuantisedUpdate};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_learning::{TrainError, Trainer};
use consilium_proto::training::Layers;
use consilium_testkit::Parties;
use tempfile::TempDir;

use crate::disk::Image;

/// n, with t = 2, q = 3 and min_updates = 3.
pub const INSTITUTIONS: usize = 4;
/// The party that is the coordinator; the others are institutions.
pub const NODE: usize = INSTITUTIONS;
pub const STEPS: u64 = 3;
const DIMENSION: usize = 2;
/// How long a collection or a stage waits, in milliseconds.
const TIMEOUT_MS: u64 = 20_000;

/// One run.
pub struct World {
    pub ceremony: Ceremony,
    pub root: TempDir,
    /// Everybody's folder, by party, once there is a key.
    keyed: OnceLock<Vec<Image>>,
}

impl Parties for World {
    fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }
}

impl World {
    pub fn new() -> Self {
        let ceremony = consilium_testkit::ceremony(1, |usual| {
            *usual = CeremonySpec {
                bound: Bound::parameter(8),
                steps: STEPS,
                collection_timeout_ms: TIMEOUT_MS,
                max_attempts: 100,
                suspend_after: 2,
                ..CeremonySpec::new(
                    Layers::dense(1, vec![]),
                    vec![0.25; DIMENSION],
                    vec![10; INSTITUTIONS],
                )
            };
        });
        let root = directory();
        ceremony.write(&root.path().join("ceremony")).unwrap();
        Self { ceremony, root, keyed: OnceLock::new() }
    }

    pub fn parameters(&self) -> &Parameters {
        &self.ceremony.parameters
    }

    pub fn institution_files(&self, place: usize) -> InstitutionFiles {
        let folder = institution_folder(place as u32 + 1);
        InstitutionFiles::load(&self.root.path().join("ceremony").join(folder)).unwrap()
    }

    pub fn coordinator_files(&self) -> CoordinatorFiles {
        CoordinatorFiles::load(&self.root.path().join("ceremony/coordinator")).unwrap()
    }

    /// Where everybody's folder stands once there is a key, which `play` makes the first time.
    pub fn keyed(&self, play: impl FnOnce() -> Vec<Image>) -> &[Image] {
        self.keyed.get_or_init(play)
    }

    pub fn participant(&self, place: usize) -> Participant {
        let rows = self.ceremony.institutions[place].identity.rows;
        let known = Known { place, bound: self.parameters().own_bound(rows) };
        Participant::new(known, known)
    }
}

/// A folder in memory where there is a file system of that kind: everything is flushed all the time.
pub fn directory() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// What an institution submits in a step, in every coordinate.
pub fn value(place: usize, step: u64) -> i64 {
    let sign = if step.is_multiple_of(2) { 1 } else { -2 };
    sign * (place as i64 + 1)
}

/// An update that everybody knows.
#[derive(Clone, Copy)]
struct Known {
    place: usize,
    bound: Bound,
}

impl Trainer for Known {
    fn train(&mut self, _: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(global.to_vec())
    }
}

impl Preparation for Known {
    fn prepare(&mut self, step: u64, global: &[f32], _: &[f32]) -> Result<Prepared, PrepareError> {
        let values = vec![value(self.place, step); global.len()];
        Ok(Prepared { quantised: QuantisedUpdate::new(values, self.bound)?, clipped_share: 0.0 })
    }
}

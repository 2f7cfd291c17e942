//! Four institutions, and the folder that everything lies in.

use std::{path::PathBuf, sync::Arc, time::Duration};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_testkit::{DIMENSION, Parties as _};
use rand_core::{OsRng, RngCore as _};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{Follower, Institution, Peer};

/// Four institutions (t = 2, q = 3, min_updates = 3) and the folder that everything lies in.
pub struct World {
    pub ceremony: Arc<Ceremony>,
    pub root: TempDir,
    institutions: Vec<Institution>,
}

impl World {
    pub fn new(adjust: impl FnOnce(&mut CeremonySpec)) -> Self {
        Self::holding(ceremony(OsRng.next_u64(), adjust))
    }

    /// On this ceremony.
    pub fn holding(ceremony: Ceremony) -> Self {
        let root = tempfile::tempdir().unwrap();
        ceremony.write(&root.path().join("ceremony")).unwrap();
        let ceremony = Arc::new(ceremony);
        let institution = |place| {
            let files = InstitutionFiles::load(
                &root.path().join("ceremony").join(institution_folder(place)),
            )
            .unwrap();
            Institution::new(files, place as usize - 1)
        };
        let institutions = (1..=ceremony.parameters.institutions).map(institution).collect();
        Self { ceremony, root, institutions }
    }

    /// So many institutions with small models and the thresholds that go with their number.
    pub fn of(institutions: usize, adjust: impl FnOnce(&mut CeremonySpec)) -> Self {
        Self::new(|spec| {
            *spec = of_rows(vec![10; institutions]);
            adjust(spec);
        })
    }

    pub fn ledger(&self) -> PathBuf {
        self.root.path().join("ledger")
    }

    pub fn coordinator_folder(&self) -> PathBuf {
        self.root.path().join("ceremony/coordinator")
    }

    /// Blocks are sealed at once, so that every receipt comes at once; nobody is heard before.
    pub fn config(&self) -> Config {
        Config {
            memory: Some(self.coordinator_folder()),
            hearing: Duration::ZERO,
            block_age: Duration::ZERO,
            linger: Linger::Forever,
            ..Config::new(
                CoordinatorFiles::load(&self.coordinator_folder()).unwrap(),
                self.ledger(),
            )
        }
    }

    pub async fn start(&self, adjust: impl FnOnce(&mut Config)) -> (Running, Peer) {
        let mut config = self.config();
        adjust(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = Coordinator::start(config, listener).await.unwrap();
        let peer = Peer::connect(&running.address().to_string()).await;
        (running, peer)
    }

    pub fn institution(&self, place: usize) -> Institution {
        self.institutions[place].clone()
    }

    pub fn institutions(&self) -> Vec<Institution> {
        self.institutions.clone()
    }

    /// A follower at the chain's beginning.
    pub fn follower(&self) -> Follower {
        let contract = self.ceremony.contract();
        Follower { contract, chain: self.ceremony.empty_chain(), entries: Vec::new() }
    }
}

/// The ceremony of a world. The same seed makes the same keys.
pub fn ceremony(seed: u64, adjust: impl FnOnce(&mut CeremonySpec)) -> Ceremony {
    consilium_testkit::ceremony(seed, |usual| {
        *usual = of_rows(vec![40, 30, 20, 10]);
        adjust(usual);
    })
}

/// What the defaults make of institutions with so many rows, and a little model.
fn of_rows(rows: Vec<u64>) -> CeremonySpec {
    CeremonySpec {
        steps: 1,
        collection_timeout_ms: 20_000,
        ..CeremonySpec::new(consilium_testkit::layers(), vec![0.25; DIMENSION], rows)
    }
}

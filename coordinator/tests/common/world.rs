//! Four institutions, and the folder that everything lies in.

use std::{path::PathBuf, sync::Arc, time::Duration};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::{Contract, transaction::sign};
use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_crypto::DiscreteLogTable;
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_ledger::HeaderChain;
use consilium_proto::training::Layers;
use consilium_proto::v1::{SignedTransaction, transaction::Action};
use rand_core::OsRng;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{Follower, Institution, Peer};

/// Parameters of the model: 2 inputs, 2 hidden neurons.
pub const DIMENSION: usize = 9;

/// Four institutions (t = 2, q = 3, min_updates = 3) and the folder that everything lies in.
pub struct World {
    pub ceremony: Arc<Ceremony>,
    pub root: TempDir,
    institutions: Vec<Institution>,
}

impl World {
    pub fn new(adjust: impl FnOnce(&mut CeremonySpec)) -> Self {
        let layers = Layers { inputs: 2, hidden: vec![2] };
        let mut spec = CeremonySpec::new(layers, vec![0.25; DIMENSION], vec![40, 30, 20, 10]);
        spec.steps = 1;
        spec.collection_timeout_ms = 20_000;
        adjust(&mut spec);
        let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
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
            let layers = spec.layers.clone();
            *spec = CeremonySpec::new(layers, vec![0.25; DIMENSION], vec![10; institutions]);
            (spec.steps, spec.collection_timeout_ms) = (1, 20_000);
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

    /// Signs in the authority's name.
    pub fn decree(&self, action: Action) -> SignedTransaction {
        sign(self.ceremony.authority_key(), &self.ceremony.parameters.chain_id, None, action)
    }

    /// A follower at the chain's beginning.
    pub fn follower(&self) -> Follower {
        let ceremony = &self.ceremony;
        let contract = Contract::found(
            &ceremony.genesis_entry,
            &ceremony.initial_model,
            DiscreteLogTable::shared(),
        )
        .unwrap();
        let coordinator =
            ed25519_dalek::VerifyingKey::from_bytes(&ceremony.parameters.coordinator.encode())
                .unwrap();
        let chain = HeaderChain::new(ceremony.parameters.chain_id, coordinator);
        Follower { contract, chain, entries: Vec::new() }
    }
}

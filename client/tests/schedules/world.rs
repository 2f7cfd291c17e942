//! What all schedules of one shape share: the genesis, the blocks up to where they begin, and updates, which cost the most.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use consilium_audit::follow::Follower;
use consilium_authority::{Ceremony, CeremonySpec};
use consilium_client::institution::duties::Duties;
use consilium_contract::{CandidateTransaction, Committee, transaction::entry};
use consilium_crypto::{
    Bound, Context, DiscreteLogTable, EncryptedUpdate, QuantisedUpdate, RoundContext,
    mask::{CandidateHeader, CandidateKey, VerifiedHeader, encrypt, verify_key_proofs},
    signature,
};
use consilium_hash::{HeaderHash, Pseudonym, StateRoot};
use consilium_identity::{InstitutionFiles, TlsKey};
use consilium_ledger::{Block, HeaderChain};
use consilium_proto::training::Layers;
use consilium_proto::v1::SignedTransaction;
use consilium_testkit::Parties;

/// How long a stage or a collection waits, in milliseconds of the chain's time.
pub const TIMEOUT_MS: u64 = 1_000;

/// n, t and how many updates a sum needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub institutions: usize,
    pub threshold: u32,
}

/// An update of the pool: the same bytes in every schedule.
pub struct Pooled {
    pub update: EncryptedUpdate,
    pub header: VerifiedHeader,
    pub author: usize,
}

/// Where an institution stands when a schedule begins: the files of its state directory.
pub type State = Vec<(PathBuf, Vec<u8>)>;

/// Blocks, and every institution's state after them.
pub struct Start {
    pub blocks: Vec<Arc<Block>>,
    pub states: Vec<State>,
}

type Slot = Arc<OnceLock<Arc<Pooled>>>;

pub struct World {
    pub shape: Shape,
    pub ceremony: Ceremony,
    /// The institutions', for their programs.
    files: Vec<Arc<InstitutionFiles>>,
    pub table: Arc<DiscreteLogTable>,
    updates: Mutex<HashMap<(RoundContext, usize, usize), Slot>>,
    by_header: Mutex<HashMap<HeaderHash, Arc<Pooled>>>,
    /// Everyone is enrolled and there is no key.
    pub keyless: Start,
    /// Committee 0 stands.
    keyed: OnceLock<Start>,
}

impl Parties for World {
    fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }
}

impl World {
    pub fn new(shape: Shape) -> Self {
        let rows: Vec<u64> = (1..=shape.institutions as u64).map(|i| 10 * i).collect();
        let ceremony = consilium_testkit::ceremony(1, |usual| {
            let layers = Layers::dense(1, vec![]);
            *usual = CeremonySpec {
                threshold: shape.threshold,
                min_threshold: 2,
                min_updates: shape.threshold + 1,
                bound: Bound::parameter(8),
                steps: 3,
                collection_timeout_ms: TIMEOUT_MS,
                ..CeremonySpec::new(layers, vec![0.25; 2], rows)
            };
        });
        let files = ceremony.institutions.iter().map(|files| Arc::new(copy(files))).collect();
        let mut world = Self {
            shape,
            ceremony,
            files,
            table: DiscreteLogTable::shared(),
            updates: Mutex::default(),
            by_header: Mutex::default(),
            keyless: Start { blocks: Vec::new(), states: vec![State::new(); shape.institutions] },
            keyed: OnceLock::new(),
        };
        // A memory that is older than the enrolment: one that is not would be a lost one.
        let directory = tempfile::tempdir().unwrap();
        let parameters = &world.ceremony.parameters;
        let mut duties = Duties::open(directory.path(), world.shared_files(0), parameters).unwrap();
        let genesis = world.ceremony.genesis_entry.clone();
        let follower = Follower::new(Arc::new(parameters.clone()), genesis);
        duties.catch_up(&follower, None).unwrap();
        world.keyless.states.fill(save(directory.path()));
        let mut chain = world.empty_chain();
        let enrolments =
            (0..shape.institutions).map(|i| entry(world.enrolment(i), false)).collect();
        for entries in [vec![world.ceremony.genesis_entry.clone()], enrolments] {
            let block = Arc::new(world.seal(&chain, entries, 1));
            chain.append_block(&block).unwrap();
            world.keyless.blocks.push(block);
        }
        world
    }

    /// The start with a committee, which `play` makes the first time.
    pub fn keyed(&self, play: impl FnOnce() -> Start) -> &Start {
        self.keyed.get_or_init(play)
    }

    pub fn files(&self, institution: usize) -> &InstitutionFiles {
        &self.files[institution]
    }

    pub fn shared_files(&self, institution: usize) -> Arc<InstitutionFiles> {
        Arc::clone(&self.files[institution])
    }

    pub fn institution(&self, name: &Pseudonym) -> usize {
        (0..self.shape.institutions).find(|i| self.name(*i) == *name).unwrap()
    }

    /// The next block of a chain, with the coordinator's signature. No follower looks at the state root.
    pub fn seal(&self, chain: &HeaderChain, entries: Vec<Vec<u8>>, time_ms: u64) -> Block {
        let header = chain.propose(&entries, StateRoot([0; 32]), time_ms).unwrap();
        Block { sealed: self.seal_header(header), entries }
    }

    /// An update of an institution for a round, one of several: made once, for whichever schedules meet the same round.
    /// It changes nothing, so that the model after a step is the same whatever is in the sum, and so are later rounds.
    pub fn update(
        &self,
        committee: &Committee,
        round: &RoundContext,
        author: usize,
        which: usize,
    ) -> Arc<Pooled> {
        let slot = Arc::clone(
            self.updates.lock().unwrap().entry((round.clone(), author, which)).or_default(),
        );
        let pooled = slot.get_or_init(|| {
            let parameters = &self.ceremony.parameters;
            let bound = parameters.own_bound(self.ceremony.institutions[author].identity.rows);
            let context = Context { round: round.clone(), pseudonym: self.name(author), bound };
            let dimension = self.ceremony.parameters.dimension as usize;
            let values = QuantisedUpdate::new(vec![0; dimension], bound);
            let parameters = parameters.update_parameters();
            let key = &committee.public_key;
            let update = encrypt(&parameters, key, &context, &values.unwrap());
            let update = update.unwrap().prove().unwrap();
            let candidate = CandidateHeader::decode(&update.header).unwrap();
            let key_part = &update.body[parameters.key_part()];
            let candidate = CandidateKey::parse(candidate, key_part, &parameters).unwrap();
            let header =
                verify_key_proofs(key, vec![candidate], &mut rand_core::OsRng).remove(0).unwrap();
            let pooled = Arc::new(Pooled { update, header, author });
            self.by_header.lock().unwrap().insert(pooled.header.hash(), Arc::clone(&pooled));
            pooled
        });
        Arc::clone(pooled)
    }

    /// An update of the pool by the hash of its header.
    pub fn pooled(&self, header: &HeaderHash) -> Option<Arc<Pooled>> {
        self.by_header.lock().unwrap().get(header).cloned()
    }
}

/// The same files, as a program of the institution reads them.
fn copy(files: &InstitutionFiles) -> InstitutionFiles {
    InstitutionFiles {
        dictionary: files.dictionary.clone(),
        signing: signature::SigningKey::from_bytes(&files.signing.to_bytes()),
        tls: TlsKey::from_bytes(&files.tls.to_bytes()),
        certificate: files.certificate.clone(),
        identity: files.identity.clone(),
        genesis_entry: files.genesis_entry.clone(),
        initial_model: files.initial_model.clone(),
        parameters: files.parameters.clone(),
    }
}

/// A transaction as everyone reads it.
pub fn read(signed: &SignedTransaction) -> CandidateTransaction {
    CandidateTransaction::parse(signed.clone()).unwrap()
}

/// The files of a state directory.
pub fn save(directory: &Path) -> State {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    files.map(|file| (file.file_name().into(), fs::read(file.path()).unwrap())).collect()
}

/// Makes a state directory hold these files and no others.
pub fn restore(directory: &Path, state: &State) {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory).unwrap();
    state.iter().for_each(|(name, bytes)| fs::write(directory.join(name), bytes).unwrap());
}

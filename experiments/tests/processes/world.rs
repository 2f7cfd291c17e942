//! A run: its files, its processes, and the moments of killing.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use consilium_audit::audit;
use consilium_authority::{BoundChoice, BoundKind, Ceremony, CeremonySpec};
use consilium_client::state::{history::History, model};
use consilium_contract::{CandidateTransaction, Parameters};
use consilium_experiments::replay::{Choice, Federation, ReplayConfig, load_dataset};
use consilium_hash::{ModelHash, Pseudonym};
use consilium_learning::generator;
use consilium_ledger::Store;
use consilium_proto::v1::transaction::Action;
use rand_core::{OsRng, RngCore};
use tempfile::TempDir;

use crate::child::{BLOCK_AGE_MS, INDEX, LISTEN, ROOT};
use crate::clear::{self, Step};
use crate::finished::{Finished, parse};

/// Nothing that a test waits for takes so long on a machine that is not dead.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const POLL: Duration = Duration::from_millis(10);
/// n, with t = 2, q = 3, min_updates = 3.
pub const N: u32 = 4;
/// Blocks are sealed where a phase ends: what is not answered yet is lost with the process.
pub const SPARSE: Duration = Duration::from_secs(60);
/// Every transaction has a block of its own, so the chain shows at once what has happened.
pub const DENSE: Duration = Duration::ZERO;

pub fn hold(root: &Path, index: u32, step: u64) -> PathBuf {
    root.join(format!("hold-{index}-{step}"))
}

pub fn state(root: &Path, index: u32) -> PathBuf {
    root.join(format!("state-{index}"))
}

/// The same in every process: the configuration decides everything.
pub fn federation(root: &Path) -> Federation {
    let config =
        ReplayConfig::from_toml(&fs::read_to_string(root.join("config.toml")).unwrap()).unwrap();
    Federation::new(&config, &load_dataset(&config.dataset).unwrap()).unwrap()
}

/// A process by its name, which is also that of its log.
pub struct Process {
    name: String,
    child: Child,
}

/// A run: its files, its processes, and the moments of killing.
pub struct World {
    pub root: TempDir,
    pub federation: Federation,
    pub parameters: Parameters,
    /// Pseudonyms of institutions 1..=n.
    names: Vec<Pseudonym>,
    address: String,
    coordinator: Option<Process>,
    institutions: BTreeMap<u32, Process>,
    seed: u64,
    rng: Box<dyn RngCore>,
}

impl World {
    /// A ceremony on disk for a network with these hidden layers; nobody runs yet.
    pub fn new(test: &str, hidden: &[usize], steps: usize, collection_timeout: Duration) -> Self {
        Self::bounded(test, BoundKind::Parameter, hidden, steps, collection_timeout)
    }

    pub fn bounded(
        test: &str,
        bound: BoundKind,
        hidden: &[usize],
        steps: usize,
        collection_timeout: Duration,
    ) -> Self {
        let root = tempfile::tempdir().unwrap();
        let choice = Choice {
            institutions: N as usize,
            malicious: 0,
            epochs: steps,
            hidden: hidden.to_vec(),
            bound: BoundChoice { bound, ..BoundChoice::default() },
            ..Choice::default()
        };
        let config = ReplayConfig::resolve(choice, &load_dataset("pima").unwrap()).unwrap();
        fs::write(root.path().join("config.toml"), config.to_toml().unwrap()).unwrap();
        let federation = federation(root.path());

        let layers = federation.architecture.layers().clone();
        let rows = federation.tables.iter().map(|table| table.rows as u64).collect();
        let spec = CeremonySpec {
            bound: config.bound,
            clip: config.clip,
            steps: steps as u64,
            collection_timeout_ms: collection_timeout.as_millis() as u64,
            max_attempts: 20,
            ..CeremonySpec::new(layers, federation.initial.clone(), rows)
        };
        let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
        ceremony.write(&root.path().join("ceremony")).unwrap();
        let seed = env::var("CONSILIUM_KILLS")
            .map_or_else(|_| OsRng.next_u64(), |seed| seed.parse().unwrap());
        Self {
            federation,
            parameters: ceremony.parameters.clone(),
            names: ceremony.institutions.iter().map(|files| files.identity.pseudonym).collect(),
            address: "127.0.0.1:0".to_owned(),
            coordinator: None,
            institutions: BTreeMap::new(),
            seed,
            rng: Box::new(generator(test, seed, &[])),
            root,
        }
    }

    /// The coordinator and all institutions.
    pub fn start(&mut self, block_age: Duration) {
        self.start_coordinator(block_age);
        (1..=N).for_each(|index| self.start_institution(index));
    }

    fn spawn(&self, name: &str, entry: &str, variables: &[(&str, String)]) -> Process {
        let log = fs::File::options().append(true).create(true).open(self.log(name)).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", entry, "--nocapture"])
            .env(ROOT, self.root.path())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process { name: name.to_owned(), child }
    }

    /// Where the coordinator listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.root.path().join(format!("{name}.log"))
    }

    pub fn start_coordinator(&mut self, block_age: Duration) {
        let variables =
            [(LISTEN, self.address.clone()), (BLOCK_AGE_MS, block_age.as_millis().to_string())];
        self.coordinator = Some(self.spawn("coordinator", "child::coordinator", &variables));
        if self.address.ends_with(":0") {
            let file = self.root.path().join("address");
            self.address =
                self.until("the coordinator's address", |_| fs::read_to_string(&file).ok());
        }
    }

    pub fn start_institution(&mut self, index: u32) {
        let variables = [(LISTEN, self.address.clone()), (INDEX, index.to_string())];
        let process = self.spawn(&format!("institution-{index}"), "child::institution", &variables);
        self.institutions.insert(index, process);
    }

    pub fn kill_coordinator(&mut self) {
        kill(self.coordinator.take().unwrap());
    }

    /// The coordinator ends by itself, with this exit code.
    pub fn coordinator_ended(&mut self) -> i32 {
        let process = self.coordinator.take().unwrap();
        self.code_of(process)
    }

    pub fn kill_institution(&mut self, index: u32) {
        kill(self.institutions.remove(&index).unwrap());
    }

    pub fn hold(&self, index: u32, step: u64) {
        fs::write(hold(self.root.path(), index, step), "").unwrap();
    }

    pub fn release(&self, index: u32, step: u64) {
        fs::remove_file(hold(self.root.path(), index, step)).unwrap();
    }

    /// A number from `from` up to, without, `to`.
    pub fn draw(&mut self, from: u64, to: u64) -> u64 {
        from + self.rng.next_u64() % (to - from)
    }

    /// Lets a random time pass: the next kill falls wherever the processes happen to be.
    pub fn random_moment(&mut self, most: Duration) {
        let pause = self.draw(0, most.as_micros() as u64);
        thread::sleep(Duration::from_micros(pause));
    }

    /// Waits until `probe` answers. A process that ends meanwhile must have done what it was started for.
    pub fn until<T>(&mut self, what: &str, probe: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = probe(self) {
                return found;
            }
            for process in self.coordinator.iter_mut().chain(self.institutions.values_mut()) {
                let code = process.child.try_wait().unwrap().map(|status| status.code());
                assert!(
                    matches!(code, None | Some(Some(0))),
                    "{} ended with {code:?}, waiting for {what}",
                    process.name
                );
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            thread::sleep(POLL);
        }
    }

    /// The chain as institution `index` has it on disk, block by block.
    pub fn chain(&self, index: u32) -> Vec<Vec<CandidateTransaction>> {
        let Ok(mut history) = History::view(&state(self.root.path(), index), &self.parameters)
        else {
            return Vec::new();
        };
        (0..)
            .map_while(|height| history.block(height).unwrap())
            .map(|(block, _)| parse(&block.entries))
            .collect()
    }

    /// Whether the chain of institution `viewer` says so.
    pub fn is_on_chain(&self, viewer: u32, said: impl Fn(&Action) -> bool) -> bool {
        self.chain(viewer).iter().flatten().any(|transaction| said(transaction.action()))
    }

    /// Which institutions say so on the chain of institution `viewer`.
    pub fn heard(&self, viewer: u32, said: impl Fn(&Action) -> bool) -> BTreeSet<u32> {
        let chain = self.chain(viewer);
        let authors = chain.iter().flatten().filter(|transaction| said(transaction.action()));
        authors.map(|transaction| self.index_of(transaction)).collect()
    }

    pub fn index_of(&self, transaction: &CandidateTransaction) -> u32 {
        let author = transaction.author().unwrap();
        self.names.iter().position(|name| *name == author).unwrap() as u32 + 1
    }

    pub fn until_heard(
        &mut self,
        what: &str,
        viewer: u32,
        from: &[u32],
        said: impl Fn(&Action) -> bool,
    ) {
        let expected = BTreeSet::from_iter(from.iter().copied());
        self.until(what, |world| world.heard(viewer, &said).is_superset(&expected).then_some(()));
    }

    /// Waits until everyone who runs has come to an end, and returns the exit codes of the institutions.
    pub fn until_ended(&mut self) -> BTreeMap<u32, i32> {
        let institutions = std::mem::take(&mut self.institutions);
        institutions.into_iter().map(|(index, process)| (index, self.code_of(process))).collect()
    }

    fn code_of(&self, mut process: Process) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            if Instant::now() >= deadline {
                let name = process.name.clone();
                kill(process);
                panic!("{name} does not end");
            }
            thread::sleep(POLL);
        }
    }

    /// Everyone ends with code 0, the audit passes, all hold the same last model, nobody has encrypted or countersigned
    /// twice, and nobody was found at fault.
    pub fn finish(&mut self) -> Finished {
        for (index, code) in self.until_ended() {
            assert_eq!(code, 0, "institution {index}");
            let checked =
                model::load(&state(self.root.path(), index), &self.parameters).unwrap().unwrap();
            assert_eq!(checked.step(), self.parameters.steps, "institution {index}");
        }
        let coordinator = self.coordinator.take().unwrap();
        assert_eq!(self.code_of(coordinator), 0, "the coordinator");
        let ledger = self.root.path().join("ledger");
        let report = audit(&ledger, self.root.path(), Some(&self.parameters.chain_id)).unwrap();
        assert_eq!((report.is_closed, report.phase.as_str()), (true, "finished"));
        assert_eq!(report.steps, (self.parameters.steps, self.parameters.steps));
        // What a kill may lead to. None of these names a culprit, so nobody has lost credit.
        let harmless =
            ["incomplete body", "duplicate", "too late", "too early", "wrong step", "wrong model"];
        let faults: Vec<_> =
            report.rejected.keys().filter(|reason| !harmless.contains(&reason.as_str())).collect();
        assert!(faults.is_empty(), "{faults:?}");

        let store = Store::open_copy(&ledger, self.root.path()).unwrap();
        let chain: Vec<_> =
            store.blocks(1).flat_map(|block| parse(&block.unwrap().entries)).collect();
        let finished = Finished::new(self, &chain, report);
        for index in 1..=N {
            let checked = model::load(&state(self.root.path(), index), &self.parameters).unwrap();
            if let Some(checked) = checked.filter(|checked| checked.step() == self.parameters.steps)
            {
                assert_eq!(
                    Some(&checked.model().hash()),
                    finished.models.last(),
                    "institution {index}"
                );
            }
        }
        finished
    }

    /// SHA-256 of the model after each round of plaintext FedAvg over the quantised updates of these institutions.
    pub fn models_in_the_clear(&self, accepted: &[BTreeSet<u32>]) -> Vec<ModelHash> {
        let federation = &self.federation;
        let places = |numbers: &BTreeSet<u32>| numbers.iter().map(|k| *k as usize - 1).collect();
        let accepted: Vec<_> = accepted.iter().map(places).collect();
        let participants = federation.participants().unwrap();
        let steps = clear::steps(federation, participants, 0, &accepted);
        steps.iter().map(Step::hash).collect()
    }

    /// The models of a run in which nothing happens.
    pub fn undisturbed(&self) -> Vec<ModelHash> {
        self.models_in_the_clear(&vec![BTreeSet::from_iter(1..=N); self.parameters.steps as usize])
    }
}

fn kill(mut process: Process) {
    let _ = process.child.kill();
    let _ = process.child.wait();
}

impl Drop for World {
    fn drop(&mut self) {
        let left =
            std::mem::take(&mut self.institutions).into_values().chain(self.coordinator.take());
        left.for_each(kill);
        if thread::panicking() {
            eprintln!("to draw the same moments again: CONSILIUM_KILLS={}", self.seed);
            for name in (1..=N)
                .map(|index| format!("institution-{index}"))
                .chain(["coordinator".to_owned()])
            {
                let log = fs::read_to_string(self.log(&name)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                eprintln!("---- {name}\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
            }
        }
    }
}

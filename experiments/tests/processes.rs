//! The federation as separate processes over real sockets and real files, killed with SIGKILL and started again.
//!
//! Every process is this test executable, started once more with `--exact child_…`: what it runs is what the programs'
//! `main` runs. Moments of killing come from a seeded generator; the seed is printed where a test fails, and
//! `CONSILIUM_KILLS=<seed>` draws the same ones again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, exit},
    thread,
    time::{Duration, Instant},
};

use consilium_authority::{
    BoundChoice, BoundKind, Ceremony, CeremonySpec, CoordinatorFiles, InstitutionFiles,
    institution_folder,
};
use consilium_client::{
    AuditReport, CheckedModel, Institution, Unobserved, audit,
    history::History,
    learning::{LearningError, LocalUpdate, Trainer, generator, model_blob},
};
use consilium_contract::{
    CandidateTransaction, Parameters, parameters::Layers, transaction::parse_entry,
};
use consilium_coordinator::{Config, Coordinator, Linger};
use consilium_crypto::{CandidateHeader, Evaluation, Hash, QuantisedUpdate};
use consilium_experiments::{
    Federation, ReplayConfig, config::Choice, federation::load_dataset, plain::fed_avg_quantised,
};
use consilium_ledger::{Store, sha256};
use consilium_proto::v1::transaction::Action;
use rand_core::{OsRng, RngCore};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

// ---- The processes ----------------------------------------------------------------------------------------------

const ROOT: &str = "CONSILIUM_TEST_ROOT";
const LISTEN: &str = "CONSILIUM_TEST_LISTEN";
const BLOCK_AGE_MS: &str = "CONSILIUM_TEST_BLOCK_AGE_MS";
const INDEX: &str = "CONSILIUM_TEST_INDEX";

/// The folder of the run, in a process that a test below has started. Such a process ends with its parent.
fn child_root() -> Option<PathBuf> {
    let root = env::var_os(ROOT)?;
    thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        exit(101);
    });
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    Some(root.into())
}

fn text(name: &str) -> String {
    env::var(name).unwrap()
}

#[test]
#[ignore = "a process of the other tests"]
fn child_coordinator() {
    let Some(root) = child_root() else { return };
    let config = Config {
        block_age: Duration::from_millis(text(BLOCK_AGE_MS).parse().unwrap()),
        enrolment_timeout: PATIENCE,
        linger: Linger::AtMost(Duration::from_secs(8)),
        ..Config::new(
            CoordinatorFiles::load(&root.join("ceremony/coordinator")).unwrap(),
            root.join("ledger"),
        )
    };
    let ended = Runtime::new().unwrap().block_on(async {
        let running =
            Coordinator::start(config, TcpListener::bind(text(LISTEN)).await.unwrap()).await?;
        fs::write(root.join("address.new"), running.address().to_string()).unwrap();
        fs::rename(root.join("address.new"), root.join("address")).unwrap();
        running.finished().await
    });
    match ended {
        Ok(_) => exit(0),
        Err(error) => {
            eprintln!("error: {error}");
            exit(1)
        }
    }
}

#[test]
#[ignore = "a process of the other tests"]
fn child_institution() {
    let Some(root) = child_root() else { return };
    let index: u32 = text(INDEX).parse().unwrap();
    let files =
        InstitutionFiles::load(&root.join("ceremony").join(institution_folder(index))).unwrap();
    let honest = federation(&root).trainers().unwrap().swap_remove(index as usize - 1);
    let trainer = Held { trainer: honest, root: root.clone(), index };
    let (state, address) = (state(&root, index), format!("http://{}", text(LISTEN)));
    let ended = Institution::new(files, &state, &address, Box::new(trainer), Box::new(Unobserved))
        .and_then(|institution| Runtime::new().unwrap().block_on(institution.run()));
    match ended {
        Ok(_) => exit(0),
        Err(error) => {
            eprintln!("error: {error}");
            exit(error.exit_code().into())
        }
    }
}

/// Trains no sooner than the file is gone that holds this institution up at this step.
struct Held<T> {
    trainer: T,
    root: PathBuf,
    index: u32,
}

impl<T: Trainer> Trainer for Held<T> {
    fn local_update(&mut self, step: u64, global: &[f32]) -> Result<LocalUpdate, LearningError> {
        while hold(&self.root, self.index, step).exists() {
            thread::sleep(POLL);
        }
        self.trainer.local_update(step, global)
    }
}

// ---- The world around them --------------------------------------------------------------------------------------

/// Nothing that a test waits for takes so long on a machine that is not dead.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);
/// n, with t = 2, q = 3, min_updates = 3.
const N: u32 = 4;
/// Blocks are sealed where a phase ends: what is not answered yet is lost with the process.
const SPARSE: Duration = Duration::from_secs(60);
/// Every transaction has a block of its own, so the chain shows at once what has happened.
const DENSE: Duration = Duration::ZERO;

fn hold(root: &Path, index: u32, step: u64) -> PathBuf {
    root.join(format!("hold-{index}-{step}"))
}

fn state(root: &Path, index: u32) -> PathBuf {
    root.join(format!("state-{index}"))
}

/// The same in every process: the configuration decides everything.
fn federation(root: &Path) -> Federation {
    let config =
        ReplayConfig::from_toml(&fs::read_to_string(root.join("config.toml")).unwrap()).unwrap();
    Federation::new(&config, &load_dataset(&config.dataset).unwrap()).unwrap()
}

/// A process by its name, which is also that of its log.
struct Process {
    name: String,
    child: Child,
}

/// A run: its files, its processes, and the moments of killing.
struct World {
    root: TempDir,
    federation: Federation,
    parameters: Parameters,
    /// Pseudonyms of institutions 1..=n.
    names: Vec<Hash>,
    address: String,
    coordinator: Option<Process>,
    institutions: BTreeMap<u32, Process>,
    seed: u64,
    rng: Box<dyn RngCore>,
}

impl World {
    /// A ceremony on disk for a network with these hidden layers; nobody runs yet.
    fn new(test: &str, hidden: &[usize], steps: usize, collection_timeout: Duration) -> Self {
        Self::bounded(test, BoundKind::Parameter, hidden, steps, collection_timeout)
    }

    fn bounded(
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

        let layers = Layers {
            inputs: federation.architecture.inputs() as u32,
            hidden: hidden.iter().map(|size| *size as u32).collect(),
        };
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
    fn start(&mut self, block_age: Duration) {
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

    fn log(&self, name: &str) -> PathBuf {
        self.root.path().join(format!("{name}.log"))
    }

    fn start_coordinator(&mut self, block_age: Duration) {
        let variables =
            [(LISTEN, self.address.clone()), (BLOCK_AGE_MS, block_age.as_millis().to_string())];
        self.coordinator = Some(self.spawn("coordinator", "child_coordinator", &variables));
        if self.address.ends_with(":0") {
            let file = self.root.path().join("address");
            self.address =
                self.until("the coordinator's address", |_| fs::read_to_string(&file).ok());
        }
    }

    fn start_institution(&mut self, index: u32) {
        let variables = [(LISTEN, self.address.clone()), (INDEX, index.to_string())];
        let process = self.spawn(&format!("institution-{index}"), "child_institution", &variables);
        self.institutions.insert(index, process);
    }

    fn kill_coordinator(&mut self) {
        kill(self.coordinator.take().unwrap());
    }

    fn kill_institution(&mut self, index: u32) {
        kill(self.institutions.remove(&index).unwrap());
    }

    fn hold(&self, index: u32, step: u64) {
        fs::write(hold(self.root.path(), index, step), "").unwrap();
    }

    fn release(&self, index: u32, step: u64) {
        fs::remove_file(hold(self.root.path(), index, step)).unwrap();
    }

    /// A number from `from` up to, without, `to`.
    fn draw(&mut self, from: u64, to: u64) -> u64 {
        from + self.rng.next_u64() % (to - from)
    }

    /// Lets a random time pass: the next kill falls wherever the processes happen to be.
    fn random_moment(&mut self, most: Duration) {
        let pause = self.draw(0, most.as_micros() as u64);
        thread::sleep(Duration::from_micros(pause));
    }

    /// Waits until `probe` answers. A process that ends meanwhile must have done what it was started for.
    fn until<T>(&mut self, what: &str, probe: impl Fn(&Self) -> Option<T>) -> T {
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
    fn chain(&self, index: u32) -> Vec<Vec<CandidateTransaction>> {
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
    fn is_on_chain(&self, viewer: u32, said: impl Fn(&Action) -> bool) -> bool {
        self.chain(viewer).iter().flatten().any(|transaction| said(transaction.action()))
    }

    /// Which institutions say so on the chain of institution `viewer`.
    fn heard(&self, viewer: u32, said: impl Fn(&Action) -> bool) -> BTreeSet<u32> {
        let chain = self.chain(viewer);
        let authors = chain.iter().flatten().filter(|transaction| said(transaction.action()));
        authors.map(|transaction| self.index_of(transaction)).collect()
    }

    fn index_of(&self, transaction: &CandidateTransaction) -> u32 {
        let author = transaction.author().unwrap();
        self.names.iter().position(|name| *name == author).unwrap() as u32 + 1
    }

    fn until_heard(
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
    fn until_ended(&mut self) -> BTreeMap<u32, i32> {
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
    fn finish(&mut self) -> Finished {
        for (index, code) in self.until_ended() {
            assert_eq!(code, 0, "institution {index}");
            let checked = CheckedModel::load(&state(self.root.path(), index), &self.parameters)
                .unwrap()
                .unwrap();
            assert_eq!(checked.step(), self.parameters.steps, "institution {index}");
        }
        let coordinator = self.coordinator.take().unwrap();
        assert_eq!(self.code_of(coordinator), 0, "the coordinator");
        let ledger = self.root.path().join("ledger");
        let report = audit(&ledger, self.root.path(), Some(&self.parameters.chain_id)).unwrap();
        assert_eq!((report.is_sealed, report.phase.as_str()), (true, "finished"));
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
            let checked =
                CheckedModel::load(&state(self.root.path(), index), &self.parameters).unwrap();
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
    fn models_in_the_clear(&self, accepted: &[BTreeSet<u32>]) -> Vec<Hash> {
        let Federation { config, weights, .. } = &self.federation;
        let mut trainers = self.federation.trainers().unwrap();
        let mut global = self.federation.initial.clone();
        let mut hashes = Vec::new();
        for (step, institutions) in (0..).zip(accepted) {
            let places = institutions.iter().map(|index| *index as usize - 1);
            let (updates, weights): (Vec<QuantisedUpdate>, Vec<f64>) = places
                .map(|k| (trainers[k].local_update(step, &global).unwrap().quantised, weights[k]))
                .unzip();
            global = fed_avg_quantised(
                &global,
                &updates,
                &weights,
                config.quantised_bound(),
                config.clip,
            )
            .unwrap();
            hashes.push(sha256(&model_blob(&global)));
        }
        hashes
    }

    /// The models of a run in which nothing happens.
    fn undisturbed(&self) -> Vec<Hash> {
        self.models_in_the_clear(&vec![BTreeSet::from_iter(1..=N); self.parameters.steps as usize])
    }
}

fn kill(mut process: Process) {
    let _ = process.child.kill();
    let _ = process.child.wait();
}

fn parse(entries: &[Vec<u8>]) -> Vec<CandidateTransaction> {
    entries
        .iter()
        .filter_map(|entry| parse_entry(entry).ok().map(|(transaction, _)| transaction))
        .collect()
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

/// What the chain of a finished run says.
struct Finished {
    report: AuditReport,
    /// SHA-256 of the model after each step.
    models: Vec<Hash>,
    /// Whose updates are in the sum of each step.
    accepted: Vec<BTreeSet<u32>>,
    /// From the opening of each step's last attempt to the end of its collection.
    collected: Vec<Duration>,
}

impl Finished {
    fn new(world: &World, chain: &[CandidateTransaction], report: AuditReport) -> Self {
        let mut models = Vec::new();
        let mut accepted = Vec::new();
        let mut authors = BTreeMap::new();
        let mut collected = Vec::new();
        let mut opened_ms = 0;
        let mut encrypted: BTreeMap<(u32, u64, u32), Hash> = BTreeMap::new();
        let mut countersigned: BTreeMap<(u32, u64), BTreeSet<Vec<u8>>> = BTreeMap::new();
        for transaction in chain {
            match transaction.action() {
                Action::OpenRound(open) => opened_ms = open.time_ms,
                Action::SubmitUpdate(update) => {
                    let context =
                        CandidateHeader::decode(&update.header).unwrap().context().clone();
                    let author = world.index_of(transaction);
                    let header = sha256(&update.header);
                    let first = *encrypted
                        .entry((author, context.round.step, context.round.attempt))
                        .or_insert(header);
                    assert_eq!(
                        first, header,
                        "institution {author} has encrypted twice in {:?}",
                        context.round
                    );
                    authors.insert(header, author);
                }
                Action::CloseCollection(close) => {
                    collected.push(Duration::from_millis(close.time_ms - opened_ms));
                    let evaluation = Evaluation::decode(&close.evaluation).unwrap();
                    accepted
                        .push(evaluation.inputs().iter().map(|header| authors[header]).collect());
                }
                Action::Countersign(said) => {
                    let blocks =
                        countersigned.entry((world.index_of(transaction), said.step)).or_default();
                    blocks.insert(said.sealed_block.clone());
                }
                Action::CloseRound(close) => {
                    models.push(close.model.as_ref().unwrap().sha256[..].try_into().unwrap())
                }
                _ => {}
            }
        }
        for ((index, step), blocks) in countersigned {
            assert_eq!(
                blocks.len(),
                1,
                "institution {index} has countersigned two blocks of step {step}"
            );
        }
        Self { report, models, accepted, collected }
    }
}

fn step_of_update(action: &Action) -> Option<u64> {
    let Action::SubmitUpdate(update) = action else { return None };
    Some(CandidateHeader::decode(&update.header).unwrap().context().round.step)
}

fn is_update(step: u64) -> impl Fn(&Action) -> bool {
    move |action| step_of_update(action) == Some(step)
}

fn is_countersignature(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::Countersign(said) if said.step == step)
}

fn is_share(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::SubmitShare(said) if said.step == step)
}

fn is_close(step: u64) -> impl Fn(&Action) -> bool {
    move |action| matches!(action, Action::CloseRound(said) if said.step == step)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.as_ref().unwrap().path();
        let target = to.join(entry.unwrap().file_name());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            fs::copy(&path, &target).map(drop).unwrap()
        }
    }
}

// ---- The tests --------------------------------------------------------------------------------------------------

#[test]
fn five_processes_train_together_and_end_with_the_models_of_fedavg_in_the_clear_under_either_bound()
{
    for bound in [BoundKind::Parameter, BoundKind::Norm] {
        let mut world = World::bounded("undisturbed", bound, &[16, 8], 3, PATIENCE);
        assert_eq!(world.parameters.dimension, 289);
        world.start(SPARSE);
        let finished = world.finish();
        assert_eq!(finished.models, world.undisturbed());
        assert_eq!(finished.report.accepted_updates, 12);
    }
}

#[test]
fn a_coordinator_that_is_killed_again_and_again_loses_nobodys_update_and_the_models_are_the_same() {
    let mut world = World::new("coordinator", &[4], 5, PATIENCE);
    world.start(SPARSE);
    let steps = world.parameters.steps;
    let mut kills = 0;
    while kills < 8 {
        let height = world.chain(1).len() + world.draw(1, 4) as usize;
        let is_over = world.until("the next kill", |world| {
            let is_over = world.is_on_chain(1, is_close(steps - 1));
            (is_over || world.chain(1).len() >= height).then_some(is_over)
        });
        world.random_moment(Duration::from_millis(200));
        // The last one may fall between the last block and those who have not seen it.
        let block_age = if world.draw(0, 2) == 0 { SPARSE } else { DENSE };
        world.kill_coordinator();
        world.random_moment(Duration::from_millis(100));
        world.start_coordinator(block_age);
        kills += 1;
        if is_over {
            break;
        }
    }
    let finished = world.finish();
    assert!(kills >= 4, "{kills}");
    assert_eq!(finished.models, world.undisturbed());
    assert!(
        finished.accepted.iter().all(|institutions| institutions.len() == N as usize),
        "{:?}",
        finished.accepted
    );
}

#[test]
fn institutions_that_are_killed_and_started_again_submit_countersign_and_share_once_and_lose_nothing()
 {
    let mut world = World::new("institutions", &[4], 4, PATIENCE);
    // Step 1: three have submitted, one is still training.
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 1", 1, &[1, 2, 3], is_update(1));
    for index in [2, 3, 4] {
        world.kill_institution(index);
    }
    world.start_institution(4);
    world.release(4, 1);
    // Two of the three trustees that must countersign before anyone gives a share.
    world.until_heard("the countersignatures of step 1", 1, &[1, 4], is_countersignature(1));
    assert!(world.heard(1, is_share(1)).is_empty());
    for index in [1, 4] {
        world.kill_institution(index);
    }
    (1..=N).for_each(|index| world.start_institution(index));

    // From here on at random, as long as the last step is being collected at most.
    world.hold(1, 3);
    world.until("step 1 to close", |world| world.is_on_chain(1, is_close(1)).then_some(()));
    for _ in 0..8 {
        world.random_moment(Duration::from_millis(500));
        let index = world.draw(1, u64::from(N) + 1) as u32;
        world.kill_institution(index);
        world.random_moment(Duration::from_millis(200));
        world.start_institution(index);
    }
    world.release(1, 3);

    let finished = world.finish();
    assert_eq!(finished.models, world.undisturbed());
    assert!(
        finished.accepted.iter().all(|institutions| institutions.len() == N as usize),
        "{:?}",
        finished.accepted
    );
}

#[test]
fn an_institution_that_never_comes_back_is_waited_for_until_the_deadline_and_no_longer() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let mut world = World::new("vanished", &[4], 3, TIMEOUT);
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 1", 1, &[1, 2, 3], is_update(1));
    world.kill_institution(4);
    let finished = world.finish();
    // How many were in time for the first step is for the machine to say.
    assert!(finished.accepted[0].len() >= 3, "{:?}", finished.accepted);
    assert_eq!(finished.accepted[1..], [BTreeSet::from([1, 2, 3]), BTreeSet::from([1, 2, 3])]);
    assert!(
        finished.collected[1..].iter().all(|took| *took >= TIMEOUT),
        "{:?}",
        finished.collected
    );
    assert_eq!(finished.models, world.models_in_the_clear(&finished.accepted));
}

#[test]
fn an_institution_that_is_away_when_the_run_ends_comes_back_to_the_last_model() {
    let mut world = World::new("away", &[4], 1, PATIENCE);
    world.hold(3, 0);
    world.start(DENSE);
    world.until_heard("the updates of step 0", 1, &[1, 2, 4], is_update(0));
    world.kill_institution(4);
    world.release(3, 0);
    assert_eq!(world.until_ended(), BTreeMap::from([(1, 0), (2, 0), (3, 0)]));
    // Longer than a coordinator stays that nobody is missing from.
    thread::sleep(Duration::from_secs(2));
    world.start_institution(4);
    let finished = world.finish();
    assert_eq!(finished.models, world.undisturbed());
}

#[test]
fn a_coordinator_with_an_older_copy_of_its_ledger_is_refused_by_everyone_who_has_seen_more() {
    let mut world = World::new("rollback", &[4], 3, PATIENCE);
    let folder = |name: &str| world.root.path().join(name);
    let ledger = folder("ledger");
    let older = folder("older");
    let newer = folder("newer");
    world.hold(4, 0);
    world.hold(4, 1);
    world.start(DENSE);
    world.until_heard("the updates of step 0", 1, &[1, 2, 3], is_update(0));
    world.kill_coordinator();
    copy(&ledger, &older);

    world.start_coordinator(DENSE);
    world.release(4, 0);
    for viewer in 1..=N {
        world
            .until("step 0 to close", |world| world.is_on_chain(viewer, is_close(0)).then_some(()));
    }
    world.kill_coordinator();
    world.release(4, 1);
    fs::rename(&ledger, &newer).unwrap();
    fs::rename(&older, &ledger).unwrap();
    world.start_coordinator(DENSE);
    assert_eq!(world.until_ended(), BTreeMap::from_iter((1..=N).map(|index| (index, 3))));
    for index in 1..=N {
        let log = fs::read_to_string(world.log(&format!("institution-{index}"))).unwrap();
        assert!(log.contains("it has lost blocks"), "{log}");
    }
    world.kill_coordinator();

    // Nothing was said on the older copy, so with the whole ledger the run goes on.
    fs::remove_dir_all(&ledger).unwrap();
    fs::rename(&newer, &ledger).unwrap();
    world.start(SPARSE);
    assert_eq!(world.finish().models, world.undisturbed());
}

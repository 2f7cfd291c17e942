//! One schedule, from its beginning until everybody has the last model.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use consilium_client::{ClientError, Institution, Outcome, Unobserved, state::history};
use consilium_contract::Phase;
use consilium_coordinator::{Clock, Config, CoordinatorError, Ended, Linger, Simulated};
use consilium_disk::fate;
use consilium_testkit::Parties as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use tokio::{
    runtime::Builder,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    auditor::{Auditor, Violation},
    disk::{Crash, Disks, Image},
    network::{BEAT, Line, Network},
    schedule::{Op, Schedule, ms},
    world::{INSTITUTIONS, NODE, STEPS, World, directory},
};

/// Long after the last fault, in the time of the schedule.
const END: Duration = Duration::from_secs(1_200);
/// What the node's clock shows first, in milliseconds.
const BEGINNING_MS: i64 = 1_700_000_000_000;
/// How long a process is down whose disk has failed.
const MENDED_MS: u64 = 500;
/// How long the verifier takes for an update.
const VERIFYING: Duration = Duration::from_millis(30);

/// What became of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// Every block: when it was first seen, and its entries.
    pub trace: Vec<(u64, Vec<String>)>,
    /// Updates in the sum of each step.
    pub sums: Vec<usize>,
    /// Steps of writing, by party.
    pub steps: Vec<usize>,
    /// Processes that ended by a failed disk.
    pub failed: usize,
    /// Everybody's folder.
    pub left: Vec<Image>,
}

/// How far a schedule is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    Finished,
    /// A committee stands.
    Keyed,
}

/// A disk that lies: whose, and about the flushes of what.
pub type Lie = (usize, &'static str);

/// Plays a schedule on this thread, in virtual time.
pub fn play(
    world: &Arc<World>,
    schedule: &Schedule,
    until: Until,
    lie: Option<Lie>,
) -> Result<Played, Violation> {
    let start = schedule.is_keyed.then(|| {
        world.keyed(|| {
            let undisturbed = Schedule::undisturbed(1, false);
            play(world, &undisturbed, Until::Keyed, None).unwrap().left
        })
    });
    let disks = Disks::default();
    if let Some((party, about)) = lie {
        disks.lie(party, about);
    }
    let _ruled = fate::rule(disks.clone());
    // Gone after everything that has files there.
    let root = directory();
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(Arc::clone(world), root.path(), schedule, disks, start);
        stage.play(&schedule.ops, until).await
    })
}

/// How a process has ended; nothing where it was killed.
enum Gone {
    Institution { place: usize, process: u64, outcome: Result<Outcome, ClientError> },
    Node { process: u64, outcome: Option<Result<Ended, CoordinatorError>> },
}

/// What is due.
#[derive(Debug, Clone, Copy)]
enum Due {
    Happens(Op),
    /// A process begins.
    Begins(usize),
}

/// A party's process, if it has one.
#[derive(Default)]
struct Process {
    number: u64,
    stop: Option<AbortHandle>,
    outcome: Option<Outcome>,
}

struct Stage {
    world: Arc<World>,
    root: PathBuf,
    disks: Disks,
    began: Instant,
    network: Arc<Network>,
    rng: ChaCha20Rng,
    clock: Arc<AtomicI64>,
    processes: Vec<Process>,
    /// Folders of processes that are down.
    folders: Vec<Image>,
    gone: JoinSet<Gone>,
    due: BTreeMap<(Instant, usize), Due>,
    next: usize,
    failed: usize,
}

struct SetClock {
    began: Instant,
    offset_ms: Arc<AtomicI64>,
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        let elapsed = self.began.elapsed().as_millis() as i64;
        (BEGINNING_MS + elapsed + self.offset_ms.load(Ordering::Relaxed)).max(0) as u64
    }
}

impl Stage {
    fn new(
        world: Arc<World>,
        root: &Path,
        schedule: &Schedule,
        disks: Disks,
        start: Option<&[Image]>,
    ) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(schedule.seed.wrapping_add(1));
        let names = (0..INSTITUTIONS).map(|place| world.name(place)).collect();
        let auditor = Auditor::new(Arc::clone(&world));
        Self {
            network: Network::new(names, rng.next_u64(), auditor),
            root: root.to_owned(),
            disks,
            began: Instant::now(),
            rng,
            clock: Arc::default(),
            processes: (0..=INSTITUTIONS).map(|_| Process::default()).collect(),
            folders: start.map_or_else(|| vec![Image::new(); INSTITUTIONS + 1], <[Image]>::to_vec),
            gone: JoinSet::new(),
            due: BTreeMap::new(),
            next: 0,
            failed: 0,
            world,
        }
    }

    async fn play(&mut self, ops: &[(u64, Op)], until: Until) -> Result<Played, Violation> {
        for (at_ms, op) in ops {
            match op {
                // Before anybody begins.
                Op::Break { party, fault } if *at_ms == 0 => self.disks.break_down(*party, *fault),
                _ => self.plan(*at_ms, Due::Happens(*op)),
            }
        }
        for party in [NODE].into_iter().chain(0..INSTITUTIONS) {
            self.begin(party);
        }
        let end = Instant::now() + END;
        loop {
            if let Some(violation) = self.network.auditor().violation() {
                return Err(violation);
            }
            if self.is_over(until) {
                break;
            }
            let next = self.due.first_key_value().map_or(end, |((at, _), _)| *at).min(end);
            let wakes = match until {
                Until::Finished => next,
                Until::Keyed => Instant::now() + ms(BEAT),
            };
            tokio::select! {
                biased;
                Some(gone) = self.gone.join_next() => {
                    // A process that was killed has nothing to say.
                    if let Ok(gone) = gone {
                        self.hear(gone)?;
                    }
                }
                () = sleep_until(wakes) => {
                    let now = Instant::now();
                    if now >= end {
                        return Err(self.stalled());
                    }
                    if next <= now && let Some((_, due)) = self.due.pop_first() {
                        self.take(due);
                    }
                }
            }
            if until == Until::Keyed
                && let Some(node) = self.network.node()
            {
                self.network.auditor().follow(&node);
            }
        }
        if until == Until::Finished {
            self.compare().await?;
        }
        let left = (0..=NODE).map(|party| self.disks.left_by(party, Crash::Kill)).collect();
        let mut auditor = self.network.auditor();
        Ok(Played {
            trace: std::mem::take(&mut auditor.trace),
            sums: std::mem::take(&mut auditor.sums),
            steps: (0..=NODE).map(|party| self.disks.steps(party)).collect(),
            failed: self.failed,
            left,
        })
    }

    fn stalled(&self) -> Violation {
        let auditor = self.network.auditor();
        let contract = auditor.contract();
        let away: Vec<usize> =
            (0..=NODE).filter(|party| self.processes[*party].stop.is_none()).collect();
        Violation::Stalled {
            phase: format!(
                "{} of step {}, attempt {}; processes that are not there: {away:?}; {:?}",
                contract.phase().name(),
                contract.step(),
                contract.attempt(),
                consilium_contract::schedule::awaited(contract),
            ),
        }
    }

    fn is_over(&self, until: Until) -> bool {
        match until {
            Until::Finished => {
                self.processes[..INSTITUTIONS].iter().all(|process| process.outcome.is_some())
            }
            Until::Keyed => self.network.auditor().contract().committee().is_some(),
        }
    }

    /// At a moment at which no link brings anything.
    fn plan(&mut self, in_ms: u64, due: Due) {
        self.next += 1;
        let then = (self.began.elapsed() + ms(in_ms)).as_millis() as u64;
        let then = self.began + ms(then.next_multiple_of(BEAT));
        self.due.insert((then, self.next), due);
    }

    fn take(&mut self, due: Due) {
        match due {
            Due::Begins(party) => self.begin(party),
            Due::Happens(Op::Crash { party, crash, down_ms }) => {
                if self.crash(party, crash) {
                    self.plan(down_ms, Due::Begins(party));
                }
            }
            Due::Happens(Op::Cut { place, time_ms }) => self.network.cut(place, ms(time_ms)),
            Due::Happens(Op::Partition { apart, time_ms }) => {
                let apart = (0..INSTITUTIONS).filter(|place| apart[*place]);
                apart.for_each(|place| self.network.cut(place, ms(time_ms)));
            }
            Due::Happens(Op::Change { place, weather, time_ms }) => {
                self.network.change(place, weather, ms(time_ms));
            }
            Due::Happens(Op::SetClock { by_ms }) => {
                self.clock.fetch_add(by_ms, Ordering::Relaxed);
            }
            Due::Happens(Op::Break { party, fault }) => {
                if self.processes[party].stop.is_some() {
                    self.disks.break_down(party, fault);
                }
            }
        }
    }

    /// A process ends where it stands. Whether there was one.
    fn crash(&mut self, party: usize, crash: Crash) -> bool {
        let process = &mut self.processes[party];
        if process.stop.take().map(|stop| stop.abort()).is_none() {
            return false;
        }
        process.number += 1;
        if party == NODE
            && let Some(node) = self.network.node()
        {
            node.kill();
            self.network.attach(None);
        }
        self.folders[party] = self.disks.left_by(party, crash);
        true
    }

    /// A process begins on what its folder holds.
    fn begin(&mut self, party: usize) {
        self.processes[party].number += 1;
        let process = self.processes[party].number;
        let folder = self.root.join(format!("{party}-{process}"));
        std::fs::create_dir_all(&folder).unwrap();
        let files = std::mem::take(&mut self.folders[party]);
        self.disks.begin(party, &folder, &files);
        let begun = if party == NODE {
            self.begin_node(folder, process)
        } else {
            self.begin_institution(party, folder, process)
        };
        match begun {
            Ok(stop) => self.processes[party].stop = Some(stop),
            Err(error) => self.ended(party, error),
        }
    }

    fn begin_node(&mut self, folder: PathBuf, process: u64) -> Result<AbortHandle, String> {
        let memory = folder.join("memory");
        std::fs::create_dir_all(&memory).unwrap();
        let config = Config {
            memory: Some(memory),
            hearing: ms(2_000),
            enrolment_timeout: ms(30_000),
            linger: Linger::Forever,
            clock: Box::new(SetClock { began: Instant::now(), offset_ms: Arc::clone(&self.clock) }),
            ..Config::new(self.world.coordinator_files(), folder.join("ledger"))
        };
        let node = Simulated::start(config, VERIFYING).map_err(|error| error.to_string())?;
        self.network.auditor().follow(&node);
        let ended = node.ended();
        self.network.attach(Some(Arc::new(node)));
        Ok(self.gone.spawn(async move { Gone::Node { process, outcome: ended.await } }))
    }

    fn begin_institution(
        &mut self,
        place: usize,
        folder: PathBuf,
        process: u64,
    ) -> Result<AbortHandle, String> {
        let line = Line { network: Arc::clone(&self.network), place };
        let institution = Institution::new(
            self.world.institution_files(place),
            &folder,
            "http://127.0.0.1:1",
            self.world.participant(place),
            Box::new(Unobserved),
        );
        let institution = institution.map_err(|error| error.to_string())?;
        let rng = ChaCha20Rng::seed_from_u64(self.rng.next_u64());
        let institution = institution.reaching(line).pausing_by(rng);
        Ok(self.gone.spawn(async move {
            let outcome = institution.run().await;
            Gone::Institution { place, process, outcome }
        }))
    }

    fn hear(&mut self, gone: Gone) -> Result<(), Violation> {
        match gone {
            Gone::Institution { place, process, outcome } => {
                if self.processes[place].number != process {
                    return Ok(());
                }
                self.processes[place].stop = None;
                match outcome {
                    Ok(outcome) => self.processes[place].outcome = Some(outcome),
                    Err(error) => self.ended(place, error.to_string()),
                }
            }
            Gone::Node { process, outcome } => {
                if self.processes[NODE].number != process {
                    return Ok(());
                }
                self.processes[NODE].stop = None;
                self.network.attach(None);
                match outcome {
                    Some(Err(error)) => self.ended(NODE, error.to_string()),
                    other => self.ended(NODE, format!("{other:?}")),
                }
            }
        }
        Ok(())
    }

    /// A process has ended by itself before the run was over: it may where its disk has failed, and its operator starts it
    /// again.
    fn ended(&mut self, party: usize, error: String) {
        if self.disks.has_failed(party) {
            self.failed += 1;
            self.folders[party] = self.disks.left_by(party, Crash::Kill);
            self.plan(MENDED_MS, Due::Begins(party));
        } else {
            self.network.auditor().find(Violation::Stopped { party, error });
        }
    }

    /// Everybody has ended with what the chain has come to.
    async fn compare(&mut self) -> Result<(), Violation> {
        if self.network.node().is_none() {
            self.due.retain(|_, due| !matches!(due, Due::Begins(party) if *party == NODE));
            self.begin(NODE);
        }
        let node = self.network.node();
        if let Some(node) = &node {
            self.network.auditor().follow(node);
            node.stop();
        }
        let mut auditor = self.network.auditor();
        let contract = auditor.contract();
        let model = contract.model().parameters().to_vec();
        let is_finished = matches!(contract.phase(), Phase::Finished);
        for place in 0..INSTITUTIONS {
            let Some(outcome) = &self.processes[place].outcome else { continue };
            if !is_finished || outcome.model != model || outcome.steps != STEPS {
                auditor.find(Violation::OtherOutcome { place });
            }
            let number = self.processes[place].number;
            let folder = self.root.join(format!("{place}-{number}"));
            for (height, block) in (0..).zip(history::blocks(&folder).unwrap()) {
                if auditor.hash(height) != Some(&block.hash()) {
                    auditor.find(Violation::OtherBlock { place, height });
                }
            }
        }
        auditor.violation().map_or(Ok(()), Err)
    }
}

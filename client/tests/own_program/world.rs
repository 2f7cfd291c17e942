//! A run of two named tensors with a coordinator on a socket, and the program `consilium-client`.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use consilium_authority::CeremonySpec;
use consilium_coordinator::Running;
use consilium_proto::training::{Head, Layers, Program, Tensor, Tensors};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::coordinator;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium-client");

/// The misbehaving program of the trainer's own tests; its model is `a`, `[2, 3]`, and `b`, `[]`.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../trainer/tests/programs/script.sh");

/// Parameters of that model.
pub const DIMENSION: usize = 7;

/// A client that does not outlive its test.
pub struct Client(pub Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct World {
    root: TempDir,
    _runtime: Runtime,
    running: Running,
}

impl World {
    /// Four institutions with as many rows as `pima` has.
    pub fn of(steps: u64) -> Self {
        Self::with(steps, |_| {})
    }

    /// The same, founded otherwise.
    pub fn with(steps: u64, tweak: impl FnOnce(&mut CeremonySpec)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let ceremony = root.path().join("ceremony");
        let tensor =
            |name: &str, shape: &[u32]| Tensor { name: name.to_owned(), shape: shape.to_vec() };
        let tensors = Tensors::new(vec![tensor("a", &[2, 3]), tensor("b", &[])]).unwrap();
        let program = Program::new(tensors, String::new(), Head::Binary, None).unwrap();
        let seed = rand_core::RngCore::next_u64(&mut rand_core::OsRng);
        let held = consilium_testkit::ceremony(seed, |usual| {
            let layers = Layers::dense(1, vec![]);
            *usual = CeremonySpec {
                program: Some(program),
                clip: 1.0,
                steps,
                collection_timeout_ms: 6_000,
                ..CeremonySpec::new(layers, vec![0.0; DIMENSION], vec![768; 4])
            };
            tweak(usual);
        });
        held.write(&ceremony).unwrap();
        let (runtime, running) = coordinator::start(root.path());
        let world = Self { root, _runtime: runtime, running };
        for place in 0..4 {
            fs::create_dir_all(world.own(place).join("tmp")).unwrap();
        }
        world
    }

    /// A folder for an institution's program.
    pub fn own(&self, place: usize) -> PathBuf {
        self.root.path().join(format!("own-{place}"))
    }

    pub fn read(&self, place: usize, name: &str) -> String {
        fs::read_to_string(self.own(place).join(name)).unwrap_or_default()
    }

    /// A command of an institution with its folders.
    pub fn command(&self, place: usize, name: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        let folder = format!("ceremony/institution-{:02}", place + 1);
        command.arg(name);
        command.arg("--ceremony").arg(self.root.path().join(folder));
        command.arg("--state").arg(self.root.path().join(format!("state-{place}")));
        command.env("TMPDIR", self.own(place).join("tmp")).env("RUST_LOG", "info");
        command
    }

    /// `run`, without a trainer.
    pub fn run(&self, place: usize) -> Command {
        let mut command = self.command(place, "run");
        let address = format!("http://{}", self.running.address());
        command.args(["--plain", "--coordinator", &address, "--data", "pima", "--seed", "1"]);
        command
    }

    /// The words for a program of this behaviour.
    pub fn trainer(&self, place: usize, behaviour: &str) -> String {
        format!("/bin/sh '{SCRIPT}' {behaviour} '{}'", self.own(place).display())
    }

    /// `run` in the background, its log in a file.
    pub fn start(&self, place: usize, behaviour: &str) -> Client {
        let log = fs::File::create(self.own(place).join("log")).unwrap();
        let trainer = self.trainer(place, behaviour);
        let mut command = self.run(place);
        command.args(["--trainer", &trainer]).stdout(Stdio::null()).stderr(log);
        Client(command.spawn().unwrap())
    }

    /// What the program has left in the folder for temporary files.
    pub fn left(&self, place: usize) -> usize {
        fs::read_dir(self.own(place).join("tmp")).unwrap().count()
    }
}

/// Waits until something holds, but not for ever.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

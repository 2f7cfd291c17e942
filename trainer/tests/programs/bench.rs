//! A world for one program: its folder, its trainer, and what is left of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use consilium_datasets::Table;
use consilium_proto::training::{Head, Program, Tensor, Tensors};
use consilium_trainer::{ProgramTrainer, Rows, Settings, Words};
use tempfile::TempDir;

/// A model that every test starts from: `a` is `[2, 3]`, `b` a single number.
pub const GLOBAL: [f32; 7] = [0.5, -1.0, 2.0, 0.0, 1.5, -0.25, 3.0];

pub struct Bench {
    folder: TempDir,
    pub behaviour: &'static str,
    pub deadline: Duration,
}

impl Bench {
    pub fn of(behaviour: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("scratch")).unwrap();
        Self { folder, behaviour, deadline: Duration::from_secs(20) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn scratch(&self) -> PathBuf {
        self.path("scratch")
    }

    pub fn agreed() -> Program {
        let tensor =
            |name: &str, shape: &[u32]| Tensor { name: name.to_owned(), shape: shape.to_vec() };
        let tensors = Tensors::new(vec![tensor("a", &[2, 3]), tensor("b", &[])]).unwrap();
        Program::new(tensors, "rate=\"0.1\"\n".to_owned(), Head::Binary, None).unwrap()
    }

    pub fn trainer_of(&self, command: &str, rows: Rows) -> ProgramTrainer {
        let settings = Settings {
            words: Words::split(command, Path::new("/")).unwrap(),
            deadline: self.deadline,
            scratch: self.scratch(),
        };
        ProgramTrainer::new(settings, Self::agreed(), rows, 42, 3)
    }

    pub fn trainer(&self) -> ProgramTrainer {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/programs/script.sh");
        let folder = self.folder.path().display();
        let rows = Table {
            features: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            labels: vec![0.0, 1.0, 1.0],
            rows: 3,
            width: 2,
        };
        let command = format!("/bin/sh '{script}' {} '{folder}'", self.behaviour);
        self.trainer_of(&command, Rows::Prepared(rows))
    }

    /// Asserts that no process and no folder of a trainer is left.
    pub fn is_clean(&self) {
        let left: Vec<_> = fs::read_dir(self.scratch()).unwrap().collect();
        assert!(left.is_empty(), "{left:?} is left");
        for name in ["child", "grandchild"] {
            let Ok(pid) = self.read(name).trim().parse::<u32>() else { continue };
            // Those that the child has started are for the system to reap once they are killed.
            let start = Instant::now();
            while is_alive(pid) {
                assert!(start.elapsed() < Duration::from_secs(10), "the {name} {pid} lives");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Whether a process runs; one that was killed and not yet waited for does not.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Whether a process has a place in the table of processes, dead or alive.
pub fn is_there(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

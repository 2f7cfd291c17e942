//! What the processes run.

use std::{env, fs, io::Read, path::PathBuf, process::exit, thread, time::Duration};

use consilium_client::{Institution, Unobserved, prepare::Participant};
use consilium_coordinator::{Config, Coordinator, Linger};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_learning::{TrainError, Trainer};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::world::{PATIENCE, POLL, federation, hold, state};

pub const ROOT: &str = "CONSILIUM_TEST_ROOT";
pub const LISTEN: &str = "CONSILIUM_TEST_LISTEN";
pub const BLOCK_AGE_MS: &str = "CONSILIUM_TEST_BLOCK_AGE_MS";
pub const INDEX: &str = "CONSILIUM_TEST_INDEX";

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
fn coordinator() {
    let Some(root) = child_root() else { return };
    let config = Config {
        memory: Some(root.join("ceremony/coordinator")),
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
fn institution() {
    let Some(root) = child_root() else { return };
    let index: u32 = text(INDEX).parse().unwrap();
    let files =
        InstitutionFiles::load(&root.join("ceremony").join(institution_folder(index))).unwrap();
    let Participant { trainer, preparation, .. } =
        federation(&root).participants().unwrap().swap_remove(index as usize - 1);
    let held = Held { trainer, root: root.clone(), index };
    let participant = Participant::new(held, preparation);
    let (state, address) = (state(&root, index), format!("http://{}", text(LISTEN)));
    let ended = Institution::new(files, &state, &address, participant, Box::new(Unobserved))
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
    fn train(&mut self, step: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        while hold(&self.root, self.index, step).exists() {
            thread::sleep(POLL);
        }
        self.trainer.train(step, global)
    }
}

//! A run under a dictionary, and rows that follow one rule at every site.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use consilium_authority::{AgreedDictionary, CeremonySpec};
use consilium_contract::{Parameters, ServerOptimiser};
use consilium_coordinator::Running;
use consilium_proto::{
    training::Layers,
    v1::{Evaluation, Training},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::coordinator;

/// Rows of each site.
pub const ROWS: [u64; 4] = [60, 80, 100, 120];

const DICTIONARY: &str = "\
format = 1
name = 'visits'
[target]
column = 'ill'
positive = ['1']
negative = ['0']
[[columns]]
name = 'glucose'
kind = 'number'
unit = 'mg/dL'
minimum = 0
maximum = 400
[[columns]]
name = 'age'
kind = 'number'
unit = 'years'
minimum = 18
maximum = 110
";

pub struct World {
    root: TempDir,
    runtime: Runtime,
    running: Option<Running>,
    pub parameters: Parameters,
}

impl World {
    /// Sites with so many steps, an evaluation after every second one, that end a run after so many evaluations in vain.
    pub fn of(steps: u64, patience: u32) -> Self {
        Self::founded(DICTIONARY, steps, patience, 1.0, ServerOptimiser::Mean)
    }

    /// The same, whose model this optimiser moves.
    pub fn under(server_optimiser: ServerOptimiser, steps: u64, patience: u32) -> Self {
        Self::founded(DICTIONARY, steps, patience, 1.0, server_optimiser)
    }

    /// The same with another target than two classes, and steps so many times as large.
    pub fn with_target(target: &str, steps: u64, faster: f32) -> Self {
        let dictionary = DICTIONARY.replace("positive = ['1']\nnegative = ['0']", target);
        Self::founded(&dictionary, steps, 0, faster, ServerOptimiser::Mean)
    }

    fn founded(
        dictionary: &str,
        steps: u64,
        patience: u32,
        faster: f32,
        server_optimiser: ServerOptimiser,
    ) -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("dictionary.toml");
        fs::write(&path, dictionary).unwrap();
        let dictionary = AgreedDictionary::load(&path).unwrap();
        let held = consilium_testkit::ceremony(steps, |usual| {
            let layers = Layers { head: dictionary.head(), ..Layers::dense(2, vec![]) };
            let model = vec![0.0; layers.dimension().unwrap() as usize];
            let defaults = CeremonySpec::new(layers, model, ROWS.to_vec());
            *usual = CeremonySpec {
                training: Training {
                    learning_rate: f64::from(faster) * defaults.training.learning_rate,
                    ..defaults.training
                },
                clip: faster * defaults.clip,
                statistics: Some(dictionary.tally()),
                evaluation: Some(Evaluation {
                    tally: Some(dictionary.evaluation_tally().unwrap()),
                    every: 2,
                    patience,
                    held_out_permille: 250,
                }),
                dictionary: Some(dictionary),
                server_optimiser,
                steps,
                ..defaults
            };
        });
        let ceremony = root.path().join("ceremony");
        held.write(&ceremony).unwrap();
        let (runtime, running) = coordinator::start(root.path());
        let parameters = held.parameters.clone();
        Self { root, runtime, running: Some(running), parameters }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Rows of a site: glucose alone decides, more of it at later sites; column order, missing values differ by site.
    pub fn write_rows(&self, place: usize, inverted: bool) {
        let label = |glucose| u8::from((glucose > 140) != inverted).to_string();
        self.write_labelled(place, "column='ill', positive=1, negative=0", label);
    }

    /// The same with another target.
    pub fn write_labelled(&self, place: usize, target: &str, label: impl Fn(u64) -> String) {
        let row = |i: u64| {
            let glucose = 60 + (i * 37) % 140 + 10 * place as u64;
            let age =
                if i.is_multiple_of(9) { String::new() } else { (20 + (i * 13) % 70).to_string() };
            let ill = label(glucose);
            match place % 2 {
                0 => format!("{glucose},{age},{ill}\n"),
                _ => format!("{ill},{age},{glucose}\n"),
            }
        };
        let header =
            if place.is_multiple_of(2) { "glucose,age,ill\n" } else { "ill,age,glucose\n" };
        let rows: String = (0..ROWS[place]).map(row).collect();
        fs::write(self.path(&format!("{place}.csv")), header.to_owned() + &rows).unwrap();
        let schema = format!("name='t'\nfile='{place}.csv'\ntarget={{{target}}}\n");
        fs::write(self.path(&format!("{place}.toml")), schema).unwrap();
    }

    /// A command of an institution with its folders.
    pub fn command(&self, place: usize, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        let folder = format!("ceremony/institution-{:02}", place + 1);
        command.arg(name);
        command.arg("--ceremony").arg(self.path(&folder));
        command.arg("--state").arg(self.path(&format!("state-{place}")));
        command.env("RUST_LOG", "info");
        command
    }

    /// `run` in the background, its log added to a file.
    pub fn start(&self, place: usize) -> Child {
        let log = self.path(&format!("{place}.log"));
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let address = format!("http://{}", self.running.as_ref().unwrap().address());
        let mut command = self.command(place, "run");
        command.arg("--data").arg(self.path(&format!("{place}.toml")));
        command.args(["--plain", "--coordinator", &address, "--seed", "1"]);
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Stops the coordinator, so that its ledger can be read.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop()).unwrap();
        }
    }
}

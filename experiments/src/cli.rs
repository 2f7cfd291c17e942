//! The command line of `consilium`: results on stdout, progress and errors on stderr.

mod defaults;
mod insurance;
mod simulate;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use consilium_audit::audit;
use consilium_authority::{BoundChoice, PrivacyFlags, Protection, TrainingFlags, bound_facts};
use consilium_cli::command_line;
use consilium_contract::parameters::EXPERIMENTAL;
use consilium_datasets::Partitioning;

use crate::attack::{self, AttackConfig};
use crate::bench::{Extent, Peer};
use crate::progress::Progress;
use crate::proof_systems::{self, Experiment};
use crate::replay::words::text_table;
use crate::replay::{self, Choice, Mask, ReplayConfig, load_dataset};
use crate::{ExperimentError, bench};

/// Medical institutions train a model together: every update is encrypted, proven, and only its sum is opened.
#[derive(Parser)]
#[command(name = "consilium", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  consilium replay                        ten institutions, sixty epochs, into runs/pima-42
  consilium replay --dataset wdbc --malicious 0 --out runs/honest
  consilium replay --hidden 330,290 --epochs 3 --bound norm
                                          a model of 100,000 parameters, proven by the norm of its updates
  consilium replay --dataset digits --convolution 4,8 --hidden 8 --epochs 5
                                          a small convolutional network on images
  consilium audit runs/pima-42/ledger     verify every signature, proof, sum, share and model of it
  consilium plot runs/pima-42             draw figures and report again
  consilium bench --quick                 what every party pays, in a minute or two
  consilium bench --bars                  whether the project meets what it asks of itself
  consilium figure4                       proofs of hidden quantities next to other proof systems, in five minutes
  consilium attack --quick                what malicious institutions achieve, in seconds
  consilium insurance                     what sharing insurance records costs, in half a minute
  consilium simulate --drop 3@5 --kill-coordinator 7
                                          real processes that are killed and come back, in half a minute
  consilium defaults                      what other hyper-parameters would do, in some minutes

Exit codes: 0 done; 1 the run failed or the audit found something that does not hold; 2 a value or file has to change.";

#[derive(Subcommand)]
enum Command {
    /// Train centrally, alone, in plain and in verified federation, and compare.
    Replay(Box<ReplayArgs>),
    /// Replay a ledger through the contract and verify everything in it.
    Audit {
        /// Ledger of a run: DIR/ledger of a replay, or a coordinator's. It is only read.
        #[arg(value_name = "LEDGER")]
        ledger: PathBuf,
        /// Form of the report on stdout.
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
    },
    /// Simulate malicious institutions against plain averaging and both bounds, and say where bounds do not help.
    Attack(AttackArgs),
    /// Draw the figures and the report of a run again from its CSVs.
    Plot {
        /// Directory of the run, as given to `replay --out`.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Measure the cost of every party's work by model size, next to other schemes.
    Bench(BenchArgs),
    /// Measure what sharing policies and repair records costs: times and bytes on the wire, for many car owners.
    Insurance(insurance::InsuranceArgs),
    /// Compare the defaults of local training with other choices, one at a time, on seeds that none was chosen on.
    Defaults(defaults::DefaultsArgs),
    /// Run a federation of real processes on this machine, do to it what hospitals fear, and compare the models.
    Simulate(Box<simulate::SimulateArgs>),
    /// Measure how long proofs of hidden quantities take, next to those of other systems (figure 4 of mo2023).
    Figure4(ProofArgs),
    /// Measure how large they are, next to the sizes that mo2023 prints (its table 1).
    Table1(ProofArgs),
    /// One cell of a bench, in a process of its own.
    #[command(name = bench::SUBCOMMAND, hide = true)]
    BenchCell {
        /// The job, as JSON.
        job: String,
    },
}

#[derive(Args)]
#[command(after_help = BENCH_FILES)]
struct BenchArgs {
    /// Measure the bars alone, in about 25 minutes: what the project asks of itself, and whether it meets it.
    #[arg(long)]
    bars: bool,
    /// Run only what fits into a minute or two; what is left out is listed. With --bars: all of them at small sizes, which
    /// shows that everything works and decides nothing.
    #[arg(long)]
    quick: bool,
    /// Another program that does what the replay does, to take turns with it: a shell runs COMMAND, whose time and processor
    /// time from its start to its end are compared with our own. May be given many times; there are bars for the names
    /// plain and secagg.
    #[arg(long, value_name = "NAME=COMMAND")]
    peer: Vec<Peer>,
    /// Directory for the files. An earlier bench in it is replaced; one that holds anything else is refused.
    #[arg(long, default_value = "runs/bench", value_name = "DIR")]
    out: PathBuf,
    /// Form of the result on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Args)]
#[command(after_help = PROOF_FILES)]
struct ProofArgs {
    /// Only a few repetitions, in seconds: shows that everything works, and decides no bar.
    #[arg(long)]
    quick: bool,
    /// Directory for the files. An earlier run in it is replaced; one that holds anything else is refused
    /// [default: runs/figure4 or runs/table1].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Form of the result on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const PROOF_FILES: &str = "Written into DIR:
  figure4.csv, figure4.svg, figure4.md   figure4: a row for every system; prover and verifier; the page, as on stdout
  table1.csv, table1.svg, table1.md      table1: the same with sizes
The rows of ark-groth16, spartan and winterfell need a build of their own, as long as a first one:
  cargo run --release --features peers -- figure4";

impl ProofArgs {
    fn execute(self, experiment: Experiment) -> Result<String, ExperimentError> {
        let directory = self.out.unwrap_or_else(|| match experiment {
            Experiment::Figure4 => PathBuf::from("runs/figure4"),
            Experiment::Table1 => PathBuf::from("runs/table1"),
        });
        let extent =
            if self.quick { proof_systems::Extent::QUICK } else { proof_systems::Extent::WHOLE };
        let options = proof_systems::Options { experiment, extent, directory };
        let progress = Progress::on_stderr();
        let said = proof_systems::run(&options, &progress);
        progress.finish();
        let said = said?;
        Ok(match self.format {
            Format::Text => said.page,
            Format::Json => format!("{:#}\n", said.json),
        })
    }
}

const BENCH_FILES: &str = "Written into DIR, anew after every cell (Ctrl-C keeps what there is):
  bench.csv    a row for every cell             bench.svg   time against parameters
  bench.json   all of it, bars and slopes too   bench.md    the tables, as on stdout
  bars.csv     a row for every bar              With --bars there are no cells, so no bench.csv and bench.svg.
All of it takes about an hour on two cores, the bars about 25 minutes; the largest comparison needs 4 GB of memory. Run
nothing else meanwhile. For AVX2 alone, where the processor has AVX-512, too:
  RUSTFLAGS='--cfg curve25519_dalek_backend=\"simd\"' CARGO_TARGET_DIR=target/avx2 cargo run --release -- bench --bars";

#[derive(Args)]
#[command(after_help = FILES)]
struct ReplayArgs {
    /// Data to replay: pima, wdbc, digits, or the TOML schema of a CSV of your own.
    #[arg(long, default_value = "pima", value_name = "NAME|SCHEMA.toml")]
    dataset: String,
    /// Institutions that share the training rows (2 to 128).
    #[arg(long, default_value_t = 10, value_name = "N")]
    institutions: usize,
    /// Epochs of central training, and rounds of federated training (1 to 100000).
    #[arg(long, default_value_t = 60, value_name = "N")]
    epochs: usize,
    /// Splits into training and test rows on which everything but the encrypted federation trains, which takes the first.
    #[arg(long, alias = "repeats", default_value_t = 10, value_name = "N")]
    splits: usize,
    /// Institutions that send their update sign-flipped and scaled by ten.
    #[arg(long, default_value_t = 2, value_name = "N")]
    malicious: usize,
    /// Convolutions of 3 by 3 pixels before the hidden layers, for data that are images: values of a pixel after each.
    #[arg(long, value_delimiter = ',', num_args = 0.., value_name = "N,N,...")]
    convolution: Vec<usize>,
    /// Sizes of the hidden layers; without a number, logistic regression.
    #[arg(long, value_delimiter = ',', num_args = 0.., default_value = "16,8", value_name = "N,N,...")]
    hidden: Vec<usize>,
    /// How the training rows are dealt: `random`, `column:NAME` by the hospital in a column, `dirichlet:ALPHA` skewed by
    /// label, or `quantity:ALPHA` skewed by size; the smaller ALPHA, the more.
    #[arg(long, default_value_t, value_name = "HOW")]
    partition: Partitioning,
    #[command(flatten)]
    training: TrainingFlags,
    #[command(flatten)]
    bound: BoundChoice,
    #[command(flatten)]
    privacy: PrivacyFlags,
    #[command(flatten)]
    protection: Protection,
    /// Determines every model and metric, including simulated noise. Encryption always uses the operating system's
    /// randomness.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Directory for the run's files. An earlier replay in it is replaced; one that holds anything else is refused
    /// [default: runs/DATASET-SEED].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Form of the closing summary on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const FILES: &str = "Written into DIR:
  config.toml    everything resolved          fig5.svg, fig6.svg   the figures
  accuracy.csv   every model, every epoch     report.html          all of it on one page
  rounds.csv     what each round cost         model.safetensors    the last verified model (consilium-client predict)
  model.md       what to know of that model before it is used
  ledger/        every step of the verified federation, for `consilium audit`";

#[derive(Args)]
#[command(after_help = ATTACK_FILES)]
struct AttackArgs {
    /// Data to train on: pima, wdbc, digits, or the TOML schema of a CSV of your own.
    #[arg(long, default_value = "pima", value_name = "NAME|SCHEMA.toml")]
    dataset: String,
    /// Rounds of each simulated federation (1 to 100000).
    #[arg(long, default_value_t = 60, value_name = "N")]
    epochs: usize,
    /// Federations averaged for each result, with consecutive seeds (1 to 1000).
    #[arg(long, default_value_t = 5, value_name = "N")]
    seeds: usize,
    /// The first of these seeds, which determine every number.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// At most 10 rounds and 2 seeds, and only 0, 2 and 4 malicious institutions.
    #[arg(long)]
    quick: bool,
    /// Directory for the files. An earlier run in it is replaced; one that holds anything else is refused
    /// [default: runs/attack-DATASET-SEED].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Form of the closing table on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const ATTACK_FILES: &str = "Written into DIR:
  attack.csv   every simulation: accuracy, backdoor success, malicious updates accepted and rejected
  attack.svg   accuracy by number of malicious institutions, a chart for each attack
  attack.md    the table, and in words where bounds help and where they do not";

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A table.
    Text,
    /// One JSON object.
    Json,
}

impl ReplayArgs {
    fn choice(&self) -> Choice {
        Choice {
            dataset: self.dataset.clone(),
            institutions: self.institutions,
            epochs: self.epochs,
            splits: self.splits,
            malicious: self.malicious,
            convolution: self.convolution.clone(),
            hidden: self.hidden.clone(),
            partition: self.partition.clone(),
            training: self.training.clone(),
            bound: self.bound.clone(),
            privacy: self.privacy.clone(),
            protection: self.protection,
            seed: self.seed,
        }
    }

    fn directory(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| default_directory("", &self.dataset, self.seed))
    }
}

impl AttackArgs {
    fn directory(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| default_directory("attack-", &self.dataset, self.seed))
    }

    fn execute(&self) -> Result<String, ExperimentError> {
        let out = self.directory();
        let name = self.dataset.clone();
        let dataset = load_dataset(&name)?;
        let config = AttackConfig::new(name, self.epochs, self.seed, self.seeds, self.quick)?;
        let progress = Progress::on_stderr();
        let summary = attack::run(&config, &dataset, &out, &progress);
        progress.finish();
        let summary = summary?;
        Ok(match self.format {
            Format::Text => {
                let report = out.join(attack::files::REPORT);
                format!(
                    "{}\nreport: {}\n",
                    attack::report::text_table(&summary, &config),
                    report.display()
                )
            }
            Format::Json => {
                format!(
                    "{:#}\n",
                    serde_json::json!({ "config": config, "summary": summary, "out": out })
                )
            }
        })
    }
}

/// Below `runs`, by dataset and seed.
fn default_directory(kind: &str, dataset: &str, seed: u64) -> PathBuf {
    let name = PathBuf::from(dataset).file_stem().map_or_else(|| "run".into(), OsString::from);
    PathBuf::from("runs").join(format!("{kind}{}-{seed}", name.to_string_lossy()))
}

/// Runs the command line `arguments`, the program's name first. 0: done; 1: the run failed; 2: a value or a file has
/// to change.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli: Cli = match command_line::parse_from(arguments.into_iter().collect()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match execute(cli.command) {
        Ok(output) => command_line::print(&output),
        Err(error) => {
            command_line::complain::<Cli>(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command) -> Result<String, ExperimentError> {
    match command {
        Command::Replay(arguments) => {
            let out = arguments.directory();
            let dataset = load_dataset(&arguments.dataset)?;
            let config = ReplayConfig::resolve(arguments.choice(), &dataset)?;
            let progress = Progress::on_stderr();
            let summary = replay::run(&config, &dataset, &out, &progress);
            progress.finish();
            let summary = summary?;
            Ok(match arguments.format {
                Format::Text => {
                    let bound = config.promise();
                    let mask = match config.mask {
                        Mask::Group => String::new(),
                        Mask::Lattice { .. } => format!("warning: {EXPERIMENTAL}\n"),
                    };
                    format!(
                        "{}\nbound:  {bound}\n{mask}{}\n",
                        text_table(&summary, &config),
                        written(&out)
                    )
                }
                Format::Json => {
                    let bound: serde_json::Map<_, _> = bound_facts(&config.promise())
                        .into_iter()
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect();
                    let value = serde_json::json!({ "config": config, "bound": bound, "summary": summary, "out": out });
                    format!("{value:#}\n")
                }
            })
        }
        Command::Audit { ledger, format } => {
            let report = audit(&ledger, &std::env::temp_dir(), None)?;
            Ok(match format {
                Format::Text => format!("{report}\n"),
                Format::Json => format!("{:#}\n", serde_json::json!(report)),
            })
        }
        Command::Attack(arguments) => arguments.execute(),
        Command::Insurance(arguments) => arguments.execute(),
        Command::Defaults(arguments) => arguments.execute(),
        Command::Simulate(arguments) => arguments.execute(),
        Command::Plot { directory } => {
            replay::draw(&directory)?;
            Ok(format!("report: {}\n", directory.join(replay::files::REPORT).display()))
        }
        Command::Bench(BenchArgs { bars, quick, peer, out, format }) => {
            let progress = Progress::on_stderr();
            let extent = if bars { Extent::Bars } else { Extent::All };
            let options = bench::Options { extent, quick, peers: peer, directory: out };
            let results = bench::run(&options, &progress);
            progress.finish();
            let results = results?;
            Ok(match format {
                Format::Text => bench::markdown(&results),
                Format::Json => format!("{:#}\n", bench::json(&results)),
            })
        }
        Command::Figure4(arguments) => arguments.execute(Experiment::Figure4),
        Command::Table1(arguments) => arguments.execute(Experiment::Table1),
        Command::BenchCell { job } => bench::execute(&job),
    }
}

/// Where to look, and how to check it.
fn written(directory: &std::path::Path) -> String {
    let report = directory.join(replay::files::REPORT);
    let ledger = directory.join(replay::files::LEDGER);
    format!(
        "report: {}\naudit:  cargo run --release -- audit {}",
        report.display(),
        ledger.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use consilium_authority::BoundKind;

    fn replay_args(line: &str) -> Result<ReplayArgs, clap::Error> {
        let cli = Cli::try_parse_from(std::iter::once("consilium").chain(line.split_whitespace()))?;
        match cli.command {
            Command::Replay(arguments) => Ok(*arguments),
            _ => panic!("not a replay"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library_and_the_directory_follows_dataset_and_seed() {
        let arguments = replay_args("replay").unwrap();
        assert_eq!(arguments.choice(), Choice::default());
        assert_eq!(arguments.directory(), PathBuf::from("runs/pima-42"));
        let arguments = replay_args("replay --dataset some/heart.toml --seed 7").unwrap();
        assert_eq!(arguments.directory(), PathBuf::from("runs/heart-7"));
    }

    #[test]
    fn bound_and_layers_are_chosen_on_the_command_line() {
        let choice = replay_args(
            "replay --hidden 330,290 --bound norm --norm 900 --projections 512 --clip 0.5",
        )
        .unwrap()
        .choice();
        assert_eq!(choice.hidden, [330, 290]);
        let expected = BoundChoice {
            bound: BoundKind::Norm,
            bits: None,
            norm: Some(900),
            projections: Some(512),
            clip: Some(0.5),
            ..BoundChoice::default()
        };
        assert_eq!(choice.bound, expected);
        assert!(replay_args("replay --hidden --seed 1").unwrap().choice().hidden.is_empty());
    }

    #[test]
    fn a_bad_value_is_answered_with_one_line_that_names_the_flag() {
        for (line, flag) in [
            ("replay --bits many", "--bits"),
            ("replay --bound none", "--bound"),
            ("replay --projections 70000", "--projections"),
            ("replay --hidden 16,x", "--hidden"),
            ("replay --epochs many", "--epochs"),
            ("replay --seed -1", "-1"),
            ("replay --format yaml", "--format"),
            ("replay --noise-multiplier 2", "--privacy-epsilon"),
            ("replay --colour red", "--colour"),
            ("attack --seeds few", "--seeds"),
            ("insurance --users few", "--users"),
            ("plot", "<DIR>"),
            ("bench --cells 3", "--cells"),
            ("figure4 --rows 3", "--rows"),
            ("table1 --format yaml", "--format"),
            ("bench --peer plain", "--peer"),
        ] {
            let Err(error) = replay_args(line) else { panic!("{line} was accepted") };
            let message = command_line::one_line(&error);
            assert_eq!(message.lines().count(), 1);
            assert!(message.contains(flag), "{line}: {message}");
        }
    }
}

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::*;

/// A program with options of its own, and one with a command that has some.
#[derive(Debug, PartialEq, Parser)]
#[command(name = "consilium-test")]
struct Program {
    #[command(subcommand)]
    command: What,
}

#[derive(Debug, PartialEq, Subcommand)]
enum What {
    Run(Run),
    Show {
        #[arg(long)]
        state: Option<PathBuf>,
    },
}

#[derive(Debug, PartialEq, Args)]
struct Run {
    #[arg(long)]
    state: PathBuf,
    #[arg(long, default_value_t = 15)]
    hearing: u64,
    #[arg(long, alias = "initial")]
    initial_model: Option<String>,
    #[arg(long, value_delimiter = ',')]
    rows: Vec<u64>,
    #[arg(long)]
    from: Vec<String>,
    #[arg(long)]
    plain: bool,
    #[arg(long, requires = "plain")]
    port: Option<u16>,
    #[arg(long, conflicts_with = "plain")]
    open: bool,
    #[arg(long, num_args = 0..=1, default_missing_value = "7421")]
    metrics: Option<u16>,
}

fn words(line: &str) -> Vec<OsString> {
    std::iter::once("test").chain(line.split_whitespace()).map(OsString::from).collect()
}

fn complete(line: &str, file: &str, variables: &[(&str, &str)]) -> Result<Layered, String> {
    let command = with_own_options(Program::command());
    let table: Table = file.parse().unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.into()));
    layered(&command, words(line), (Some(Path::new("c.toml")), &table), &variables.collect())
}

fn run(line: &str, file: &str, variables: &[(&str, &str)]) -> Result<Run, String> {
    let completed = complete(line, file, variables)?;
    let command = with_own_options(Program::command());
    let matches = command.try_get_matches_from(completed.arguments);
    let matches = matches.map_err(|error| error.to_string())?;
    match Program::from_arg_matches(&matches).unwrap().command {
        What::Run(run) => Ok(run),
        What::Show { .. } => panic!("another command"),
    }
}

const FILE: &str = "\
[run]
state = '/var/lib/site'
hearing = 20
rows = [1, 2]
from = ['a', 'b']
plain = true
port = 7
";

#[test]
fn a_file_gives_what_nobody_types_the_environment_wins_over_it_and_the_command_line_over_both() {
    let of_file = run("run", FILE, &[]).unwrap();
    let expected = Run {
        state: "/var/lib/site".into(),
        hearing: 20,
        initial_model: None,
        rows: vec![1, 2],
        from: vec!["a".into(), "b".into()],
        plain: true,
        port: Some(7),
        open: false,
        metrics: None,
    };
    assert_eq!(of_file, expected);
    let variables =
        [("CONSILIUM_TEST_RUN_HEARING", "30"), ("CONSILIUM_TEST_RUN_INITIAL_MODEL", "m")];
    let with_both = run("run", FILE, &variables).unwrap();
    assert_eq!((with_both.hearing, with_both.initial_model.as_deref()), (30, Some("m")));
    let typed = "run --hearing=40 --initial n --rows 9 --config c.toml";
    let typed = run(typed, FILE, &variables).unwrap();
    let got = (typed.hearing, typed.initial_model.as_deref(), typed.rows.as_slice());
    assert_eq!(got, (40, Some("n"), &[9][..]));
    // The variables of one command are not those of another.
    let other = complete("show", FILE, &variables).unwrap();
    assert_eq!(other.arguments, words("show"));
}

#[test]
fn what_fits_with_what_is_decided_by_the_same_rules_wherever_it_comes_from() {
    let refused = run("run --open", FILE, &[]).unwrap_err();
    assert!(refused.contains("'--open' cannot be used with '--plain'"), "{refused}");
    let refused = run("run", "[run]\nstate = 's'\nport = 7\n", &[]).unwrap_err();
    assert!(refused.contains("--plain"), "{refused}");
    assert!(run("run", "", &[]).unwrap_err().contains("--state"));
    let refused = run("run", "[run]\nstate = 's'\nhearing = 'soon'\n", &[]).unwrap_err();
    assert!(refused.contains("invalid value 'soon' for '--hearing"), "{refused}");
}

#[test]
fn what_the_program_does_not_know_is_refused_with_what_was_meant() {
    for (file, says) in [
        ("[run]\nhearign = 3\n", "c.toml: [run] there is no option hearign; hearing is meant?"),
        ("[run]\ninitial_modl = 'm'\n", "initial-model is meant?"),
        ("[rum]\nstate = 's'\n", "c.toml: there is no option rum; run is meant?"),
        ("[run]\nzzz = 3\n", "there is no option zzz (see --help)"),
        ("[run]\nconfig = 'other.toml'\n", "there is no option config"),
        ("[run]\nstate = { a = 1 }\n", "c.toml: state: expected a text"),
        ("[run]\nplain = 'perhaps'\n", "c.toml: plain: expected true or false"),
    ] {
        let problem = complete("run", file, &[]).unwrap_err();
        assert!(problem.contains(says) && problem.lines().count() == 1, "{problem} says {says}");
    }
    let problem = complete("run", "", &[("CONSILIUM_TEST_RUN_PLAIN", "perhaps")]).unwrap_err();
    assert_eq!(problem, "CONSILIUM_TEST_RUN_PLAIN: expected true or false");
    let off = run("run", "[run]\nstate = 's'\nplain = false\nmetrics = false\n", &[]).unwrap();
    assert!(!off.plain && off.metrics.is_none());
}

#[test]
fn a_value_that_may_be_left_out_may_be_left_out_in_a_file_too() {
    for (value, metrics) in [("true", Some(7421)), ("9", Some(9)), ("'9'", Some(9))] {
        let file = format!("[run]\nstate = 's'\nmetrics = {value}\n");
        assert_eq!(run("run", &file, &[]).unwrap().metrics, metrics, "{value}");
    }
}

#[test]
fn what_is_printed_says_where_it_comes_from_and_is_a_file_that_gives_the_same() {
    let line = "run --hearing 40 --print-config";
    let variables = [("CONSILIUM_TEST_RUN_PORT", "8")];
    let completed = complete(line, FILE, &variables).unwrap();
    let command = with_own_options(Program::command());
    let matches = command.clone().try_get_matches_from(&completed.arguments).unwrap();
    assert!(matches.get_flag(PRINT));
    let printed = completed.print(&command, &matches);
    for line in [
        "[run]",
        "state = \"/var/lib/site\"  # c.toml",
        "hearing = 40  # command line",
        "# initial-model",
        "rows = [1, 2]  # c.toml",
        "port = 8  # environment CONSILIUM_TEST_RUN_PORT",
        "plain = true  # c.toml",
        "open = false  # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    assert_eq!(run("run", &printed, &[]), run(line, FILE, &variables));
}

#[test]
fn a_file_is_named_by_either_form_of_the_option_and_read_with_its_lines() {
    assert_eq!(after(&words("run --config a.toml"), "config"), Some(OsStr::new("a.toml")));
    assert_eq!(after(&words("--config=a.toml run"), "config"), Some(OsStr::new("a.toml")));
    assert_eq!(after(&words("run -- --config a.toml"), "config"), None);
    let command = with_own_options(Program::command());
    let (_, names) = chosen(&command, &words("--config run show"));
    assert_eq!(names, ["show"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[run]\nstate = \n").unwrap();
    let problem = read(&path).unwrap_err();
    assert!(problem.contains("c.toml: line 2: "), "{problem}");
    assert!(read(&folder.path().join("absent.toml")).unwrap_err().contains("absent.toml: No such"));
    std::fs::write(&path, vec![b'#'; MAX_FILE_BYTES as usize + 1]).unwrap();
    assert!(read(&path).unwrap_err().contains("more than 1048576 bytes"));
}

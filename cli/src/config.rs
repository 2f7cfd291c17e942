//! Options from a file and from the environment, under those of the command line.
//!
//! Every option of every program has three sources, and the later one wins: a TOML file (`--config`), an environment variable, the
//! command line. Nothing has to be declared for that: what a program's options are is asked of its command line. What the file and
//! the environment say is put where it would have been typed, so that one set of rules decides what fits with what.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use toml::{Table, Value};

/// Longest file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Where the file is named, if the command line does not.
const FILE_VARIABLE: &str = "CONSILIUM_CONFIG";
/// Options that only a command line has: they say where the others come from, or ask for something else.
const OWN: [&str; 4] = ["config", PRINT, "help", "version"];
/// The option that prints them.
pub(crate) const PRINT: &str = "print-config";
/// How alike a name must be to be suggested, 0 to 1.
const ALIKE: f64 = 0.7;

/// Adds the options that say where others come from.
pub(crate) fn with_own_options(command: Command) -> Command {
    let file = Arg::new("config").long("config").value_name("FILE.toml").global(true);
    let file = file.help(
        "Take options from this file where neither the command line nor the environment gives them: named as here without the \
         dashes, those of a subcommand in a table of its name",
    );
    let file = file.value_parser(clap::value_parser!(PathBuf)).help_heading("Configuration");
    let print = Arg::new(PRINT).long(PRINT).global(true);
    let print = print.action(ArgAction::SetTrue).help_heading("Configuration");
    let print = print.help("Print all options of this command with where each comes from, as such a file, and do nothing else");
    command.arg(file).arg(print)
}

/// What is typed, and what came to it from elsewhere.
#[derive(Debug)]
pub(crate) struct Layered {
    /// The arguments, completed.
    pub(crate) arguments: Vec<OsString>,
    /// Where options came from that were not typed, by their names.
    origins: BTreeMap<String, String>,
}

/// Completes what was typed by the environment and by the file that either of them names.
///
/// # Errors
/// In one line: a file that cannot be read, or an option that this program does not have, with the one that was meant.
pub(crate) fn complete(command: &Command, typed: Vec<OsString>) -> Result<Layered, String> {
    let typed_file = after(&typed, "config").map(PathBuf::from);
    let file = typed_file.or_else(|| env::var_os(FILE_VARIABLE).map(PathBuf::from));
    let table = file.as_deref().map_or_else(|| Ok(Table::new()), read)?;
    let variables =
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    layered(command, typed, (file.as_deref(), &table), &variables.collect())
}

fn read(path: &Path) -> Result<Table, String> {
    let refuse = |problem: String| format!("{}: {problem}", path.display());
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| refuse(error.to_string()))?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(refuse(format!("has more than {MAX_FILE_BYTES} bytes")));
    }
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        refuse(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })
}

/// The value that follows an option in what was typed.
fn after<'a>(typed: &'a [OsString], long: &str) -> Option<&'a OsStr> {
    let flag = format!("--{long}");
    let mut typed = typed.iter().take_while(|word| *word != "--");
    while let Some(word) = typed.next() {
        if *word == *flag {
            return typed.next().map(OsString::as_os_str);
        }
        if let Some(value) =
            word.to_str().and_then(|word| word.strip_prefix(&flag)?.strip_prefix('='))
        {
            return Some(OsStr::new(value));
        }
    }
    None
}

fn layered(
    command: &Command,
    mut typed: Vec<OsString>,
    (file, table): (Option<&Path>, &Table),
    variables: &BTreeMap<String, OsString>,
) -> Result<Layered, String> {
    if let Some(file) = file {
        check(command, table).map_err(|problem| format!("{}: {problem}", file.display()))?;
    }
    let program = command.get_name();
    let (command, names) = chosen(command, &typed);
    let table = names.iter().try_fold(table, |table, name| table.get(*name)?.as_table());
    let prefix = prefix(program, &names);
    let mut origins = BTreeMap::new();
    let mut more = Vec::new();
    for argument in options(command) {
        let Some(long) = argument.get_long() else { continue };
        if is_typed(argument, &typed) {
            continue;
        }
        let variable = prefix.clone() + &long.to_uppercase().replace('-', "_");
        if let Some(value) = variables.get(&variable) {
            let words = of_text(argument, long, value);
            more.extend(words.map_err(|problem| format!("{variable}: {problem}"))?);
            origins.insert(long.to_owned(), format!("environment {variable}"));
        } else if let Some(value) = table.and_then(|table| table.get(long)) {
            let file = file.unwrap_or(Path::new("")).display();
            let words = of_value(argument, long, value);
            more.extend(words.map_err(|problem| format!("{file}: {long}: {problem}"))?);
            origins.insert(long.to_owned(), file.to_string());
        }
    }
    // Before what is no option any more.
    let end = typed.iter().position(|word| word == "--").unwrap_or(typed.len());
    typed.splice(end..end, more);
    Ok(Layered { arguments: typed, origins })
}

/// What the variables of a command begin with: `CONSILIUM_CLIENT_RUN_`, say.
fn prefix(program: &str, names: &[&str]) -> String {
    let words = std::iter::once(program).chain(names.iter().copied());
    words.map(|word| word.to_uppercase().replace('-', "_") + "_").collect()
}

/// The command that these arguments choose, and its name below the program's.
fn chosen<'a>(command: &'a Command, typed: &[OsString]) -> (&'a Command, Vec<&'a str>) {
    let mut command = command;
    let mut names = Vec::new();
    let mut typed = typed.iter().skip(1);
    while let Some(word) = typed.next() {
        if word == "--config" {
            typed.next();
            continue;
        }
        let is_own = |word: &str| word.starts_with("--config=") || word == "--print-config";
        if word.to_str().is_some_and(is_own) {
            continue;
        }
        let Some(next) = word.to_str().and_then(|word| command.find_subcommand(word)) else {
            break;
        };
        names.push(next.get_name());
        command = next;
    }
    (command, names)
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|argument| argument.get_long().is_some_and(|long| !OWN.contains(&long)))
}

fn is_typed(argument: &Arg, typed: &[OsString]) -> bool {
    let aliases = argument.get_all_aliases().unwrap_or_default();
    let names: Vec<&str> = argument.get_long().into_iter().chain(aliases).collect();
    let words = typed.iter().take_while(|word| *word != "--");
    let flags = words.filter_map(|word| word.to_str()?.strip_prefix("--")?.split('=').next());
    flags.into_iter().any(|flag| names.contains(&flag))
}

/// Refuses a name in the file that no option and no command has.
fn check(command: &Command, table: &Table) -> Result<(), String> {
    for (name, value) in table {
        match (command.find_subcommand(name), value) {
            (Some(next), Value::Table(inner)) => {
                check(next, inner).map_err(|problem| format!("[{name}] {problem}"))?;
            }
            _ if options(command).any(|argument| argument.get_long() == Some(name)) => {}
            _ => return Err(unknown(command, name)),
        }
    }
    Ok(())
}

fn unknown(command: &Command, name: &str) -> String {
    let commands = command.get_subcommands().map(Command::get_name);
    let known = options(command).filter_map(Arg::get_long).chain(commands);
    let alike = known.map(|known| (strsim::jaro_winkler(known, &name.replace('_', "-")), known));
    let best = alike.filter(|(alike, _)| *alike >= ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match best {
        Some((_, known)) => format!("there is no option {name}; {known} is meant?"),
        None => format!("there is no option {name} (see --help)"),
    }
}

/// What would have been typed for a value of the file.
fn of_value(argument: &Arg, long: &str, value: &Value) -> Result<Vec<OsString>, String> {
    let word = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(is) => Ok(is.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            Err("expected a text, a number, true or false, or a list of those".to_owned())
        }
    };
    match value {
        Value::Array(values) => {
            let words = values.iter().map(word).collect::<Result<Vec<_>, _>>()?;
            Ok(match argument.get_value_delimiter() {
                Some(delimiter) => vec![typed(long, words.join(&delimiter.to_string()))],
                None => words.into_iter().map(|word| typed(long, word)).collect(),
            })
        }
        value => of_text(argument, long, OsStr::new(&word(value)?)),
    }
}

/// What would have been typed for a text.
fn of_text(argument: &Arg, long: &str, text: &OsStr) -> Result<Vec<OsString>, String> {
    // A value may be left out where the option says what then.
    let needs_value = argument.get_num_args().is_none_or(|values| values.min_values() > 0);
    let is_switch = text == "true" || text == "false";
    if argument.get_action().takes_values() && (needs_value || !is_switch) {
        return Ok(vec![typed(long, text)]);
    }
    match text.to_str() {
        Some("true" | "1" | "yes") => Ok(vec![format!("--{long}").into()]),
        Some("false" | "0" | "no" | "") => Ok(vec![]),
        _ => Err("expected true or false".to_owned()),
    }
}

fn typed(long: &str, value: impl AsRef<OsStr>) -> OsString {
    let mut word = OsString::from(format!("--{long}="));
    word.push(value);
    word
}

impl Layered {
    /// All options of the command that was chosen, as a file that gives the same, each with where it comes from.
    pub(crate) fn print(&self, command: &Command, matches: &ArgMatches) -> String {
        let (mut command, mut matches, mut names) = (command, matches, Vec::new());
        while let Some((name, inner)) = matches.subcommand() {
            let Some(next) = command.find_subcommand(name) else { break };
            (command, matches) = (next, inner);
            names.push(name);
        }
        let mut text = String::new();
        if !names.is_empty() {
            text = format!("[{}]\n", names.join("."));
        }
        for argument in options(command) {
            let Some(long) = argument.get_long() else { continue };
            let id = argument.get_id().as_str();
            let origin = match matches.value_source(id) {
                Some(ValueSource::DefaultValue) => "default",
                Some(_) => self.origins.get(long).map_or("command line", String::as_str),
                None => {
                    text += &format!("# {long}\n");
                    continue;
                }
            };
            let value = match argument.get_action() {
                ArgAction::SetTrue => Value::Boolean(matches.get_flag(id)),
                _ => {
                    let values = matches.get_raw(id).into_iter().flatten();
                    let values: Vec<Value> =
                        values.map(|raw| value_of(&raw.to_string_lossy())).collect();
                    match <[Value; 1]>::try_from(values) {
                        Ok([value]) => value,
                        Err(values) => Value::Array(values),
                    }
                }
            };
            text += &format!("{long} = {value}  # {origin}\n");
        }
        text
    }
}

/// A number as one, anything else as a text.
fn value_of(text: &str) -> Value {
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    number.map_or_else(|| Value::String(text.to_owned()), Value::Integer)
}

#[cfg(test)]
mod tests;

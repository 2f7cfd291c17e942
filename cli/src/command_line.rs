//! Arguments in, one line for what is wrong with them, results to a stdout that may be gone.

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use clap::{Parser, error::ErrorKind as Bad};

use crate::config;

/// The arguments of this process, completed by its environment and by the file that `--config` names. Where there is nothing to
/// run, what was asked for (help, version, what is configured) or one line about what is wrong has been printed, and the code to exit
/// with is returned: 0 or 2.
///
/// # Errors
/// That exit code.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    parse_from(env::args_os().collect())
}

/// The same of other arguments, the program's name first.
///
/// # Errors
/// As [`parse`].
pub fn parse_from<P: Parser>(typed: Vec<OsString>) -> Result<P, ExitCode> {
    let command = config::with_own_options(P::command());
    let layered = config::complete(&command, typed).map_err(|problem| {
        complain::<P>(problem);
        ExitCode::from(2)
    })?;
    let refused = |error| refuse::<P>(&error);
    let matches = command.clone().try_get_matches_from(&layered.arguments).map_err(refused)?;
    if matches.get_flag(config::PRINT) {
        return Err(print(&layered.print(&command, &matches)));
    }
    P::from_arg_matches(&matches).map_err(refused)
}

/// Prints what clap has to say instead of arguments, as [`parse`] does, and returns the code to exit with.
pub fn refuse<P: Parser>(error: &clap::Error) -> ExitCode {
    match error.kind() {
        Bad::DisplayHelp | Bad::DisplayVersion => return print(&error.to_string()),
        Bad::DisplayHelpOnMissingArgumentOrSubcommand => _ = write!(io::stderr(), "{error}"),
        _ => complain::<P>(one_line(error)),
    }
    ExitCode::from(2)
}

/// What is wrong, without the usage that clap prints below it.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let said = said
        .filter(|line| !line.is_empty() && !line.starts_with("For more"))
        .collect::<Vec<_>>()
        .join(" ");
    format!("{} (see --help)", said.trim_start_matches("error: "))
}

/// Says on stderr, as this program, why it stops. Whoever does not listen is not told.
pub fn complain<P: Parser>(message: impl Display) {
    let _ = writeln!(io::stderr(), "{}: {message}", P::command().get_name());
}

/// Writes a result to stdout. A reader that has gone away is no failure; what could not be written is one: exit code 1.
pub fn print(text: &str) -> ExitCode {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "stdout: {error}; the result is not complete");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[arg(long)]
        number: u8,
    }

    #[test]
    fn what_is_wrong_fits_on_one_line_and_names_the_flag() {
        for (arguments, says) in [
            (&["x", "--number", "many"][..], "invalid value 'many' for '--number"),
            (&["x", "--number", "-1"], "'-1'"),
            (&["x", "--colour", "red"], "'--colour'"),
            (&["x"], "--number"),
        ] {
            let line = one_line(&Program::try_parse_from(arguments).unwrap_err());
            assert_eq!(line.lines().count(), 1, "{line}");
            assert!(line.contains(says) && line.ends_with("(see --help)"), "{line}");
        }
    }
}

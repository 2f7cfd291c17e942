//! Why a program stops, and the exit code that says so.
//!
//! Every program means the same by the first three codes; what higher ones mean is in each program's `--help`.

use std::{fmt, process::ExitCode};

use clap::Parser;

use crate::command_line::{complain, print};

/// What was begun failed.
pub const FAILED: u8 = 1;

/// A value, a file or a combination of them that was given cannot be used: nothing was begun.
pub const UNUSABLE: u8 = 2;

/// One line for the operator, and the code to exit with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is wrong and what to do, in one line.
    pub message: String,
}

impl Failure {
    /// A failure with a code of the program's own.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What was begun failed.
    pub fn failed(error: impl ToString) -> Self {
        Self::new(FAILED, error.to_string())
    }

    /// What was given cannot be used.
    pub fn unusable(error: impl ToString) -> Self {
        Self::new(UNUSABLE, error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Ends a program: its result goes to stdout, or its failure to stderr.
pub fn finish<P: Parser>(outcome: Result<String, Failure>) -> ExitCode {
    match outcome {
        Ok(text) => print(&text),
        Err(failure) => {
            complain::<P>(&failure);
            ExitCode::from(failure.code)
        }
    }
}

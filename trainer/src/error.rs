//! What a program can do wrong.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why the program gave no model. The institution sits the step out.
#[derive(Debug, Error)]
pub enum ProgramFailure {
    /// A command that names no program.
    #[error("{0:?} is no command: name a program and its arguments, quoted as in a shell")]
    Command(String),
    /// The private folder, or a file in it.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The program cannot be started.
    #[error("cannot start {program:?}: {source}")]
    Start {
        /// Its name or path.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The client is being stopped.
    #[error("the trainer is being stopped")]
    Stopped,
    /// The deadline has passed.
    #[error("the program has not answered {request} within {seconds} s (--trainer-deadline)")]
    Deadline {
        /// What it was asked.
        request: &'static str,
        /// The deadline.
        seconds: f64,
    },
    /// The program has closed its standard output.
    #[error("the program ended while it was asked to {request} ({status})")]
    Ended {
        /// What it was asked.
        request: &'static str,
        /// How it ended.
        status: String,
    },
    /// A line that is longer than any reply.
    #[error("the program answered {request} with a line of more than {limit} bytes")]
    Long {
        /// What it was asked.
        request: &'static str,
        /// Bytes that a line may have.
        limit: usize,
    },
    /// A line that is no reply to what was asked.
    #[error(
        "the program answered {request} with {line:?}, which is no reply ({problem}): only replies may go to standard \
         output"
    )]
    NoReply {
        /// What it was asked.
        request: &'static str,
        /// The beginning of the line.
        line: String,
        /// Why it is none.
        problem: String,
    },
    /// The program says itself that it has failed.
    #[error("the program could not {request}: {said:?}")]
    Said {
        /// What it was asked.
        request: &'static str,
        /// Its own words.
        said: String,
    },
    /// The program speaks another version of the protocol.
    #[error("the program speaks version {theirs} of the protocol, this client {ours}")]
    Protocol {
        /// Its version.
        theirs: u32,
        /// This client's.
        ours: u32,
    },
    /// The program trains another model than the run.
    #[error("the program trains another model than the genesis names: {0}")]
    OtherModel(String),
    /// A file that is not the model that was asked for.
    #[error("not the model of this run: {0}")]
    Model(String),
    /// The run measures models, and the program cannot say what one predicts.
    #[error(
        "the run measures the model on rows that are held out, and the program does not answer `predict` (docs/own-code.md)"
    )]
    NoPredictions,
    /// A file that is not what was predicted.
    #[error("not the predictions that were asked for: {0}")]
    Predictions(String),
    /// Measurements that cannot be.
    #[error("the metrics of the program: {0}")]
    Metrics(String),
}

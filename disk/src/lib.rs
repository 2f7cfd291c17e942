//! The way to the disk: whatever a program writes that has to survive a crash, it writes as steps that pass here.
//!
//! In a program a step is what it does, and nothing else happens. With the feature `faults` a test decides the fate of every
//! step of its thread ([`fate`]): whether it is lost, or done and reported as failed, and what a power cut leaves of it.

use std::{io, path::Path};

#[cfg(feature = "faults")]
pub mod fate;

/// What a step does to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Bytes of a file, or of the files of a folder, are written, or their number changed. Not durable.
    Write(&'a Path),
    /// Makes what was written into a file, or into the files of a folder, durable.
    Flush(&'a Path),
    /// A file has another name from now on. Not durable.
    Rename {
        /// Its name so far.
        from: &'a Path,
        /// Its name from now on.
        to: &'a Path,
    },
    /// A file is removed. Not durable.
    Remove(&'a Path),
    /// Makes the names in a folder durable.
    FlushNames(&'a Path),
}

impl Step<'_> {
    /// What the step is done to.
    pub fn path(&self) -> &Path {
        match self {
            Self::Write(path) | Self::Flush(path) | Self::Remove(path) | Self::FlushNames(path) => {
                path
            }
            Self::Rename { to, .. } => to,
        }
    }
}

/// Takes a step.
///
/// # Errors
/// What `act` answers.
pub fn step<T>(step: Step<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    step_or(step, |error| error, act)
}

/// Takes a step whose errors are not the system's own; `refused` makes one of what a test has it fail with.
///
/// # Errors
/// What `act` answers.
#[cfg_attr(not(feature = "faults"), allow(unused_variables, reason = "nothing fails"))]
pub fn step_or<T, E>(
    step: Step<'_>,
    refused: impl FnOnce(io::Error) -> E,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    #[cfg(feature = "faults")]
    return fate::meet(step, refused, act);
    #[cfg(not(feature = "faults"))]
    act()
}

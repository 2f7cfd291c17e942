//! Steps that fail, for tests: on the thread that asks for it, until it lets go.

use std::{cell::RefCell, io};

use crate::Step;

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Nothing is done, and an error is reported.
    Lost,
    /// It is done, and an error is reported all the same.
    DoneAndRefused,
}

/// Decides what becomes of every step.
pub trait Fate {
    /// What becomes of a step that is about to be taken.
    fn decide(&mut self, step: Step<'_>) -> Outcome;

    /// A step has been taken.
    fn done(&mut self, step: Step<'_>) {
        let _ = step;
    }
}

/// The step with this number, counted from 0, and all after it fail.
#[derive(Debug, Clone, Copy)]
pub struct Nth {
    /// Steps that still succeed.
    pub after: usize,
    /// Whether the step is done before its failure is reported.
    pub done: bool,
}

impl Fate for Nth {
    fn decide(&mut self, _: Step<'_>) -> Outcome {
        match self.after.checked_sub(1) {
            Some(left) => {
                self.after = left;
                Outcome::Done
            }
            None if self.done => Outcome::DoneAndRefused,
            None => Outcome::Lost,
        }
    }
}

thread_local! {
    static FATE: RefCell<Option<Box<dyn Fate>>> = RefCell::default();
}

/// The thread's steps have a fate until this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Ruled(());

impl Drop for Ruled {
    fn drop(&mut self) {
        FATE.take();
    }
}

/// From now on this decides what becomes of the steps of this thread.
pub fn rule(fate: impl Fate + 'static) -> Ruled {
    FATE.replace(Some(Box::new(fate)));
    Ruled(())
}

/// The error of a step that was to fail.
pub const INJECTED: &str = "injected";

pub(crate) fn meet<T, E>(
    step: Step<'_>,
    refused: impl FnOnce(io::Error) -> E,
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let decide = |fate: &mut Option<Box<dyn Fate>>| fate.as_mut().map(|fate| fate.decide(step));
    let outcome = FATE.with_borrow_mut(decide).unwrap_or(Outcome::Done);
    if outcome == Outcome::Lost {
        return Err(refused(io::Error::other(INJECTED)));
    }
    let done = act()?;
    FATE.with_borrow_mut(|fate| fate.iter_mut().for_each(|fate| fate.done(step)));
    match outcome {
        Outcome::DoneAndRefused => Err(refused(io::Error::other(INJECTED))),
        _ => Ok(done),
    }
}

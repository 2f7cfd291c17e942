//! The child that runs, where it can be ended from another thread than the one that waits for it.

use std::{
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::{ProgramFailure, folder::PrivateFolder};

/// How often a child is looked at that should be about to end.
const LOOK: Duration = Duration::from_millis(5);

struct Running {
    process: Child,
    /// Removed once nobody works in it any more.
    folder: PrivateFolder,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    is_stopped: bool,
}

/// Room for one child.
#[derive(Default)]
pub(crate) struct Slot(Mutex<State>);

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a child that was just started with its folder, unless the client is being stopped.
    pub(crate) fn hold(&self, process: Child, folder: PrivateFolder) -> Result<(), ProgramFailure> {
        let mut state = self.state();
        let running = Running { process, folder };
        if state.is_stopped {
            end(running);
            return Err(ProgramFailure::Stopped);
        }
        state.running = Some(running);
        Ok(())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Waits until the child has ended by itself, but no longer than `patience`.
    pub(crate) fn await_end(&self, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience {
            let ended = match &self.state().running {
                // Left as it is: as long as nobody has waited for the child, its group is nobody else's.
                Some(running) => {
                    let look =
                        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
                    let child = WaitId::Pid(Pid::from_child(&running.process));
                    !matches!(waitid(child, look), Ok(None))
                }
                None => true,
            };
            if ended {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Kills the child with everything that it has started, and removes its folder. How it ended, in words.
    pub(crate) fn end(&self) -> String {
        let running = self.state().running.take();
        running.map_or_else(|| "stopped".to_owned(), end)
    }

    fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        let running = state.running.take();
        drop(state);
        running.map(end);
    }
}

fn end(Running { mut process, folder }: Running) -> String {
    // The group first: once the child has been waited for, another group could have its number.
    if let Err(error) = kill_process_group(Pid::from_child(&process), Signal::KILL) {
        tracing::warn!(%error, "the trainer's process group");
    }
    let status = process.wait();
    drop(folder);
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

/// Ends the child of a [`ProgramTrainer`](crate::ProgramTrainer) from any thread, for good: what waits for the child gets an
/// error at once, and no other is started.
#[derive(Clone, Default)]
pub struct Stopper(pub(crate) Arc<Slot>);

impl Stopper {
    /// Whether it was used.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    /// Kills the child with its process group, and removes its private folder.
    pub fn stop(&self) {
        self.0.stop();
    }
}

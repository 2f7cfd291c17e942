//! Where a run stands: a bar on a terminal, plain lines otherwise, always on stderr.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows the phase a run is in and how far it has come.
pub struct Progress(Display);

enum Display {
    Silent,
    Bar(ProgressBar),
    Lines(Mutex<Phase>),
}

#[derive(Default)]
struct Phase {
    name: String,
    steps: usize,
}

impl Progress {
    /// Shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self(Display::Silent)
    }

    /// A bar if stderr is a terminal, else a line for each phase and every tenth part of it.
    #[must_use]
    pub fn on_stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(Display::Lines(Mutex::default()));
        }
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template(
            "{elapsed_precise} {msg:32} {wide_bar} {pos}/{len}, {eta} left",
        ) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(Display::Bar(bar))
    }

    /// Begins a phase of `steps` steps.
    pub fn phase(&self, name: &str, steps: usize) {
        match &self.0 {
            Display::Silent => {}
            Display::Bar(bar) => {
                bar.set_length(steps as u64);
                bar.set_position(0);
                bar.set_message(name.to_owned());
            }
            Display::Lines(phase) => {
                line(name);
                if let Ok(mut phase) = phase.lock() {
                    *phase = Phase { name: name.to_owned(), steps };
                }
            }
        }
    }

    /// `done` steps of the phase are done.
    pub fn advance(&self, done: usize) {
        match &self.0 {
            Display::Silent => {}
            Display::Bar(bar) => bar.set_position(done as u64),
            Display::Lines(phase) => {
                let Ok(phase) = phase.lock() else { return };
                let tenth = phase.steps.div_ceil(10).max(1);
                if done.is_multiple_of(tenth) || done == phase.steps {
                    line(&format!("{}: {done}/{}", phase.name, phase.steps));
                }
            }
        }
    }

    /// Shows what the phase is doing at the moment; on a terminal only.
    pub fn detail(&self, text: &str) {
        if let Display::Bar(bar) = &self.0 {
            bar.set_message(text.to_owned());
        }
    }

    /// Prints a line that stays.
    pub fn note(&self, text: &str) {
        match &self.0 {
            Display::Silent => {}
            Display::Bar(bar) => bar.println(text),
            Display::Lines(_) => line(text),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Display::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// A closed stderr stops no run.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

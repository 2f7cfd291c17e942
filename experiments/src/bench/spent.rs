//! What a command took, with everything that it started: wall time and processor time.
//!
//! Processor time is the larger of two figures, neither of which counts too much: what the system has added up for children
//! that were waited for, and what was last seen of every process that descends from the command. The second finds daemons
//! that outlive their parent, which the first never hears of; the first finds processes that came and went between two looks.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether a command is done.
const POLL: Duration = Duration::from_millis(10);
/// How often descendants are looked at: a look reads a file of every process that there is.
const LOOK: Duration = Duration::from_millis(250);
/// Linux counts processor time in hundredths of a second, on every processor that this program is built for.
const TICKS_A_SECOND: f64 = 100.0;

/// What a command took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spent {
    /// From its start to its end, in seconds.
    pub(crate) wall_s: f64,
    /// Of all its processes, user and system, in seconds; `None` where the system does not tell.
    pub(crate) cpu_s: Option<f64>,
}

/// Starts a command, waits for its end, and says what it took. No other child may be running meanwhile.
///
/// # Errors
/// Where it does not start.
pub(crate) fn run(command: &mut Command) -> std::io::Result<(ExitStatus, Spent)> {
    let before = waited_for();
    let start = Instant::now();
    let mut child = command.spawn()?;
    let mut tree = Tree::of(child.id());
    let status = wait(&mut child, &mut tree)?;
    let wall_s = start.elapsed().as_secs_f64();
    let waited = waited_for().zip(before).map(|(after, before)| after - before);
    let cpu_s = waited.map(|seconds| seconds.max(tree.seconds()));
    Ok((status, Spent { wall_s, cpu_s }))
}

fn wait(child: &mut Child, tree: &mut Tree) -> std::io::Result<ExitStatus> {
    let mut looked = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if looked.elapsed() >= LOOK {
            tree.look();
            looked = Instant::now();
        }
        thread::sleep(POLL);
    }
}

/// Processor time of the children that this process has waited for, and of theirs, in seconds.
fn waited_for() -> Option<f64> {
    let stat = Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)?;
    Some(stat.children_ticks as f64 / TICKS_A_SECOND)
}

/// What is known of a command's processes.
struct Tree {
    root: u32,
    /// Ticks by process and time of its start: numbers of processes are used again.
    seen: BTreeMap<(u32, u64), u64>,
}

impl Tree {
    fn of(root: u32) -> Self {
        Self { root, seen: BTreeMap::new() }
    }

    fn seconds(&self) -> f64 {
        self.seen.values().sum::<u64>() as f64 / TICKS_A_SECOND
    }

    /// Looks at every process, and notes those that descend from the command.
    fn look(&mut self) {
        let Ok(processes) = fs::read_dir("/proc") else { return };
        let stat = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.ok()?.path();
            path.file_name()?.to_str()?.parse::<u32>().ok()?;
            Stat::parse(&fs::read_to_string(path.join("stat")).ok()?)
        };
        self.note(&processes.filter_map(stat).collect::<Vec<_>>());
    }

    fn note(&mut self, all: &[Stat]) {
        // A child may be listed before its parent: until nothing is new.
        loop {
            let known = self.seen.len();
            for stat in all {
                let is_child = |(process, _): &(u32, u64)| *process == stat.parent;
                let key = (stat.process, stat.started);
                let is_ours = stat.process == self.root
                    || self.seen.contains_key(&key)
                    || self.seen.keys().any(is_child);
                if is_ours {
                    self.seen.insert(key, stat.ticks);
                }
            }
            if self.seen.len() == known {
                return;
            }
        }
    }
}

/// What `/proc/PID/stat` says, as proc(5) numbers its fields.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    process: u32,
    parent: u32,
    /// User and system.
    ticks: u64,
    /// The same of children that were waited for.
    children_ticks: u64,
    started: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name, in parentheses, may hold anything.
        let (process, rest) = text.split_once(" (")?;
        let (_, rest) = rest.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // The first is field 3.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            process: process.parse().ok()?,
            parent: u32::try_from(number(4)?).ok()?,
            ticks: number(14)? + number(15)?,
            children_ticks: number(16)? + number(17)?,
            started: number(22)?,
        })
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// Takes a tenth of a second or more.
    const BUSY: &str = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";

    #[test]
    fn a_command_is_timed_with_what_it_starts() {
        let (status, spent) =
            run(Command::new("sh").args(["-c", &format!("({BUSY}); true")])).unwrap();
        assert!(status.success());
        let cpu_s = spent.cpu_s.unwrap();
        assert!(cpu_s > 0.02, "{spent:?}");
        assert!(spent.wall_s > 0.02, "{spent:?}");
        let (_, idle) = run(Command::new("sleep").arg("0.3")).unwrap();
        assert!(idle.wall_s >= 0.3 && idle.cpu_s.unwrap() < 0.2, "{idle:?}");
    }

    #[test]
    fn a_command_that_does_not_start_is_an_error() {
        assert!(run(&mut Command::new("/nonexistent/program")).is_err());
    }

    fn stat(process: u32, parent: u32, ticks: u64) -> Stat {
        Stat { process, parent, ticks, children_ticks: 0, started: u64::from(process) }
    }

    #[test]
    fn a_daemon_is_counted_after_its_parent_is_gone_and_nobody_elses_process_is() {
        let mut tree = Tree::of(10);
        tree.note(&[stat(12, 11, 5), stat(11, 10, 7), stat(10, 1, 1), stat(20, 1, 100)]);
        assert_eq!(tree.seconds(), 0.13);
        // Adopted by process 1.
        tree.note(&[stat(12, 1, 50), stat(20, 1, 200)]);
        assert_eq!(tree.seconds(), 0.58);
    }

    #[test]
    fn a_process_may_be_called_anything() {
        let text = "42 (a) b (c)) S 7 1 1 0 -1 4194304 100 0 0 0 11 22 33 44 20 0 1 0 555 0 0";
        let expected = Stat { process: 42, parent: 7, ticks: 33, children_ticks: 77, started: 555 };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("42 (a"), None);
        assert!(Stat::parse(&fs::read_to_string("/proc/self/stat").unwrap()).is_some());
    }
}

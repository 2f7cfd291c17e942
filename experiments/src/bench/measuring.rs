//! Wall time of repetitions, and the peak memory of a process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ExperimentError;

/// Least and most repetitions after the warm-up.
const REPETITIONS: (usize, usize) = (2, 15);
/// What takes longer than this is repeated once only.
const LONG_S: f64 = 12.0;

/// What a child process reports: one line of JSON on stdout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Wall time of every repetition, in seconds.
    pub seconds: Vec<f64>,
    /// Wall time of the warm-up, in seconds: with mask bases, generators and tables, which a process makes once. Of a
    /// round it is one batch.
    pub warm_up_s: f64,
    /// Median of the processor time of a repetition, all threads together, in seconds: what the wall time of one core would
    /// be on a machine that does nothing else. To a few milliseconds; `None` where the system does not tell.
    pub cpu_s: Option<f64>,
    /// Medians of the parts of a repetition, in seconds; or figures of another kind, by name.
    pub parts: BTreeMap<String, f64>,
    /// Medians of the processor time of the same parts, in seconds, where the system tells.
    #[serde(default)]
    pub cpu_parts: BTreeMap<String, f64>,
    /// Peak resident memory of the process, in kB; `None` where the system does not tell, or the process did more than
    /// the party would.
    pub peak_kb: Option<u64>,
    /// Bytes that the party sends.
    pub bytes_up: u64,
    /// Bytes that it is sent.
    pub bytes_down: u64,
    /// What failed of it, for readers.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Measured {
    /// Median wall time, in seconds.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        median(&self.seconds)
    }

    /// Shortest wall time, in seconds.
    #[must_use]
    pub fn least(&self) -> Option<f64> {
        self.seconds.iter().copied().reduce(f64::min)
    }
}

/// Median; the mean of the middle two of an even number.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get(sorted.len().checked_sub(1)? / 2)?;
    Some((lower + upper) / 2.0)
}

/// Time by part. What lies between [`resume`](Self::resume) and [`lap`](Self::lap) is counted, and nothing else.
pub struct Stopwatch {
    since: Instant,
    laps: BTreeMap<&'static str, Duration>,
    cpu_since: Option<f64>,
    cpu_laps: BTreeMap<&'static str, f64>,
}

impl Stopwatch {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        let cpu_since = processor_seconds();
        let cpu_laps = BTreeMap::new();
        Self { since: Instant::now(), laps: BTreeMap::new(), cpu_since, cpu_laps }
    }

    /// Leaves out the time since the last lap.
    pub fn resume(&mut self) {
        self.cpu_since = processor_seconds();
        self.since = Instant::now();
    }

    /// Wall time of every part so far, in seconds.
    pub(crate) fn laps(&self) -> Vec<(&'static str, f64)> {
        self.laps.iter().map(|(part, took)| (*part, took.as_secs_f64())).collect()
    }

    /// Processor time of every part so far, in seconds; nothing where the system does not tell.
    pub(crate) fn cpu_laps(&self) -> Vec<(&'static str, f64)> {
        self.cpu_laps.iter().map(|(part, took)| (*part, *took)).collect()
    }

    /// Adds the time since the last lap to a part.
    pub fn lap(&mut self, part: &'static str) {
        *self.laps.entry(part).or_default() += self.since.elapsed();
        let now = processor_seconds();
        if let Some((now, since)) = now.zip(self.cpu_since) {
            *self.cpu_laps.entry(part).or_default() += now - since;
        }
        self.cpu_since = now;
        self.since = Instant::now();
    }
}

/// Runs `once(true)` as a warm-up, then `once(false)` as often as the budget allows.
///
/// # Errors
/// The first error of `once`.
pub fn repeat(
    budget_s: f64,
    mut once: impl FnMut(bool) -> Result<Stopwatch, ExperimentError>,
) -> Result<Measured, ExperimentError> {
    let mut run = |warm_up| -> Result<(f64, Stopwatch), ExperimentError> {
        let watch = once(warm_up)?;
        Ok((watch.laps.values().map(Duration::as_secs_f64).sum(), watch))
    };
    let (warm_up_s, _) = run(true)?;
    let (first, watch) = run(false)?;
    let (least, most) = REPETITIONS;
    let wanted =
        ((budget_s / first.max(1e-9)) as usize).clamp(if first > LONG_S { 1 } else { least }, most);
    let mut seconds = vec![first];
    let mut parts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut cpu = Vec::new();
    let mut cpu_parts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut note = |watch: Stopwatch| {
        if !watch.cpu_laps.is_empty() {
            cpu.push(watch.cpu_laps.values().sum());
        }
        watch
            .cpu_laps
            .into_iter()
            .for_each(|(part, took)| cpu_parts.entry(part).or_default().push(took));
        watch
            .laps
            .into_iter()
            .for_each(|(part, took)| parts.entry(part).or_default().push(took.as_secs_f64()));
    };
    note(watch);
    while seconds.len() < wanted {
        let (total, watch) = run(false)?;
        seconds.push(total);
        note(watch);
    }
    Ok(Measured {
        seconds,
        warm_up_s,
        cpu_s: median(&cpu),
        parts: medians(parts),
        cpu_parts: medians(cpu_parts),
        ..Measured::default()
    })
}

/// The median of each part.
pub(crate) fn medians<'a>(
    parts: impl IntoIterator<Item = (&'a str, Vec<f64>)>,
) -> BTreeMap<String, f64> {
    parts.into_iter().filter_map(|(part, times)| Some((part.to_owned(), median(&times)?))).collect()
}

/// Processor time of the threads that this process has, in seconds, as Linux counts it.
pub(crate) fn processor_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Some(nanoseconds.sum::<Option<u64>>()? as f64 * 1e-9)
}

/// The largest resident set of this process so far, in kB, as Linux counts it.
#[must_use]
pub fn peak_memory_kb() -> Option<u64> {
    high_water_mark(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_of_nothing_there_is_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_warm_up_is_not_among_the_repetitions_and_expensive_things_are_repeated_seldom() {
        for (lap, repetitions) in [(0.001, 15), (1.0, 4), (3.0, 2), (60.0, 1)] {
            let mut calls = Vec::new();
            let once = |warm_up: bool| {
                calls.push(warm_up);
                let took = Duration::from_secs_f64(if warm_up { 1000.0 } else { lap });
                let laps = BTreeMap::from([("work", took)]);
                Ok(Stopwatch {
                    since: Instant::now(),
                    laps,
                    cpu_since: None,
                    cpu_laps: BTreeMap::from([("work", lap / 2.0)]),
                })
            };
            let measured = repeat(4.0, once).unwrap();
            assert_eq!(measured.seconds, vec![lap; repetitions]);
            assert_eq!((measured.median(), measured.least()), (Some(lap), Some(lap)));
            assert_eq!((measured.warm_up_s, measured.parts.get("work")), (1000.0, Some(&lap)));
            assert_eq!(measured.cpu_s, Some(lap / 2.0));
            assert_eq!(measured.cpu_parts.get("work"), Some(&(lap / 2.0)));
            assert_eq!(calls.iter().filter(|warm_up| **warm_up).count(), 1);
        }
    }

    #[test]
    fn the_high_water_mark_is_found_in_what_linux_says() {
        assert_eq!(high_water_mark("Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t  1234 kB\n"), Some(1234));
        assert_eq!(high_water_mark("Name:\tx\n"), None);
    }
}

//! Taking turns.

use rustix::time::{ClockId, clock_gettime};

/// Rounds of a comparison.
const ROUNDS: usize = 21;

/// Something to be timed: its name, how often it is done at a time, and what it is allowed to cost, in multiples of the
/// first of its comparison.
pub struct Work<'a> {
    pub name: &'a str,
    pub times: u32,
    pub bar: Option<f64>,
    pub run: Box<dyn FnMut() + 'a>,
}

impl<'a> Work<'a> {
    pub fn new(name: &'a str, times: u32, bar: Option<f64>, run: impl FnMut() + 'a) -> Self {
        Self { name, times, bar, run: Box::new(run) }
    }
}

/// Seconds of processor time that this thread has had: on a machine with other work the clock on the wall says nothing.
fn processor_time() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// Times each in turn, round after round, and prints medians and their ratios to the first.
pub fn compare(works: &mut [Work<'_>]) {
    let mut seconds = vec![Vec::new(); works.len()];
    for _ in 0..ROUNDS {
        for (work, seconds) in works.iter_mut().zip(&mut seconds) {
            let start = processor_time();
            for _ in 0..work.times {
                (work.run)();
            }
            seconds.push((processor_time() - start) / f64::from(work.times));
        }
    }
    let medians: Vec<f64> = seconds.iter_mut().map(|seconds| median(seconds)).collect();
    for (work, median) in works.iter().zip(&medians) {
        let ratio = median / medians[0];
        let bar = work.bar.map(|bar| format!("<= {bar:.3}")).unwrap_or_default();
        println!("{:42} {:7.2} us {ratio:9.3} {bar:>9}", work.name, median * 1e6);
    }
    println!();
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

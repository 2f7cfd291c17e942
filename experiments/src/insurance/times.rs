//! The four stages of table 2, timed for many owners: all stages take turns in every repetition.

use std::time::Instant;

use super::claim::{Claim, Firm};
use super::config::InsuranceConfig;
use super::operations::{Costs, Stage, processor_seconds};
use super::record::TimesRow;
use crate::ExperimentError;
use crate::bench::measuring::median;
use crate::progress::Progress;

/// Repetitions that the medians are of, after one that warms up.
const REPETITIONS: usize = 15;
/// Records that a repetition goes through at the least: fewer owners are gone through again and again.
const RECORDS: usize = 20;

/// Every stage for every number of owners.
///
/// # Errors
/// [`ExperimentError::Bench`].
pub(super) fn measure(
    config: &InsuranceConfig,
    progress: &Progress,
) -> Result<Vec<TimesRow>, ExperimentError> {
    let counts = config.timed();
    progress.phase("four stages, timed", counts.len());
    let claims = claims(config, counts.iter().copied().max().unwrap_or_default())?;
    let costs = Costs::measure();
    let mut rows = Vec::new();
    for (done, users) in counts.into_iter().enumerate() {
        rows.extend(rows_of(claims.get(..users).unwrap_or_default(), &costs)?);
        progress.advance(done + 1);
    }
    Ok(rows)
}

fn rows_of(claims: &[Claim], costs: &Costs) -> Result<Vec<TimesRow>, ExperimentError> {
    let users = claims.len();
    let times = RECORDS.div_ceil(users);
    let mut spent = Stage::ALL.map(|_| (Vec::new(), Vec::new()));
    for repetition in 0..=REPETITIONS {
        for (stage, (wall, cpu)) in Stage::ALL.into_iter().zip(&mut spent) {
            let start = Instant::now();
            let cpu_start = processor_seconds();
            for claim in std::iter::repeat_n(claims, times).flatten() {
                claim.perform(stage)?;
            }
            if repetition > 0 {
                cpu.push((processor_seconds() - cpu_start) / times as f64);
                wall.push(start.elapsed().as_secs_f64() / times as f64);
            }
        }
    }
    let row = |(stage, (wall, cpu)): (Stage, &(Vec<f64>, Vec<f64>))| TimesRow {
        stage,
        users,
        repetitions: REPETITIONS,
        wall_s: median(wall).unwrap_or_default(),
        cpu_s: median(cpu).unwrap_or_default(),
        operations: stage.operations(),
        operations_s: users as f64 * costs.of(stage.operations()),
    };
    Ok(Stage::ALL.into_iter().zip(&spent).map(row).collect())
}

/// Owners are dealt among shops and insurers.
fn claims(config: &InsuranceConfig, users: usize) -> Result<Vec<Claim>, ExperimentError> {
    let firms = |number| (0..number).map(|_| Firm::new()).collect::<Vec<_>>();
    let shops = firms(config.shops);
    let insurers = firms(config.insurers);
    let pairs = shops.iter().cycle().zip(insurers.iter().cycle());
    pairs
        .take(users)
        .map(|(shop, insurer)| Claim::new(shop, insurer, config.record_bytes))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_timed_for_every_number_of_owners() {
        let config = InsuranceConfig::new(1, 1, 2, 64).unwrap();
        let rows = measure(&config, &Progress::silent()).unwrap();
        let counts: Vec<_> = rows.iter().map(|row| row.users).collect();
        assert_eq!(counts, [[1; 4], [2; 4], [5; 4], [10; 4]].concat());
        for row in &rows {
            assert!(row.cpu_s > 0.0 && row.cpu_s <= row.wall_s * 1.01, "{row:?}");
            // What was counted is most of what is done, and not more.
            let share = row.operations_s / row.cpu_s;
            assert!(share > 0.4 && share < 1.3, "{row:?}");
        }
    }
}

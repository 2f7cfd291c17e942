//! The three stages of table 3 over real sockets, counted for many owners.

use std::path::Path;
use std::time::Duration;

use rand_core::{OsRng, RngCore as _};
use tokio::runtime;

use super::config::InsuranceConfig;
use super::frames::Counted;
use super::record::{BytesRow, Link, WireStage};
use super::story::{Cast, insure_and_repair, settle_claim};
use super::town::{Insurer, Town};
use crate::ExperimentError;
use crate::progress::Progress;

/// Bytes of every kind of connection, in the order of [`Link::ALL`].
type Snapshot = [Counted; Link::ALL.len()];

/// Bytes so far, by stage and connection.
#[derive(Default)]
struct Sums {
    broadcasting: Snapshot,
    access: Snapshot,
}

/// Everybody's story, one owner after the other; what it came to after 1, 2, 5 and so on.
///
/// # Errors
/// [`ExperimentError::Bench`] with the first thing that does not go as it should.
pub(super) fn measure(
    config: &InsuranceConfig,
    progress: &Progress,
) -> Result<Vec<BytesRow>, ExperimentError> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(ExperimentError::bench("the runtime"))?;
    let root = tempfile::tempdir().map_err(ExperimentError::file(&std::env::temp_dir()))?;
    let rows = runtime.block_on(tell(config, root.path(), progress));
    // Copies of the ledger that are being read are of no use any more.
    runtime.shutdown_timeout(Duration::from_secs(5));
    rows
}

async fn tell(
    config: &InsuranceConfig,
    root: &Path,
    progress: &Progress,
) -> Result<Vec<BytesRow>, ExperimentError> {
    progress.phase("parties on sockets", config.users);
    let town = Town::new(config, root).await?;
    let file = root.join("record");
    let mut record = vec![0; config.record_bytes];
    OsRng.fill_bytes(&mut record);
    std::fs::write(&file, record).map_err(ExperimentError::file(&file))?;
    let read = root.join("read");
    std::fs::create_dir(&read).map_err(ExperimentError::file(&read))?;

    let mut sums = Sums::default();
    let mut rows = Vec::new();
    let counted = config.counted();
    let insurers = town.insurers.iter().cycle();
    let firms = insurers.zip(town.shops.iter().cycle());
    for (done, (owner, (insurer, shop))) in (1..).zip(town.owners.iter().zip(firms)) {
        let Insurer { policies, claims } = insurer;
        let cast = Cast { owner, policies, claims, shop, file: &file };
        let before = snapshot(&town)?;
        insure_and_repair(&town, &cast).await?;
        let between = snapshot(&town)?;
        settle_claim(&town, &cast, &read).await?;
        let after = snapshot(&town)?;
        add(&mut sums.broadcasting, &before, &between);
        add(&mut sums.access, &between, &after);
        if counted.contains(&done) {
            rows.extend(sums.rows(done, town.followers()));
        }
        progress.advance(done);
    }
    town.close().await?;
    Ok(rows)
}

fn snapshot(town: &Town) -> Result<Snapshot, ExperimentError> {
    let mut snapshot = Snapshot::default();
    for (counted, link) in snapshot.iter_mut().zip(Link::ALL) {
        *counted = town.counted(link)?;
    }
    Ok(snapshot)
}

fn add(sum: &mut Snapshot, earlier: &Snapshot, later: &Snapshot) {
    for (sum, (earlier, later)) in sum.iter_mut().zip(earlier.iter().zip(later)) {
        *sum += *later - *earlier;
    }
}

impl Sums {
    /// Blocks are what everybody verifies, whenever they come; everything else is of the stage in which it was sent.
    fn rows(&self, users: usize, followers: usize) -> Vec<BytesRow> {
        let mut rows: Vec<BytesRow> = Vec::new();
        let stages =
            [(WireStage::Broadcasting, &self.broadcasting), (WireStage::Access, &self.access)];
        for (stage, snapshot) in stages {
            for (link, counted) in Link::ALL.into_iter().zip(snapshot) {
                let stage = match link {
                    Link::Blocks => WireStage::Verification,
                    // What closes the connections of the last owner's claim may come a moment after it.
                    _ if counted.messages == 0 => WireStage::Access,
                    _ => stage,
                };
                let Counted { messages, all } = *counted;
                match rows.iter_mut().find(|row| (row.stage, row.link) == (stage, link)) {
                    Some(row) => {
                        row.messages += messages;
                        row.all += all;
                    }
                    None if all > 0 => {
                        rows.push(BytesRow { stage, link, users, followers, messages, all });
                    }
                    None => {}
                }
            }
        }
        rows.sort_by_key(|row| (row.stage, row.link));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_verified_whenever_they_come_and_nothing_is_counted_twice() {
        let some = Counted { messages: 3, all: 5 };
        let sums = Sums {
            broadcasting: [some, Counted { messages: 0, all: 5 }, Counted::default(), some, some],
            access: [some; 5],
        };
        let rows = sums.rows(2, 9);
        let all: u64 = rows.iter().map(|row| row.all).sum();
        assert_eq!(all, 9 * 5);
        let of = |stage| rows.iter().filter(move |row| row.stage == stage);
        let blocks: Vec<_> = of(WireStage::Verification).collect();
        assert_eq!((blocks.len(), blocks[0].link, blocks[0].all), (1, Link::Blocks, 10));
        assert_eq!(of(WireStage::Broadcasting).count(), 2);
        assert_eq!(of(WireStage::Access).count(), 4);
    }
}

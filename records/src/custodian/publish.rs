//! Putting on the ledger what owners have accepted: the custodian says it, again after every restart, until it is there.

use std::{sync::Arc, time::Duration};

use consilium_exchange::records::Record;
use consilium_hash::{Pseudonym, RecordHash};
use consilium_proto::v1::{StoreRecord, transaction::Action};
use tokio::{sync::Notify, time::sleep};

use super::store::Store;
use crate::{
    error::Result,
    ledger::{Following, Ledger, blocking},
};

const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_secs(5);

/// Publishes for as long as the process runs; `accepted` wakes it.
pub async fn publish(
    following: Arc<Following>,
    store: Arc<Store>,
    name: Pseudonym,
    accepted: Arc<Notify>,
) {
    loop {
        match publish_all(&following, &store, &name).await {
            // An acceptance wakes it; one that another process has left in the store does not, and is found by looking.
            Ok(()) => tokio::select! {
                () = accepted.notified() => {}
                () = sleep(PAUSE) => {}
            },
            Err(error) => {
                tracing::warn!(%error, "an accepted record is not on the ledger yet; it is tried again");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn publish_all(following: &Following, store: &Arc<Store>, name: &Pseudonym) -> Result<()> {
    let read = Arc::clone(store);
    let mut failed = None;
    for record in blocking(move || read.all_accepted()).await?? {
        if following.ledger().record(record.hash()).is_none() {
            // One that the ledger refuses does not keep the others from it.
            failed = publish_one(following, name, &record).await.err().or(failed);
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn publish_one(following: &Following, name: &Pseudonym, record: &Record) -> Result<()> {
    let hash: RecordHash = *record.hash();
    let action = Action::StoreRecord(StoreRecord { record: record.encode() });
    following.say(name, action, PATIENCE).await?;
    let is_there = |ledger: &Ledger| ledger.record(&hash).map(drop);
    following.until("the record on the ledger", PATIENCE, is_there).await?;
    tracing::info!(record = %hash.short(), "is on the ledger");
    Ok(())
}

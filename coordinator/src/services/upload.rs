//! An update coming in: the signed header is admitted before a byte of the body is taken.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use consilium_contract::{CandidateTransaction, Receipt};
use consilium_hash::{BlobHash, Pseudonym};
use consilium_proto::v1::{UpdatePart, transaction::Action, update_part::Part};
use prost::Message as _;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tonic::Streaming;

use super::peer::Peer;
use crate::{
    clock::millis,
    error::CallError,
    inbox::{Answer, NodeHandle},
    shared::Shared,
};

/// The bodies that are coming in.
///
/// One at a time for an institution and peer: who connects again after a cut connection takes the place of the
/// stream that hangs. And no more than `permits` in all, which bounds their memory.
#[derive(Debug)]
pub(crate) struct Uploads {
    permits: Arc<Semaphore>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    next: u64,
    open: BTreeMap<(Pseudonym, Peer), (u64, oneshot::Sender<()>)>,
}

/// A place among the uploads, until it is dropped.
struct Slot {
    uploads: Arc<Uploads>,
    key: (Pseudonym, Peer),
    number: u64,
    superseded: oneshot::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

impl Uploads {
    pub(crate) fn new(permits: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(permits)), slots: Mutex::default() }
    }

    fn begin(self: &Arc<Self>, author: Pseudonym, peer: Peer) -> Result<Slot, CallError> {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| CallError::TooMany { what: "uploads" })?;
        let (sender, superseded) = oneshot::channel();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.next += 1;
        let key = (author, peer);
        let number = slots.next;
        if let Some((_, older)) = slots.open.insert(key, (number, sender)) {
            // An older upload that has ended meanwhile does not listen any more.
            let _ = older.send(());
        }
        Ok(Slot { uploads: Arc::clone(self), key, number, superseded, _permit: permit })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut slots = self.uploads.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.open.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            slots.open.remove(&self.key);
        }
    }
}

/// Takes one update from its stream to its receipt.
///
/// Runs as a task of its own: where the connection is cut, the node still hears that the body never came.
pub(crate) async fn receive(
    shared: Arc<Shared>,
    node: NodeHandle,
    uploads: Arc<Uploads>,
    peer: Peer,
    mut parts: Streaming<UpdatePart>,
) -> Result<Receipt, CallError> {
    let limits = shared.limits;
    let header =
        timeout(limits.header_deadline, parts.message()).await.map_err(|_| CallError::TooSlow {
            what: "the header of an update",
            limit_ms: millis(limits.header_deadline),
        })?;
    let Ok(Some(UpdatePart { part: Some(Part::Header(signed)) })) = header else {
        return Err(CallError::NoHeader);
    };
    shared.traffic.count_up(signed.encoded_len());
    let transaction = CandidateTransaction::parse(signed)?;
    let wrong_action =
        CallError::WrongAction { call: "SubmitUpdate", expected: "an institution's update" };
    let (Action::SubmitUpdate(_), Some(author)) = (transaction.action(), transaction.author())
    else {
        return Err(wrong_action);
    };
    peer.speaks_for(&author)?;

    let (sha256, length) = match node.submit(transaction.clone()).await? {
        Answer::Receipt(receipt) => return Ok(receipt),
        Answer::Upload { sha256, length } => (sha256, length),
    };
    let mut slot = uploads.begin(author, peer)?;
    let body = tokio::select! {
        body = timeout(limits.body_deadline(length), take_body(&shared, &mut parts, &sha256, length)) => {
            body.ok().flatten()
        }
        Ok(()) = &mut slot.superseded => return Err(CallError::Superseded),
    };
    drop(slot);
    match node.deliver(transaction, body).await? {
        Answer::Receipt(receipt) => Ok(receipt),
        // The node answers a body with a receipt.
        Answer::Upload { .. } => Err(CallError::Stopping),
    }
}

/// The body that the header names, or `None` where what comes is cut off, longer, or something else.
async fn take_body(
    shared: &Shared,
    parts: &mut Streaming<UpdatePart>,
    sha256: &BlobHash,
    length: u64,
) -> Option<Vec<u8>> {
    // Admission has compared `length` with that of every body of this run. The buffer grows with what arrives.
    let length = usize::try_from(length).ok()?;
    let mut body = Vec::new();
    let mut hasher = Sha256::new();
    while let Some(UpdatePart { part }) = parts.message().await.ok()? {
        let Some(Part::Chunk(chunk)) = part else { return None };
        shared.traffic.count_up(chunk.len());
        if chunk.is_empty() || chunk.len() > length.checked_sub(body.len())? {
            return None;
        }
        hasher.update(&chunk);
        body.extend_from_slice(&chunk);
    }
    (body.len() == length && hasher.finalize().as_slice() == sha256.as_slice()).then_some(body)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const HERE: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    const THERE: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));

    #[test]
    fn a_newer_upload_takes_the_place_of_the_older_one_from_its_own_address_only() {
        let uploads = Arc::new(Uploads::new(8));
        let mut first = uploads.begin(Pseudonym([1; 32]), HERE).unwrap();
        let mut elsewhere = uploads.begin(Pseudonym([1; 32]), THERE).unwrap();
        let mut another = uploads.begin(Pseudonym([2; 32]), HERE).unwrap();
        assert!(first.superseded.try_recv().is_err());
        let mut second = uploads.begin(Pseudonym([1; 32]), HERE).unwrap();
        assert!(first.superseded.try_recv().is_ok());
        for slot in [&mut elsewhere, &mut another, &mut second] {
            assert!(slot.superseded.try_recv().is_err());
        }
        drop(first);
        let _third = uploads.begin(Pseudonym([1; 32]), HERE).unwrap();
        assert!(
            second.superseded.try_recv().is_ok(),
            "the older one's end does not free the newer one's place"
        );
    }

    #[test]
    fn no_more_uploads_than_permits_are_open() {
        let uploads = Arc::new(Uploads::new(2));
        let first = uploads.begin(Pseudonym([1; 32]), HERE).unwrap();
        let _second = uploads.begin(Pseudonym([2; 32]), HERE).unwrap();
        assert!(matches!(uploads.begin(Pseudonym([3; 32]), HERE), Err(CallError::TooMany { .. })));
        drop(first);
        assert!(uploads.begin(Pseudonym([3; 32]), HERE).is_ok());
    }
}

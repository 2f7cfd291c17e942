//! Blocks and blobs as response streams. A slow reader waits for itself alone: nothing is read ahead for it.

use std::{ops::Range, sync::Arc};

use consilium_hash::Pseudonym;
use consilium_ledger::{Block, LedgerError};
use consilium_proto::{
    CHUNK_BYTES,
    v1::{BlockMessage, Chunk},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{presence::Presence, status::status};
use crate::{error::CallError, shared::Shared};

/// Blocks that are read before the reader has taken the last one.
const BLOCKS_AHEAD: usize = 2;

pub(crate) type Blocks = ReceiverStream<Result<BlockMessage, Status>>;
pub(crate) type Chunks = tokio_stream::Iter<BlobChunks>;

/// How far blocks are sent.
pub(crate) enum Extent {
    /// Up to this height, without it.
    To(u64),
    /// Also those to come, until the node ends; to an institution, where it has said which, and to the one process that it
    /// runs in, where a certificate says so.
    Following(Option<Pseudonym>, Option<Presence>),
}

/// Durable blocks from `from` on.
///
/// # Errors
/// Where the chain has not come as far as `from`.
pub(crate) fn blocks(shared: &Arc<Shared>, from: u64, extent: Extent) -> Result<Blocks, CallError> {
    let mut progress = shared.progress();
    let present = progress.borrow_and_update().blocks;
    if from > present {
        let expected = format!("this chain has {present} blocks; compare its head with yours");
        return Err(CallError::OutOfRange { what: "height", actual: from, expected });
    }
    let (to, mut subscriber, presence) = match extent {
        Extent::To(to) => (Some(to), None, None),
        Extent::Following(institution, presence) => {
            (None, Some(shared.subscriber(from, institution)), presence)
        }
    };
    let shared = Arc::clone(shared);
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    tokio::spawn(async move {
        let _held = presence;
        let mut next = from;
        loop {
            let now = *progress.borrow_and_update();
            let end = to.map_or(now.blocks, |to| to.min(now.blocks));
            while next < end {
                let message = read_block(&shared, next).await;
                let failed = message.is_err();
                // Sending fails where the reader has hung up.
                if sender.send(message).await.is_err() || failed {
                    return;
                }
                next += 1;
                if let Some(subscriber) = &mut subscriber {
                    subscriber.sent = next;
                }
            }
            if now.ended || to.is_some() {
                return;
            }
            tokio::select! {
                changed = progress.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
        }
    });
    Ok(ReceiverStream::new(receiver))
}

async fn read_block(shared: &Arc<Shared>, height: u64) -> Result<BlockMessage, Status> {
    let block = shared.read(move |shared| encoded(shared, height)).await.map_err(status)?;
    shared.traffic.count_down(block.len());
    Ok(BlockMessage { block })
}

fn encoded(shared: &Shared, height: u64) -> Result<Vec<u8>, CallError> {
    let block: Block = block(shared, height)?;
    Ok(block.encode().map_err(LedgerError::from)?)
}

/// The durable block at `height`.
pub(crate) fn block(shared: &Shared, height: u64) -> Result<Block, CallError> {
    shared.store.get_block(height)?.ok_or_else(|| CallError::NotFound {
        what: "block",
        advice: format!("the chain has not come to height {height}"),
    })
}

/// These bytes of a blob, as far as it has them, in chunks, for one reader.
pub(crate) fn chunks(shared: &Arc<Shared>, blob: Arc<Vec<u8>>, bytes: Range<usize>) -> Chunks {
    tokio_stream::iter(BlobChunks {
        shared: Arc::clone(shared),
        end: bytes.end.min(blob.len()),
        next: bytes.start,
        blob,
    })
}

/// Cuts a blob into chunks of at most [`CHUNK_BYTES`], as they are asked for.
pub(crate) struct BlobChunks {
    shared: Arc<Shared>,
    blob: Arc<Vec<u8>>,
    end: usize,
    next: usize,
}

impl Iterator for BlobChunks {
    type Item = Result<Chunk, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.end.min(self.next + CHUNK_BYTES);
        let data = self.blob.get(self.next..end).unwrap_or_default().to_vec();
        if data.is_empty() {
            return None;
        }
        self.next += data.len();
        self.shared.traffic.count_down(data.len());
        Some(Ok(Chunk { data }))
    }
}

//! Answers that are streams: lists of headers, and files of any length in chunks. Nothing is read ahead for a slow reader,
//! and only so many are sent at once.

use std::{io, path::Path, pin::Pin, sync::Arc};

use consilium_exchange::records::ENCRYPTED_CHUNK_LEN;
use consilium_proto::v1::Chunk;
use tokio::{
    fs::File,
    io::AsyncReadExt as _,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use crate::status::too_many;

/// Answers that are sent at once, to all callers.
const MOST_STREAMS: usize = 256;

/// A stream of answers.
pub type Items<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// How many streams are open.
#[derive(Debug, Clone)]
pub struct Streams(Arc<Semaphore>);

impl Default for Streams {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_STREAMS)))
    }
}

impl Streams {
    fn open(&self) -> Result<OwnedSemaphorePermit, Status> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map_err(|_| {
            too_many("as many answers as this party sends at once are being sent; try again")
        })
    }

    /// These items, one after the other.
    pub(crate) fn items<T: Send + 'static>(&self, items: Vec<T>) -> Result<Items<T>, Status> {
        let permit = self.open()?;
        let items = items.into_iter().map(move |item| {
            // Held for as long as there is something to send.
            let _held = &permit;
            Ok(item)
        });
        Ok(Box::pin(tokio_stream::iter(items)))
    }
}

/// A file, a chunk of a body at a time.
pub(crate) async fn file_chunks(streams: &Streams, path: &Path) -> Result<Items<Chunk>, Status> {
    let permit = streams.open()?;
    let unreadable = |error: io::Error| {
        tracing::error!(file = %path.display(), %error, "a body cannot be read");
        Status::internal("the body cannot be read at its custodian")
    };
    let mut file = File::open(path).await.map_err(unreadable)?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _held = permit;
        loop {
            let mut data = Vec::with_capacity(ENCRYPTED_CHUNK_LEN);
            let read = (&mut file).take(ENCRYPTED_CHUNK_LEN as u64).read_to_end(&mut data).await;
            let message = match read {
                Ok(0) => return,
                Ok(_) => Ok(Chunk { data }),
                Err(error) => {
                    tracing::error!(%error, "a body cannot be read to its end");
                    Err(Status::internal("the body cannot be read to its end at its custodian"))
                }
            };
            let failed = message.is_err();
            // Sending fails where the reader has hung up.
            if sender.send(message).await.is_err() || failed {
                return;
            }
        }
    });
    Ok(Box::pin(ReceiverStream::new(receiver)))
}

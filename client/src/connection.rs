//! The calls an institution makes. It only ever connects outwards, and bounds everything that comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use consilium_contract::{CandidateTransaction, Parameters, Receipt};
use consilium_crypto::signature::VerifyingKey;
use consilium_hash::{BlobHash, ChainId, HeaderHash, Pseudonym};
use consilium_ledger::{Block, Header, MAX_BLOCK_BYTES, Note, SealedHeader, Validators};
use consilium_proto::{
    CHUNK_BYTES,
    v1::{
        self, BlockMessage, Chunk, GetBlobRequest, GetHeadRequest, GetKeyPartRequest,
        GetMaskedUpdateRequest, SignedTransaction, SubscribeRequest, UpdatePart,
        federation_client::FederationClient, ledger_client::LedgerClient, update_part::Part,
    },
};
use tokio::{sync::oneshot, time::timeout};
use tonic::{Code, Status, Streaming, transport::Channel};

use crate::{ClientError, connector::Connector, state::upload::Upload};

/// How long a call may take that is answered from what is stored.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// The slowest line that long answers may come over, in bytes a second.
const SLOWEST_LINE: u64 = 64 << 10;

/// A connection to the coordinator; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    federation: FederationClient<Channel>,
    ledger: LedgerClient<Channel>,
    /// Signs receipts, for this chain.
    coordinator: VerifyingKey,
    chain_id: ChainId,
}

/// The coordinator's signed answer to a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) signed: SignedTransaction,
    pub(crate) receipt: Receipt,
    /// The receipt as it was signed.
    pub(crate) message: v1::Receipt,
}

/// What the coordinator says of its chain.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) header: SealedHeader,
    /// A checkpoint, as it says that it has signed it.
    pub(crate) checkpoint: Note,
}

/// Times of a finished upload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadTimes {
    /// Until the transport had taken the last byte.
    pub(crate) sent: Duration,
    /// Until the receipt.
    pub(crate) answered: Duration,
}

impl Connection {
    pub(crate) async fn open(
        connector: &dyn Connector,
        parameters: &Parameters,
    ) -> Result<Self, ClientError> {
        let channel = connector.connect().await?;
        let most = MAX_BLOCK_BYTES + 1024;
        Ok(Self {
            federation: FederationClient::new(channel.clone()).max_decoding_message_size(most),
            ledger: LedgerClient::new(channel).max_decoding_message_size(most),
            coordinator: parameters.coordinator,
            chain_id: parameters.chain_id,
        })
    }

    /// Takes an answer that the coordinator has signed to this transaction; any other is none.
    fn answered(
        &self,
        signed: SignedTransaction,
        message: v1::Receipt,
    ) -> Result<Answered, ClientError> {
        let malformed = |error: &dyn std::fmt::Display| ClientError::Malformed(error.to_string());
        let receipt = Receipt::verify(&message, &self.coordinator, &self.chain_id)
            .map_err(|error| malformed(&error))?;
        let transaction =
            CandidateTransaction::parse(signed.clone()).map_err(|error| malformed(&error))?;
        if receipt.transaction != transaction.id() {
            return Err(malformed(&"the receipt is for another transaction"));
        }
        Ok(Answered { signed, receipt, message })
    }

    /// The coordinator's head of the first `size` blocks, of all durable ones for 0: a candidate.
    pub(crate) async fn head(&mut self, size: u64) -> Result<Head, ClientError> {
        let answer =
            within(READ_DEADLINE, "GetHead", self.ledger.get_head(GetHeadRequest { size })).await?;
        let malformed = |error: &dyn std::fmt::Display| ClientError::Malformed(error.to_string());
        let header =
            SealedHeader::decode(&answer.sealed_header).map_err(|error| malformed(&error))?;
        let checkpoint = Note::parse(&answer.checkpoint).map_err(|error| malformed(&error))?;
        Ok(Head { header, checkpoint })
    }

    /// The newest header that the coordinator shows, sealed by the `validators` of the run, and what its clock shows.
    pub(crate) async fn newest(
        &mut self,
        validators: &Validators,
    ) -> Result<(Header, u64), ClientError> {
        let request = GetHeadRequest { size: 0 };
        let answer = within(READ_DEADLINE, "GetHead", self.ledger.get_head(request)).await?;
        let malformed = |error: &dyn std::fmt::Display| ClientError::Malformed(error.to_string());
        let sealed =
            SealedHeader::decode(&answer.sealed_header).map_err(|error| malformed(&error))?;
        sealed.verify(validators).map_err(|error| malformed(&error))?;
        Ok((sealed.header, answer.clock_ms))
    }

    /// Blocks from a height on, as they become durable. The coordinator is shown the last block that is held here, so that one
    /// whose ledger lacks it stops before it signs anything. `institution` is whoever takes part in the rounds on this
    /// connection, and its process.
    pub(crate) async fn subscribe(
        &mut self,
        from_height: u64,
        head: Option<&SealedHeader>,
        institution: Option<(&Pseudonym, &[u8; 16])>,
    ) -> Result<Blocks, ClientError> {
        let head = head.map(|head| head.encode().to_vec()).unwrap_or_default();
        let (institution, process) = institution
            .map(|(name, process)| (name.to_vec(), process.to_vec()))
            .unwrap_or_default();
        let request = SubscribeRequest { from_height, head, institution, process };
        let call = self.federation.subscribe(request);
        Ok(Blocks(within(READ_DEADLINE, "Subscribe", call).await?))
    }

    /// The masked update of an accepted header, exactly `length` bytes.
    pub(crate) async fn masked_update(
        &mut self,
        header: &HeaderHash,
        length: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let request = GetMaskedUpdateRequest { header_sha256: header.to_vec() };
        let chunks =
            within(READ_DEADLINE, "GetMaskedUpdate", self.federation.get_masked_update(request))
                .await?;
        collect("GetMaskedUpdate", chunks, length).await
    }

    /// What a trustee needs of an accepted update besides its header, exactly `length` bytes.
    pub(crate) async fn key_part(
        &mut self,
        header: &HeaderHash,
        length: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let request = GetKeyPartRequest { header_sha256: header.to_vec() };
        let chunks =
            within(READ_DEADLINE, "GetKeyPart", self.federation.get_key_part(request)).await?;
        collect("GetKeyPart", chunks, length).await
    }

    /// The body of this hash, of exactly `length` bytes; `None` where the coordinator has none.
    pub(crate) async fn body(
        &mut self,
        address: &BlobHash,
        length: usize,
    ) -> Result<Option<Vec<u8>>, ClientError> {
        let request = GetBlobRequest { sha256: address.to_vec() };
        let answer = timeout(READ_DEADLINE, self.ledger.get_blob(request)).await;
        let chunks = match answer.map_err(|_| too_slow("GetBlob", READ_DEADLINE))? {
            Ok(chunks) => chunks.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            Err(status) => return Err(failed("GetBlob", &status)),
        };
        let body = collect("GetBlob", chunks, length).await?;
        if consilium_ledger::blob_hash(&body) != *address {
            return Err(ClientError::Malformed(
                "GetBlob answers with another body than the one asked for".to_owned(),
            ));
        }
        Ok(Some(body))
    }

    /// A blob of exactly `length` bytes. Its hash is for the caller to check.
    pub(crate) async fn blob(
        &mut self,
        address: &BlobHash,
        length: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let request = GetBlobRequest { sha256: address.to_vec() };
        let chunks = within(READ_DEADLINE, "GetBlob", self.ledger.get_blob(request)).await?;
        collect("GetBlob", chunks, length).await
    }

    /// Each returns once the block that holds the transaction is durable, hence the caller's deadline.
    pub(crate) async fn enrol(
        &mut self,
        signed: SignedTransaction,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        let receipt = within(deadline, "Enrol", self.federation.enrol(signed.clone())).await?;
        self.answered(signed, receipt)
    }

    pub(crate) async fn contribute(
        &mut self,
        signed: SignedTransaction,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        let receipt =
            within(deadline, "Contribute", self.federation.contribute(signed.clone())).await?;
        self.answered(signed, receipt)
    }

    pub(crate) async fn countersign(
        &mut self,
        signed: SignedTransaction,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        let receipt =
            within(deadline, "Countersign", self.federation.countersign(signed.clone())).await?;
        self.answered(signed, receipt)
    }

    pub(crate) async fn share(
        &mut self,
        signed: SignedTransaction,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        let receipt =
            within(deadline, "SubmitShare", self.federation.submit_share(signed.clone())).await?;
        self.answered(signed, receipt)
    }

    /// Says something beside the rounds.
    pub(crate) async fn say(
        &mut self,
        signed: SignedTransaction,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        let receipt = within(deadline, "Say", self.federation.say(signed.clone())).await?;
        self.answered(signed, receipt)
    }

    /// Sends the stored bytes: the signed header, then the body in chunks.
    pub(crate) async fn submit(
        &mut self,
        upload: Upload,
        deadline: Duration,
    ) -> Result<(Answered, UploadTimes), ClientError> {
        let start = Instant::now();
        let signed = upload.signed().clone();
        let (sent, when_sent) = oneshot::channel();
        let stream = tokio_stream::iter(parts(&upload, sent));
        let receipt =
            within(deadline, "SubmitUpdate", self.federation.submit_update(stream)).await?;
        let answered = start.elapsed();
        let sent = when_sent.await.map_or(answered, |at| at.duration_since(start));
        Ok((self.answered(signed, receipt)?, UploadTimes { sent, answered }))
    }
}

/// The messages of an upload; `sent` learns when the transport has taken the last one.
fn parts(
    upload: &Upload,
    sent: oneshot::Sender<Instant>,
) -> impl Iterator<Item = UpdatePart> + Send + use<> {
    let header = Part::Header(upload.signed().clone());
    let body = Arc::clone(upload.body());
    let chunk = move |start: usize| {
        let rest = body.get(start..).unwrap_or_default();
        Part::Chunk(rest.iter().take(CHUNK_BYTES).copied().collect())
    };
    let chunks = (0..upload.body().len()).step_by(CHUNK_BYTES).map(chunk);
    let mut sent = Some(sent);
    let end = std::iter::from_fn(move || {
        // Nobody waits for the time of an upload whose call has ended.
        let _ = sent.take().map(|sent| sent.send(Instant::now()));
        None
    });
    std::iter::once(header).chain(chunks).map(|part| UpdatePart { part: Some(part) }).chain(end)
}

/// The stream of blocks: candidates, in whatever order the coordinator chooses.
pub(crate) struct Blocks(Streaming<BlockMessage>);

impl Blocks {
    /// The next block with the bytes that it took.
    pub(crate) async fn next(&mut self) -> Result<(Block, usize), ClientError> {
        let message = self.0.message().await.map_err(|status| failed("Subscribe", &status))?;
        let bytes = message
            .ok_or_else(|| {
                ClientError::Unreachable("the coordinator ended the stream of blocks".into())
            })?
            .block;
        let block =
            Block::decode(&bytes).map_err(|error| ClientError::Malformed(error.to_string()))?;
        Ok((block, bytes.len()))
    }
}

/// Exactly `length` bytes out of a stream of chunks; no more is ever held.
async fn collect(
    call: &'static str,
    mut chunks: Streaming<Chunk>,
    length: usize,
) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::with_capacity(length);
    let read = async {
        while let Some(Chunk { data }) =
            chunks.message().await.map_err(|status| failed(call, &status))?
        {
            if data.len() > length - bytes.len() {
                return Err(ClientError::Malformed(format!(
                    "{call} answers with more than {length} bytes"
                )));
            }
            bytes.extend_from_slice(&data);
        }
        if bytes.len() < length {
            return Err(ClientError::Malformed(format!(
                "{call} answers with {} bytes of {length}",
                bytes.len()
            )));
        }
        Ok(())
    };
    let deadline = READ_DEADLINE.max(Duration::from_secs(length as u64 / SLOWEST_LINE));
    timeout(deadline, read).await.map_err(|_| too_slow(call, deadline))??;
    Ok(bytes)
}

async fn within<T>(
    deadline: Duration,
    call: &'static str,
    answer: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, ClientError> {
    let answer = timeout(deadline, answer).await.map_err(|_| too_slow(call, deadline))?;
    answer.map(tonic::Response::into_inner).map_err(|status| failed(call, &status))
}

fn too_slow(call: &str, deadline: Duration) -> ClientError {
    ClientError::Unreachable(format!("{call} was not answered within {} s", deadline.as_secs()))
}

fn failed(call: &'static str, status: &Status) -> ClientError {
    match status.code() {
        Code::InvalidArgument | Code::Unimplemented => {
            ClientError::Unsupported { call, message: status.message().to_owned() }
        }
        Code::AlreadyExists => ClientError::RunsElsewhere(status.message().to_owned()),
        Code::PermissionDenied => ClientError::NotAdmitted(format!("{call}: {}", status.message())),
        code => ClientError::Unreachable(format!("{call}: {code}: {}", status.message())),
    }
}

//! The node that the stage's coordinator shows itself as, over gRPC.

use std::sync::{Arc, Mutex};

use consilium_contract::CandidateTransaction;
use consilium_crypto::signature::SigningKey;
use consilium_hash::{BlobHash, ChainId, HeaderHash};
use consilium_proto::v1::{
    Aggregate, BlockMessage, Chunk, ConsistencyProof, GetAggregateRequest, GetBlobRequest,
    GetBlocksRequest, GetConsistencyProofRequest, GetHeadRequest, GetInclusionProofRequest,
    GetKeyPartRequest, GetMaskedUpdateRequest, GetModelRequest, Head, InclusionProof, Reason,
    Receipt, SignedTransaction, SubscribeRequest, UpdatePart, federation_server::Federation,
    ledger_server::Ledger, update_part::Part,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::stage::{Call, Shown};

#[derive(Clone)]
pub(super) struct Node {
    pub(super) shown: Arc<Mutex<Shown>>,
    pub(super) changed: watch::Sender<()>,
    pub(super) calls: mpsc::UnboundedSender<Call>,
    /// The coordinator's key and chain.
    pub(super) key: Arc<SigningKey>,
    pub(super) chain_id: ChainId,
}

impl Node {
    async fn hear(
        &self,
        signed: SignedTransaction,
        body: Vec<u8>,
    ) -> Result<Response<Receipt>, Status> {
        let (answer, answered) = oneshot::channel();
        let transaction = CandidateTransaction::parse(signed.clone()).unwrap();
        self.calls.send(Call { signed, body, answer }).map_err(|_| Status::unavailable("over"))?;
        match answered.await {
            Ok(Some(reason)) => {
                let culprit = transaction.author().filter(|_| reason == Reason::BadLinkProof);
                let receipt =
                    consilium_contract::Receipt { transaction: transaction.id(), reason, culprit };
                Ok(Response::new(receipt.sign(&self.key, &self.chain_id)))
            }
            _ => Err(Status::unavailable("the answer is lost")),
        }
    }
}

type Stream<T> = ReceiverStream<Result<T, Status>>;

fn chunks(bytes: Option<&Vec<u8>>) -> Result<Response<Stream<Chunk>>, Status> {
    let data = bytes.cloned().ok_or_else(|| Status::not_found("no such bytes"))?;
    let (send, receive) = mpsc::channel(1);
    send.try_send(Ok(Chunk { data })).unwrap();
    Ok(Response::new(ReceiverStream::new(receive)))
}

#[tonic::async_trait]
impl Federation for Node {
    type SubscribeStream = Stream<BlockMessage>;
    type GetModelStream = Stream<Chunk>;
    type GetKeyPartStream = Stream<Chunk>;
    type GetMaskedUpdateStream = Stream<Chunk>;

    async fn enrol(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        self.hear(request.into_inner(), Vec::new()).await
    }

    async fn administer(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::permission_denied("the authority speaks for itself"))
    }

    async fn contribute(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        self.hear(request.into_inner(), Vec::new()).await
    }

    async fn say(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::permission_denied("nobody shares anything here"))
    }

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let mut height = request.into_inner().from_height as usize;
        let (send, receive) = mpsc::channel(1);
        let shown = Arc::clone(&self.shown);
        let mut changed = self.changed.subscribe();
        let connection = shown.lock().unwrap().connection;
        tokio::spawn(async move {
            loop {
                let block = {
                    let shown = shown.lock().unwrap();
                    if shown.connection != connection {
                        return;
                    }
                    let sent = shown.blocks.len() - shown.held_back;
                    shown.blocks[..sent].get(height).map(|block| block.encode().unwrap())
                };
                match block {
                    Some(block) => {
                        height += 1;
                        if send.send(Ok(BlockMessage { block })).await.is_err() {
                            return;
                        }
                    }
                    None => {
                        if changed.changed().await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receive)))
    }

    async fn get_model(
        &self,
        _: Request<GetModelRequest>,
    ) -> Result<Response<Self::GetModelStream>, Status> {
        Err(Status::not_found("an institution computes the model itself"))
    }

    async fn submit_update(
        &self,
        request: Request<Streaming<UpdatePart>>,
    ) -> Result<Response<Receipt>, Status> {
        let mut parts = request.into_inner();
        let Some(Part::Header(signed)) = parts.message().await?.and_then(|part| part.part) else {
            return Err(Status::invalid_argument("the header comes first"));
        };
        let mut body = Vec::new();
        while let Some(part) = parts.message().await? {
            let Some(Part::Chunk(chunk)) = part.part else {
                return Err(Status::invalid_argument("no chunk"));
            };
            body.extend(chunk);
        }
        self.hear(signed, body).await
    }

    async fn get_aggregate(
        &self,
        _: Request<GetAggregateRequest>,
    ) -> Result<Response<Aggregate>, Status> {
        Err(Status::not_found("a trustee reads the chain"))
    }

    async fn get_masked_update(
        &self,
        request: Request<GetMaskedUpdateRequest>,
    ) -> Result<Response<Self::GetMaskedUpdateStream>, Status> {
        let hash: HeaderHash = request.into_inner().header_sha256.as_slice().try_into().unwrap();
        chunks(self.shown.lock().unwrap().masked.get(&hash))
    }

    async fn get_key_part(
        &self,
        request: Request<GetKeyPartRequest>,
    ) -> Result<Response<Self::GetKeyPartStream>, Status> {
        let hash: HeaderHash = request.into_inner().header_sha256.as_slice().try_into().unwrap();
        chunks(self.shown.lock().unwrap().key_parts.get(&hash))
    }

    async fn countersign(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        self.hear(request.into_inner(), Vec::new()).await
    }

    async fn submit_share(
        &self,
        request: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        self.hear(request.into_inner(), Vec::new()).await
    }
}

#[tonic::async_trait]
impl Ledger for Node {
    type GetBlocksStream = Stream<BlockMessage>;
    type GetBlobStream = Stream<Chunk>;

    async fn get_head(&self, request: Request<GetHeadRequest>) -> Result<Response<Head>, Status> {
        let shown = self.shown.lock().unwrap();
        let last =
            (request.into_inner().size as usize).checked_sub(1).unwrap_or(shown.blocks.len() - 1);
        let sealed_header = shown.blocks[last].sealed.encode().to_vec();
        Ok(Response::new(Head {
            sealed_header,
            checkpoint: shown.heads.get(last).or(shown.heads.last()).unwrap().encode().into_bytes(),
            clock_ms: 0,
        }))
    }

    async fn get_blocks(
        &self,
        _: Request<GetBlocksRequest>,
    ) -> Result<Response<Self::GetBlocksStream>, Status> {
        Err(Status::not_found("an institution subscribes"))
    }

    async fn get_blob(
        &self,
        request: Request<GetBlobRequest>,
    ) -> Result<Response<Self::GetBlobStream>, Status> {
        let hash: BlobHash = request.into_inner().sha256.as_slice().try_into().unwrap();
        let mut shown = self.shown.lock().unwrap();
        if let Some(fewer) = shown.lost_blobs.checked_sub(1) {
            shown.lost_blobs = fewer;
            return Err(Status::unavailable("the connection is lost"));
        }
        chunks(shown.blobs.get(&hash))
    }

    async fn get_inclusion_proof(
        &self,
        _: Request<GetInclusionProofRequest>,
    ) -> Result<Response<InclusionProof>, Status> {
        Err(Status::not_found("not asked for"))
    }

    async fn get_consistency_proof(
        &self,
        _: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<ConsistencyProof>, Status> {
        Err(Status::not_found("not asked for"))
    }
}

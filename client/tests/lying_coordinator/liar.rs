//! The coordinator that lies, over sockets, and the programs that meet it.

use std::{
    collections::HashMap,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use consilium_contract::transaction::parse_entry;
use consilium_crypto::mask::CandidateHeader;
use consilium_hash::BlobHash;
use consilium_ledger::{Block, Note};
use consilium_proto::v1::{
    Aggregate, BlockMessage, Chunk, ConsistencyProof, GetAggregateRequest, GetBlobRequest,
    GetBlocksRequest, GetConsistencyProofRequest, GetHeadRequest, GetInclusionProofRequest,
    GetKeyPartRequest, GetMaskedUpdateRequest, GetModelRequest, Head, InclusionProof, Receipt,
    SignedTransaction, SubscribeRequest, UpdatePart,
    federation_server::{Federation, FederationServer},
    ledger_server::{Ledger, LedgerServer},
    transaction::Action,
};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// Shows one history on the first connection and another one on all later ones.
#[derive(Clone)]
pub struct Liar {
    /// Blocks, and the signed head of the tree over them.
    pub histories: Arc<[(Vec<Block>, Note); 2]>,
    pub heads_asked_for: Arc<AtomicUsize>,
    /// Bodies of updates.
    pub blobs: Arc<HashMap<BlobHash, Vec<u8>>>,
}

fn chunk(data: Vec<u8>) -> Response<Stream<Chunk>> {
    let (send, receive) = tokio::sync::mpsc::channel(1);
    send.try_send(Ok(Chunk { data })).unwrap();
    Response::new(ReceiverStream::new(receive))
}

impl Liar {
    fn shown(&self) -> &(Vec<Block>, Note) {
        &self.histories[usize::from(self.heads_asked_for.load(Ordering::SeqCst) > 1)]
    }
}

type Stream<T> = ReceiverStream<Result<T, Status>>;

fn silence<T>() -> Result<Response<T>, Status> {
    Err(Status::unavailable("not now"))
}

#[tonic::async_trait]
impl Federation for Liar {
    type SubscribeStream = Stream<BlockMessage>;
    type GetModelStream = Stream<Chunk>;
    type GetKeyPartStream = Stream<Chunk>;
    type GetMaskedUpdateStream = Stream<Chunk>;

    async fn subscribe(
        &self,
        request: Request<SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let from = request.into_inner().from_height as usize;
        let (send, receive) = tokio::sync::mpsc::channel(8);
        for block in &self.shown().0[from..] {
            send.try_send(Ok(BlockMessage { block: block.encode().unwrap() })).unwrap();
        }
        // The stream ends here, and the institution connects again.
        Ok(Response::new(ReceiverStream::new(receive)))
    }

    async fn enrol(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        silence()
    }

    async fn get_model(
        &self,
        _: Request<GetModelRequest>,
    ) -> Result<Response<Self::GetModelStream>, Status> {
        silence()
    }

    async fn submit_update(
        &self,
        _: Request<Streaming<UpdatePart>>,
    ) -> Result<Response<Receipt>, Status> {
        silence()
    }

    async fn get_aggregate(
        &self,
        _: Request<GetAggregateRequest>,
    ) -> Result<Response<Aggregate>, Status> {
        silence()
    }

    async fn get_masked_update(
        &self,
        _: Request<GetMaskedUpdateRequest>,
    ) -> Result<Response<Self::GetMaskedUpdateStream>, Status> {
        silence()
    }

    async fn get_key_part(
        &self,
        request: Request<GetKeyPartRequest>,
    ) -> Result<Response<Self::GetKeyPartStream>, Status> {
        let name = request.into_inner().header_sha256;
        let (blocks, _) = self.shown();
        let headers = blocks.iter().flat_map(|block| &block.entries).filter_map(|entry| {
            match parse_entry(entry).unwrap().0.action() {
                Action::SubmitUpdate(update) => CandidateHeader::decode(&update.header).ok(),
                _ => None,
            }
        });
        let header = headers.into_iter().find(|header| header.hash().as_slice() == name);
        let Some(CandidateHeader::Lattice(header)) = header else { return silence() };
        let body = &self.blobs[&header.body().hash];
        Ok(chunk(body[..header.key_part().length as usize].to_vec()))
    }

    async fn administer(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::unimplemented("not a part of this lie"))
    }

    async fn contribute(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::unimplemented("not a part of this lie"))
    }

    async fn say(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::unimplemented("not a part of this lie"))
    }

    async fn countersign(
        &self,
        _: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        silence()
    }

    async fn submit_share(
        &self,
        _: Request<SignedTransaction>,
    ) -> Result<Response<Receipt>, Status> {
        silence()
    }
}

#[tonic::async_trait]
impl Ledger for Liar {
    type GetBlocksStream = Stream<BlockMessage>;
    type GetBlobStream = Stream<Chunk>;

    async fn get_head(&self, _: Request<GetHeadRequest>) -> Result<Response<Head>, Status> {
        self.heads_asked_for.fetch_add(1, Ordering::SeqCst);
        let (blocks, head) = self.shown();
        let sealed_header = blocks.last().unwrap().sealed.encode().to_vec();
        Ok(Response::new(Head {
            sealed_header,
            checkpoint: head.encode().into_bytes(),
            clock_ms: 0,
        }))
    }

    async fn get_blocks(
        &self,
        _: Request<GetBlocksRequest>,
    ) -> Result<Response<Self::GetBlocksStream>, Status> {
        silence()
    }

    async fn get_blob(
        &self,
        request: Request<GetBlobRequest>,
    ) -> Result<Response<Self::GetBlobStream>, Status> {
        let address = BlobHash::try_from(request.into_inner().sha256.as_slice());
        let blob = address.ok().and_then(|address| self.blobs.get(&address));
        let data = blob.cloned().ok_or_else(|| Status::not_found("no such blob"))?;
        Ok(chunk(data))
    }

    async fn get_inclusion_proof(
        &self,
        _: Request<GetInclusionProofRequest>,
    ) -> Result<Response<InclusionProof>, Status> {
        silence()
    }

    async fn get_consistency_proof(
        &self,
        _: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<ConsistencyProof>, Status> {
        silence()
    }
}

impl Liar {
    /// Serves what it shows; the address.
    pub fn serve(self, runtime: &Runtime) -> String {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Server::builder()
            .add_service(FederationServer::new(self.clone()))
            .add_service(LedgerServer::new(self));
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        address
    }
}

pub fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-client")).args(arguments).output().unwrap()
}

pub fn verify(genesis: &Path, file: &Path) -> Output {
    program(&[
        "evidence",
        "verify",
        "--genesis",
        &genesis.display().to_string(),
        &file.display().to_string(),
    ])
}

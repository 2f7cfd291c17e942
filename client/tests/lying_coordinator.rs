//! The program against a coordinator that lies, and the file it leaves against somebody who has nothing but the genesis.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::{
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::transaction::{entry, sign};
use consilium_ledger::{Block, HeaderChain, Note};
use consilium_proto::training::Layers;
use consilium_proto::v1::{
    Aggregate, BlockMessage, Chunk, ConsistencyProof, Enrol, GetAggregateRequest, GetBlobRequest,
    GetBlocksRequest, GetConsistencyProofRequest, GetHeadRequest, GetInclusionProofRequest,
    GetMaskedUpdateRequest, GetModelRequest, Head, InclusionProof, Receipt, SignedTransaction,
    SubscribeRequest, UpdatePart,
    federation_server::{Federation, FederationServer},
    ledger_server::{Ledger, LedgerServer},
    transaction::Action,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_core::OsRng;
use tokio::net::TcpListener;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// Shows one history on the first connection and another one on all later ones.
#[derive(Clone)]
struct Liar {
    /// Blocks, and the signed head of the tree over them.
    histories: Arc<[(Vec<Block>, Note); 2]>,
    heads_asked_for: Arc<AtomicUsize>,
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

    async fn administer(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
        Err(Status::unimplemented("not a part of this lie"))
    }

    async fn contribute(&self, _: Request<SignedTransaction>) -> Result<Response<Receipt>, Status> {
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
        Ok(Response::new(Head { sealed_header, checkpoint: head.encode().into_bytes() }))
    }

    async fn get_blocks(
        &self,
        _: Request<GetBlocksRequest>,
    ) -> Result<Response<Self::GetBlocksStream>, Status> {
        silence()
    }

    async fn get_blob(
        &self,
        _: Request<GetBlobRequest>,
    ) -> Result<Response<Self::GetBlobStream>, Status> {
        silence()
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

/// The genesis, and a block in which the institutions named enrol.
fn history(ceremony: &Ceremony, enrolled: &[usize]) -> (Vec<Block>, Note) {
    let parameters = &ceremony.parameters;
    let key = SigningKey::from_bytes(&ceremony.coordinator.signing.to_bytes());
    let coordinator = VerifyingKey::from_bytes(&parameters.coordinator.encode()).unwrap();
    let mut chain = HeaderChain::new(parameters.chain_id, coordinator);
    let enrol = |&i: &usize| {
        let files = &ceremony.institutions[i];
        let action = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
        entry(
            sign(&files.signing, &parameters.chain_id, Some(&files.identity.pseudonym), action),
            false,
        )
    };
    let blocks = [vec![ceremony.genesis_entry.clone()], enrolled.iter().map(enrol).collect()];
    let mut seal = |entries: Vec<Vec<u8>>| {
        let header = chain.propose(&entries, [0; 32], 1_000).unwrap();
        let block = Block { sealed: header.seal(&parameters.chain_id, &key), entries };
        chain.append_block(&block).unwrap();
        block
    };
    let blocks = blocks.into_iter().map(&mut seal).collect();
    (blocks, chain.head().unwrap().checkpoint().sign(&key))
}

fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-client")).args(arguments).output().unwrap()
}

fn verify(genesis: &Path, file: &Path) -> Output {
    program(&[
        "evidence",
        "verify",
        "--genesis",
        &genesis.display().to_string(),
        &file.display().to_string(),
    ])
}

#[test]
fn the_file_that_an_institution_leaves_convinces_a_program_that_has_nothing_but_the_genesis() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let spec = CeremonySpec::new(
        Layers { inputs: 8, hidden: vec![4] },
        vec![0.0; 41],
        vec![768, 10, 10, 10],
    );
    let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
    ceremony.write(&dir.path().join("ceremony")).unwrap();
    let histories = [history(&ceremony, &[1, 2]), history(&ceremony, &[1, 3])];
    let theirs = histories[1].0[1].hash();
    let liar = Liar { histories: Arc::new(histories), heads_asked_for: Arc::default() };

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder()
        .add_service(FederationServer::new(liar.clone()))
        .add_service(LedgerServer::new(liar));
    runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let institution = path("ceremony/institution-01");
    let state = path("state");
    let run = [
        "run",
        "--ceremony",
        &institution,
        "--state",
        &state,
        "--coordinator",
        &address,
        "--data",
        "pima",
    ];
    let Output { status, stderr, .. } = program(&[&run[..], &["--give-up-after", "60"]].concat());
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(3), "{message}");
    let evidence = dir.path().join("state/evidence-1.bin");
    assert!(message.contains(&evidence.display().to_string()), "{message}");

    // Somebody else, with a copy of the genesis and of the file.
    let elsewhere = tempfile::tempdir().unwrap();
    let genesis = elsewhere.path().join("genesis.bin");
    let file = elsewhere.path().join("file");
    std::fs::copy(dir.path().join("ceremony/genesis.bin"), &genesis).unwrap();
    std::fs::copy(evidence, &file).unwrap();
    let Output { status, stdout, stderr } = verify(&genesis, &file);
    let said = String::from_utf8(stdout).unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{message}");
    let named: String = theirs.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        said.starts_with("it convicts the coordinator of two histories") && said.contains(&named),
        "{said}"
    );
    let shown = program(&["evidence", "show", &file.display().to_string()]);
    assert!(String::from_utf8(shown.stdout).unwrap().contains("heights 1 and 1"));

    // A changed file convicts nobody; a file that is none, and another run's genesis, cannot be used or convict nobody.
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(verify(&genesis, &file).status.code(), Some(1));
    std::fs::write(&file, &bytes[..last]).unwrap();
    assert_eq!(verify(&genesis, &file).status.code(), Some(2));
    assert_eq!(verify(&file, &file).status.code(), Some(2));
    assert_eq!(verify(&genesis, &elsewhere.path().join("nowhere")).status.code(), Some(2));
}

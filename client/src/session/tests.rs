//! One real institution over real gRPC, with a coordinator that each test plays by hand; the other three institutions
//! speak through the fixture.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use consilium_audit::{
    Evidence,
    evidence::{Culprit, Kept},
    judge::TrusteeError,
    model_check::{ModelError, masked_update_bytes},
};
use consilium_contract::{CandidateTransaction, Model};
use consilium_crypto::{CandidateHeader, QuantisedUpdate, signature::SigningKey};
use consilium_identity::InstitutionFiles;
use consilium_learning::{TrainError, Trainer};
use consilium_ledger::sha256;
use consilium_proto::v1::{
    Abandon, Aggregate, BlockMessage, Charge, Chunk, ConsistencyProof, GetAggregateRequest,
    GetBlobRequest, GetBlocksRequest, GetConsistencyProofRequest, GetHeadRequest,
    GetInclusionProofRequest, GetMaskedUpdateRequest, GetModelRequest, Head, InclusionProof,
    Receipt, SubscribeRequest, UpdatePart,
    federation_server::{Federation, FederationServer},
    ledger_server::{Ledger, LedgerServer},
    update_part::Part,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::*;
use crate::{
    Outcome, Unobserved,
    fixture::{DIMENSION, World, ceremony},
    prepare::{Participant, Preparation, PrepareError, Prepared},
};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the institution says, for the test to answer: a reason, or nothing, as where the answer is lost.
struct Call {
    signed: SignedTransaction,
    body: Vec<u8>,
    answer: oneshot::Sender<Option<Reason>>,
}

/// What the node shows.
#[derive(Default)]
struct Shown {
    blocks: Vec<Block>,
    /// Of the tree that ends with each block.
    heads: Vec<Note>,
    masked: HashMap<Hash, Vec<u8>>,
    blobs: HashMap<Hash, Vec<u8>>,
    /// Last blocks that the head is taken from and the stream holds back.
    held_back: usize,
    /// Streams of an earlier connection end.
    connection: u64,
}

#[derive(Clone)]
struct Node {
    shown: Arc<Mutex<Shown>>,
    changed: watch::Sender<()>,
    calls: mpsc::UnboundedSender<Call>,
    /// The coordinator's key and chain.
    key: Arc<SigningKey>,
    chain_id: Hash,
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
        let hash: Hash = request.into_inner().header_sha256.as_slice().try_into().unwrap();
        chunks(self.shown.lock().unwrap().masked.get(&hash))
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
        let hash: Hash = request.into_inner().sha256.as_slice().try_into().unwrap();
        chunks(self.shown.lock().unwrap().blobs.get(&hash))
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

/// One in every coordinate, as institution 0 of the fixture submits.
struct Ones;

impl Trainer for Ones {
    fn train(&mut self, _: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(global.to_vec())
    }
}

impl Preparation for Ones {
    fn prepare(&mut self, _: u64, global: &[f32], _: &[f32]) -> Result<Prepared, PrepareError> {
        let bound = consilium_crypto::Bound::Parameter { bits: 8 };
        let quantised = QuantisedUpdate::new(vec![1; global.len()], bound)?;
        Ok(Prepared { quantised, clipped_share: 0.0 })
    }
}

/// The test's side of the stage.
struct Stage {
    world: World,
    shown: Arc<Mutex<Shown>>,
    changed: watch::Sender<()>,
    calls: mpsc::UnboundedReceiver<Call>,
    address: String,
}

impl Stage {
    async fn new(world: World) -> Self {
        let key = SigningKey::from_bytes(&world.ceremony.coordinator.signing.to_bytes());
        Self::signing_with(world, key).await
    }

    async fn signing_with(world: World, key: SigningKey) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (send, calls) = mpsc::unbounded_channel();
        let key = Arc::new(key);
        let chain_id = world.chain_id();
        let node = Node {
            shown: Arc::default(),
            changed: watch::Sender::new(()),
            calls: send,
            key,
            chain_id,
        };
        let shown = Arc::clone(&node.shown);
        let changed = node.changed.clone();
        let server = Server::builder()
            .add_service(FederationServer::new(node.clone()))
            .add_service(LedgerServer::new(node));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let mut stage = Self { world, shown, changed, calls, address };
        stage.show();
        stage
    }

    /// Shows the world's blocks and what belongs to them.
    fn show(&mut self) {
        let length = masked_update_bytes(&self.world.ceremony.parameters);
        let mut shown = self.shown.lock().unwrap();
        shown.blocks = self.world.blocks.clone();
        let signing = (&self.world.ceremony.coordinator.signing).into();
        shown.heads =
            self.world.chain.headers().map(|header| header.checkpoint().sign(&signing)).collect();
        for entry in self.world.blocks[1..].iter().flat_map(|block| &block.entries) {
            let (candidate, _) = consilium_contract::transaction::parse_entry(entry).unwrap();
            if let Action::SubmitUpdate(update) = candidate.action() {
                let header = CandidateHeader::decode(&update.header).unwrap();
                if let Some(body) = self.world.bodies.get(header.body_hash()) {
                    shown.masked.entry(header.hash()).or_insert_with(|| body[..length].to_vec());
                }
            }
        }
        shown.blobs.extend(self.world.bodies.clone());
        drop(shown);
        self.changed.send_replace(());
    }

    fn files(&self) -> InstitutionFiles {
        let dir = tempfile::tempdir().unwrap();
        self.world.ceremony.write(&dir.path().join("ceremony")).unwrap();
        InstitutionFiles::load(&dir.path().join("ceremony").join("institution-01")).unwrap()
    }

    /// Starts institution 0, which holds its share of the key. A state directory without a memory is that of an
    /// institution that has lost it.
    fn start(&self, state: &Path) -> JoinHandle<Result<Outcome, ClientError>> {
        self.world.lend_share(0, state);
        let institution = Institution::new(
            self.files(),
            state,
            &self.address,
            Participant::new(Ones, Ones),
            Box::new(Unobserved),
        )
        .unwrap();
        tokio::spawn(institution.run())
    }

    async fn call(&mut self) -> Call {
        timeout(DEADLINE, self.calls.recv()).await.expect("the institution says something").unwrap()
    }

    /// Nothing is said for a while.
    async fn silence(&mut self) {
        let heard = timeout(Duration::from_millis(300), self.calls.recv()).await;
        assert!(heard.is_err(), "the institution was to say nothing");
    }

    /// Takes the institution's update, answers, and returns the header.
    async fn take_update(&mut self) -> (SignedTransaction, Vec<u8>) {
        let Call { signed, body, answer } = self.call().await;
        let header = header(&signed);
        self.world.bodies.insert(sha256(&body), body);
        answer.send(Some(Reason::Accepted)).unwrap();
        (signed, header)
    }

    /// A round until its sum is sealed, with the institution's update and those of `others`.
    async fn seal(&mut self, others: &[usize]) {
        self.world.open();
        self.show();
        let (signed, own) = self.take_update().await;
        self.world.commit(vec![signed]);
        let headers = [vec![own], self.world.submit(others)].concat();
        let evaluation = self.world.evaluation(&self.world.round(), &headers);
        let close = self.world.close_collection(evaluation);
        self.world.commit(vec![close]);
        self.show();
    }

    /// The institution and two others countersign, the institution and another share.
    async fn unseal(&mut self) {
        let step = self.world.contract.step();
        let block = self.world.sealed_hash();
        let Call { signed, answer, .. } = self.call().await;
        assert_eq!(signed, self.world.countersignature(0, step, &block));
        answer.send(Some(Reason::Accepted)).unwrap();
        let others = [1, 2].map(|i| self.world.countersignature(i, step, &block));
        self.world.commit([vec![signed], others.to_vec()].concat());
        self.silence().await;
        self.show();
        let Call { signed, answer, .. } = self.call().await;
        answer.send(Some(Reason::Accepted)).unwrap();
        let other = self.world.share(3);
        self.world.commit(vec![signed, other]);
    }

    fn close(&mut self) {
        let (close, _) = self.world.result();
        let close = self.world.orders(Action::CloseRound(close));
        self.world.commit(vec![close]);
        self.show();
    }
}

fn header(signed: &SignedTransaction) -> Vec<u8> {
    let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
    let Action::SubmitUpdate(update) = candidate.action() else {
        panic!("not an update: {candidate:?}")
    };
    update.header.clone()
}

/// A state directory whose trustee remembers that it has said nothing.
fn state(world: &World) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    drop(Memory::open(dir.path(), world.chain_id()).unwrap());
    dir
}

/// The file convicts the coordinator in the eyes of somebody who has nothing but the genesis.
fn convicts(world: &World, evidence: &Kept, charge: Charge) {
    let bytes = std::fs::read(evidence.0.as_ref().unwrap()).unwrap();
    let verdict = Evidence::decode(&bytes).unwrap().verify(&world.ceremony.genesis_entry).unwrap();
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, charge), "{verdict}");
}

async fn end(run: JoinHandle<Result<Outcome, ClientError>>) -> Result<Outcome, ClientError> {
    timeout(DEADLINE, run).await.expect("the institution ends").unwrap()
}

#[tokio::test]
async fn an_institution_takes_part_until_the_run_is_over() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    for _ in 0..2 {
        stage.seal(&[1, 2, 3]).await;
        stage.unseal().await;
        stage.close();
    }
    let outcome = end(run).await.unwrap();
    assert_eq!(outcome.steps, 2);
    assert_eq!(Model::new(outcome.model).unwrap(), *stage.world.contract.model());
    assert_eq!(outcome.height + 1, stage.world.chain.len());
    // The sealed block of the last round, cosigned by the three that countersigned it.
    let note = crate::head::export(&stage.files(), state.path()).unwrap();
    assert_eq!(note.signatures().len(), 1 + 3);
}

#[tokio::test]
async fn a_signed_head_of_another_history_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let forged =
        consilium_ledger::Checkpoint { root: [9; 32], ..stage.world.chain.head_checkpoint() };
    let signing = (&stage.world.ceremony.coordinator.signing).into();
    *stage.shown.lock().unwrap().heads.last_mut().unwrap() = forged.sign(&signing);
    let error = end(stage.start(state.path())).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    let ClientError::ForkedHistory { evidence, .. } = error else { panic!("{error}") };
    let evidence = Evidence::decode(&std::fs::read(evidence).unwrap()).unwrap();
    let verdict = evidence.verify(&stage.world.ceremony.genesis_entry).unwrap();
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, Charge::Fork));
}

#[tokio::test]
async fn after_a_lost_answer_the_stored_bytes_come_again() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let first = stage.call().await;
    first.answer.send(None).unwrap();
    let second = stage.call().await;
    assert_eq!((first.signed, first.body), (second.signed.clone(), second.body.clone()));
    // And after a restart.
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    let run = stage.start(state.path());
    let third = stage.call().await;
    assert_eq!((second.signed, second.body), (third.signed, third.body));
    run.abort();
}

#[tokio::test]
async fn a_trustee_that_lost_its_memory_leaves_the_step_in_progress_to_the_others_and_serves_the_next()
 {
    let dir = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(World::new()).await;
    let run = stage.start(dir.path());
    stage.seal(&[1, 2, 3]).await;
    stage.silence().await;
    let block = stage.world.sealed_hash();
    let answers = (1..4).map(|i| stage.world.countersignature(i, 0, &block)).collect();
    stage.world.commit(answers);
    stage.show();
    stage.silence().await;
    let shares = vec![stage.world.share(1), stage.world.share(2)];
    stage.world.commit(shares);
    stage.close();
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    stage.close();
    assert_eq!(end(run).await.unwrap().steps, 2);
}

#[tokio::test]
async fn a_trustee_restored_from_before_its_own_update_leaves_the_step_to_the_others() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    stage.world.seal();
    stage.show();
    let run = stage.start(state.path());
    stage.silence().await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    assert!(Memory::open(state.path(), stage.world.chain_id()).unwrap().is_forgone(0));
}

#[tokio::test]
async fn a_restarted_trustee_answers_nothing_until_it_has_caught_up() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    stage.world.open();
    let headers = stage.world.submit(&[1, 2, 3]);
    let evaluation = stage.world.evaluation(&stage.world.round(), &headers);
    let close = stage.world.close_collection(evaluation);
    stage.world.forge(vec![close]);
    // The sealed block is in the stream, the head is beyond it.
    let step = 0;
    let block = stage.world.blocks.last().unwrap().hash();
    let answers = vec![stage.world.countersignature(1, step, &block)];
    stage.world.forge(answers);
    stage.shown.lock().unwrap().held_back = 1;
    stage.show();
    let run = stage.start(state.path());
    stage.silence().await;
    stage.shown.lock().unwrap().held_back = 0;
    stage.show();
    let Call { signed, answer, .. } = stage.call().await;
    assert_eq!(signed, stage.world.countersignature(0, step, &block));
    answer.send(Some(Reason::Accepted)).unwrap();
    run.abort();
}

#[tokio::test]
async fn another_history_after_a_reconnection_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    stage.take_update().await;
    let mut other = World::of(ceremony(1, |_| {}));
    other.time_passes();
    other.open();
    stage.world = other;
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::ForkedHistory { height: 2, evidence } = &error else { panic!("{error}") };
    convicts(&stage.world, &Kept(Some(evidence.clone())), Charge::Fork);
    assert_eq!(error.exit_code(), 3);
}

#[tokio::test]
async fn a_coordinator_that_forgets_blocks_it_has_shown_stops_the_institution() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    stage.take_update().await;
    stage.world = World::new();
    stage.world.blocks.pop();
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    let error = end(run).await.unwrap_err();
    assert!(matches!(error, ClientError::LostBlocks { ours: 2, theirs: 0 }), "{error}");
}

#[tokio::test]
async fn a_sum_without_the_own_accepted_update_is_not_countersigned_and_stops_the_institution_with_evidence()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    let (signed, own) = stage.take_update().await;
    stage.world.commit(vec![signed]);
    let headers = stage.world.submit(&[1, 2, 3]);
    let evaluation = stage.world.evaluation(&stage.world.round(), &headers);
    let close = stage.world.close_collection(evaluation);
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Aggregate {
        source: TrusteeError::OwnUpdateMissing(missing),
        evidence,
        height,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*missing, *height), (sha256(&own), stage.world.chain.len() - 1));
    convicts(&stage.world, evidence, Charge::Omission);
    assert_eq!(error.exit_code(), 4);
    assert_eq!(Memory::open(state.path(), stage.world.chain_id()).unwrap().countersigned(0), None);
}

#[tokio::test]
async fn a_model_that_does_not_follow_is_never_trained_on() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    let (mut close, _) = stage.world.result();
    close.model.as_mut().unwrap().sha256 = vec![7; 32];
    let close = stage.world.orders(Action::CloseRound(close));
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source: ModelError::WrongModel(_), evidence, .. } = &error else {
        panic!("{error}")
    };
    convicts(&stage.world, evidence, Charge::BadModel);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn sums_that_do_not_follow_convict_the_coordinator_although_only_the_institution_has_seen_the_masked_updates()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    stage.unseal().await;
    let (mut close, mut sums) = stage.world.result();
    sums[0] ^= 1;
    close.sums.as_mut().unwrap().sha256 = sha256(&sums).to_vec();
    stage.world.bodies.insert(sha256(&sums), sums);
    let close = stage.world.orders(Action::CloseRound(close));
    stage.world.forge(vec![close]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source: ModelError::WrongSums, evidence, .. } = &error else {
        panic!("{error}")
    };
    convicts(&stage.world, evidence, Charge::BadModel);
}

#[tokio::test]
async fn an_attempt_that_is_abandoned_after_its_sum_was_sealed_stops_the_institution_with_evidence()
{
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::Accepted)).unwrap();
    // The shares, or enough of them, are kept off the chain.
    let abandon =
        stage.world.orders(Action::Abandon(Abandon { step: 0, attempt: 0, time_ms: 1 << 40 }));
    stage.world.forge(vec![abandon]);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::Entry { evidence, detail, .. } = &error else { panic!("{error}") };
    assert!(detail.contains("abandons an attempt out of turn"), "{detail}");
    convicts(&stage.world, evidence, Charge::BadEntry);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn an_accepted_countersignature_that_is_left_out_of_its_step_stops_the_institution_with_evidence()
 {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::Accepted)).unwrap();
    let block = stage.world.sealed_hash();
    let others = [1, 2, 3].map(|i| stage.world.countersignature(i, 0, &block));
    stage.world.commit(others.to_vec());
    stage.show();
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::TooLate)).unwrap();
    let shares = vec![stage.world.share(2), stage.world.share(3)];
    stage.world.commit(shares);
    stage.close();
    let error = end(run).await.unwrap_err();
    let ClientError::Omitted { what: "countersignature", step: 0, evidence } = &error else {
        panic!("{error}")
    };
    convicts(&stage.world, evidence, Charge::Omission);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn an_update_that_is_accepted_and_then_called_a_fault_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    stage.take_update().await;
    stage.silence().await;
    // A new connection: what the chain does not show is sent again.
    stage.shown.lock().unwrap().connection += 1;
    stage.show();
    let Call { answer, .. } = stage.call().await;
    answer.send(Some(Reason::BadLinkProof)).unwrap();
    let error = end(run).await.unwrap_err();
    let ClientError::TwoReceipts { step: 0, evidence } = &error else { panic!("{error}") };
    convicts(&stage.world, evidence, Charge::TwoReceipts);
    assert_eq!(error.exit_code(), 4);
}

#[tokio::test]
async fn a_signed_header_that_does_not_follow_stops_the_institution_with_evidence() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    let bad = {
        let open = stage.world.open_round();
        let block = stage
            .world
            .sealed_block(vec![consilium_contract::transaction::entry(open, false)], [0; 32]);
        let header = consilium_ledger::Header { history_root: [7; 32], ..*block.header() };
        Block { sealed: stage.world.seal_header(header), entries: block.entries }
    };
    stage.world.blocks.push(bad);
    stage.show();
    let error = end(run).await.unwrap_err();
    let ClientError::BadHeader { evidence, .. } = &error else { panic!("{error}") };
    convicts(&stage.world, evidence, Charge::BadHeader);
    assert_eq!(error.exit_code(), 3);
}

#[tokio::test]
async fn an_answer_that_the_coordinator_has_not_signed_is_none() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::signing_with(world, SigningKey::generate(&mut OsRng)).await;
    let run = stage.start(state.path());
    stage.world.open();
    stage.show();
    for _ in 0..2 {
        // Connected anew, it asks again.
        let (signed, _) = stage.take_update().await;
        assert_eq!(signed.signature.len(), 64);
    }
    run.abort();
}

#[tokio::test]
async fn a_masked_update_that_is_not_the_signed_headers_stops_the_institution() {
    let world = World::new();
    let state = state(&world);
    let mut stage = Stage::new(world).await;
    let run = stage.start(state.path());
    stage.seal(&[1, 2, 3]).await;
    for masked in stage.shown.lock().unwrap().masked.values_mut() {
        masked[7] ^= 1;
    }
    stage.unseal().await;
    stage.close();
    let error = end(run).await.unwrap_err();
    let ClientError::Model { source: ModelError::WrongMaskedUpdate { .. }, evidence, .. } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(evidence, &Kept(None), "nobody has signed what was served");
}

#[tokio::test]
async fn two_processes_do_not_share_a_state_directory() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let run = stage.start(state.path());
    let second = Institution::new(
        stage.files(),
        state.path(),
        &stage.address,
        Participant::new(Ones, Ones),
        Box::new(Unobserved),
    )
    .err();
    assert!(matches!(second, Some(ClientError::Locked { .. })));
    run.abort();
}

#[tokio::test]
async fn a_coordinator_that_stays_away_is_given_up_on_where_that_was_asked_for() {
    let world = World::new();
    let state = state(&world);
    let stage = Stage::new(world).await;
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let institution = Institution::new(
        stage.files(),
        state.path(),
        &format!("http://{nowhere}"),
        Participant::new(Ones, Ones),
        Box::new(Unobserved),
    );
    let run = institution.unwrap().give_up_after(Duration::from_millis(200)).run();
    let error = timeout(DEADLINE, run).await.unwrap().unwrap_err();
    assert!(matches!(error, ClientError::GaveUp { .. }), "{error}");
    assert_eq!(DIMENSION, stage.world.contract.model().parameters().len());
}

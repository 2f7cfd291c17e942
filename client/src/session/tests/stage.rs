//! The coordinator that a test plays by hand.

use std::{
    collections::HashMap,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use consilium_audit::{
    Evidence,
    evidence::{Culprit, Kept},
};
use consilium_contract::{CandidateTransaction, transaction::parse_entry};
use consilium_crypto::{Bound, QuantisedUpdate, mask::CandidateHeader, signature::SigningKey};
use consilium_hash::{BlobHash, HeaderHash};
use consilium_identity::InstitutionFiles;
use consilium_learning::{TrainError, Trainer};
use consilium_ledger::{Block, Note, blob_hash};
use consilium_proto::v1::{
    Charge, Reason, SignedTransaction, federation_server::FederationServer,
    ledger_server::LedgerServer, transaction::Action,
};
use consilium_testkit::World;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

use super::node::Node;
use crate::{
    ClientError, Institution, Outcome, Unobserved, Verification,
    fixture::Kept as _,
    prepare::{Participant, Preparation, PrepareError, Prepared},
};

/// Longer than anything here takes.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// What the institution says, for the test to answer: a reason, or nothing, as where the answer is lost.
pub(super) struct Call {
    pub(super) signed: SignedTransaction,
    pub(super) body: Vec<u8>,
    pub(super) answer: oneshot::Sender<Option<Reason>>,
}

/// What the node shows.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) blocks: Vec<Block>,
    /// Of the tree that ends with each block.
    pub(super) heads: Vec<Note>,
    pub(super) masked: HashMap<HeaderHash, Vec<u8>>,
    pub(super) key_parts: HashMap<HeaderHash, Vec<u8>>,
    pub(super) blobs: HashMap<BlobHash, Vec<u8>>,
    /// Blobs that are asked for next and not served.
    pub(super) lost_blobs: u32,
    /// Last blocks that the head is taken from and the stream holds back.
    pub(super) held_back: usize,
    /// Streams of an earlier connection end.
    pub(super) connection: u64,
}

/// One in every coordinate, as institution 0 of the fixture submits.
#[derive(Clone, Copy)]
struct Ones(Bound);

impl Trainer for Ones {
    fn train(&mut self, _: u64, global: &[f32]) -> Result<Vec<f32>, TrainError> {
        Ok(global.to_vec())
    }
}

impl Preparation for Ones {
    fn prepare(&mut self, _: u64, global: &[f32], _: &[f32]) -> Result<Prepared, PrepareError> {
        let quantised = QuantisedUpdate::new(vec![1; global.len()], self.0)?;
        Ok(Prepared { quantised, clipped_share: 0.0 })
    }
}

/// The test's side of the stage.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) shown: Arc<Mutex<Shown>>,
    pub(super) changed: watch::Sender<()>,
    pub(super) calls: mpsc::UnboundedReceiver<Call>,
    pub(super) address: String,
}

impl Stage {
    pub(super) async fn new(world: World) -> Self {
        let key = SigningKey::from_bytes(&world.ceremony.coordinator.signing.to_bytes());
        Self::signing_with(world, key).await
    }

    pub(super) async fn signing_with(world: World, key: SigningKey) -> Self {
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
    pub(super) fn show(&mut self) {
        self.show_with(|_| {});
    }

    /// The same, with the blobs that are served changed.
    pub(super) fn show_with(&mut self, change: impl FnOnce(&mut HashMap<BlobHash, Vec<u8>>)) {
        let parameters = self.world.ceremony.parameters.update_parameters();
        let mut shown = self.shown.lock().unwrap();
        shown.blocks = self.world.blocks.clone();
        let signing = (&self.world.ceremony.coordinator.signing).into();
        shown.heads =
            self.world.chain.headers().map(|header| header.checkpoint().sign(&signing)).collect();
        for entry in self.world.blocks[1..].iter().flat_map(|block| &block.entries) {
            let (candidate, _) = parse_entry(entry).unwrap();
            if let Action::SubmitUpdate(update) = candidate.action() {
                let header = CandidateHeader::decode(&update.header).unwrap();
                if let Some(body) = self.world.bodies.get(&header.body_hash()) {
                    let name = header.hash();
                    let part = |range: Range<usize>| body[range].to_vec();
                    shown.masked.entry(name).or_insert_with(|| part(parameters.masked()));
                    shown.key_parts.entry(name).or_insert_with(|| part(parameters.key_part()));
                }
            }
        }
        shown.blobs.extend(self.world.bodies.clone());
        change(&mut shown.blobs);
        drop(shown);
        self.changed.send_replace(());
    }

    pub(super) fn files(&self) -> InstitutionFiles {
        let dir = tempfile::tempdir().unwrap();
        self.world.ceremony.write(&dir.path().join("ceremony")).unwrap();
        InstitutionFiles::load(&dir.path().join("ceremony").join("institution-01")).unwrap()
    }

    /// Starts institution 0, which holds its share of the key. A state directory without a memory is that of an
    /// institution that has lost it.
    pub(super) fn start(&self, state: &Path) -> JoinHandle<Result<Outcome, ClientError>> {
        tokio::spawn(self.institution(state).run())
    }

    pub(super) fn start_without_share(
        &self,
        state: &Path,
    ) -> JoinHandle<Result<Outcome, ClientError>> {
        tokio::spawn(self.institution_without_share(state).run())
    }

    pub(super) fn institution(&self, state: &Path) -> Institution {
        self.world.lend_share(0, state);
        self.institution_without_share(state)
    }

    fn institution_without_share(&self, state: &Path) -> Institution {
        let institution = Institution::new(
            self.files(),
            state,
            &self.address,
            self.participant(),
            Box::new(Unobserved),
        );
        institution.unwrap()
    }

    pub(super) fn participant(&self) -> Participant {
        let ones = Ones(self.world.own_bound(0));
        Participant::new(ones, ones)
    }

    pub(super) async fn call(&mut self) -> Call {
        timeout(DEADLINE, self.calls.recv()).await.expect("the institution says something").unwrap()
    }

    /// Nothing is said for a while.
    pub(super) async fn silence(&mut self) {
        let heard = timeout(Duration::from_millis(300), self.calls.recv()).await;
        assert!(heard.is_err(), "the institution was to say nothing");
    }

    /// Takes the institution's update, answers, and returns the header.
    pub(super) async fn take_update(&mut self) -> (SignedTransaction, Vec<u8>) {
        let Call { signed, body, answer } = self.call().await;
        let header = header(&signed);
        self.world.bodies.insert(blob_hash(&body), body);
        answer.send(Some(Reason::Accepted)).unwrap();
        (signed, header)
    }

    /// Starts institution 0 as [`Self::start`] does, verifying as it is told to.
    pub(super) fn start_verifying(
        &self,
        state: &Path,
        verification: Verification,
    ) -> JoinHandle<Result<Outcome, ClientError>> {
        tokio::spawn(self.institution(state).verifying(verification).run())
    }

    /// Nothing was said that has not been answered.
    pub(super) fn said_nothing(&mut self) {
        let heard = self.calls.try_recv().ok();
        let heard = heard.map(|call| CandidateTransaction::parse(call.signed).unwrap());
        assert!(heard.is_none(), "{heard:?}");
    }

    /// [`Self::seal`] with the body of the last of `others` held back.
    pub(super) async fn seal_without_the_last_body(&mut self, others: &[usize]) {
        let headers = self.seal_unseen(others).await;
        let last = CandidateHeader::decode(headers.last().unwrap()).unwrap();
        self.show_with(|blobs| _ = blobs.remove(&last.body_hash()));
    }

    /// [`Self::seal`] with the blobs that are served changed.
    pub(super) async fn seal_with(
        &mut self,
        others: &[usize],
        change: impl FnOnce(&mut HashMap<BlobHash, Vec<u8>>),
    ) {
        self.seal_unseen(others).await;
        self.show_with(change);
    }

    /// A round until its sum is sealed, with the institution's update and those of `others`.
    pub(super) async fn seal(&mut self, others: &[usize]) {
        self.seal_unseen(others).await;
        self.show();
    }

    /// [`Self::seal`] without showing what has been sealed; the headers in the sum.
    async fn seal_unseen(&mut self, others: &[usize]) -> Vec<Vec<u8>> {
        self.world.open();
        self.show();
        self.seal_open(others).await
    }

    /// The rest of that, in a round that is open.
    pub(super) async fn seal_open(&mut self, others: &[usize]) -> Vec<Vec<u8>> {
        let (signed, own) = self.take_update().await;
        self.world.commit(vec![signed]);
        let headers = [vec![own], self.world.submit(others)].concat();
        let evaluation = self.world.evaluation(&self.world.round(), &headers);
        let close = self.world.close_collection(evaluation);
        self.world.commit(vec![close]);
        headers
    }

    /// The institution and two others countersign, the institution and another share.
    pub(super) async fn unseal(&mut self) {
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

    pub(super) fn close(&mut self) {
        let (close, _) = self.world.result();
        let close = self.world.orders(Action::CloseRound(close));
        self.world.commit(vec![close]);
        self.show();
    }
}

pub(super) fn header(signed: &SignedTransaction) -> Vec<u8> {
    let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
    let Action::SubmitUpdate(update) = candidate.action() else {
        panic!("not an update: {candidate:?}")
    };
    update.header.clone()
}

/// A state directory whose trustee has helped to make the committee, and has said nothing since.
pub(super) fn state(world: &World) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    drop(world.memory(dir.path()));
    dir
}

/// The file convicts the coordinator in the eyes of somebody who has nothing but the genesis.
pub(super) fn convicts(world: &World, evidence: &Kept, charge: Charge) {
    let bytes = std::fs::read(evidence.0.as_ref().unwrap()).unwrap();
    let verdict = Evidence::decode(&bytes).unwrap().verify(&world.ceremony.genesis_entry).unwrap();
    assert_eq!((verdict.culprit, verdict.charge), (Culprit::Coordinator, charge), "{verdict}");
}

pub(super) async fn end(
    run: JoinHandle<Result<Outcome, ClientError>>,
) -> Result<Outcome, ClientError> {
    timeout(DEADLINE, run).await.expect("the institution ends").unwrap()
}

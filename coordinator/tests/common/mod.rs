//! Institutions made by hand out of `crypto` and `contract`, and a follower that applies the chain for itself.

#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::{
    Body, CandidateTransaction, Committee, Contract, Keygen, Phase, SealedBlock, check_updates,
    keygen::member::{Member, Oath, Secrets},
    parameters::Layers,
    transaction::{parse_entry, sign},
};
use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_crypto::{
    CandidateHeader, Context, DiscreteLogTable, Evaluation, Hash, KeyShare, PublicKey,
    QuantisedUpdate, RoundContext, VerifiedHeader, update::encrypt, verify_key_proofs,
};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, institution_folder};
use consilium_ledger::{Block, Checkpoint, HeaderChain};
use consilium_proto::v1::{
    Aggregate, Enrol, GetAggregateRequest, GetBlobRequest, GetBlocksRequest, Reason, Receipt,
    SignedTransaction, SubmitShare, SubmitUpdate, UpdatePart, federation_client::FederationClient,
    ledger_client::LedgerClient, transaction::Action, update_part::Part,
};
use rand_core::OsRng;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};
use tonic::{Status, transport::Channel};

/// Parameters of the model: 2 inputs, 2 hidden neurons.
pub const DIMENSION: usize = 9;

/// Four institutions (t = 2, q = 3, min_updates = 3) and the folder that everything lies in.
pub struct World {
    pub ceremony: Arc<Ceremony>,
    pub root: TempDir,
    institutions: Vec<Institution>,
}

impl World {
    pub fn new(adjust: impl FnOnce(&mut CeremonySpec)) -> Self {
        let layers = Layers { inputs: 2, hidden: vec![2] };
        let mut spec = CeremonySpec::new(layers, vec![0.25; DIMENSION], vec![40, 30, 20, 10]);
        spec.steps = 1;
        spec.collection_timeout_ms = 20_000;
        adjust(&mut spec);
        let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
        let root = tempfile::tempdir().unwrap();
        ceremony.write(&root.path().join("ceremony")).unwrap();
        let ceremony = Arc::new(ceremony);
        let institution = |place| {
            let files = InstitutionFiles::load(
                &root.path().join("ceremony").join(institution_folder(place)),
            )
            .unwrap();
            Institution::new(files, place as usize - 1)
        };
        let institutions = (1..=ceremony.parameters.institutions).map(institution).collect();
        Self { ceremony, root, institutions }
    }

    /// So many institutions with small models and the thresholds that go with their number.
    pub fn of(institutions: usize, adjust: impl FnOnce(&mut CeremonySpec)) -> Self {
        Self::new(|spec| {
            let layers = spec.layers.clone();
            *spec = CeremonySpec::new(layers, vec![0.25; DIMENSION], vec![10; institutions]);
            (spec.steps, spec.collection_timeout_ms) = (1, 20_000);
            adjust(spec);
        })
    }

    pub fn ledger(&self) -> PathBuf {
        self.root.path().join("ledger")
    }

    pub fn coordinator_folder(&self) -> PathBuf {
        self.root.path().join("ceremony/coordinator")
    }

    /// Blocks are sealed at once, so that every receipt comes at once.
    pub fn config(&self) -> Config {
        Config {
            block_age: Duration::ZERO,
            linger: Linger::Forever,
            ..Config::new(
                CoordinatorFiles::load(&self.coordinator_folder()).unwrap(),
                self.ledger(),
            )
        }
    }

    pub async fn start(&self, adjust: impl FnOnce(&mut Config)) -> (Running, Peer) {
        let mut config = self.config();
        adjust(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = Coordinator::start(config, listener).await.unwrap();
        let peer = Peer::connect(&running.address().to_string()).await;
        (running, peer)
    }

    pub fn institution(&self, place: usize) -> Institution {
        self.institutions[place].clone()
    }

    pub fn institutions(&self) -> Vec<Institution> {
        self.institutions.clone()
    }

    /// Signs in the authority's name.
    pub fn decree(&self, action: Action) -> SignedTransaction {
        sign(self.ceremony.authority_key(), &self.ceremony.parameters.chain_id, None, action)
    }

    /// A follower at the chain's beginning.
    pub fn follower(&self) -> Follower {
        let ceremony = &self.ceremony;
        let contract = Contract::found(
            &ceremony.genesis_entry,
            &ceremony.initial_model,
            DiscreteLogTable::shared(),
        )
        .unwrap();
        let coordinator =
            ed25519_dalek::VerifyingKey::from_bytes(&ceremony.parameters.coordinator.encode())
                .unwrap();
        let chain = HeaderChain::new(ceremony.parameters.chain_id, coordinator);
        Follower { contract, chain, entries: Vec::new() }
    }
}

/// The program of this package.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium-coordinator");

/// The program as a child process.
pub struct Node {
    pub child: Child,
    pub peer: Peer,
}

impl Node {
    pub async fn start(world: &World) -> Self {
        let mut child = Command::new(PROGRAM)
            .arg("--ceremony")
            .arg(world.coordinator_folder())
            .arg("--ledger")
            .arg(world.ledger())
            .args(["--listen", "127.0.0.1:0", "--block-age", "0", "--linger", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let peer = Peer::connect(address.trim()).await;
        Self { child, peer }
    }

    /// SIGKILL, and a new process on the same ledger.
    pub async fn kill_and_restart(mut self, world: &World) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::start(world).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection.
#[derive(Clone)]
pub struct Peer {
    pub federation: FederationClient<Channel>,
    pub ledger: LedgerClient<Channel>,
}

impl Peer {
    pub async fn connect(address: &str) -> Self {
        let endpoint =
            tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = endpoint.connect().await.unwrap();
        Self {
            federation: FederationClient::new(channel.clone()),
            ledger: LedgerClient::new(channel),
        }
    }

    pub async fn enrol(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().enrol(signed).await.map(|response| response.into_inner())
    }

    pub async fn administer(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().administer(signed).await.map(|response| response.into_inner())
    }

    pub async fn contribute(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().contribute(signed).await.map(|response| response.into_inner())
    }

    pub async fn submit(&self, update: &Update) -> Result<Receipt, Status> {
        let chunks = update.body.chunks(700).map(|chunk| Part::Chunk(chunk.to_vec()));
        self.send(std::iter::once(Part::Header(update.signed.clone())).chain(chunks).collect())
            .await
    }

    pub async fn send(&self, parts: Vec<Part>) -> Result<Receipt, Status> {
        let parts =
            parts.into_iter().map(|part| UpdatePart { part: Some(part) }).collect::<Vec<_>>();
        let response = self.federation.clone().submit_update(tokio_stream::iter(parts)).await;
        response.map(|response| response.into_inner())
    }

    pub async fn countersign(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().countersign(signed).await.map(|response| response.into_inner())
    }

    pub async fn share(&self, signed: SignedTransaction) -> Result<Receipt, Status> {
        self.federation.clone().submit_share(signed).await.map(|response| response.into_inner())
    }

    pub async fn aggregate(&self, step: u64) -> Result<Aggregate, Status> {
        self.federation
            .clone()
            .get_aggregate(GetAggregateRequest { step })
            .await
            .map(|response| response.into_inner())
    }

    pub async fn blob(&self, sha256: &[u8]) -> Result<Vec<u8>, Status> {
        let request = GetBlobRequest { sha256: sha256.to_vec() };
        let mut stream = self.ledger.clone().get_blob(request).await?.into_inner();
        let mut blob = Vec::new();
        while let Some(chunk) = stream.message().await? {
            blob.extend(chunk.data);
        }
        Ok(blob)
    }
}

/// An update as it is sent.
#[derive(Clone)]
pub struct Update {
    pub signed: SignedTransaction,
    pub body: Vec<u8>,
}

/// One institution. What it knows is shared by its clones, and outlives the node.
#[derive(Clone)]
pub struct Institution {
    files: Arc<InstitutionFiles>,
    place: usize,
    holdings: Arc<Mutex<Holdings>>,
}

/// What an institution has besides its folder.
#[derive(Default)]
pub struct Holdings {
    member: Option<Member>,
    /// Its share, with the number of its committee.
    pub share: Option<(u32, KeyShare)>,
    /// The key of the run.
    key: Option<PublicKey>,
}

impl Institution {
    /// The institution at `place`, from 0, which decides about its values.
    pub fn new(files: InstitutionFiles, place: usize) -> Self {
        Self { files: Arc::new(files), place, holdings: Arc::default() }
    }

    pub fn files(&self) -> &InstitutionFiles {
        &self.files
    }

    pub fn pseudonym(&self) -> Hash {
        self.files().identity.pseudonym
    }

    /// What it has to say in a ceremony, if anything.
    pub fn contribution(&self, keygen: &Keygen) -> Option<SignedTransaction> {
        let mut guard = self.holdings.lock().unwrap();
        let Holdings { member, share, .. } = &mut *guard;
        let fresh = member.take().filter(|member| member.secrets().belong_to(keygen));
        let member = member.insert(fresh.unwrap_or_else(|| {
            Member::new(
                self.pseudonym(),
                Secrets::generate(keygen.number(), keygen.attempt(), &mut OsRng),
            )
        }));
        let mut next = None;
        let old = share.as_ref().map(|(_, share)| share);
        let said = member.next(keygen, old, &mut OsRng, |oath| {
            if let Oath::Committee { number, share: Some(share), .. } = oath {
                next = Some((number, KeyShare::from_bytes(&share.to_bytes()).unwrap()));
            }
            Ok::<_, Infallible>(())
        });
        let said = said.unwrap();
        // The old share is needed until the committee stands; nothing in these tests asks for it once all have confirmed.
        *share = next.or(share.take());
        said.map(|contribution| self.sign(Action::Contribute(contribution)))
    }

    /// The key, once it has been made.
    pub fn learn(&self, committee: &Committee) {
        self.holdings.lock().unwrap().key = Some(committee.public_key.clone());
    }

    fn key(&self) -> PublicKey {
        self.holdings.lock().unwrap().key.clone().expect("the key has been made")
    }

    /// Signs in this institution's name.
    pub fn sign(&self, action: Action) -> SignedTransaction {
        let chain_id = &self.files().parameters.chain_id;
        sign(&self.files().signing, chain_id, Some(&self.pseudonym()), action)
    }

    pub fn enrolment(&self) -> SignedTransaction {
        self.sign(Action::Enrol(Enrol { certificate: Some(self.files().certificate.clone()) }))
    }

    /// The quantised update of this institution in every test.
    pub fn values(&self) -> Vec<i64> {
        (0..DIMENSION as i64).map(|j| 10 * (self.place as i64) + j - 17).collect()
    }

    pub fn update(&self, round: &RoundContext) -> Update {
        self.encrypted(
            round,
            QuantisedUpdate::new(self.values(), consilium_crypto::Bound::Parameter { bits: 8 })
                .unwrap(),
        )
    }

    /// An update outside of the bounds, with proofs that come out false.
    pub fn unprovable(&self, round: &RoundContext) -> Update {
        self.encrypted(
            round,
            QuantisedUpdate::unchecked(
                vec![5_000; DIMENSION],
                consilium_crypto::Bound::Parameter { bits: 8 },
            ),
        )
    }

    fn encrypted(&self, round: &RoundContext, values: QuantisedUpdate) -> Update {
        let context = Context { round: round.clone(), pseudonym: self.pseudonym() };
        let update = encrypt(&self.key(), &context, &values).unwrap().prove().unwrap();
        let signed =
            self.sign(Action::SubmitUpdate(SubmitUpdate { header: update.header.clone() }));
        Update { signed, body: update.body.clone() }
    }

    pub fn countersignature(&self, step: u64, block: &SealedBlock) -> SignedTransaction {
        self.sign(Action::Countersign(block.countersign(step, &self.files().signing)))
    }

    /// Judges an aggregate by its headers and gives the decryption share of its sum.
    pub fn share(&self, round: &RoundContext, aggregate: &Aggregate) -> SignedTransaction {
        let key = &self.key();
        let headers = aggregate.updates.iter().map(|signed| {
            match CandidateTransaction::parse(signed.clone()).unwrap().action() {
                Action::SubmitUpdate(update) => CandidateHeader::decode(&update.header).unwrap(),
                other => panic!("not an update: {other:?}"),
            }
        });
        let headers: Vec<VerifiedHeader> = verify_key_proofs(key, headers.collect())
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        let close =
            CandidateTransaction::parse(aggregate.close_collection.clone().unwrap()).unwrap();
        let Action::CloseCollection(close) = close.action() else {
            panic!("not a CloseCollection")
        };
        let evaluation = Evaluation::decode(&close.evaluation).unwrap();
        let evaluation =
            evaluation.verify(key, round, &headers.iter().collect::<Vec<_>>()).unwrap();
        let sealed_block: Hash = aggregate.sealed_block.as_slice().try_into().unwrap();
        let holdings = self.holdings.lock().unwrap();
        let (_, share) = holdings.share.as_ref().expect("it holds a share");
        let share = share.decryption_share(key, &evaluation, &sealed_block).encode();
        self.sign(Action::SubmitShare(SubmitShare {
            step: round.step,
            sealed_block: sealed_block.to_vec(),
            share,
        }))
    }
}

/// A block that is on no chain.
pub fn no_block(hash: Hash) -> SealedBlock {
    SealedBlock {
        hash,
        checkpoint: Checkpoint { chain_id: [0; 32], size: 0, root: [0; 32] },
        time_ms: 0,
    }
}

/// Applies the chain through a contract of its own and compares every state root.
pub struct Follower {
    pub contract: Contract,
    pub chain: HeaderChain,
    /// Every entry so far, with the reason of its receipt.
    pub entries: Vec<(CandidateTransaction, Reason)>,
}

impl Follower {
    /// Takes all durable blocks.
    pub async fn sync(&mut self, peer: &Peer) {
        let from_height = self.chain.len();
        let request = GetBlocksRequest { from_height, count: 256 };
        let mut blocks = peer.ledger.clone().get_blocks(request).await.unwrap().into_inner();
        while let Some(message) = blocks.message().await.unwrap() {
            self.take(&Block::decode(&message.block).unwrap(), peer).await;
        }
    }

    /// The block that this aggregate is sealed in.
    pub fn block(&self, aggregate: &Aggregate) -> SealedBlock {
        let header = self.chain.get(aggregate.sealed_height).unwrap();
        assert_eq!(aggregate.sealed_block, header.hash());
        header.into()
    }

    pub async fn take(&mut self, block: &Block, peer: &Peer) {
        self.chain.append_block(block).unwrap();
        if block.height() > 0 {
            for entry in &block.entries {
                let (transaction, body_missing) = parse_entry(entry).unwrap();
                let body = self.body(&transaction, body_missing, peer).await;
                let receipt = self.contract.apply(&transaction, body).unwrap();
                self.entries.push((transaction, receipt.reason));
            }
        }
        assert_eq!(
            self.contract.state_root(),
            block.header().state_root,
            "state after block {}",
            block.height()
        );
        self.contract.end_block(self.chain.head().unwrap().into());
    }

    async fn body(
        &self,
        transaction: &CandidateTransaction,
        body_missing: bool,
        peer: &Peer,
    ) -> Body {
        use consilium_contract::Admission::NeedsBody;
        match self.contract.admit(transaction) {
            NeedsBody { .. } if body_missing => Body::Missing,
            NeedsBody { sha256, .. } if matches!(transaction.action(), Action::SubmitUpdate(_)) => {
                let body = peer.blob(&sha256).await.expect("the body of an entry is on the ledger");
                let checked = check_updates(
                    self.contract.parameters(),
                    self.contract.committee().unwrap(),
                    &[(transaction, &body)],
                    &mut OsRng,
                );
                Body::Checked(checked.into_iter().next().unwrap())
            }
            _ => Body::None,
        }
    }

    /// Follows until the contract is where it should be.
    pub async fn until(&mut self, peer: &Peer, what: &str, reached: impl Fn(&Contract) -> bool) {
        for _ in 0..1_000 {
            self.sync(peer).await;
            if reached(&self.contract) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("never came: {what}; the run is at {:?}", self.contract.phase().name());
    }

    /// The present ceremony.
    pub fn keygen(&self) -> Option<&Keygen> {
        match self.contract.phase() {
            Phase::Keygen(keygen) => Some(keygen),
            _ => None,
        }
    }

    /// Follows while these make the committee of that number, until it stands.
    pub async fn share(&mut self, peer: &Peer, members: &[Institution], number: u32) -> Duration {
        let start = std::time::Instant::now();
        let stands = |contract: &Contract| {
            contract.committee().is_some_and(|committee| committee.number >= number)
        };
        let is_next =
            |contract: &Contract| stands(contract) || matches!(contract.phase(), Phase::Keygen(_));
        self.until(peer, "keygen", is_next).await;
        while !stands(&self.contract) {
            self.stage(peer, members).await;
        }
        members.iter().for_each(|member| member.learn(self.contract.committee().unwrap()));
        start.elapsed()
    }

    /// Everyone who has something to say in this stage says it, and the stage ends.
    pub async fn stage(&mut self, peer: &Peer, members: &[Institution]) {
        let place = |contract: &Contract| match contract.phase() {
            Phase::Keygen(keygen) => {
                Some((keygen.number(), keygen.attempt(), keygen.stage().name()))
            }
            _ => None,
        };
        let before = place(&self.contract);
        let Some(keygen) = self.keygen() else { panic!("no committee is being made") };
        let mut calls = JoinSet::new();
        for signed in members.iter().filter_map(|member| member.contribution(keygen)) {
            let peer = peer.clone();
            calls.spawn(async move { peer.contribute(signed).await.unwrap().reason() });
        }
        for reason in calls.join_all().await {
            // Some stages need fewer than everyone.
            assert!(matches!(reason, Reason::Accepted | Reason::TooLate), "{reason:?}");
        }
        self.until(peer, "the next stage", |contract| place(contract) != before).await;
    }

    /// Follows until updates of this step and attempt are taken.
    pub async fn collecting(&mut self, peer: &Peer, step: u64, attempt: u32) -> RoundContext {
        let reached = |contract: &Contract| {
            (contract.step(), contract.attempt()) == (step, attempt)
                && matches!(contract.phase(), Phase::Collecting(_))
        };
        self.until(peer, "collecting", reached).await;
        self.round()
    }

    /// What an update of this attempt is bound to.
    pub fn round(&self) -> RoundContext {
        let contract = &self.contract;
        contract.parameters().round(
            contract.committee().unwrap(),
            contract.step(),
            contract.attempt(),
            contract.model().hash(),
        )
    }

    /// Follows until the collection of this step is sealed.
    pub async fn sealed(&mut self, peer: &Peer, step: u64) -> Aggregate {
        self.until(peer, "sealed", |contract| {
            contract.step() == step && matches!(contract.phase(), Phase::Sealed(_))
        })
        .await;
        peer.aggregate(step).await.unwrap()
    }

    pub async fn opening(&mut self, peer: &Peer, step: u64) {
        let reached = |contract: &Contract| {
            contract.step() == step && matches!(contract.phase(), Phase::Opening(_))
        };
        self.until(peer, "opening", reached).await;
    }

    pub async fn closed(&mut self, peer: &Peer, step: u64) {
        self.until(peer, "closed", |contract| contract.step() > step).await;
    }

    /// Reasons of the receipts of one institution's transactions of a kind.
    pub fn reasons(&self, author: &Institution, kind: fn(&Action) -> bool) -> Vec<Reason> {
        let of_author = |transaction: &CandidateTransaction| {
            transaction.author() == Some(author.pseudonym()) && kind(transaction.action())
        };
        self.entries
            .iter()
            .filter(|(transaction, _)| of_author(transaction))
            .map(|(_, reason)| *reason)
            .collect()
    }
}

pub fn is_update(action: &Action) -> bool {
    matches!(action, Action::SubmitUpdate(_))
}

/// Enrols everyone, who then make the key.
pub async fn found(peer: &Peer, follower: &mut Follower, institutions: &[Institution]) {
    enrol_all(peer, institutions).await;
    follower.share(peer, institutions, 0).await;
}

/// Enrols these.
pub async fn enrol_all(peer: &Peer, institutions: &[Institution]) {
    for institution in institutions {
        assert_eq!(peer.enrol(institution.enrolment()).await.unwrap().reason(), Reason::Accepted);
    }
}

/// Submits the updates of all these institutions at once and gives their receipts' reasons, in order.
pub async fn submit_all(
    peer: &Peer,
    institutions: &[Institution],
    round: &RoundContext,
) -> Vec<Reason> {
    let mut calls = JoinSet::new();
    for (place, institution) in institutions.iter().cloned().enumerate() {
        let peer = peer.clone();
        let round = round.clone();
        calls.spawn(async move {
            (place, peer.submit(&institution.update(&round)).await.unwrap().reason())
        });
    }
    let mut reasons = calls.join_all().await;
    reasons.sort_by_key(|(place, _)| *place);
    reasons.into_iter().map(|(_, reason)| reason).collect()
}

/// Takes a sealed step to its close: everyone countersigns, everyone gives a share.
pub async fn open(peer: &Peer, follower: &mut Follower, trustees: &[Institution]) {
    let step = follower.contract.step();
    let round = follower.round();
    let aggregate = follower.sealed(peer, step).await;
    let mut calls = JoinSet::new();
    for trustee in trustees {
        let peer = peer.clone();
        let signed = trustee.countersignature(step, &follower.block(&aggregate));
        calls.spawn(async move { peer.countersign(signed).await.unwrap() });
    }
    follower.opening(peer, step).await;
    for trustee in trustees {
        let peer = peer.clone();
        let signed = trustee.share(&round, &aggregate);
        calls.spawn(async move { peer.share(signed).await.unwrap() });
    }
    follower.closed(peer, step).await;
    calls.join_all().await;
}

/// The model that follows from the plain updates of these institutions.
pub fn expected_model(world: &World, institutions: &[Institution]) -> Hash {
    let parameters = &world.ceremony.parameters;
    let mut sums = vec![0_i64; DIMENSION];
    let mut weight_sum = 0.0;
    for institution in institutions {
        for (sum, value) in sums.iter_mut().zip(institution.values()) {
            *sum += value + 128;
        }
        weight_sum += parameters.weight(institution.files().identity.rows);
    }
    let model =
        consilium_contract::Model::from_bytes(&world.ceremony.initial_model, parameters.dimension)
            .unwrap();
    model.step(parameters, &sums, institutions.len() as u32, weight_sum).unwrap().hash()
}

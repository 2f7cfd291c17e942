//! A run of four institutions in memory: a contract that is applied, blocks that are sealed, and ways to seal what no
//! contract would take.

use std::{collections::HashMap, path::Path, sync::Arc};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::{
    Admission, Body, CandidateTransaction, Committee, Contract, Phase as ContractPhase,
    SealedBlock, check_updates,
    keygen::Rehearsal,
    model::encode_sums,
    transaction::{entry, sign},
};
use consilium_crypto::{
    CandidateHeader, Context, DiscreteLogTable, EncryptedUpdate, Hash, KeyShare, QuantisedUpdate,
    RoundContext, VerifiedHeader, update::encrypt, verify_key_proofs,
};
use consilium_ledger::{Block, Header, HeaderChain, SealedHeader, Store, sha256};
use consilium_proto::training::Layers;
use consilium_proto::v1::{
    BlobRef, CloseCollection, CloseRound, Enrol, OpenRound, SignedTransaction, SubmitShare,
    SubmitUpdate, transaction::Action,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

use consilium_audit::follow::{Closed, FollowError, Follower, Phase, SealedSum};

pub(crate) const INSTITUTIONS: usize = 4;
/// 2 inputs, 3 hidden: 13 parameters.
pub(crate) const DIMENSION: usize = 13;

pub(crate) struct World {
    pub(crate) ceremony: Ceremony,
    pub(crate) contract: Contract,
    pub(crate) chain: HeaderChain,
    pub(crate) blocks: Vec<Block>,
    /// Blobs that go with each block.
    pub(crate) blobs: Vec<Vec<Vec<u8>>>,
    pub(crate) bodies: HashMap<Hash, Vec<u8>>,
    /// Of every institution.
    pub(crate) shares: Vec<KeyShare>,
    time_ms: u64,
}

pub(crate) fn ceremony(seed: u64, change: impl FnOnce(&mut CeremonySpec)) -> Ceremony {
    let layers = Layers { inputs: 2, hidden: vec![3] };
    let mut spec = CeremonySpec::new(layers, vec![0.25; DIMENSION], vec![10, 20, 30, 40]);
    spec.steps = 2;
    change(&mut spec);
    Ceremony::hold(&spec, &mut ChaCha20Rng::seed_from_u64(seed)).unwrap()
}

impl World {
    /// Founded, everyone enrolled, and the key made.
    pub(crate) fn new() -> Self {
        Self::of(ceremony(1, |_| {}))
    }

    pub(crate) fn of(ceremony: Ceremony) -> Self {
        let mut world = Self::founded(ceremony);
        // Block 1: everyone has enrolled and the key is made.
        let mut taken: Vec<_> = (0..INSTITUTIONS).map(|i| world.enrol(i)).collect();
        taken.iter().for_each(|signed| world.take(signed, &mut Vec::new()));
        world.share_key(|world, signed| {
            world.take(&signed, &mut Vec::new());
            taken.push(signed);
        });
        world.seal_taken(taken, Vec::new());
        world
    }

    /// Founded, and everyone enrolled in block 1: no key has been made.
    pub(crate) fn enrolled(ceremony: Ceremony) -> Self {
        let mut world = Self::founded(ceremony);
        world.commit((0..INSTITUTIONS).map(|i| world.enrol(i)).collect());
        world
    }

    /// Block 0 alone.
    fn founded(ceremony: Ceremony) -> Self {
        let contract = Contract::found(
            &ceremony.genesis_entry,
            &ceremony.initial_model,
            DiscreteLogTable::shared(),
        );
        let coordinator =
            VerifyingKey::from_bytes(&ceremony.parameters.coordinator.encode()).unwrap();
        let mut world = Self {
            chain: HeaderChain::new(ceremony.parameters.chain_id, coordinator),
            contract: contract.unwrap(),
            ceremony,
            blocks: Vec::new(),
            blobs: Vec::new(),
            bodies: HashMap::new(),
            shares: Vec::new(),
            time_ms: 1_000,
        };
        let genesis = world.ceremony.genesis_entry.clone();
        let initial = world.ceremony.initial_model.clone();
        let root = world.contract.state_root();
        world.append(vec![genesis], root, vec![initial]);
        world
    }

    /// Plays the ceremony that is due, the same in every world of one seed. `take` has the contract take each transaction.
    pub(crate) fn share_key(&mut self, mut take: impl FnMut(&mut Self, SignedTransaction)) {
        let mut rehearsal = Rehearsal::new((0..INSTITUTIONS).map(|i| self.name(i)));
        let rng = &mut ChaCha20Rng::seed_from_u64(5);
        loop {
            let keys: Vec<_> =
                self.ceremony.institutions.iter().map(|files| &files.signing).collect();
            let coordinator = &self.ceremony.coordinator.signing;
            let Some(signed) =
                rehearsal.next(&self.contract, coordinator, &keys, self.time_ms, rng).unwrap()
            else {
                break;
            };
            take(self, signed);
        }
        self.shares = rehearsal.into_shares().into_iter().map(Option::unwrap).collect();
    }

    pub(crate) fn chain_id(&self) -> Hash {
        self.ceremony.parameters.chain_id
    }

    pub(crate) fn name(&self, institution: usize) -> Hash {
        self.ceremony.institutions[institution].identity.pseudonym
    }

    /// Signs as an institution.
    pub(crate) fn says(&self, institution: usize, action: Action) -> SignedTransaction {
        let files = &self.ceremony.institutions[institution];
        sign(&files.signing, &self.chain_id(), Some(&files.identity.pseudonym), action)
    }

    /// Signs as the coordinator.
    pub(crate) fn orders(&self, action: Action) -> SignedTransaction {
        sign(&self.ceremony.coordinator.signing, &self.chain_id(), None, action)
    }

    /// Signs as the authority.
    pub(crate) fn decrees(&self, action: Action) -> SignedTransaction {
        sign(self.ceremony.authority_key(), &self.chain_id(), None, action)
    }

    fn enrol(&self, institution: usize) -> SignedTransaction {
        let certificate = self.ceremony.institutions[institution].certificate.clone();
        self.says(institution, Action::Enrol(Enrol { certificate: Some(certificate) }))
    }

    pub(crate) fn committee(&self) -> &Committee {
        self.contract.committee().unwrap()
    }

    /// The round that is open, or would be.
    pub(crate) fn round(&self) -> RoundContext {
        let step = self.contract.step();
        let attempt = self.contract.attempt();
        self.ceremony.parameters.round(
            self.committee(),
            step,
            attempt,
            self.contract.model().hash(),
        )
    }

    /// An honest update of `value` in every coordinate.
    pub(crate) fn update(
        &self,
        institution: usize,
        round: &RoundContext,
        value: i64,
    ) -> EncryptedUpdate {
        let context = Context { round: round.clone(), pseudonym: self.name(institution) };
        let update = QuantisedUpdate::new(
            vec![value; DIMENSION],
            consilium_crypto::Bound::Parameter { bits: 8 },
        )
        .unwrap();
        encrypt(&self.committee().public_key, &context, &update).unwrap().prove().unwrap()
    }

    pub(crate) fn submission(&self, institution: usize, header: &[u8]) -> SignedTransaction {
        self.says(institution, Action::SubmitUpdate(SubmitUpdate { header: header.to_vec() }))
    }

    /// Applies the transactions to the contract, all of them accepted, and seals them.
    pub(crate) fn commit(&mut self, transactions: Vec<SignedTransaction>) {
        let mut blobs = Vec::new();
        transactions.iter().for_each(|signed| self.take(signed, &mut blobs));
        self.seal_taken(transactions, blobs);
    }

    /// Applies a transaction to the contract, which accepts it; adds the blobs that go with it.
    fn take(&mut self, signed: &SignedTransaction, blobs: &mut Vec<Vec<u8>>) {
        let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
        let body = match self.contract.admit(&candidate) {
            Admission::NeedsBody { sha256, .. } => {
                let body = self.bodies[&sha256].clone();
                let rng = &mut ChaCha20Rng::seed_from_u64(9);
                let mut checked = check_updates(
                    &self.ceremony.parameters,
                    self.committee(),
                    &[(&candidate, &body)],
                    rng,
                );
                blobs.push(body);
                Body::Checked(checked.remove(0))
            }
            Admission::Decided(_) => Body::None,
        };
        let receipt = self.contract.apply(&candidate, body).unwrap();
        assert!(receipt.is_accepted(), "{receipt:?}");
        if let Action::CloseRound(close) = candidate.action() {
            for blob in [&close.sums, &close.model] {
                let hash: Hash = blob.as_ref().unwrap().sha256.as_slice().try_into().unwrap();
                blobs.push(self.bodies[&hash].clone());
            }
        }
    }

    /// Seals what the contract has taken.
    fn seal_taken(&mut self, transactions: Vec<SignedTransaction>, blobs: Vec<Vec<u8>>) {
        let root = self.contract.state_root();
        let entries = transactions.into_iter().map(|signed| entry(signed, false)).collect();
        self.append(entries, root, blobs);
        self.contract.end_block(self.chain.head().unwrap().into());
    }

    /// Seals entries as a coordinator does that asks no contract.
    pub(crate) fn forge(&mut self, transactions: Vec<SignedTransaction>) {
        let entries: Vec<Vec<u8>> =
            transactions.into_iter().map(|signed| entry(signed, false)).collect();
        self.append(entries, [0; 32], Vec::new());
    }

    pub(crate) fn append(&mut self, entries: Vec<Vec<u8>>, root: Hash, blobs: Vec<Vec<u8>>) {
        let block = self.sealed_block(entries, root);
        self.chain.append_block(&block).unwrap();
        self.blocks.push(block);
        self.blobs.push(blobs);
    }

    /// The next block, signed, and not appended.
    pub(crate) fn sealed_block(&self, entries: Vec<Vec<u8>>, root: Hash) -> Block {
        let header = self.chain.propose(&entries, root, self.time_ms).unwrap();
        Block { sealed: self.seal_header(header), entries }
    }

    /// Any header, with the coordinator's signature.
    pub(crate) fn seal_header(&self, header: Header) -> SealedHeader {
        let bytes: Zeroizing<[u8; 32]> = self.ceremony.coordinator.signing.to_bytes();
        header.seal(&self.chain_id(), &SigningKey::from_bytes(&bytes))
    }

    pub(crate) fn time_passes(&mut self) {
        self.time_ms += 1_000_000;
    }

    fn tick(&mut self) -> u64 {
        self.time_ms += 1;
        self.time_ms
    }

    pub(crate) fn open_round(&mut self) -> SignedTransaction {
        let RoundContext { step, attempt, model_hash, .. } = self.round();
        let time_ms = self.tick();
        let model_sha256 = model_hash.to_vec();
        let standings = self.contract.roster().standings();
        self.orders(Action::OpenRound(OpenRound {
            step,
            attempt,
            model_sha256,
            time_ms,
            standings,
        }))
    }

    pub(crate) fn open(&mut self) {
        let open = self.open_round();
        self.commit(vec![open]);
    }

    /// Institution i submits i + 1 in every coordinate. The headers, in order.
    pub(crate) fn submit(&mut self, institutions: &[usize]) -> Vec<Vec<u8>> {
        let round = self.round();
        let updates: Vec<EncryptedUpdate> =
            institutions.iter().map(|&i| self.update(i, &round, i as i64 + 1)).collect();
        let mut transactions = Vec::new();
        for (&i, update) in institutions.iter().zip(&updates) {
            self.bodies.insert(sha256(&update.body), update.body.clone());
            transactions.push(self.submission(i, &update.header));
        }
        self.commit(transactions);
        updates.into_iter().map(|update| update.header).collect()
    }

    /// The certified sum of these headers, encoded.
    pub(crate) fn evaluation(&self, round: &RoundContext, headers: &[Vec<u8>]) -> Vec<u8> {
        let headers = self.verified(headers);
        let headers: Vec<&VerifiedHeader> = headers.iter().collect();
        self.ceremony.coordinator.evaluation.evaluate(round, &headers).unwrap().encode()
    }

    fn verified(&self, headers: &[Vec<u8>]) -> Vec<VerifiedHeader> {
        let candidates =
            headers.iter().map(|header| CandidateHeader::decode(header).unwrap()).collect();
        let verified = verify_key_proofs(&self.committee().public_key, candidates);
        verified.into_iter().collect::<Result<_, _>>().unwrap()
    }

    pub(crate) fn close_collection(&mut self, evaluation: Vec<u8>) -> SignedTransaction {
        let RoundContext { step, attempt, .. } = self.round();
        let time_ms = self.tick();
        self.orders(Action::CloseCollection(CloseCollection { step, attempt, evaluation, time_ms }))
    }

    /// Opens a round, takes the updates of everybody and seals their sum.
    pub(crate) fn seal(&mut self) -> Vec<Vec<u8>> {
        self.open();
        let headers = self.submit(&[0, 1, 2, 3]);
        let evaluation = self.evaluation(&self.round(), &headers);
        let close = self.close_collection(evaluation);
        self.commit(vec![close]);
        headers
    }

    pub(crate) fn sealed_hash(&self) -> Hash {
        match self.contract.phase() {
            ContractPhase::Sealed(sealed) => *sealed.sealed_block().unwrap(),
            ContractPhase::Opening(opening) => *opening.sealed_block(),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }

    pub(crate) fn countersignature(
        &self,
        institution: usize,
        step: u64,
        block: &Hash,
    ) -> SignedTransaction {
        let key = &self.ceremony.institutions[institution].signing;
        self.says(
            institution,
            Action::Countersign(self.sealed_block_of(block).countersign(step, key)),
        )
    }

    /// The block of this hash; with the tree of the last one where it is not on the chain.
    fn sealed_block_of(&self, hash: &Hash) -> SealedBlock {
        let header = self.chain.headers().find(|header| header.hash() == hash);
        let block: SealedBlock = header.or(self.chain.head()).unwrap().into();
        SealedBlock { hash: *hash, ..block }
    }

    pub(crate) fn share(&self, institution: usize) -> SignedTransaction {
        self.says(institution, Action::SubmitShare(self.share_message(institution)))
    }

    /// One of many shares whose proofs do not hold.
    pub(crate) fn wrong_share(&self, institution: usize, which: u8) -> SignedTransaction {
        let mut message = self.share_message(institution);
        let response = message.share.len() - 32;
        message.share[response] ^= which + 1;
        self.says(institution, Action::SubmitShare(message))
    }

    fn share_message(&self, institution: usize) -> SubmitShare {
        let evaluation = match self.contract.phase() {
            ContractPhase::Sealed(sealed) => sealed.evaluation(),
            ContractPhase::Opening(opening) => opening.evaluation(),
            other => panic!("nothing is sealed in {}", other.name()),
        };
        let share = &self.shares[institution];
        let block = self.sealed_hash();
        let share =
            share.decryption_share(&self.committee().public_key, evaluation, &block).encode();
        SubmitShare { step: self.contract.step(), sealed_block: block.to_vec(), share }
    }

    /// Three trustees countersign, two share.
    pub(crate) fn unseal(&mut self) {
        let step = self.contract.step();
        let block = self.sealed_hash();
        self.commit((0..3).map(|i| self.countersignature(i, step, &block)).collect());
        self.commit(vec![self.share(1), self.share(2)]);
    }

    /// The coordinator's CloseRound, with the blobs it names.
    pub(crate) fn result(&mut self) -> (CloseRound, Vec<u8>) {
        let ContractPhase::Opening(opening) = self.contract.phase() else { panic!("not opening") };
        let opened = opening.outcome().unwrap().as_ref().unwrap();
        let sums = encode_sums(&opened.sums).unwrap();
        let model = opened.model.to_bytes();
        let mask_key_sum = opened.mask_key_sum.encode().to_vec();
        let blob = |bytes: &[u8]| {
            Some(BlobRef { sha256: sha256(bytes).to_vec(), length: bytes.len() as u64 })
        };
        let step = self.contract.step();
        let time_ms = self.tick();
        let close =
            CloseRound { step, mask_key_sum, sums: blob(&sums), model: blob(&model), time_ms };
        for bytes in [&sums, &model] {
            self.bodies.insert(sha256(bytes), bytes.clone());
        }
        (close, sums)
    }

    /// A whole honest round. Its sums.
    pub(crate) fn full_round(&mut self) -> Vec<u8> {
        self.seal();
        self.unseal();
        let (close, sums) = self.result();
        let close = self.orders(Action::CloseRound(close));
        self.commit(vec![close]);
        sums
    }

    /// A follower that has read every block, and the last round closed on the way.
    pub(crate) fn follow(&self) -> (Follower, Option<Closed>) {
        self.try_follow().unwrap()
    }

    /// The same, where the follower may refuse a block.
    pub(crate) fn try_follow(&self) -> Result<(Follower, Option<Closed>), FollowError> {
        let parameters = Arc::new(self.ceremony.parameters.clone());
        let mut follower = Follower::new(parameters, self.ceremony.genesis_entry.clone());
        let mut last = None;
        for (block, header) in self.blocks.iter().zip(self.chain.headers()) {
            last = follower.read(block, header)?.or(last);
        }
        Ok((follower, last))
    }

    /// What the follower says of a block with this transaction after the ones there are.
    pub(crate) fn refuses(&mut self, transaction: SignedTransaction) -> String {
        self.forge(vec![transaction]);
        let Err(FollowError::Entry { height, index: 0, detail, .. }) = self.try_follow() else {
            panic!("accepted")
        };
        assert_eq!(height + 1, self.chain.len());
        self.retract();
        detail
    }

    /// Applies the transaction to the contract, whatever it makes of it, and seals it.
    pub(crate) fn record(&mut self, signed: SignedTransaction) -> consilium_contract::Receipt {
        let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
        let receipt = self.contract.apply(&candidate, Body::None).unwrap();
        let root = self.contract.state_root();
        self.append(vec![entry(signed, false)], root, Vec::new());
        receipt
    }

    /// Takes the last block back.
    pub(crate) fn retract(&mut self) {
        self.blocks.pop();
        self.blobs.pop();
        let mut chain = HeaderChain::new(self.chain_id(), *self.chain.coordinator());
        for block in &self.blocks {
            chain.append_block(block).unwrap();
        }
        self.chain = chain;
    }

    /// What a follower sees sealed.
    pub(crate) fn sealed_sum(&self) -> Arc<SealedSum> {
        match self.follow().0.phase() {
            Phase::Sealed(sealed) => Arc::clone(&sealed.sum),
            other => panic!("nothing is sealed in {}", other.name()),
        }
    }

    /// The coordinator's ledger, closed.
    pub(crate) fn ledger(&self, directory: &Path) {
        let store = Store::open(directory).unwrap();
        for (block, blobs) in self.blocks.iter().zip(&self.blobs) {
            let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
            store.append_block(block, &blobs).unwrap();
        }
        store.close().unwrap();
    }
}

/// Replaces one hash by another wherever it stands.
pub(crate) fn splice(bytes: &[u8], old: &Hash, new: &Hash) -> Vec<u8> {
    let at = bytes.windows(32).position(|window| window == old).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + 32].copy_from_slice(new);
    bytes
}

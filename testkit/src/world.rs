//! A run sealed in blocks, by a coordinator that may lie: what followers, auditors and institutions are shown.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    path::Path,
};

use consilium_authority::Ceremony;
use consilium_contract::{
    Admission, Body, Receipt, SealedBlock, check_updates, transaction::entry,
};
use consilium_crypto::{
    EncryptedUpdate, RoundContext,
    mask::{CandidateHeader, CandidateKey, VerifiedHeader, verify_key_proofs},
};
use consilium_hash::{BlobHash, BlockHash, StateRoot};
use consilium_ledger::{Block, Header, HeaderChain, NO_STATE, SealedHeader, Store, blob_hash};
use consilium_proto::v1::{
    CloseCollection, CloseRound, SignedTransaction, SubmitShare, SubmitUpdate, transaction::Action,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use crate::{
    Parties as _, Run, ceremony,
    run::{play, read},
};

/// A [`Run`] whose transactions are sealed in blocks. The same seed makes the same world.
pub struct World {
    run: Run,
    /// The contract's state after the last block that it has taken: what the next header is to name.
    pub state: StateRoot,
    /// The headers of all blocks.
    pub chain: HeaderChain,
    /// All blocks.
    pub blocks: Vec<Block>,
    /// Blobs that go with each block.
    pub blobs: Vec<Vec<Vec<u8>>>,
    /// Bodies and blobs by their hashes.
    pub bodies: HashMap<BlobHash, Vec<u8>>,
}

impl Deref for World {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Run {
        &mut self.run
    }
}

impl World {
    /// Founded, everyone enrolled, and the key made.
    pub fn new() -> Self {
        Self::of(ceremony(1, |_| ()))
    }

    /// Everyone enrolled and the key made, all in block 1.
    pub fn of(ceremony: Ceremony) -> Self {
        let mut world = Self::founded(ceremony);
        let mut taken: Vec<_> =
            (0..world.institutions()).map(|place| world.enrolment(place)).collect();
        taken.iter().for_each(|signed| world.take(signed, &mut Vec::new()));
        world.share_key(|world, signed| {
            world.take(&signed, &mut Vec::new());
            taken.push(signed);
        });
        world.seal_taken(taken, Vec::new());
        world
    }

    /// Everyone enrolled in block 1: no key has been made.
    pub fn enrolled(ceremony: Ceremony) -> Self {
        let mut world = Self::founded(ceremony);
        let enrolments = (0..world.institutions()).map(|place| world.enrolment(place)).collect();
        world.commit(enrolments);
        world
    }

    /// Block 0 alone.
    pub fn founded(ceremony: Ceremony) -> Self {
        let mut run = Run::of(ceremony, 5);
        run.time_ms = 1_000;
        let mut world = Self {
            chain: run.ceremony.empty_chain(),
            run,
            state: NO_STATE,
            blocks: Vec::new(),
            blobs: Vec::new(),
            bodies: HashMap::new(),
        };
        let genesis = world.ceremony.genesis_entry.clone();
        let initial = world.ceremony.initial_model.clone();
        world.settle(vec![genesis], vec![initial]);
        world
    }

    /// Plays the ceremony that is due, the same in every world of one seed; `take` has the contract take each
    /// transaction.
    pub fn share_key(&mut self, take: impl FnMut(&mut Self, SignedTransaction)) {
        play(self, |world| &mut world.run, take);
    }

    /// Applies the transactions to the contract, all of them accepted, and seals them.
    pub fn commit(&mut self, transactions: Vec<SignedTransaction>) {
        let mut blobs = Vec::new();
        transactions.iter().for_each(|signed| self.take(signed, &mut blobs));
        self.seal_taken(transactions, blobs);
    }

    /// Applies a transaction to the contract, which accepts it; adds the blobs that go with it.
    fn take(&mut self, signed: &SignedTransaction, blobs: &mut Vec<Vec<u8>>) {
        let candidate = read(signed.clone());
        let body = match self.contract.admit(&candidate) {
            Admission::NeedsBody { sha256, .. } => {
                let body = self.bodies[&sha256].clone();
                let rng = &mut ChaCha20Rng::seed_from_u64(9);
                let batch = [(&candidate, body.as_slice())];
                let mut checked = check_updates(self.parameters(), self.committee(), &batch, rng);
                blobs.push(body);
                Body::Checked(checked.remove(0).into())
            }
            Admission::Decided(_) => Body::None,
        };
        let receipt = self.contract.apply(&candidate, body).unwrap();
        assert!(receipt.is_accepted(), "{receipt:?}");
        if let Action::CloseRound(close) = candidate.action() {
            for blob in [&close.sums, &close.model] {
                let hash: BlobHash = blob.as_ref().unwrap().sha256.as_slice().try_into().unwrap();
                blobs.push(self.bodies[&hash].clone());
            }
        }
    }

    /// Seals what the contract has taken.
    fn seal_taken(&mut self, transactions: Vec<SignedTransaction>, blobs: Vec<Vec<u8>>) {
        self.settle(transactions.into_iter().map(|signed| entry(signed, false)).collect(), blobs);
    }

    /// Seals entries that the contract has taken.
    pub fn settle(&mut self, entries: Vec<Vec<u8>>, blobs: Vec<Vec<u8>>) {
        self.append(entries, self.state, blobs);
        let head = self.chain.head().unwrap().into();
        self.contract.end_block(head);
        self.state = self.contract.state_root();
    }

    /// Seals entries as a coordinator does that asks no contract. The state before them is the contract's.
    pub fn forge(&mut self, transactions: Vec<SignedTransaction>) {
        let entries: Vec<Vec<u8>> =
            transactions.into_iter().map(|signed| entry(signed, false)).collect();
        self.append(entries, self.state, Vec::new());
    }

    /// Takes a transaction in as an honest coordinator does: what may stand on a chain is sealed, the rest is answered.
    pub fn offer(&mut self, signed: SignedTransaction) -> Receipt {
        let candidate = read(signed.clone());
        let receipt = self.contract.apply(&candidate, Body::None).unwrap();
        if receipt.may_stand(&candidate) {
            self.seal_taken(vec![signed], Vec::new());
        }
        receipt
    }

    /// Applies the transaction to the contract, whatever it makes of it, and seals it.
    pub fn record(&mut self, signed: SignedTransaction) -> Receipt {
        let candidate = read(signed.clone());
        let receipt = self.contract.apply(&candidate, Body::None).unwrap();
        self.settle(vec![entry(signed, false)], Vec::new());
        receipt
    }

    /// Seals a block with these entries, this state root and these blobs, whatever they are.
    pub fn append(&mut self, entries: Vec<Vec<u8>>, root: StateRoot, blobs: Vec<Vec<u8>>) {
        let block = self.sealed_block(entries, root);
        self.chain.append_block(&block).unwrap();
        self.blocks.push(block);
        self.blobs.push(blobs);
    }

    /// Seals the blocks of the last `of` ones again, so many times, each with other blobs of the same lengths, and has no contract
    /// apply them: a chain as long as one of so many rounds, for whoever goes on from the state after them. `kept` is shown
    /// each; here its header alone is remembered.
    pub fn lengthen(&mut self, of: usize, times: u64, mut kept: impl FnMut(&Block, &[Vec<u8>])) {
        let first = self.blocks.len() - of;
        let last: Vec<(Vec<Vec<u8>>, Vec<usize>)> = self
            .blocks
            .iter()
            .zip(&self.blobs)
            .skip(first)
            .map(|(block, blobs)| (block.entries.clone(), blobs.iter().map(Vec::len).collect()))
            .collect();
        for (entries, lengths) in (0..times).flat_map(|_| &last) {
            let random = |length: &usize| {
                let mut blob = vec![0; *length];
                self.run.rng.fill_bytes(&mut blob);
                blob
            };
            let blobs: Vec<_> = lengths.iter().map(random).collect();
            let block = self.sealed_block(entries.clone(), self.state);
            self.chain.append_block(&block).unwrap();
            kept(&block, &blobs);
        }
    }

    /// Takes the last block back.
    pub fn retract(&mut self) {
        self.blocks.pop();
        self.blobs.pop();
        let mut chain = self.ceremony.empty_chain();
        for block in &self.blocks {
            chain.append_block(block).unwrap();
        }
        self.chain = chain;
    }

    /// The next block, signed, and not appended.
    pub fn sealed_block(&self, entries: Vec<Vec<u8>>, root: StateRoot) -> Block {
        let header = self.chain.propose(&entries, root, self.time_ms).unwrap();
        Block { sealed: self.seal_header(header), entries }
    }

    /// Any header, with the coordinator's signature.
    pub fn seal_header(&self, header: Header) -> SealedHeader {
        self.ceremony.seal_header(header)
    }

    /// Longer than anyone waits.
    pub fn time_passes(&mut self) {
        self.time_ms += 1_000_000;
    }

    fn tick(&mut self) {
        self.time_ms += 1;
    }

    /// The coordinator's order to open the next round, a moment later.
    pub fn open_round(&mut self) -> SignedTransaction {
        self.tick();
        self.orders(self.open_action())
    }

    /// Opens the next round.
    pub fn open(&mut self) {
        let open = self.open_round();
        self.commit(vec![open]);
    }

    /// An institution's submission of a header.
    pub fn submission(&self, place: usize, header: &[u8]) -> SignedTransaction {
        self.says(place, Action::SubmitUpdate(SubmitUpdate { header: header.to_vec() }))
    }

    /// The institution at place i submits i + 1 in every coordinate. The headers, in order.
    pub fn submit(&mut self, places: &[usize]) -> Vec<Vec<u8>> {
        let round = self.round();
        let updates: Vec<EncryptedUpdate> =
            places.iter().map(|&place| self.update(place, &round, place as i64 + 1)).collect();
        let mut transactions = Vec::new();
        for (&place, update) in places.iter().zip(&updates) {
            self.bodies.insert(blob_hash(&update.body), update.body.clone());
            transactions.push(self.submission(place, &update.header));
        }
        self.commit(transactions);
        updates.into_iter().map(|update| update.header).collect()
    }

    /// The certified sum of these headers, encoded.
    pub fn evaluation(&self, round: &RoundContext, headers: &[Vec<u8>]) -> Vec<u8> {
        let parameters = self.parameters().form(round.step).update;
        let candidate = |header: &Vec<u8>| {
            let header = CandidateHeader::decode(header).unwrap();
            let body = self.bodies.get(&header.body_hash()).map_or(&[][..], Vec::as_slice);
            let key_part = body.get(parameters.key_part()).unwrap_or_default();
            CandidateKey::parse(header, key_part, &parameters).unwrap()
        };
        let candidates = headers.iter().map(candidate).collect();
        let rng = &mut ChaCha20Rng::seed_from_u64(9);
        let verified: Vec<VerifiedHeader> =
            verify_key_proofs(&self.committee().public_key, candidates, rng)
                .into_iter()
                .collect::<Result<_, _>>()
                .unwrap();
        let headers: Vec<&VerifiedHeader> = verified.iter().collect();
        self.ceremony.coordinator.evaluation.evaluate(round, &headers).unwrap().encode()
    }

    /// What trustees need of the updates that were made here, besides their headers.
    pub fn key_parts(&self) -> Vec<Vec<u8>> {
        let key_part = self.parameters().update_parameters().key_part();
        let of = |body: &Vec<u8>| body.get(key_part.clone()).map(<[u8]>::to_vec);
        self.bodies.values().filter_map(of).collect()
    }

    /// The coordinator's order to close the collection with this sum, a moment later.
    pub fn close_collection(&mut self, evaluation: Vec<u8>) -> SignedTransaction {
        self.tick();
        let RoundContext { step, attempt, .. } = self.round();
        let time_ms = self.time_ms;
        self.orders(Action::CloseCollection(CloseCollection { step, attempt, evaluation, time_ms }))
    }

    /// Opens a round, takes the updates of everybody and seals their sum.
    pub fn seal(&mut self) -> Vec<Vec<u8>> {
        self.open();
        let everyone: Vec<usize> = (0..self.institutions()).collect();
        let headers = self.submit(&everyone);
        let evaluation = self.evaluation(&self.round(), &headers);
        let close = self.close_collection(evaluation);
        self.commit(vec![close]);
        headers
    }

    /// An institution's countersignature of the block of this hash; with the tree of the last block where it is not on
    /// the chain.
    pub fn countersignature(&self, place: usize, step: u64, hash: &BlockHash) -> SignedTransaction {
        let header = self.chain.headers().find(|header| header.hash() == hash);
        let block: SealedBlock = header.or(self.chain.head()).unwrap().into();
        let block = SealedBlock { hash: *hash, ..block };
        self.says(place, Action::Countersign(block.countersign(step, self.key(place))))
    }

    /// An institution's share for the sum that is sealed.
    pub fn share(&self, place: usize) -> SignedTransaction {
        self.says(place, Action::SubmitShare(self.share_message(place)))
    }

    /// One of many shares whose proofs do not hold.
    pub fn wrong_share(&self, place: usize, which: u8) -> SignedTransaction {
        let mut message = self.share_message(place);
        let response = message.share.len() - 32;
        message.share[response] ^= which + 1;
        self.says(place, Action::SubmitShare(message))
    }

    fn share_message(&self, place: usize) -> SubmitShare {
        let sealed_block = self.sealed_hash().to_vec();
        SubmitShare { step: self.contract.step(), sealed_block, share: self.run.share(place) }
    }

    /// Three trustees countersign, two share.
    pub fn unseal(&mut self) {
        let step = self.contract.step();
        let block = self.sealed_hash();
        self.commit((0..3).map(|place| self.countersignature(place, step, &block)).collect());
        self.commit(vec![self.share(1), self.share(2)]);
    }

    /// The coordinator's order to close the round, a moment later, and the sums that it names.
    pub fn result(&mut self) -> (CloseRound, Vec<u8>) {
        self.tick();
        let (close, sums) = self.run.result();
        let model = self.opened_model();
        for bytes in [&sums, &model] {
            self.bodies.insert(blob_hash(bytes), bytes.clone());
        }
        (close, sums)
    }

    /// A whole honest round. Its sums.
    pub fn full_round(&mut self) -> Vec<u8> {
        self.seal();
        self.unseal();
        let (close, sums) = self.result();
        let close = self.orders(Action::CloseRound(close));
        self.commit(vec![close]);
        sums
    }

    /// The coordinator's ledger, closed.
    pub fn ledger(&self, directory: &Path) {
        let store = Store::open(directory).unwrap();
        for (block, blobs) in self.blocks.iter().zip(&self.blobs) {
            let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
            store.append_block(block, &blobs).unwrap();
        }
        store.close().unwrap();
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Replaces one hash by another wherever it stands first.
#[must_use]
pub fn splice(bytes: &[u8], old: &[u8; 32], new: &[u8; 32]) -> Vec<u8> {
    let at = bytes.windows(32).position(|window| window == old).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[at..at + 32].copy_from_slice(new);
    bytes
}

//! A contract driven transaction by transaction, with everybody's keys.

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::{
    Body, CandidateTransaction, Committee, Contract, Parameters, Receipt, SealedBlock,
    check_updates, keygen::Rehearsal, transaction::sign,
};
use consilium_crypto::{Bound, KeyShare, signature::SigningKey};
use consilium_hash::{BlockHash, ChainId, MerkleRoot, Pseudonym, StateRoot};
use consilium_ledger::{Checkpoint, sha256};
use consilium_proto::v1::{self, SignedTransaction, transaction::Action};
use rand_chacha::ChaCha20Rng;
use rand_core::{OsRng, RngCore as _, SeedableRng as _};

use crate::{Parties as _, ceremony, layers, table};

/// What was done to a contract, in order: enough to do it again.
#[derive(Debug, Clone)]
pub enum Op {
    /// A transaction, with its body where it needs one.
    Apply(CandidateTransaction, Option<Vec<u8>>),
    /// A transaction whose body did not arrive.
    Missing(CandidateTransaction),
    /// A block was sealed.
    EndBlock(SealedBlock),
}

/// A run of some institutions. They are called by their places, from 0: the one at place i has number i + 1.
pub struct Run {
    /// Everybody's keys.
    pub ceremony: Ceremony,
    /// The rules.
    pub contract: Contract,
    /// Each institution's share of the decryption key, by place.
    pub shares: Vec<Option<KeyShare>>,
    /// What was done to the contract.
    pub log: Vec<Op>,
    /// The coordinator's clock.
    pub time_ms: u64,
    /// What the institutions draw their secrets from.
    pub(crate) rng: ChaCha20Rng,
    /// The ceremony that is played in parts.
    rehearsal: Option<Rehearsal>,
    /// Blocks that were ended.
    ended: u64,
}

impl Run {
    /// Founded on this ceremony, nobody enrolled; the institutions' secrets follow from the seed.
    pub fn of(ceremony: Ceremony, seed: u64) -> Self {
        Self {
            shares: ceremony.institutions.iter().map(|_| None).collect(),
            contract: ceremony.contract(),
            ceremony,
            log: Vec::new(),
            time_ms: 1_000_000,
            rng: ChaCha20Rng::seed_from_u64(seed),
            rehearsal: None,
            ended: 0,
        }
    }

    /// Founded to so many steps, nobody enrolled; different keys each time.
    pub fn founded(steps: u64) -> Self {
        Self::founded_with(|spec| spec.steps = steps)
    }

    /// The same with other changes of the usual run.
    pub fn founded_with(change: impl FnOnce(&mut CeremonySpec)) -> Self {
        let seed = OsRng.next_u64();
        Self::of(ceremony(seed, change), seed.wrapping_add(1))
    }

    /// Everyone enrolled, the key made.
    pub fn enrolled(steps: u64) -> Self {
        Self::founded(steps).with_everyone().with_key()
    }

    /// Everyone enrolled, the key made, in a run with this bound.
    pub fn bounded(steps: u64, bound: Bound) -> Self {
        let run = Self::founded_with(|spec| {
            spec.steps = steps;
            spec.bound = bound;
        });
        run.with_everyone().with_key()
    }

    /// Everyone enrolled, in a run whose updates prove their norm: at most `norm`.
    pub fn norm_bounded(steps: u64, norm: u32) -> Self {
        Self::bounded(steps, Bound::Norm { norm, projections: 256 })
    }

    /// A run of so many institutions, of which the first few are enrolled.
    pub fn of_size(institutions: usize, enrolled: usize) -> Self {
        let mut run = Self::founded_with(|usual| {
            *usual = CeremonySpec {
                protection: usual.protection,
                collection_timeout_ms: usual.collection_timeout_ms,
                ..CeremonySpec::new(layers(), usual.initial_model.clone(), vec![1; institutions])
            };
        });
        for place in 0..enrolled {
            run.accept(run.enrolment(place));
        }
        run
    }

    /// Enrols everyone.
    #[must_use]
    pub fn with_everyone(mut self) -> Self {
        for place in 0..self.institutions() {
            self.accept(self.enrolment(place));
        }
        self
    }

    /// The key made, or passed on, by everyone who is enrolled.
    #[must_use]
    pub fn with_key(mut self) -> Self {
        self.share_key();
        self
    }

    /// How many institutions the authority has certified so far.
    pub fn institutions(&self) -> usize {
        self.ceremony.institutions.len()
    }

    /// An institution that the authority certifies later; its place.
    pub fn newcomer(&mut self, name: &str) -> usize {
        let rows = self.parameters().max_rows;
        let files = self.ceremony.authority.admit(name, rows, &mut self.rng).unwrap();
        self.ceremony.institutions.push(files);
        self.shares.push(None);
        self.institutions() - 1
    }

    /// The genesis, checked.
    pub fn parameters(&self) -> &Parameters {
        self.contract.parameters()
    }

    /// The committee that holds the key.
    pub fn committee(&self) -> &Committee {
        self.contract.committee().unwrap()
    }

    /// The run's name: the hash of its genesis.
    pub fn chain_id(&self) -> ChainId {
        self.ceremony.chain_id()
    }

    /// The pseudonym of an institution.
    pub fn name(&self, place: usize) -> Pseudonym {
        self.ceremony.name(place)
    }

    /// What an institution signs with.
    pub fn key(&self, place: usize) -> &SigningKey {
        self.ceremony.key(place)
    }

    /// Signed by an institution.
    pub fn says(&self, place: usize, action: Action) -> SignedTransaction {
        self.ceremony.says(place, action)
    }

    /// Signed by the coordinator.
    pub fn orders(&self, action: Action) -> SignedTransaction {
        self.ceremony.orders(action)
    }

    /// Signed by the authority.
    pub fn decrees(&self, action: Action) -> SignedTransaction {
        self.ceremony.decrees(action)
    }

    /// An institution's enrolment.
    pub fn enrolment(&self, place: usize) -> SignedTransaction {
        self.ceremony.enrolment(place)
    }

    /// What an institution enrols with.
    pub fn certificate(&self, place: usize) -> v1::Certificate {
        self.ceremony.institutions[place].certificate.clone()
    }

    /// Faults that an institution can still afford.
    pub fn credit(&self, place: usize) -> u32 {
        self.contract.roster().get(&self.name(place)).unwrap().credit
    }

    /// Signed by whatever key in whatever name, as it is read by whoever receives it.
    pub fn by(
        &self,
        key: &SigningKey,
        author: Option<Pseudonym>,
        action: Action,
    ) -> CandidateTransaction {
        read(sign(key, &self.chain_id(), author.as_ref(), action))
    }

    /// Signed by an institution, as it is read by whoever receives it.
    pub fn by_member(&self, place: usize, action: Action) -> CandidateTransaction {
        read(self.says(place, action))
    }

    /// Signed by the coordinator, as it is read by whoever receives it.
    pub fn by_coordinator(&self, action: Action) -> CandidateTransaction {
        read(self.orders(action))
    }

    /// Signed by the authority, as it is read by whoever receives it.
    pub fn by_authority(&self, action: Action) -> CandidateTransaction {
        read(self.decrees(action))
    }

    /// Applies a transaction that has no body.
    pub fn apply(&mut self, transaction: &CandidateTransaction) -> Receipt {
        self.log.push(Op::Apply(transaction.clone(), None));
        self.contract.apply(transaction, Body::None).unwrap()
    }

    /// Applies a transaction that has no body and is accepted.
    pub fn accept(&mut self, signed: SignedTransaction) {
        let receipt = self.apply(&read(signed));
        assert!(receipt.is_accepted(), "{receipt:?}");
    }

    /// Applies a transaction whose body has not arrived.
    pub fn apply_missing(&mut self, transaction: &CandidateTransaction) -> Receipt {
        self.log.push(Op::Missing(transaction.clone()));
        self.contract.apply(transaction, Body::Missing).unwrap()
    }

    /// Checks and applies a header and its body as a node would.
    pub fn apply_update(&mut self, transaction: &CandidateTransaction, body: &[u8]) -> Receipt {
        self.log.push(Op::Apply(transaction.clone(), Some(body.to_vec())));
        let batch = [(transaction, body)];
        let mut checked =
            check_updates(self.contract.parameters(), self.committee(), &batch, &mut OsRng);
        self.contract.apply(transaction, Body::Checked(checked.remove(0).into())).unwrap()
    }

    /// Ends a block with a hash of its own.
    pub fn end_block(&mut self) {
        self.ended += 1;
        let block = self.block_of(BlockHash(sha256(&self.ended.to_be_bytes())));
        self.log.push(Op::EndBlock(block));
        self.contract.end_block(block);
    }

    /// The block of this hash, with a tree of its own.
    pub fn block_of(&self, hash: BlockHash) -> SealedBlock {
        let checkpoint =
            Checkpoint { chain_id: self.chain_id(), size: 7, root: MerkleRoot(sha256(&hash.0)) };
        SealedBlock { hash, checkpoint, time_ms: 1_700_000_000_999 }
    }

    /// Applies everything that was done to another contract of the same genesis, which goes on from a snapshot of itself wherever
    /// it rests; the roots after each operation.
    pub fn again(&self) -> Vec<StateRoot> {
        let mut twin = self.ceremony.contract();
        // All bodies in one batch, far ahead of their turn.
        let with_body = |op| match op {
            &Op::Apply(ref transaction, Some(ref body)) => Some((transaction, body.as_slice())),
            _ => None,
        };
        let batch: Vec<(&CandidateTransaction, &[u8])> =
            self.log.iter().filter_map(with_body).collect();
        let mut checked = Vec::new();
        if !batch.is_empty() {
            checked = check_updates(twin.parameters(), self.committee(), &batch, &mut OsRng);
        }
        let mut checked = checked.into_iter();
        let mut roots = Vec::new();
        for op in &self.log {
            match op {
                Op::Apply(transaction, body) => {
                    let body = match body {
                        Some(_) => Body::Checked(checked.next().unwrap().into()),
                        None => Body::None,
                    };
                    twin.apply(transaction, body).unwrap();
                }
                Op::Missing(transaction) => {
                    twin.apply(transaction, Body::Missing).unwrap();
                }
                Op::EndBlock(block) => twin.end_block(*block),
            }
            if let Some(snapshot) = twin.snapshot() {
                let genesis = &self.ceremony.genesis_entry;
                twin = Contract::resume(genesis, snapshot, twin.state_root(), table()).unwrap();
            }
            roots.push(twin.state_root());
        }
        roots
    }

    /// Enrols an institution.
    pub fn enrol(&mut self, place: usize) -> Receipt {
        self.apply(&read(self.enrolment(place)))
    }

    /// Revokes an institution.
    pub fn revoke(&mut self, place: usize) -> Receipt {
        let pseudonym = self.name(place).to_vec();
        self.apply(&self.by_authority(Action::Revoke(v1::Revoke { pseudonym })))
    }

    /// Plays the ceremony that is due to its end.
    pub fn share_key(&mut self) {
        play(self, |run| run, Self::accept);
    }

    /// Plays the ceremony that is due until the contract is where it should be, all at one time. The shares stay with
    /// those who play.
    pub fn play_until(&mut self, time_ms: u64, reached: impl Fn(&Contract) -> bool) {
        let names: Vec<Pseudonym> =
            (0..self.institutions()).map(|place| self.name(place)).collect();
        let mut rehearsal = self.rehearsal.take().unwrap_or_else(|| Rehearsal::new(names));
        while !reached(&self.contract) {
            let Self { ceremony, contract, rng, .. } = self;
            let keys: Vec<_> = ceremony.institutions.iter().map(|files| &files.signing).collect();
            let coordinator = &ceremony.coordinator.signing;
            let next = rehearsal.next(contract, coordinator, &keys, time_ms, rng).unwrap();
            self.accept(next.expect("the ceremony comes to an end"));
        }
        self.rehearsal = Some(rehearsal);
    }
}

/// Plays the ceremony that is due in a run that `holder` has; `take` has the contract take each transaction.
pub(crate) fn play<T>(
    holder: &mut T,
    run_of: fn(&mut T) -> &mut Run,
    mut take: impl FnMut(&mut T, SignedTransaction),
) {
    let run = run_of(holder);
    let mut rng = run.rng.clone();
    let mut rehearsal = Rehearsal::new((0..run.institutions()).map(|place| run.name(place)));
    if let Some(committee) = run.contract.committee() {
        let number = committee.number;
        rehearsal = rehearsal.holding(number, run.shares.iter_mut().map(Option::take).collect());
    }
    loop {
        let Run { ceremony, contract, time_ms, .. } = run_of(holder);
        let keys: Vec<_> = ceremony.institutions.iter().map(|files| &files.signing).collect();
        let coordinator = &ceremony.coordinator.signing;
        let next = rehearsal.next(contract, coordinator, &keys, *time_ms, &mut rng).unwrap();
        let Some(signed) = next else { break };
        take(holder, signed);
    }
    let run = run_of(holder);
    run.rng = rng;
    run.shares = rehearsal.into_shares();
}

/// A transaction as it is read by whoever receives it.
pub(crate) fn read(signed: SignedTransaction) -> CandidateTransaction {
    CandidateTransaction::parse(signed).unwrap()
}

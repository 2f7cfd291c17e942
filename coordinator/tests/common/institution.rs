//! One institution, made by hand out of `crypto` and `contract`.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use consilium_contract::{
    CandidateTransaction, Committee, Keygen, SealedBlock,
    keygen::member::{Member, Oath, Secrets},
    transaction::sign,
};
use consilium_crypto::{
    CandidateHeader, Context, Evaluation, KeyShare, PublicKey, QuantisedUpdate, RoundContext,
    VerifiedHeader, update::encrypt, verify_key_proofs,
};
use consilium_hash::{BlockHash, ChainId, MerkleRoot, Pseudonym};
use consilium_identity::InstitutionFiles;
use consilium_ledger::Checkpoint;
use consilium_proto::v1::{
    Aggregate, Enrol, SignedTransaction, SubmitShare, SubmitUpdate, transaction::Action,
};
use rand_core::OsRng;

use super::{DIMENSION, Update};

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

    pub fn pseudonym(&self) -> Pseudonym {
        self.files().identity.pseudonym
    }

    /// What it has to say in a ceremony, if anything.
    pub fn contribution(&self, keygen: &Keygen) -> Option<SignedTransaction> {
        let mut guard = self.holdings.lock().unwrap();
        let Holdings { member, share, .. } = &mut *guard;
        let fresh = member.take().filter(|member| member.is_of(keygen));
        let member = member.insert(fresh.unwrap_or_else(|| {
            Member::new(
                self.pseudonym(),
                Secrets::generate(keygen.number(), keygen.attempt(), &mut OsRng),
            )
        }));
        let mut next = None;
        let old = share.as_ref().map(|(_, share)| share);
        let said = member.next(keygen, old, true, &mut OsRng, |oath| {
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

    /// What its updates prove.
    fn bound(&self) -> consilium_crypto::Bound {
        let files = self.files();
        files.parameters.own_bound(files.identity.rows)
    }

    /// The quantised update of this institution in every test.
    pub fn values(&self) -> Vec<i64> {
        (0..DIMENSION as i64).map(|j| 10 * (self.place as i64) + j - 17).collect()
    }

    pub fn update(&self, round: &RoundContext) -> Update {
        self.encrypted(round, QuantisedUpdate::new(self.values(), self.bound()).unwrap())
    }

    /// An update outside of the bounds, with proofs that come out false.
    pub fn unprovable(&self, round: &RoundContext) -> Update {
        self.encrypted(round, QuantisedUpdate::unchecked(vec![5_000; DIMENSION], self.bound()))
    }

    fn encrypted(&self, round: &RoundContext, values: QuantisedUpdate) -> Update {
        let context =
            Context { round: round.clone(), pseudonym: self.pseudonym(), bound: self.bound() };
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
        let sealed_block: BlockHash = aggregate.sealed_block.as_slice().try_into().unwrap();
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
pub fn no_block(hash: BlockHash) -> SealedBlock {
    SealedBlock {
        hash,
        checkpoint: Checkpoint { chain_id: ChainId([0; 32]), size: 0, root: MerkleRoot([0; 32]) },
        time_ms: 0,
    }
}

//! What a trustee does, in the only order in which it can be done (design, section 3).
//!
//! ```text
//! SealedSum ── judge ──► Judged ── countersign ──► Countersigned ── quorum ──► Quorum ── share ──► SubmitShare
//!              every        memory on disk,           q distinct trustees'
//!              key proof    then the signature        verified signatures
//! ```
//!
//! Each arrow is the only way to the type on its right, and nothing before the last one touches the key share: there is
//! no way to write a program that helps to open a sum whose key proofs it has not verified, that it has not remembered,
//! or that fewer than q trustees answer for. Nothing here depends on the number of parameters of the model.

use std::{collections::BTreeSet, sync::Arc};

use consilium_contract::{Committee, Parameters, SealedBlock, transaction::sign};
use consilium_crypto::{
    AggregateError, CandidateHeader, Hash, KeyShare, RoundContext, UpdateError, VerifiedEvaluation,
    VerifiedHeader, signature::SigningKey, verify_key_proofs_with_rng,
};
use consilium_proto::v1::{SignedTransaction, SubmitShare, transaction::Action};
use rand_core::CryptoRngCore;
use thiserror::Error;

use crate::{
    ClientError,
    error::short,
    follow::SealedSum,
    memory::Memory,
    statements::{Countersignature, Submission},
};

/// Why a sealed sum must not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TrusteeError {
    /// The sum says that it is of another step, attempt, model or key.
    #[error("it is the sum of another round than the open one")]
    WrongRound,
    /// An input was not submitted to this round by an enrolled institution.
    #[error(
        "its input {position} is no update that an enrolled, unrevoked institution has signed and submitted to this round"
    )]
    UnknownInput {
        /// Place in the sum, from 0.
        position: usize,
    },
    /// One institution twice.
    #[error("institution {} is in it twice", short(.0))]
    Duplicate(Hash),
    /// Too few to hide among.
    #[error("it holds {found} updates; {expected} are needed to hide one among")]
    TooFewUpdates {
        /// How many it holds.
        found: usize,
        /// min_updates of the genesis.
        expected: u32,
    },
    /// A header that is not an encryption.
    #[error(
        "the header of institution {} is not proven to be an encryption: {reason}",
        short(pseudonym)
    )]
    BadHeader {
        /// Whose.
        pseudonym: Hash,
        /// What fails.
        reason: UpdateError,
    },
    /// This institution's accepted update has been left out.
    #[error("this institution's own update {} was accepted and is not in it", short(.0))]
    OwnUpdateMissing(Hash),
    /// The ciphertexts are not the sum, or not certified.
    #[error(transparent)]
    WrongSum(#[from] AggregateError),
}

/// A sealed sum that this trustee has judged itself: it may be countersigned.
#[derive(Debug, Clone)]
pub struct Judged(Arc<Judgement>);

#[derive(Debug)]
struct Judgement {
    evaluation: VerifiedEvaluation,
    headers: Vec<VerifiedHeader>,
    block: SealedBlock,
    committee: Arc<Committee>,
}

impl Judged {
    /// The sum.
    pub fn evaluation(&self) -> &VerifiedEvaluation {
        &self.0.evaluation
    }

    /// The headers in it, in its order.
    pub fn headers(&self) -> &[VerifiedHeader] {
        &self.0.headers
    }

    /// The round it sums.
    pub fn round(&self) -> &RoundContext {
        self.0.evaluation.round()
    }

    /// Hash of the sealed block.
    pub fn block(&self) -> &Hash {
        &self.0.block.hash
    }

    /// Who answers for it and opens it.
    pub fn committee(&self) -> &Committee {
        &self.0.committee
    }
}

/// Judges a sealed sum. `own` is the header hash of this institution's update if its receipt said that it was accepted.
///
/// What the types have checked before: the block is signed, on this institution's own chain, and its entries are its
/// own; every submission carries a certificate of the authority and its author's signature, names this round and its
/// author, who was not revoked when it was recorded. Checked here, in this order: the round of the sum; that each of its
/// inputs is such a submission; that no institution is in it twice; that there are enough of them; every key proof;
/// that the own update is among them; the sum, by adding it up, and its certificate.
///
/// # Errors
/// [`TrusteeError`]: the first that does not hold.
pub fn judge(
    sealed: &SealedSum,
    own: Option<&Hash>,
    parameters: &Parameters,
    rng: &mut impl CryptoRngCore,
) -> Result<Judged, TrusteeError> {
    let SealedSum { round, committee, submissions, evaluation, block, .. } = sealed;
    if evaluation.round() != round {
        return Err(TrusteeError::WrongRound);
    }
    let inputs: Vec<&Submission> = evaluation
        .inputs()
        .iter()
        .enumerate()
        .map(|(position, hash)| {
            submissions.get(hash).ok_or(TrusteeError::UnknownInput { position })
        })
        .collect::<Result<_, _>>()?;
    let mut names = BTreeSet::new();
    if let Some(twice) = inputs.iter().find(|input| !names.insert(*input.pseudonym())) {
        return Err(TrusteeError::Duplicate(*twice.pseudonym()));
    }
    if inputs.len() < parameters.min_updates as usize {
        return Err(TrusteeError::TooFewUpdates {
            found: inputs.len(),
            expected: parameters.min_updates,
        });
    }
    let bad = |input: &Submission, reason| TrusteeError::BadHeader {
        pseudonym: *input.pseudonym(),
        reason,
    };
    let candidates = inputs
        .iter()
        .map(|input| CandidateHeader::decode(input.header()).map_err(|error| bad(input, error)))
        .collect::<Result<Vec<_>, _>>()?;
    let headers = verify_key_proofs_with_rng(&committee.public_key, candidates, rng)
        .into_iter()
        .zip(&inputs)
        .map(|(verdict, input)| verdict.map_err(|error| bad(input, error)))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(own) = own
        && !evaluation.inputs().contains(own)
    {
        return Err(TrusteeError::OwnUpdateMissing(*own));
    }
    let references: Vec<&VerifiedHeader> = headers.iter().collect();
    let evaluation = evaluation.verify(&committee.public_key, round, &references)?;
    Ok(Judged(Arc::new(Judgement {
        evaluation,
        headers,
        block: *block,
        committee: Arc::clone(committee),
    })))
}

impl Judged {
    /// Remembers the block as the one of its step, on disk, and then countersigns it.
    ///
    /// # Errors
    /// [`ClientError::Memory`] where another block of this step is remembered; nothing is signed then.
    pub fn countersign(
        &self,
        memory: &mut Memory,
        key: &SigningKey,
        pseudonym: &Hash,
    ) -> Result<Countersigned, ClientError> {
        let RoundContext { chain_id, step, .. } = self.round();
        // A refusal leaves no file of evidence. Two blocks of a step are never on one chain: a follower stops, with evidence,
        // where a step that is sealed is opened again. So the remembered block is on a history that this institution no
        // longer has, and the memory holds its hash alone, which nobody has signed; a head of the others shows the rest.
        memory.remember(self.committee().number, *step, self.block())?;
        let action = Action::Countersign(self.0.block.countersign(*step, key));
        Ok(Countersigned {
            judged: self.clone(),
            transaction: sign(key, chain_id, Some(pseudonym), action),
        })
    }
}

/// A judged sum that this trustee answers for, on disk and in writing.
#[derive(Debug)]
pub struct Countersigned {
    judged: Judged,
    transaction: SignedTransaction,
}

impl Countersigned {
    /// The countersignature, to be sent until it is on the chain.
    pub fn transaction(&self) -> &SignedTransaction {
        &self.transaction
    }

    /// The sum.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// A quorum, if q distinct trustees have countersigned this same block for this step.
    pub fn quorum<'a>(
        &self,
        countersignatures: impl IntoIterator<Item = &'a Countersignature>,
    ) -> Option<Quorum> {
        let step = self.judged.round().step;
        let block = self.judged.block();
        let trustees: BTreeSet<u32> = countersignatures
            .into_iter()
            .filter(|answer| answer.step() == step && answer.block() == block)
            .map(Countersignature::trustee)
            .collect();
        (trustees.len() >= self.judged.committee().quorum() as usize)
            .then(|| Quorum { judged: self.judged.clone() })
    }
}

/// A judged, remembered sum that q trustees answer for: this trustee may help to open it.
#[derive(Debug)]
pub struct Quorum {
    judged: Judged,
}

impl Quorum {
    /// The sum.
    pub fn judged(&self) -> &Judged {
        &self.judged
    }

    /// This trustee's decryption share, signed.
    pub fn share(&self, share: &KeyShare, key: &SigningKey, name: &Hash) -> SignedTransaction {
        let RoundContext { chain_id, step, .. } = self.judged.round();
        let block = self.judged.block();
        let public_key = &self.judged.committee().public_key;
        let share = share.decryption_share(public_key, self.judged.evaluation(), block).encode();
        let action = Action::SubmitShare(SubmitShare {
            step: *step,
            sealed_block: block.to_vec(),
            share: share.to_vec(),
        });
        sign(key, chain_id, Some(name), action)
    }
}

#[cfg(test)]
mod tests {
    use consilium_contract::{CandidateTransaction, Roster};
    use consilium_crypto::{DecodeError, EncryptedUpdate};
    use consilium_ledger::sha256;
    use rand_core::OsRng;

    use super::*;
    use crate::{
        fixture::{World, splice},
        memory::MemoryError,
        statements::StatementError,
    };

    /// A world in which `everyone` has submitted and the sum that `evaluation` makes of their headers is sealed.
    fn sealed(evaluation: impl FnOnce(&World, &[Vec<u8>]) -> Vec<u8>) -> (World, Vec<Vec<u8>>) {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2, 3]);
        let evaluation = evaluation(&world, &headers);
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        (world, headers)
    }

    fn verdict(world: &World, own: Option<&Hash>) -> Result<Judged, TrusteeError> {
        judge(&world.sealed_sum(), own, &world.ceremony.parameters, &mut OsRng)
    }

    fn answers(world: &World, transactions: &[SignedTransaction]) -> Vec<Countersignature> {
        let (follower, _) = world.follow();
        let verify = |signed: &SignedTransaction| {
            let candidate = CandidateTransaction::parse(signed.clone()).unwrap();
            Countersignature::verify(
                &candidate,
                follower.roster(),
                world.committee(),
                &world.chain_id(),
            )
            .unwrap()
        };
        transactions.iter().map(verify).collect()
    }

    fn countersign(
        world: &World,
        directory: &std::path::Path,
    ) -> Result<Countersigned, ClientError> {
        let judged = verdict(world, None).unwrap();
        let mut memory = Memory::open(directory, world.chain_id()).unwrap();
        judged.countersign(&mut memory, &world.ceremony.institutions[0].signing, &world.name(0))
    }

    #[test]
    fn an_honest_sum_is_judged_countersigned_and_shared_and_the_contract_takes_both() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        let headers = world.seal();
        let judged = verdict(&world, Some(&sha256(&headers[0]))).unwrap();
        assert_eq!(judged.block(), &world.sealed_hash());
        let mut memory = Memory::open(dir.path(), world.chain_id()).unwrap();
        let files = &world.ceremony.institutions[0];
        let countersigned =
            judged.countersign(&mut memory, &files.signing, &world.name(0)).unwrap();
        assert_eq!(memory.countersigned(0), Some(judged.block()));
        let block = world.sealed_hash();
        let others: Vec<_> = [1, 2].iter().map(|&i| world.countersignature(i, 0, &block)).collect();
        let all = [vec![countersigned.transaction().clone()], others].concat();
        let answers = answers(&world, &all);
        let quorum = countersigned.quorum(&answers).unwrap();
        world.commit(all);
        let share =
            quorum.share(&world.shares[0], &world.ceremony.institutions[0].signing, &world.name(0));
        // `commit` asserts that the contract accepts.
        world.commit(vec![share]);
    }

    #[test]
    fn the_sum_of_another_round_is_refused() {
        let (world, _) = sealed(|world, _| {
            let round = RoundContext { attempt: 1, ..world.round() };
            let headers: Vec<_> = (0..3).map(|i| world.update(i, &round, 1).header).collect();
            world.evaluation(&round, &headers)
        });
        assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::WrongRound);
    }

    #[test]
    fn an_input_that_nobody_submitted_to_this_round_is_refused() {
        let (world, _) = sealed(|world, headers| {
            let unseen = world.update(2, &world.round(), 1).header;
            world.evaluation(&world.round(), &[headers[0].clone(), headers[1].clone(), unseen])
        });
        assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::UnknownInput { position: 2 });
    }

    #[test]
    fn an_institution_that_is_in_the_sum_twice_is_named() {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let second = world.update(0, &world.round(), 9).header;
        let again = world.submission(0, &second);
        world.forge(vec![again]);
        let evaluation = splice(
            &world.evaluation(&world.round(), &headers),
            &sha256(&headers[1]),
            &sha256(&second),
        );
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        assert_eq!(verdict(&world, None).unwrap_err(), TrusteeError::Duplicate(world.name(0)));
    }

    #[test]
    fn a_sum_of_fewer_than_min_updates_is_refused() {
        let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..2]));
        assert_eq!(
            verdict(&world, None).unwrap_err(),
            TrusteeError::TooFewUpdates { found: 2, expected: 3 }
        );
        let (world, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
        assert_eq!(verdict(&world, None).unwrap().evaluation().summands(), 3);
    }

    #[test]
    fn a_header_whose_key_proof_fails_is_refused_whoever_certified_the_sum() {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let bad = {
            let EncryptedUpdate { mut header, .. } = world.update(3, &world.round(), 1);
            // h_E, under the proof: the header still decodes.
            let at = header.len() - 31 * 32 - 40 - 64;
            header[at] ^= 1;
            header
        };
        let submission = world.submission(3, &bad);
        world.forge(vec![submission]);
        let evaluation = splice(
            &world.evaluation(&world.round(), &headers),
            &sha256(&headers[1]),
            &sha256(&bad),
        );
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        let expected =
            TrusteeError::BadHeader { pseudonym: world.name(3), reason: UpdateError::BadKeyProof };
        assert_eq!(verdict(&world, None).unwrap_err(), expected);
    }

    #[test]
    fn a_header_that_does_not_decode_is_refused() {
        let mut world = World::new();
        world.open();
        let headers = world.submit(&[0, 1, 2]);
        let bad = {
            let EncryptedUpdate { mut header, .. } = world.update(3, &world.round(), 1);
            header.last_chunk_mut::<32>().unwrap().fill(0xff);
            header
        };
        let submission = world.submission(3, &bad);
        world.forge(vec![submission]);
        let evaluation = splice(
            &world.evaluation(&world.round(), &headers),
            &sha256(&headers[1]),
            &sha256(&bad),
        );
        let close = world.close_collection(evaluation);
        world.forge(vec![close]);
        let Err(TrusteeError::BadHeader { pseudonym, reason }) = verdict(&world, None) else {
            panic!("accepted")
        };
        assert_eq!(pseudonym, world.name(3));
        assert!(
            matches!(reason, UpdateError::MalformedEncoding(DecodeError::Scalar { .. })),
            "{reason}"
        );
    }

    #[test]
    fn a_sum_without_the_own_accepted_update_is_refused_by_its_author_alone() {
        let (world, headers) =
            sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
        let own = sha256(&headers[3]);
        assert_eq!(verdict(&world, Some(&own)).unwrap_err(), TrusteeError::OwnUpdateMissing(own));
        assert!(verdict(&world, Some(&sha256(&headers[0]))).is_ok());
    }

    #[test]
    fn a_sum_that_does_not_add_up_or_is_not_certified_is_refused() {
        let (world, _) = sealed(|world, headers| {
            let certified = world.evaluation(&world.round(), &headers[..3]);
            splice(&certified, &sha256(&headers[2]), &sha256(&headers[3]))
        });
        assert!(matches!(verdict(&world, None), Err(TrusteeError::WrongSum(_))));
        let (world, _) = sealed(|world, headers| {
            let mut certified = world.evaluation(&world.round(), headers);
            *certified.last_mut().unwrap() ^= 1;
            certified
        });
        assert_eq!(
            verdict(&world, None).unwrap_err(),
            TrusteeError::WrongSum(AggregateError::BadCertificate)
        );
    }

    #[test]
    fn a_second_sum_of_one_step_is_never_countersigned_whatever_restarts_lie_between() {
        let dir = tempfile::tempdir().unwrap();
        let (first, _) = sealed(|world, headers| world.evaluation(&world.round(), headers));
        let (second, _) = sealed(|world, headers| world.evaluation(&world.round(), &headers[..3]));
        let remembered = *countersign(&first, dir.path()).unwrap().judged().block();
        // Each call opens the memory anew, as a restart does.
        for _ in 0..2 {
            let refused = countersign(&second, dir.path()).unwrap_err();
            let ClientError::Memory(MemoryError::OtherBlock { step: 0, remembered: block, .. }) =
                refused
            else {
                panic!("{refused}")
            };
            assert_eq!(block, remembered);
        }
        assert!(countersign(&first, dir.path()).is_ok());
    }

    #[test]
    fn a_step_that_was_forgone_is_not_countersigned() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.seal();
        Memory::open(dir.path(), world.chain_id()).unwrap().forgo(0).unwrap();
        let refused = countersign(&world, dir.path()).unwrap_err();
        assert!(
            matches!(refused, ClientError::Memory(MemoryError::Forgone { step: 0 })),
            "{refused}"
        );
    }

    #[test]
    fn a_quorum_is_q_distinct_trustees_on_the_same_block_of_the_same_step() {
        let dir = tempfile::tempdir().unwrap();
        let mut world = World::new();
        world.seal();
        let block = world.sealed_hash();
        let countersigned = countersign(&world, dir.path()).unwrap();
        assert_eq!(countersigned.judged().committee().quorum(), 3);
        let quorum = |says: &[(usize, u64, Hash)]| {
            let signed: Vec<_> = says
                .iter()
                .map(|(i, step, block)| world.countersignature(*i, *step, block))
                .collect();
            countersigned.quorum(&answers(&world, &signed)).is_some()
        };
        let same = |i| (i, 0, block);
        assert!(quorum(&[same(0), same(1), same(2)]));
        assert!(quorum(&[same(3), same(1), same(2)]));
        assert!(!quorum(&[same(0), same(1)]));
        assert!(!quorum(&[same(0), same(1), same(1), same(0)]));
        assert!(!quorum(&[same(0), same(1), (2, 0, [9; 32])]));
        assert!(!quorum(&[same(0), same(1), (2, 1, block)]));
    }

    #[test]
    fn a_countersignature_that_the_certified_key_did_not_sign_is_none() {
        let mut world = World::new();
        world.seal();
        let (follower, _) = world.follow();
        let verify = |roster: &Roster, signed: SignedTransaction| {
            let candidate = CandidateTransaction::parse(signed).unwrap();
            Countersignature::verify(&candidate, roster, world.committee(), &world.chain_id())
        };
        let honest = world.countersignature(1, 0, &world.sealed_hash());
        assert!(verify(follower.roster(), honest.clone()).is_ok());
        let mut forged = honest.clone();
        forged.signature[9] ^= 1;
        assert_eq!(
            verify(follower.roster(), forged),
            Err(StatementError::BadSignature(world.name(1)))
        );
        assert_eq!(verify(&Roster::default(), honest), Err(StatementError::UnknownInstitution));
    }
}

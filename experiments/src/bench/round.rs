//! A round on disk: made by one process, so that the memory of those who work on it is their own.
//!
//! Updates are made one by one and written at once. The keys in the folder protect nothing: they live as long as the
//! bench, and the updates in the round are made up.

use std::fs;
use std::path::{Path, PathBuf};

use consilium_contract::parameters::largest_threshold;
use consilium_crypto::lattice::LatticeKeySum;
use consilium_crypto::mask::{
    self, CandidateHeader, CandidateKey, Kind, MaskKeySum, MaskedSum, Parameters, UnprovenUpdate,
    VerifiedHeader, combine, verify_key_proofs,
};
use consilium_crypto::{
    Bound, Context, DealingCommitments, DiscreteLogTable, EncryptedUpdate, Evaluation,
    EvaluationKey, KeyShare, MaskKeySum as GroupKeySum, PublicKey, QuantisedUpdate, RoundContext,
    SIGNATURE_LEN, Signature, SigningKey, VerifyingKey, countersign_quorum, verify_share,
};
use consilium_hash::{BlockHash, ChainId, ModelHash, Pseudonym};
use rand_core::OsRng;
use zeroize::Zeroizing;

use super::key::Key;
use super::scheme::Scheme;
use crate::ExperimentError;

/// The sealed block that is countersigned and opened.
pub(crate) const BLOCK: BlockHash = BlockHash([9; 32]);
/// What an institution signs: an update's header, and the sealed block.
pub(crate) const HEADER_LABEL: &str = "bench header";
pub(crate) const BLOCK_LABEL: &str = "bench block";

/// The round that updates of d parameters under a key are made for.
pub(crate) fn context(key: &PublicKey, bound: Bound, dimension: u32) -> RoundContext {
    let chain_id = ChainId([1; 32]);
    let model_hash = ModelHash([2; 32]);
    let key_hash = key.hash();
    RoundContext {
        protocol_version: 1,
        chain_id,
        step: 1,
        attempt: 0,
        model_hash,
        bound,
        dimension,
        key_hash,
    }
}

/// A made-up update of institution `who`, within its bound at every size of the table: a million numbers of at most 6 are
/// about 3,800 long.
fn values(round: &RoundContext, who: u32) -> Vec<i64> {
    let most = if matches!(round.bound, Bound::Norm { .. }) { 6 } else { 127 };
    let value = |j| (j * 31 + i64::from(who)) % (2 * most + 1) - most;
    (0..i64::from(round.dimension)).map(value).collect()
}

/// The lengths of a round of n updates, and its mask.
///
/// # Errors
/// [`ExperimentError::Bench`] for numbers that fit no mask.
pub(crate) fn parameters(
    (bound, kind): (Bound, Kind),
    dimension: u32,
    institutions: u32,
) -> Result<Parameters, ExperimentError> {
    Parameters::new(kind, dimension, bound, institutions)
        .map_err(ExperimentError::bench("the round's numbers"))
}

/// Encrypts the update of institution `who`.
pub(crate) fn encrypt(
    parameters: &Parameters,
    key: &PublicKey,
    round: &RoundContext,
    who: u32,
) -> Result<UnprovenUpdate, ExperimentError> {
    let update = QuantisedUpdate::new(values(round, who), round.bound)?;
    let mut pseudonym = [0; 32];
    pseudonym.iter_mut().zip(who.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    let context =
        Context { round: round.clone(), pseudonym: Pseudonym(pseudonym), bound: round.bound };
    mask::encrypt(parameters, key, &context, &update).map_err(ExperimentError::bench("encrypting"))
}

/// Makes a round of `institutions` updates in the new folder `folder`, up to the shares that open it.
///
/// # Errors
/// [`ExperimentError::File`], or [`ExperimentError::Bench`] for what the cryptography refuses.
pub(crate) fn make(
    scheme: Scheme,
    dimension: u32,
    institutions: u32,
    folder: &Path,
) -> Result<(), ExperimentError> {
    let protection = scheme
        .protection()
        .ok_or_else(|| ExperimentError::bench(scheme.name())("a baseline has no such round"))?;
    let parameters = parameters(protection, dimension, institutions)?;
    fs::create_dir_all(folder).map_err(ExperimentError::file(folder))?;
    let round = Round { folder: folder.to_owned() };
    let evaluation_key = EvaluationKey::generate(&mut OsRng);
    let threshold = largest_threshold(institutions);
    let Key { public: key, commitments, shares } =
        Key::generate(institutions, threshold, &evaluation_key)?;
    let (bound, _) = protection;
    let context = context(&key, bound, dimension);

    let mut keys = Vec::new();
    for who in 1..=institutions {
        let proven = encrypt(&parameters, &key, &context, who)?.prove();
        let EncryptedUpdate { header, body } = proven.map_err(ExperimentError::bench("proving"))?;
        let author = SigningKey::generate(&mut OsRng);
        let signatures =
            [author.sign(HEADER_LABEL, &[&header]), author.sign(BLOCK_LABEL, &[&BLOCK.0])];
        let signatures: Vec<u8> = signatures.iter().flat_map(Signature::encode).collect();
        round.write(
            &format!("author-{who}"),
            &[&author.verifying_key().encode(), signatures.as_slice()].concat(),
        )?;
        round.write(&format!("header-{who}"), &header)?;
        round.write(&format!("body-{who}"), &body)?;
        keys.push(candidate_key(&header, &body, &parameters)?);
    }
    let headers = verify_key_proofs(&key, keys, &mut OsRng).into_iter();
    let headers = headers
        .collect::<Result<Vec<VerifiedHeader>, _>>()
        .map_err(ExperimentError::bench("a key proof"))?;
    let headers: Vec<&VerifiedHeader> = headers.iter().collect();
    let failed = || ExperimentError::bench("the sum of the keys");
    let evaluation = evaluation_key.evaluate(&context, &headers).map_err(failed())?;
    let evaluation = evaluation.verify(&key, &context, &headers).map_err(failed())?;
    let answers: Vec<_> =
        shares.iter().map(|share| share.decryption_share(&key, &evaluation, &BLOCK)).collect();
    let answers = answers.get(..threshold as usize).unwrap_or_default();
    let verified =
        answers.iter().map(|share| verify_share(share, &key, &commitments, &evaluation, &BLOCK));
    let verified =
        verified.collect::<Result<Vec<_>, _>>().map_err(ExperimentError::bench("a share"))?;
    let table = DiscreteLogTable::shared();
    let mask_key = combine(&parameters, &evaluation, &verified, &commitments, &table);
    let mask_key = mask_key.map_err(ExperimentError::bench("combining"))?;
    let mut sum = MaskedSum::new(&parameters, &context);
    for (who, header) in (1..).zip(headers) {
        sum.add_masked(&round.masked_bytes(who, &parameters)?, header)
            .map_err(ExperimentError::bench("adding"))?;
    }
    // Under a lattice mask what is left of the noise is part of the sums.
    let sums = sum.open(&mask_key, &table).map_err(ExperimentError::bench("reading off"))?;

    round.write("key", &key.encode())?;
    round.write("evaluation-key", &*evaluation_key.to_bytes())?;
    round.write("commitments", &commitments.encode())?;
    round.write("context", &context.encode())?;
    round.write("evaluation", &evaluation.encode())?;
    round.write("mask-key", &mask_key.encode())?;
    round.write("sums", &sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<u8>>())?;
    for (number, share) in (1..).zip(answers) {
        round.write(&format!("answer-{number}"), &share.encode())?;
    }
    match shares.first() {
        Some(share) => round.write("share", &share.to_bytes()),
        None => Ok(()),
    }
}

/// What a trustee reads of an update.
pub(crate) fn candidate_key(
    header: &[u8],
    body: &[u8],
    parameters: &Parameters,
) -> Result<CandidateKey, ExperimentError> {
    let header = CandidateHeader::decode(header).map_err(ExperimentError::bench("a header"))?;
    let key_part = body.get(parameters.key_part()).unwrap_or_default();
    CandidateKey::parse(header, key_part, parameters).map_err(ExperimentError::bench("a key part"))
}

/// A round that [`make`] has made.
pub(crate) struct Round {
    folder: PathBuf,
}

/// The public numbers and keys of a round.
pub(crate) struct Public {
    pub(crate) key: PublicKey,
    pub(crate) commitments: DealingCommitments,
    pub(crate) context: RoundContext,
    pub(crate) parameters: Parameters,
}

/// An institution's key and what it has signed.
pub(crate) struct Author {
    key: VerifyingKey,
    header: Signature,
    block: Signature,
}

impl Author {
    /// Whether it signed this header.
    pub(crate) fn has_signed(&self, header: &[u8]) -> Result<(), ExperimentError> {
        self.key
            .verify(HEADER_LABEL, &[header], &self.header)
            .map_err(ExperimentError::bench("a signature"))
    }

    /// Whether it countersigned the sealed block.
    pub(crate) fn has_countersigned(&self) -> Result<(), ExperimentError> {
        self.key
            .verify(BLOCK_LABEL, &[&BLOCK.0], &self.block)
            .map_err(ExperimentError::bench("a countersignature"))
    }
}

impl Round {
    /// The round in a folder.
    pub(crate) fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ExperimentError> {
        let path = self.folder.join(name);
        fs::write(&path, bytes).map_err(ExperimentError::file(&path))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ExperimentError> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(ExperimentError::file(&path))
    }

    /// The round's keys, and its numbers under the mask that it was made with.
    pub(crate) fn public(
        &self,
        protection: (Bound, Kind),
        institutions: u32,
    ) -> Result<Public, ExperimentError> {
        let failed = || ExperimentError::bench("the round's keys");
        let key = PublicKey::decode(&self.read("key")?).map_err(failed())?;
        let context = RoundContext::decode(&self.read("context")?).map_err(failed())?;
        let parameters = parameters(protection, context.dimension, institutions)?;
        let commitments = DealingCommitments::decode(&self.read("commitments")?);
        Ok(Public {
            key,
            commitments: commitments.map_err(ExperimentError::bench("the dealing"))?,
            context,
            parameters,
        })
    }

    pub(crate) fn header(&self, who: u32) -> Result<Vec<u8>, ExperimentError> {
        self.read(&format!("header-{who}"))
    }

    pub(crate) fn body(&self, who: u32) -> Result<Vec<u8>, ExperimentError> {
        self.read(&format!("body-{who}"))
    }

    /// The masked parameters of an update.
    pub(crate) fn masked_bytes(
        &self,
        who: u32,
        parameters: &Parameters,
    ) -> Result<Vec<u8>, ExperimentError> {
        let mut body = self.body(who)?;
        body.truncate(parameters.masked().end);
        Ok(body.split_off(parameters.masked().start))
    }

    /// What a trustee is sent of an update: its header, and the part of its body with the encrypted key.
    pub(crate) fn key_bytes(
        &self,
        who: u32,
        parameters: &Parameters,
    ) -> Result<(Vec<u8>, Vec<u8>), ExperimentError> {
        let mut body = self.body(who)?;
        body.truncate(parameters.key_part().end);
        Ok((self.header(who)?, body))
    }

    /// The headers of all updates with their keys, verified.
    pub(crate) fn verified_headers(
        &self,
        institutions: u32,
        public: &Public,
    ) -> Result<Vec<VerifiedHeader>, ExperimentError> {
        let candidate = |who| {
            let (header, key_part) = self.key_bytes(who, &public.parameters)?;
            candidate_key(&header, &key_part, &public.parameters)
        };
        let keys = (1..=institutions).map(candidate).collect::<Result<Vec<_>, _>>()?;
        let verified = verify_key_proofs(&public.key, keys, &mut OsRng).into_iter();
        verified.collect::<Result<_, _>>().map_err(ExperimentError::bench("a key proof"))
    }

    pub(crate) fn author(&self, who: u32) -> Result<Author, ExperimentError> {
        let failed = || ExperimentError::bench("an author");
        let bytes = self.read(&format!("author-{who}"))?;
        let part = |from: usize, length: usize| bytes.get(from..from + length).unwrap_or_default();
        Ok(Author {
            key: VerifyingKey::decode(part(0, 32)).map_err(failed())?,
            header: Signature::decode(part(32, SIGNATURE_LEN)).map_err(failed())?,
            block: Signature::decode(part(32 + SIGNATURE_LEN, SIGNATURE_LEN)).map_err(failed())?,
        })
    }

    /// The certified sum of the keys, as its bytes.
    pub(crate) fn evaluation(&self) -> Result<Vec<u8>, ExperimentError> {
        self.read("evaluation")
    }

    pub(crate) fn evaluation_key(&self) -> Result<EvaluationKey, ExperimentError> {
        let bytes = Zeroizing::new(self.read("evaluation-key")?);
        let bytes = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(ExperimentError::bench("the evaluation key"))?;
        Ok(EvaluationKey::from_bytes(&Zeroizing::new(bytes)))
    }

    /// The key share of trustee 1.
    pub(crate) fn share(&self) -> Result<KeyShare, ExperimentError> {
        KeyShare::from_bytes(&self.read("share")?).map_err(ExperimentError::bench("a key share"))
    }

    /// The t decryption shares, as their bytes.
    pub(crate) fn answers(&self, threshold: u32) -> Result<Vec<Vec<u8>>, ExperimentError> {
        (1..=threshold).map(|number| self.read(&format!("answer-{number}"))).collect()
    }

    pub(crate) fn mask_key(
        &self,
        parameters: &Parameters,
        institutions: u32,
    ) -> Result<MaskKeySum, ExperimentError> {
        let bytes = self.read("mask-key")?;
        match parameters {
            Parameters::Group(_) => GroupKeySum::decode(&bytes).map(MaskKeySum::Group),
            Parameters::Lattice(_) => {
                LatticeKeySum::decode(&bytes, institutions).map(MaskKeySum::Lattice)
            }
        }
        .map_err(ExperimentError::bench("the sum of the mask keys"))
    }

    /// The sums, as they have to come out.
    pub(crate) fn sums(&self) -> Result<Vec<i64>, ExperimentError> {
        Ok(self
            .read("sums")?
            .as_chunks()
            .0
            .iter()
            .map(|bytes| i64::from_le_bytes(*bytes))
            .collect())
    }
}

/// Verifies that the sealed sum is that of the headers: what trustees and auditors do.
pub(crate) fn verify_sum(
    evaluation: &[u8],
    headers: &[&VerifiedHeader],
    public: &Public,
) -> Result<consilium_crypto::VerifiedEvaluation, ExperimentError> {
    let evaluation =
        Evaluation::decode(evaluation).map_err(ExperimentError::bench("the sum of the keys"))?;
    let verified = evaluation.verify(&public.key, &public.context, headers);
    verified.map_err(ExperimentError::bench("the sum of the keys"))
}

/// Countersignatures that a share needs: q of n and t.
pub(crate) fn quorum(public: &Public) -> u32 {
    countersign_quorum(public.commitments.trustees(), public.commitments.threshold())
}

//! Decryption shares: what a trustee contributes to opening a sum, constant in d.
//!
//! D_i^(l) = a_i·C̄1^(l) + b_i·C̄2^(l) for all limbs l, 16 under a group mask and hundreds under a lattice mask, naming the sealed block. One proof for all: weights w_l from the
//! transcript after C̄ and D_i; U1 = Σ w_l·C̄1^(l), U2 likewise, Y = Σ w_l·D_i^(l); knowledge of (a_i, b_i) with
//! A_i = a_i·X1, B_i = b_i·X2, Y = a_i·U1 + b_i·U2.
//!
//! Any t shares with Lagrange coefficients λ_i at 0 give κ̄_l·h = C̄3^(l) − Σ λ_i·D_i^(l), hence κ̄_l from the table: of a group
//! mask κ̄_l < m·2^16, hence k̄ = Σ 2^(16l)·κ̄_l; of a lattice mask the digits of Σs.
//!
//! What a trustee must have done before it lets a share out (countersignatures of a quorum, one aggregate a step) is its
//! caller's duty; that it has verified every key proof and the sum, the type [`VerifiedEvaluation`] says.

use consilium_hash::{BlockHash, EvaluationHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, MultiscalarMul, VartimeMultiscalarMul};
use merlin::Transcript;
use rand_core::{CryptoRngCore, OsRng};
use rayon::prelude::*;
use zeroize::Zeroizing;

use crate::context::MAX_LIMB_RANGE;
use crate::decrypt::dealing::PublicShare;
use crate::group::encoding::{ELEMENT_LEN, Reader, decompress_all};
use crate::group::polynomial::lagrange;
use crate::group::{inner, random_scalar, signed};
use crate::proof::limbs::LIMB_BITS;
use crate::proof::link::limb_weights;
use crate::transcript::{self, Protocol, witness_bytes};
use crate::update::header::LIMBS;
use crate::{
    Ciphertext, DealingCommitments, DecodeError, DiscreteLogTable, KeyShare, MaskKeySum, PublicKey,
    ShareError, VerifiedEvaluation,
};

/// Most limbs that a mask key has: those of a lattice mask with digits of 11 bits.
const MAX_LIMBS: usize = 1024;

/// A share that decodes. Nothing in it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecryptionShare {
    index: u32,
    sealed_block: BlockHash,
    d: Vec<RistrettoPoint>,
    t: [RistrettoPoint; 3],
    z: [Scalar; 2],
}

impl DecryptionShare {
    /// Length of the encoding under a group mask, in bytes.
    pub const LEN: usize = Self::length(LIMBS);
    /// The longest encoding, of a lattice mask with digits of 11 bits, in bytes.
    pub const MAX_LEN: usize = Self::length(MAX_LIMBS);

    /// Length of the encoding for so many limbs, in bytes.
    pub const fn length(limbs: usize) -> usize {
        4 + 32 + (limbs + 3 + 2) * ELEMENT_LEN
    }

    /// i ‖ sealed block ‖ D_i^(0), D_i^(1), … ‖ proof.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::length(self.d.len()));
        bytes.extend(self.index.to_be_bytes());
        bytes.extend(self.sealed_block.0);
        bytes.extend(self.d.iter().chain(&self.t).flat_map(|point| point.compress().to_bytes()));
        bytes.extend(self.z.iter().flat_map(Scalar::to_bytes));
        bytes
    }

    /// Reads [`encode`](Self::encode)'s bytes. How many limbs there are follows from their length, up to
    /// [`MAX_LEN`](Self::MAX_LEN); that they are as many as the sum has, [`verify_share`] decides.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let limbs = bytes.len().saturating_sub(Self::length(0)) / ELEMENT_LEN;
        let expected = Self::length(limbs.clamp(1, MAX_LIMBS));
        let mut reader = Reader::new("decryption share", bytes, expected)?;
        Ok(Self {
            index: reader.u32()?,
            sealed_block: BlockHash(reader.array()?),
            d: decompress_all("decryption share", reader.take(ELEMENT_LEN * limbs)?)?,
            t: reader.points()?,
            z: reader.scalars()?,
        })
    }

    /// The trustee that it claims to be of, from 1.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The block that it answers.
    pub fn sealed_block(&self) -> &BlockHash {
        &self.sealed_block
    }
}

impl KeyShare {
    /// The share of this trustee in opening a sum that it has verified itself.
    pub fn decryption_share(
        &self,
        key: &PublicKey,
        evaluation: &VerifiedEvaluation,
        sealed_block: &BlockHash,
    ) -> DecryptionShare {
        self.decryption_share_with_rng(key, evaluation, sealed_block, &mut OsRng)
    }

    pub(crate) fn decryption_share_with_rng(
        &self,
        key: &PublicKey,
        evaluation: &VerifiedEvaluation,
        sealed_block: &BlockHash,
        rng: &mut impl CryptoRngCore,
    ) -> DecryptionShare {
        let public = PublicShare { a: key.x1 * self.a, b: key.x2 * self.b };
        // In constant time; the two products of a limb share their doublings.
        let secret = Zeroizing::new([self.a, self.b]);
        let share =
            |sum: &Ciphertext| RistrettoPoint::multiscalar_mul(secret.iter(), [sum.c1, sum.c2]);
        let d: Vec<_> = evaluation.sums().par_iter().map(share).collect();
        let mut transcript = start(key, evaluation, sealed_block, self.index, public, &d);
        let statement = Statement::new(&mut transcript, evaluation, &d);
        let secrets = [self.a, self.b].map(Zeroizing::new);
        let mut nonces =
            transcript.witness_rng(&witness_bytes(secrets.iter().map(|secret| &**secret)), rng);
        let alpha = Zeroizing::new([(); 2].map(|()| random_scalar(&mut nonces)));
        let [alpha1, alpha2] = &*alpha;
        let t = [key.x1 * alpha1, key.x2 * alpha2, statement.u1 * alpha1 + statement.u2 * alpha2];
        transcript.append_points(b"T", &t);
        let e = transcript.challenge(b"e");
        let z = [alpha1 + e * self.a, alpha2 + e * self.b];
        DecryptionShare { index: self.index, sealed_block: *sealed_block, d, t, z }
    }
}

fn start(
    key: &PublicKey,
    evaluation: &VerifiedEvaluation,
    sealed_block: &BlockHash,
    index: u32,
    public: PublicShare,
    d: &[RistrettoPoint],
) -> Transcript {
    let mut transcript = transcript::share(evaluation.hash().as_slice(), &key.encode());
    transcript.append_message(b"sealed block", sealed_block.as_slice());
    transcript.append_u64(b"trustee", u64::from(index));
    transcript.append_points(b"public share", &[public.a, public.b]);
    transcript.append_message(b"C", evaluation.encoded_sums());
    transcript.append_points(b"D", d);
    transcript
}

/// What a share proves of D, folded by weights from a transcript that has absorbed C̄ and D.
struct Statement {
    u1: RistrettoPoint,
    u2: RistrettoPoint,
    y: RistrettoPoint,
}

impl Statement {
    fn new(
        transcript: &mut Transcript,
        evaluation: &VerifiedEvaluation,
        d: &[RistrettoPoint],
    ) -> Self {
        let weights = transcript.weights(b"w", d.len());
        let fold =
            |points: Vec<RistrettoPoint>| RistrettoPoint::vartime_multiscalar_mul(&weights, points);
        let u1 = fold(evaluation.sums().iter().map(|sum| sum.c1).collect());
        let u2 = fold(evaluation.sums().iter().map(|sum| sum.c2).collect());
        let y = fold(d.to_vec());
        Self { u1, u2, y }
    }
}

/// A share whose proof holds.
#[derive(Clone, Debug)]
pub struct VerifiedShare {
    index: u32,
    sealed_block: BlockHash,
    evaluation: EvaluationHash,
    d: Vec<RistrettoPoint>,
}

impl VerifiedShare {
    /// Its trustee, from 1 to n.
    pub fn index(&self) -> u32 {
        self.index
    }
}

/// Verifies a share of the sum in a sealed block.
pub fn verify_share(
    share: &DecryptionShare,
    key: &PublicKey,
    commitments: &DealingCommitments,
    evaluation: &VerifiedEvaluation,
    sealed_block: &BlockHash,
) -> Result<VerifiedShare, ShareError> {
    let index = share.index;
    let public = commitments.public_share(index)?;
    if share.sealed_block != *sealed_block {
        return Err(ShareError::OtherBlock { index });
    }
    if share.d.len() != evaluation.limbs() {
        return Err(ShareError::BadShareProof { index });
    }
    let mut transcript = start(key, evaluation, sealed_block, index, public, &share.d);
    let statement = Statement::new(&mut transcript, evaluation, &share.d);
    transcript.append_points(b"T", &share.t);
    let e = transcript.challenge(b"e");
    let [z1, z2] = share.z;
    let [t1, t2, t3] = share.t;
    let zero = |scalars: &[Scalar], points: &[RistrettoPoint], t: RistrettoPoint| {
        (RistrettoPoint::vartime_multiscalar_mul(scalars, points) - t).is_identity()
    };
    let holds = zero(&[z1, -e], &[key.x1, public.a], t1)
        && zero(&[z2, -e], &[key.x2, public.b], t2)
        && zero(&[z1, z2, -e], &[statement.u1, statement.u2, statement.y], t3);
    if !holds {
        return Err(ShareError::BadShareProof { index });
    }
    Ok(VerifiedShare {
        index,
        sealed_block: *sealed_block,
        evaluation: evaluation.hash(),
        d: share.d.clone(),
    })
}

/// Opens the sum of the mask keys with any t shares of it.
pub fn combine(
    evaluation: &VerifiedEvaluation,
    shares: &[VerifiedShare],
    commitments: &DealingCommitments,
    table: &DiscreteLogTable,
) -> Result<MaskKeySum, ShareError> {
    let bound = i64::from(evaluation.summands()) << LIMB_BITS;
    let sums = open_limbs(evaluation, shares, commitments, table, bound)?;
    let sums: Vec<Scalar> = sums.into_iter().map(signed).collect();
    Ok(MaskKeySum(inner(&limb_weights().take(sums.len()).collect::<Vec<_>>(), &sums)))
}

/// Opens the sums of the limbs, each from 0 to below `bound`, with any t shares.
pub(crate) fn open_limbs(
    evaluation: &VerifiedEvaluation,
    shares: &[VerifiedShare],
    commitments: &DealingCommitments,
    table: &DiscreteLogTable,
    bound: i64,
) -> Result<Vec<i64>, ShareError> {
    let mut seen = std::collections::HashSet::new();
    let block = shares.first().map(|share| share.sealed_block);
    for share in shares {
        let index = share.index;
        if !(1..=commitments.trustees()).contains(&index) {
            return Err(ShareError::UnknownTrustee { index, trustees: commitments.trustees() });
        }
        if share.evaluation != evaluation.hash() || Some(share.sealed_block) != block {
            return Err(ShareError::OtherBlock { index });
        }
        if !seen.insert(index) {
            return Err(ShareError::Duplicate { index });
        }
    }
    let threshold = commitments.threshold();
    let enough = shares.get(..threshold as usize);
    let shares = enough.ok_or(ShareError::TooFew { expected: threshold, found: shares.len() })?;

    let indices: Vec<u32> = shares.iter().map(|share| share.index).collect();
    let lagrange: Vec<Scalar> =
        lagrange(&indices, 0).iter().map(|coefficient| -coefficient).collect();
    let mut limbs: Vec<RistrettoPoint> = evaluation.sums().iter().map(|sum| sum.c3).collect();
    limbs.par_iter_mut().enumerate().for_each(|(limb, point)| {
        // Collected, because the multiplication insists on iterators that know their length.
        let parts: Vec<&RistrettoPoint> =
            shares.iter().filter_map(|share| share.d.get(limb)).collect();
        *point += RistrettoPoint::vartime_multiscalar_mul(&lagrange, parts);
    });
    Ok(table.read_off_within(&limbs, 0, bound, MAX_LIMB_RANGE)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::g;
    use crate::tests::{BLOCK, Federation};

    #[test]
    fn weights_of_a_share_come_after_every_one_of_its_elements() {
        let mut federation = Federation::new(38, 1, 1, 1, 8);
        let header = federation.update(1).header;
        let header = federation.verify_header(&header).unwrap();
        let crate::Dealing { public_key: key, commitments, shares } = &federation.dealing;
        let evaluation = federation.evaluation_key.evaluate(&federation.round, &[&header]).unwrap();
        let evaluation = evaluation.verify(key, &federation.round, &[&header]).unwrap();
        let honest = shares[0].decryption_share(key, &evaluation, &BLOCK);
        assert!(verify_share(&honest, key, commitments, &evaluation, &BLOCK).is_ok());

        // Two errors that cancel under the weights of the honest elements.
        let public = commitments.public_share(1).unwrap();
        let before = || start(key, &evaluation, &BLOCK, 1, public, &honest.d);
        let w = before().weights(b"w", LIMBS);
        let mut cheat = honest.clone();
        cheat.d[0] += g() * w[1];
        cheat.d[1] -= g() * w[0];
        let folded = |d| Statement::new(&mut before(), &evaluation, d).y;
        assert_eq!(folded(&cheat.d), folded(&honest.d), "the attack works on weights drawn before");
        let verdict = verify_share(&cheat, key, commitments, &evaluation, &BLOCK);
        assert_eq!(verdict.err(), Some(ShareError::BadShareProof { index: 1 }));

        // The rest of what a share is about comes first, too.
        let negated = PublicShare { a: -public.a, b: public.b };
        for mut other in [
            start(key, &evaluation, &BlockHash([8; 32]), 1, public, &honest.d),
            start(key, &evaluation, &BLOCK, 2, public, &honest.d),
            start(key, &evaluation, &BLOCK, 1, negated, &honest.d),
        ] {
            assert_ne!(other.weights(b"w", LIMBS), w);
        }
    }
}

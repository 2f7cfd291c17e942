//! Proofs of linear relations: knowledge of x with Σ_j x_j·B_kj = Y_k for every row k (Maurer, "Unifying zero-knowledge
//! proofs of knowledge", AFRICACRYPT 2009).
//!
//! T_k = Σ_j α_j·B_kj; challenge e; z_j = α_j + e·x_j. Check Σ_j z_j·B_kj = T_k + e·Y_k, all rows folded into one sum by
//! weights that are drawn after z.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity, VartimeMultiscalarMul};
use merlin::Transcript;
use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use crate::DecodeError;
use crate::group::encoding::{ELEMENT_LEN, Reader};
use crate::group::random_scalar;
use crate::transcript::{Protocol, witness_bytes};

/// One row: Y, and the bases of those secrets that it is made of, by their number.
pub(super) struct Row {
    pub(super) image: RistrettoPoint,
    pub(super) terms: Vec<(usize, RistrettoPoint)>,
}

/// N rows about N secrets.
pub(super) struct Relation<const N: usize>(pub(super) [Row; N]);

/// A proof of N rows about N secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof<const N: usize> {
    t: [RistrettoPoint; N],
    z: [Scalar; N],
}

impl<const N: usize> Relation<N> {
    /// Σ_j x_j·B_kj of each row, in constant time.
    fn map(&self, x: &[Scalar; N]) -> [RistrettoPoint; N] {
        self.0.each_ref().map(|row| {
            let terms = row.terms.iter().filter_map(|(secret, base)| Some(base * x.get(*secret)?));
            terms.sum()
        })
    }

    fn append_to(&self, transcript: &mut Transcript) {
        for row in &self.0 {
            transcript.append_points(b"Y", &[row.image]);
            let bases: Vec<RistrettoPoint> = row.terms.iter().map(|(_, base)| *base).collect();
            transcript.append_points(b"B", &bases);
        }
    }

    /// Proves that one knows x.
    pub(super) fn prove(
        &self,
        mut transcript: Transcript,
        x: &Zeroizing<[Scalar; N]>,
        rng: &mut impl CryptoRngCore,
    ) -> Proof<N> {
        self.append_to(&mut transcript);
        let mut nonces = transcript.witness_rng(&witness_bytes(&**x), rng);
        let alpha = Zeroizing::new([(); N].map(|()| random_scalar(&mut nonces)));
        let t = self.map(&alpha);
        transcript.append_points(b"T", &t);
        let e = transcript.challenge(b"e");
        let mut z = *alpha;
        z.iter_mut().zip(x.iter()).for_each(|(z, x)| *z += e * x);
        Proof { t, z }
    }

    /// Whether the proof holds on this transcript.
    pub(super) fn holds(&self, mut transcript: Transcript, proof: &Proof<N>) -> bool {
        self.append_to(&mut transcript);
        transcript.append_points(b"T", &proof.t);
        let e = transcript.challenge(b"e");
        transcript.append_message(b"z", &proof.z.map(|z| z.to_bytes()).concat());
        let weights = transcript.weights(b"fold", N);
        let mut factors = Vec::new();
        let mut points = Vec::new();
        for ((row, t), weight) in self.0.iter().zip(proof.t).zip(weights) {
            factors.extend([-weight * e, -weight]);
            points.extend([row.image, t]);
            for (secret, base) in &row.terms {
                let Some(z) = proof.z.get(*secret) else { return false };
                factors.push(weight * z);
                points.push(*base);
            }
        }
        RistrettoPoint::vartime_multiscalar_mul(factors, points).is_identity()
    }
}

impl<const N: usize> Proof<N> {
    /// Length of the encoding, in bytes.
    pub(super) const LEN: usize = 2 * N * ELEMENT_LEN;

    /// T ‖ z.
    pub(super) fn encode(&self) -> Vec<u8> {
        let t = self.t.iter().flat_map(|point| point.compress().to_bytes());
        t.chain(self.z.iter().flat_map(Scalar::to_bytes)).collect()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { t: reader.points()?, z: reader.scalars()? })
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::group::{g, g_times, h, h_times};

    const X: [u64; 2] = [5, 7];

    /// x_0·g + x_1·h and x_1·g.
    fn relation() -> Relation<2> {
        let [x0, x1] = X.map(Scalar::from);
        let both = Row { image: g_times(&x0) + h_times(&x1), terms: vec![(0, g()), (1, *h())] };
        Relation([both, Row { image: g_times(&x1), terms: vec![(1, g())] }])
    }

    fn start() -> Transcript {
        Transcript::new(b"test")
    }

    fn proof() -> Proof<2> {
        let x = Zeroizing::new(X.map(Scalar::from));
        relation().prove(start(), &x, &mut ChaCha20Rng::seed_from_u64(1))
    }

    #[test]
    fn a_proof_holds_for_its_relation_and_its_transcript_only() {
        assert!(relation().holds(start(), &proof()));
        assert!(!relation().holds(Transcript::new(b"other"), &proof()));
        for row in 0..2 {
            let mut other = relation();
            other.0[row].image += g();
            assert!(!other.holds(start(), &proof()), "image {row}");
            let mut other = relation();
            other.0[row].terms[0].1 += g();
            assert!(!other.holds(start(), &proof()), "base {row}");
            let mut changed = proof();
            changed.t[row] += g();
            assert!(!relation().holds(start(), &changed), "T {row}");
            let mut changed = proof();
            changed.z[row] += Scalar::ONE;
            assert!(!relation().holds(start(), &changed), "z {row}");
        }
        let bytes = proof().encode();
        let mut reader = Reader::new("proof", &bytes, Proof::<2>::LEN).unwrap();
        assert_eq!(Proof::read(&mut reader), Ok(proof()));
    }

    #[test]
    fn a_proof_of_what_one_does_not_know_does_not_hold() {
        for wrong in [[6u64, 7], [5, 8]] {
            let x = Zeroizing::new(wrong.map(Scalar::from));
            assert!(!relation().holds(
                start(),
                &relation().prove(start(), &x, &mut ChaCha20Rng::seed_from_u64(1))
            ));
        }
    }

    #[test]
    fn weights_that_fold_the_rows_come_after_the_responses() {
        // Rows z_0·g and z_1·g: errors in z that cancel under the weights of the honest z.
        let [x0, x1] = X.map(Scalar::from);
        let rows = Relation(
            [(0, x0), (1, x1)].map(|(i, x)| Row { image: g_times(&x), terms: vec![(i, g())] }),
        );
        let honest =
            rows.prove(start(), &Zeroizing::new([x0, x1]), &mut ChaCha20Rng::seed_from_u64(2));
        assert!(rows.holds(start(), &honest));
        let mut transcript = start();
        rows.append_to(&mut transcript);
        transcript.append_points(b"T", &honest.t);
        transcript.challenge(b"e");
        let mut later = transcript.clone();
        later.append_message(b"z", &honest.z.map(|z| z.to_bytes()).concat());
        // Without any z, and with the honest one.
        for mut known in [transcript, later] {
            let weights = known.weights(b"fold", 2);
            let mut cheat = honest.clone();
            cheat.z[0] += weights[1];
            cheat.z[1] -= weights[0];
            let error: Scalar = (0..2).map(|i| weights[i] * (cheat.z[i] - honest.z[i])).sum();
            assert_eq!(error, Scalar::ZERO, "the attack works on weights drawn before");
            assert!(!rows.holds(start(), &cheat));
        }
    }
}

//! Many equations in one multiscalar multiplication.
//!
//! An equation "Σ scalar·point = 0" holds in a fold with error 2^-128 if its weight was unknown when its proof was made.
//! So a weight comes from SHAKE-256 over a label, the public key and the SHA-256 of every complete header and body of the
//! batch in order: every byte of every proof, responses included, comes first. Where the caller may use the operating
//! system's randomness, that is mixed in. A weight is never taken from a prover's transcript: a transcript ends before
//! the last responses, and two false proofs could be built to cancel.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use rand_core::{CryptoRng, RngCore};
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::group::{g, h, mask_bases, multiscalar};
use crate::{Hash, PublicKey};

/// A stream of weights.
pub(crate) struct Weights(sha3::Shake256Reader);

impl Weights {
    /// Weights that depend on everything given; `fresh` is randomness of the operating system, where it may be used.
    pub(crate) fn new<'a>(
        label: &'static [u8],
        number: u64,
        key: &PublicKey,
        fresh: Option<&[u8; 32]>,
        digests: impl IntoIterator<Item = &'a Hash>,
    ) -> Self {
        let mut hash = Shake256::default();
        hash.update(&(label.len() as u64).to_be_bytes());
        hash.update(label);
        hash.update(&number.to_be_bytes());
        hash.update(&key.hash());
        hash.update(&[u8::from(fresh.is_some())]);
        hash.update(fresh.map_or(&[], |bytes| bytes.as_slice()));
        for digest in digests {
            hash.update(digest);
        }
        Self(hash.finalize_xof())
    }

    /// The next N weights of 128 bits.
    pub(crate) fn take<const N: usize>(&mut self) -> [Scalar; N] {
        std::array::from_fn(|_| {
            let mut bytes = [0; 16];
            self.0.read(&mut bytes);
            Scalar::from(u128::from_le_bytes(bytes))
        })
    }
}

// The range proofs' verifier draws the weight of its own two equations from a generator.
impl RngCore for Weights {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.read(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.read(bytes);
        Ok(())
    }
}

impl CryptoRng for Weights {}

/// A weighted sum of equations; g, h, X1, X2 and the W_j are there once, however many clients there are.
#[derive(Default)]
pub(crate) struct Folded {
    pub(crate) g: Scalar,
    pub(crate) h: Scalar,
    pub(crate) x1: Scalar,
    pub(crate) x2: Scalar,
    /// Coefficients of W_0, W_1, …
    pub(crate) masks: Vec<Scalar>,
    /// Everything that belongs to one client.
    pub(crate) terms: Vec<(Scalar, RistrettoPoint)>,
}

impl Folded {
    /// The sum of two folds.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.g += other.g;
        self.h += other.h;
        self.x1 += other.x1;
        self.x2 += other.x2;
        if self.masks.len() < other.masks.len() {
            self.masks.resize(other.masks.len(), Scalar::ZERO);
        }
        for (mask, more) in self.masks.iter_mut().zip(other.masks) {
            *mask += more;
        }
        self.terms.extend(other.terms);
        self
    }

    /// Whether the sum is zero.
    pub(crate) fn holds(mut self, key: &PublicKey) -> bool {
        let bases = mask_bases(self.masks.len());
        self.terms.extend([(self.g, g()), (self.h, *h()), (self.x1, key.x1), (self.x2, key.x2)]);
        self.terms.extend(self.masks.into_iter().zip(bases.iter().copied()));
        multiscalar(&self.terms).is_identity()
    }
}

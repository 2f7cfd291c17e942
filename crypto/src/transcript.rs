//! All labels that enter a hash or a Fiat–Shamir transcript, in one place.
//!
//! A proof's transcript starts from [`update`] or one of its siblings and forks with [`fork`](Protocol::fork): two proofs
//! never share a state, and every challenge depends on everything said before it.

use consilium_hash::{CeremonyHash, DealingHash, QualifiedHash};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use merlin::{Transcript, TranscriptRng};
use rand_core::CryptoRngCore;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Label of the signature under an evaluation of a round.
pub(crate) const EVALUATION: &str = "consilium v1 evaluation";
/// Label of the signature under an evaluation of stand-alone ciphertexts.
pub(crate) const STANDALONE_EVALUATION: &str = "consilium v1 stand-alone evaluation";
/// Label of the hash of a public key.
pub(crate) const PUBLIC_KEY_HASH: &[u8] = b"consilium v1 public key";
/// Label of the hash of a dealing's commitments.
pub(crate) const DEALING_HASH: &[u8] = b"consilium v1 dealing commitments";
/// Label of the hash of an evaluation.
pub(crate) const EVALUATION_HASH: &[u8] = b"consilium v1 evaluation hash";
/// Label of the weights that fold the equations of a batch of headers.
pub(crate) const HEADER_WEIGHTS: &[u8] = b"consilium v1 fold of key proofs";
/// Label of the weights that fold the equations of a batch of updates.
pub(crate) const UPDATE_WEIGHTS: &[u8] = b"consilium v1 fold of updates";

/// Label of the entries of a random projection.
pub(crate) const PROJECTION: &[u8] = b"consilium v1 projection";

/// Label of the key of a lattice mask's public matrix.
pub(crate) const LATTICE_MATRIX: &[u8] = b"consilium v1 lattice matrix";
/// Label of the weights that fold the equations of a batch of lattice key parts.
pub(crate) const KEY_PART_WEIGHTS: &[u8] = b"consilium v1 fold of lattice key parts";
/// Label of the weights that fold the equations of a batch of lattice bodies.
pub(crate) const LATTICE_BODY_WEIGHTS: &[u8] = b"consilium v1 fold of lattice bodies";

/// Fork: a lattice mask's key is ternary and what is encrypted.
pub(crate) const LATTICE_KEY: &[u8] = b"ternary key";
/// Fork: what a lattice mask hides is short.
pub(crate) const LATTICE_BODY: &[u8] = b"masked update is short";

/// Fork: limbs are well formed and in range.
pub(crate) const LIMBS: &[u8] = b"limbs well formed";
/// Fork: mask, bound and key agree.
pub(crate) const LINK: &[u8] = b"mask, bound and key agree";
/// Fork: parameters of one chunk are in range.
pub(crate) const BOUNDS: &[u8] = b"parameters in range";
/// Fork: the norm is bounded.
pub(crate) const NORM: &[u8] = b"norm bounded";

/// Label of the hash of a ceremony: its place on the chain, its committee and the offered keys.
pub(crate) const CEREMONY: &[u8] = b"consilium v1 ceremony";
/// Label of the hash of one dealing of a ceremony.
pub(crate) const CEREMONY_DEALING: &[u8] = b"consilium v1 ceremony dealing";
/// Label of the hash of the qualified dealings of a ceremony.
pub(crate) const QUALIFIED: &[u8] = b"consilium v1 qualified dealings";
/// Label of the hash of all that a ceremony ends with.
pub(crate) const CONFIRMATION: &[u8] = b"consilium v1 ceremony confirmed";
/// Label under which shares are sealed.
pub(crate) const SEALED_SHARE: &[u8] = b"consilium v1 sealed share";
/// Fork: a product is made of the committed shares.
pub(crate) const PRODUCT: &[u8] = b"product of shares";
/// Fork: a public key share is made of the committed shares.
pub(crate) const SHARE_KEY: &[u8] = b"public key share";

/// SHA-256 of a label and one message, as the name of what it is of.
pub(crate) fn labelled_hash<H: From<[u8; 32]>>(label: &'static [u8], message: &[u8]) -> H {
    let digest: [u8; 32] =
        Sha256::new().chain_update(label).chain_update(message).finalize().into();
    digest.into()
}

/// The transcript of an encrypted update before anything of it is known: context and public key.
pub(crate) fn update(context: &[u8], gpk: &[u8]) -> Transcript {
    start(b"consilium v1 update", context, gpk)
}

/// The transcript of an update under a lattice mask before anything of it is known.
pub(crate) fn lattice(context: &[u8], gpk: &[u8]) -> Transcript {
    start(b"consilium v1 lattice update", context, gpk)
}

/// The transcript of a stand-alone KH-PKE ciphertext.
pub(crate) fn standalone(context: &[u8], gpk: &[u8]) -> Transcript {
    start(b"consilium v1 stand-alone ciphertext", context, gpk)
}

/// The transcript of a decryption share.
pub(crate) fn share(context: &[u8], gpk: &[u8]) -> Transcript {
    start(b"consilium v1 decryption share", context, gpk)
}

/// The stream from which a dealer's polynomials are drawn.
pub(crate) fn polynomials(secret: &[u8; 32], ceremony: &CeremonyHash, dealer: u32) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 polynomials of a dealer");
    transcript.append_message(b"secret", secret);
    transcript.append_message(b"ceremony", ceremony.as_slice());
    transcript.append_u64(b"dealer", dealer.into());
    transcript
}

/// The transcript of a check that a share is what a dealing commits to.
pub(crate) fn dealt_share(dealing: &DealingHash, recipient: u32) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 share of a dealing");
    transcript.append_message(b"dealing", dealing.as_slice());
    transcript.append_u64(b"recipient", recipient.into());
    transcript
}

/// The transcript of what a member proves about its shares of the qualified dealings.
pub(crate) fn member(qualified: &QualifiedHash, place: u32) -> Transcript {
    let mut transcript = Transcript::new(b"consilium v1 member of a ceremony");
    transcript.append_message(b"qualified dealings", qualified.as_slice());
    transcript.append_u64(b"member", place.into());
    transcript
}

fn start(label: &'static [u8], context: &[u8], gpk: &[u8]) -> Transcript {
    let mut transcript = Transcript::new(label);
    transcript.append_message(b"context", context);
    transcript.append_message(b"gpk", gpk);
    transcript
}

/// What the proofs of this crate say to a transcript.
pub trait Protocol {
    /// A copy of the transcript for one proof, told apart by label and number.
    fn fork(&self, label: &'static [u8], number: u64) -> Transcript;
    /// Group elements, all of one kind, encoded.
    fn append_points(&mut self, label: &'static [u8], points: &[RistrettoPoint]);
    /// A challenge, uniform modulo ℓ.
    fn challenge(&mut self, label: &'static [u8]) -> Scalar;
    /// `count` weights of 128 bits.
    fn short_weights(&mut self, label: &'static [u8], count: usize) -> Vec<u128>;
    /// `count` weights of 128 bits, as scalars.
    fn weights(&mut self, label: &'static [u8], count: usize) -> Vec<Scalar> {
        self.short_weights(label, count).into_iter().map(Scalar::from).collect()
    }
    /// Randomness that depends on the transcript, on the witness and on `rng`: it stays secret and fresh while any one of
    /// witness and `rng` does.
    ///
    /// Its state is as secret as the witness. It wipes itself where it is dropped, so it stays where it is: behind a
    /// pointer, because a value that is moved leaves its bytes behind.
    fn witness_rng(&self, witness: &[u8], rng: &mut impl CryptoRngCore) -> Box<TranscriptRng>;
}

impl Protocol for Transcript {
    fn fork(&self, label: &'static [u8], number: u64) -> Transcript {
        let mut fork = self.clone();
        fork.append_message(b"fork", label);
        fork.append_u64(b"number", number);
        fork
    }

    fn append_points(&mut self, label: &'static [u8], points: &[RistrettoPoint]) {
        let bytes: Vec<u8> = points.iter().flat_map(|point| point.compress().to_bytes()).collect();
        self.append_message(label, &bytes);
    }

    fn challenge(&mut self, label: &'static [u8]) -> Scalar {
        // Coefficients of a dealer's polynomials are drawn this way, too.
        let mut bytes = Zeroizing::new([0; 64]);
        self.challenge_bytes(label, &mut *bytes);
        Scalar::from_bytes_mod_order_wide(&bytes)
    }

    fn short_weights(&mut self, label: &'static [u8], count: usize) -> Vec<u128> {
        let mut bytes = vec![0; 16 * count];
        self.challenge_bytes(label, &mut bytes);
        bytes.as_chunks().0.iter().map(|weight| u128::from_le_bytes(*weight)).collect()
    }

    fn witness_rng(&self, witness: &[u8], rng: &mut impl CryptoRngCore) -> Box<TranscriptRng> {
        Box::new(self.build_rng().rekey_with_witness_bytes(b"witness", witness).finalize(rng))
    }
}

/// The bytes of a witness made of scalars, wiped after use. Collected from an iterator that knows its length: a vector that
/// grows leaves copies behind.
pub fn witness_bytes<'a>(scalars: impl IntoIterator<Item = &'a Scalar>) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(scalars.into_iter().flat_map(Scalar::to_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Federation;

    #[test]
    fn transcripts_differ_in_their_kind_their_context_and_their_key() {
        let [one, two] =
            [81, 82].map(|seed| Federation::new(seed, 1, 1, 1, 8).dealing.public_key.encode());
        let starts = [
            update(b"a", &one),
            update(b"b", &one),
            update(b"a", &two),
            standalone(b"a", &one),
            share(b"a", &one),
        ];
        let challenges = starts.map(|mut transcript| transcript.challenge(b"e"));
        for (i, challenge) in challenges.iter().enumerate() {
            assert!(!challenges[i + 1..].contains(challenge), "{i}");
        }
    }

    #[test]
    fn the_bytes_of_a_witness_never_move_and_leave_no_copy_behind() {
        let scalars = [Scalar::ONE; 3];
        let bytes = witness_bytes(&scalars);
        assert_eq!((bytes.len(), bytes.capacity()), (96, 96));
        assert_eq!(*bytes, scalars.map(|scalar| scalar.to_bytes()).concat());
    }
}

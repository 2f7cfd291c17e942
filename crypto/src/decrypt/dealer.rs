//! A key from a dealer, who knows it for a moment: for tests and benches, which need a key and not its generation. No
//! program of a federation has this; there, [`dkg`](crate::dkg) makes the key.

use curve25519_dalek::scalar::Scalar;
use rand_core::CryptoRngCore;

use crate::decrypt::dealing::check_threshold;
use crate::group::polynomial::{evaluate, random};
use crate::group::random_scalar;
use crate::keys::KeyMaterial;
use crate::{DealingCommitments, KeyShare, PublicKey, ShareError, VerifyingKey};

/// What the dealer hands out. The decryption key itself is wiped before this exists.
#[derive(Debug)]
pub struct Dealing {
    /// gpk.
    pub public_key: PublicKey,
    /// F and G, public.
    pub commitments: DealingCommitments,
    /// One for each trustee, indices 1 to n, each for its trustee's eyes only.
    pub shares: Vec<KeyShare>,
}

/// Makes a key and deals it to n trustees with threshold t.
pub fn deal(
    trustees: u32,
    threshold: u32,
    evaluation_key: &VerifyingKey,
    rng: &mut impl CryptoRngCore,
) -> Result<Dealing, ShareError> {
    check_threshold(trustees, threshold)?;
    let material = KeyMaterial::generate(rng);
    let public_key = PublicKey::new(material.x1, material.x2, *evaluation_key)?;
    let (a, b) = material.secrets();
    let mut polynomial =
        |constant: &Scalar| random(*constant, threshold as usize - 1, || random_scalar(rng));
    let f = polynomial(a);
    let phi = polynomial(b);
    let commitments = DealingCommitments {
        trustees,
        f: f.iter().map(|coefficient| public_key.x1 * coefficient).collect(),
        g: phi.iter().map(|coefficient| public_key.x2 * coefficient).collect(),
    };
    let share = |index| KeyShare { index, a: evaluate(&f, index), b: evaluate(&phi, index) };
    Ok(Dealing { public_key, commitments, shares: (1..=trustees).map(share).collect() })
}

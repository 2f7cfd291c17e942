//! A member: its certificate verified, kept up to date, and signing with it.
//!
//! r ∈ Z_p*, ϱ random; u = r·s, θ = r·ϱ.
//!
//! ```text
//! Ā = r·A                    B̄ = r·g1 + u·h1 − e·Ā
//! E0 = ϱ·k    E1 = ϱ·Z1 + F    E2 = ϱ·Z2 + F
//! T1 = a_r·g1 + a_u·h1 − a_e·Ā       T2 = a_r·E0 − a_θ·k
//! T3 = a_r·E1 − a_θ·Z1 − a_u·f       T4 = a_r·E2 − a_θ·Z2 − a_u·f
//! c = H(gpk, epoch, context, m, Ā, B̄, E0, E1, E2, T1..T4),  z_x = a_x + c·x for x = e, r, u, θ
//! ```
//!
//! Computed with fewer multiplications: B̄ = r·B with B = g1 + s·h1 − e·A, which changes with the epoch only; with
//! v = a_r·ϱ − a_θ and y = a_r·s − a_u, T2 = v·k, T3 = v·Z1 + y·f, T4 = v·Z2 + y·f. Twelve multiplications, in constant
//! time.

use std::fmt;

use blstrs::{G1Affine, Scalar};
use consilium_crypto::building_blocks::Protocol;
use ff::Field;
use group::Curve;
use group::prime::PrimeCurveAffine;
use rand_core::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::curve::{SCALAR_LEN, Secret, affine, append_g1, challenge, generator, pairings_agree};
use super::parameters::bases;
use super::signature::GroupSignature;
use super::{
    Certificate, GroupError, GroupParameters, MemberSecret, VerifiedRevocation, transcript,
};

/// A secret with its certificate at the current epoch. Wiped when dropped, never shown, not clonable.
pub struct Member {
    secret: MemberSecret,
    group: GroupParameters,
    a: Zeroizing<SecretPoint>,
    /// B = g1 + s·h1 − e·A.
    b: Zeroizing<SecretPoint>,
    e: Zeroizing<Secret>,
}

/// A point that tells signatures of its member from others'.
#[derive(Clone, Copy)]
struct SecretPoint(G1Affine);

impl Default for SecretPoint {
    fn default() -> Self {
        Self(G1Affine::identity())
    }
}

impl zeroize::DefaultIsZeroes for SecretPoint {}

impl Member {
    /// Verifies a certificate: e(A, w + e·P̃) = e(g1 + s·h1, P̃).
    pub fn new(
        group: &GroupParameters,
        secret: MemberSecret,
        certificate: &Certificate,
    ) -> Result<Self, GroupError> {
        group.check_epoch(certificate.epoch)?;
        let Certificate { a, e, .. } = certificate;
        let divisor = (group.issuer.0 + generator() * e).to_affine().into();
        let signed = (group.h1 * secret.s.0 + group.g1).to_affine();
        if !pairings_agree((a, &divisor), (&signed, &bases().generator)) {
            return Err(GroupError::BadCertificate);
        }
        Ok(Self::with(group, secret, *a, *e))
    }

    fn with(group: &GroupParameters, secret: MemberSecret, a: G1Affine, e: Scalar) -> Self {
        let b = (group.h1 * secret.s.0 + group.g1 - a * e).to_affine();
        let [a, b] = [a, b].map(|point| Zeroizing::new(SecretPoint(point)));
        Self { secret, group: group.clone(), a, b, e: Zeroizing::new(Secret(e)) }
    }

    /// The epoch that the member is at.
    pub fn epoch(&self) -> u64 {
        self.group.epoch
    }

    /// The certificate, to be stored with the secret.
    pub fn certificate(&self) -> Certificate {
        Certificate { epoch: self.group.epoch, a: self.a.0, e: self.e.0 }
    }

    /// Follows a revocation to the next epoch; refused for the one who is revoked.
    pub fn update(self, revocation: &VerifiedRevocation) -> Result<Self, GroupError> {
        let next = revocation.parameters();
        self.group.check_epoch(next.epoch.saturating_sub(1))?;
        let divisor: Option<Scalar> = (revocation.e - self.e.0).invert().into();
        let divisor = Zeroizing::new(Secret(divisor.ok_or(GroupError::Revoked)?));
        let dividend = self.a.0.to_curve() - next.g1 - next.h1 * self.secret.s.0;
        let a = (dividend * divisor.0).to_affine();
        Ok(Self::with(next, self.secret, a, self.e.0))
    }

    /// Signs a message in a context, which says what the signature is for and on which ledger.
    pub fn sign(
        &self,
        context: &[u8],
        message: &[u8],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> GroupSignature {
        let (s, e) = (&self.secret.s.0, &self.e.0);
        let mut transcript = transcript::signature(self.group.hash(), context, message);
        // Fresh while the secret or the generator is: a repeated nonce would give s away.
        let mut witness = Zeroizing::new([0; 2 * SCALAR_LEN]);
        let (first, second) = witness.split_at_mut(SCALAR_LEN);
        first.copy_from_slice(&*self.secret.to_bytes());
        second.copy_from_slice(&*self.e.to_bytes());
        let mut nonces = transcript.witness_rng(&*witness, rng);
        let r = nonzero(&mut nonces);
        let rho = Secret::random(&mut nonces);
        let [a_e, a_r, a_u, a_theta] = [(); 4].map(|()| Secret::random(&mut nonces));
        let (r, rho, a_e, a_r, a_u, a_theta) = (&r.0, &rho.0, &a_e.0, &a_r.0, &a_u.0, &a_theta.0);
        let v = Zeroizing::new(Secret(a_r * rho - a_theta));
        let y = bases().f * (a_r * s - a_u);
        let group = &self.group;
        let f = self.secret.f.to_curve();
        let points = affine([
            self.a.0 * r,
            self.b.0 * r,
            bases().k * rho,
            group.z1() * rho + f,
            bases().z2 * rho + f,
            group.g1 * a_r + group.h1 * a_u - self.a.0 * (a_e * r),
            bases().k * v.0,
            group.z1() * v.0 + y,
            bases().z2 * v.0 + y,
        ]);
        append_g1(&mut transcript, b"points", &points);
        let c = challenge(&mut transcript, b"c");
        let z = [a_e + c * e, a_r + c * r, a_u + c * r * s, a_theta + c * r * rho];
        let [a, b, e0, e1, e2, ..] = points;
        GroupSignature { a, b, e: [e0, e1, e2], c, z }
    }
}

/// r ∈ Z_p*: with r = 0 the signature would say nothing, and none is ever drawn.
fn nonzero(rng: &mut (impl RngCore + CryptoRng)) -> Zeroizing<Secret> {
    loop {
        let r = Secret::random(rng);
        if !bool::from(r.0.is_zero()) {
            return r;
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member(at epoch {})", self.group.epoch)
    }
}

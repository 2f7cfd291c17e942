//! The X.509 certificate that a party presents: its key of the transport, and the word on whose that is.
//!
//! It is signed by the key that it holds, and valid for ever: neither says anything. What counts is one extension, which
//! [`owner`](crate::owner) verifies against the genesis, and that the handshake is signed with the key.

use std::{fmt::Display, time::Duration};

use consilium_contract::Parameters;
use consilium_crypto::signature::VerifyingKey;
use consilium_identity::{subject_public_key_info, tls_key_hash};
use ed25519_dalek::Signer as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_cert::{
    Certificate, TbsCertificate, Version,
    der::{
        Decode as _, Encode as _,
        asn1::{BitString, GeneralizedTime, ObjectIdentifier, OctetString, UtcTime},
    },
    ext::Extension,
    name::Name,
    serial_number::SerialNumber,
    spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned},
    time::{Time, Validity},
};

use crate::owner::{Peer, PeerError, Presented, verify};

/// Ed25519 (RFC 8410, section 3).
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The extension, under the arc for identifiers that need no registration (ITU-T X.667). The number was drawn once, below 2^28,
/// which is as much as `const-oid` reads.
const OWNER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.171613970");

/// No certificate that is read is longer, in bytes.
const MAX_LEN: usize = 4096;

/// From the epoch until 9999-12-31 23:59:59: a certificate that does not expire (RFC 5280, section 4.1.2.5).
const NEVER: Duration = Duration::from_secs(253_402_300_799);

/// The certificate, and the private key as TLS takes it.
///
/// # Errors
/// What cannot be encoded, which a key and a word of limited length can.
pub(crate) fn make(
    presented: &Presented,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), PeerError> {
    let malformed = |error: x509_cert::der::Error| PeerError::Malformed(error.to_string());
    let key = presented.key();
    let algorithm = AlgorithmIdentifierOwned { oid: ED25519, parameters: None };
    let name: Name = "CN=consilium".parse().map_err(malformed)?;
    let encoded = subject_public_key_info(&key.public());
    let hash = key.hash();
    let serial: &[u8] = hash.as_slice().first_chunk::<8>().map_or(&[1], |bytes| bytes.as_slice());
    let ever = UtcTime::from_unix_duration(Duration::ZERO).map_err(malformed)?;
    let never = GeneralizedTime::from_unix_duration(NEVER).map_err(malformed)?;
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(serial).map_err(malformed)?,
        signature: algorithm.clone(),
        issuer: name.clone(),
        validity: Validity { not_before: Time::UtcTime(ever), not_after: Time::GeneralTime(never) },
        subject: name,
        subject_public_key_info: SubjectPublicKeyInfoOwned::from_der(&encoded)
            .map_err(malformed)?,
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(vec![Extension {
            extn_id: OWNER,
            critical: false,
            extn_value: OctetString::new(presented.owner()).map_err(malformed)?,
        }]),
    };
    // Longer than the 64 bytes that this project's own signatures are over, as the handshake's are: none is the other.
    let signed = ed25519_dalek::SigningKey::from(key.signing())
        .sign(&tbs_certificate.to_der().map_err(malformed)?);
    let certificate = Certificate {
        tbs_certificate,
        signature_algorithm: algorithm,
        signature: BitString::from_bytes(&signed.to_bytes()).map_err(malformed)?,
    };
    let certificate = CertificateDer::from(certificate.to_der().map_err(malformed)?);
    let private = PrivatePkcs8KeyDer::from(key.to_pkcs8().to_vec());
    Ok((certificate, PrivateKeyDer::Pkcs8(private)))
}

/// Whose certificate this is. That whoever presents it has its key, the handshake shows.
///
/// # Errors
/// [`PeerError`].
pub fn read(parameters: &Parameters, certificate: &CertificateDer<'_>) -> Result<Peer, PeerError> {
    let malformed = |problem: &dyn Display| PeerError::Malformed(problem.to_string());
    if certificate.len() > MAX_LEN {
        return Err(malformed(&format!("it has {} bytes", certificate.len())));
    }
    let certificate = Certificate::from_der(certificate).map_err(|error| malformed(&error))?;
    let TbsCertificate { subject_public_key_info, extensions, .. } = certificate.tbs_certificate;
    if subject_public_key_info.algorithm.oid != ED25519 {
        return Err(malformed(&"its key is not of Ed25519"));
    }
    let key = subject_public_key_info.subject_public_key.as_bytes().unwrap_or_default();
    let key = VerifyingKey::decode(key).map_err(|error| malformed(&error))?;
    let extensions = extensions.unwrap_or_default();
    let mut owners = extensions.iter().filter(|extension| extension.extn_id == OWNER);
    let owner = owners.next().ok_or_else(|| malformed(&"it does not say whose it is"))?;
    if owners.next().is_some() {
        return Err(malformed(&"it says twice whose it is"));
    }
    verify(parameters, owner.extn_value.as_bytes(), &tls_key_hash(&key))
}

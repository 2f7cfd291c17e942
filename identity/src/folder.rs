//! A folder that a party makes for itself: its keys and its request, before there is a genesis.

use std::path::Path;

use consilium_crypto::{EvaluationKey, signature::SigningKey};
use rand_core::CryptoRngCore;

use crate::{
    FilesError, InstitutionFiles, PartyRequest, TlsKey, disk,
    layout::{COORDINATOR_KEY, EVALUATION_KEY, NEXT_TLS_KEY, REQUEST, SIGNING_KEY, TLS_KEY},
};

/// Makes an institution's keys in a new folder, and its request. The keys never leave it.
///
/// # Errors
/// [`FilesError::Exists`] where `dir` is there already, [`FilesError::Io`] naming what cannot be written.
pub fn request_as_institution(
    dir: &Path,
    name: &str,
    rng: &mut impl CryptoRngCore,
) -> Result<PartyRequest, FilesError> {
    let signing = SigningKey::generate(rng);
    let tls = TlsKey::generate(rng);
    let request = PartyRequest::of_institution(name, &signing, &tls);
    let files = [(SIGNING_KEY, signing.to_bytes()), (TLS_KEY, tls.to_bytes())];
    write(dir, &files.each_ref().map(|(name, key)| (*name, &key[..])), &request)?;
    Ok(request)
}

/// Makes a coordinator's keys in a new folder, and its request.
///
/// # Errors
/// As [`request_as_institution`].
pub fn request_as_coordinator(
    dir: &Path,
    name: &str,
    rng: &mut impl CryptoRngCore,
) -> Result<PartyRequest, FilesError> {
    let signing = SigningKey::generate(rng);
    let evaluation = EvaluationKey::generate(rng);
    let tls = TlsKey::generate(rng);
    let request = PartyRequest::of_coordinator(name, &signing, &tls, &evaluation);
    let files = [
        (COORDINATOR_KEY, signing.to_bytes()),
        (EVALUATION_KEY, evaluation.to_bytes()),
        (TLS_KEY, tls.to_bytes()),
    ];
    write(dir, &files.each_ref().map(|(name, key)| (*name, &key[..])), &request)?;
    Ok(request)
}

fn write(dir: &Path, keys: &[(&str, &[u8])], request: &PartyRequest) -> Result<(), FilesError> {
    let request = request.encode();
    let mut files = keys.to_vec();
    files.push((REQUEST, &request));
    disk::appear(dir, |partial| disk::write_folder(partial, &files))
}

/// Makes another key of the transport in an institution's folder, and a request for a certificate that names it. The
/// present key and certificate serve until that is [installed](crate::install_institution). Asking again asks for the same key.
///
/// # Errors
/// [`FilesError`] where the folder is not an institution's, or cannot be written.
pub fn request_renewal(
    dir: &Path,
    name: &str,
    rng: &mut impl CryptoRngCore,
) -> Result<PartyRequest, FilesError> {
    let files = InstitutionFiles::load(dir)?;
    let path = dir.join(NEXT_TLS_KEY);
    let next = if path.symlink_metadata().is_ok() {
        TlsKey::from_bytes(&disk::read_key(&path)?)
    } else {
        let next = TlsKey::generate(rng);
        disk::replace_file(dir, NEXT_TLS_KEY, &*next.to_bytes())?;
        next
    };
    let request = PartyRequest::of_institution(name, &files.signing, &next);
    disk::replace_file(dir, REQUEST, &request.encode())?;
    Ok(request)
}

//! What every request to the authority has: a name, keys that were made at the site, signatures by all of them, and a
//! fingerprint.
//!
//! The file goes to the authority by whatever way; its fingerprint goes by another one (on the telephone, say), so that
//! nobody exchanges the keys in between. The signatures show that whoever asks has the keys.

use std::{fmt, path::Path};

use consilium_crypto::signature::{Signature, VerifyingKey};
use consilium_proto::decode;
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{FilesError, disk};

/// Longest request, in bytes.
const MAX_LEN: usize = 1024;
/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// What the owner of a request reads to the authority: 16 bytes in groups of four hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pair) in self.0.chunks(2).enumerate() {
            f.write_str(if place == 0 { "" } else { "-" })?;
            pair.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

impl Fingerprint {
    /// Of what is encoded so, under a label that says what it is.
    pub(crate) fn of(label: &[u8], encoded: &[u8]) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update(label).chain_update(encoded).finalize().into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// Whether somebody has read this fingerprint, with whatever between its digits.
    pub fn is(&self, text: &str) -> bool {
        let digits = |text: &str| -> String {
            text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect()
        };
        digits(text) == digits(&self.to_string())
    }
}

/// A name has 1 to 64 letters, digits, - and _: it stands in tables and in commands.
pub fn is_plain_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(is_plain)
}

/// A request as it lies on disk: nothing of it is verified.
pub(crate) fn read<M: Message + Default>(
    path: &Path,
    what: &'static str,
    name: impl FnOnce(&M) -> &str,
) -> Result<M, FilesError> {
    let invalid = |problem: String| FilesError::request(path, problem);
    let bytes = disk::read(path, MAX_LEN)?;
    let message: M = decode(what, &bytes, MAX_LEN).map_err(|error| invalid(error.to_string()))?;
    if !is_plain_name(name(&message)) {
        return Err(invalid("has a name that is not 1 to 64 letters, digits, - and _".into()));
    }
    Ok(message)
}

/// The key with these bytes, if it has signed the parts.
pub(crate) fn verify(
    path: &Path,
    label: &str,
    parts: &[&[u8]],
    key: &[u8],
    signature: &[u8],
) -> Result<VerifyingKey, FilesError> {
    let invalid = |problem: String| FilesError::request(path, problem);
    let key = VerifyingKey::decode(key).map_err(|error| invalid(error.to_string()))?;
    let signature = Signature::decode(signature).map_err(|error| invalid(error.to_string()))?;
    key.verify(label, parts, &signature)
        .map_err(|_| invalid("was not signed with the key that it names".into()))?;
    Ok(key)
}

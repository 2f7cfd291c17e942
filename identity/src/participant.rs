//! A participant's request to be admitted: its name and keys, which are made at its site.
//!
//! The file goes to the authority by whatever way; its fingerprint goes by another one (on the telephone, say), so that
//! nobody exchanges the keys in between. The signature shows that whoever asks has the key.

use std::{fmt, path::Path};

use consilium_crypto::signature::{Signature, SigningKey, VerifyingKey};
use consilium_proto::{
    decode,
    v1::{self, ParticipantRequest as Message},
};
use prost::Message as _;
use sha2::{Digest, Sha256};

use crate::{FilesError, disk};

const LABEL: &str = "consilium/v1/participant-request";
const FINGERPRINT_LABEL: &[u8] = b"consilium/v1/participant-fingerprint";

/// Longest request, in bytes.
const MAX_LEN: usize = 1024;
/// Longest name, in bytes.
const MAX_NAME: usize = 64;

/// A request whose signature holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantRequest {
    message: Message,
    signing_key: VerifyingKey,
}

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

impl ParticipantRequest {
    /// Asks under a key; an issuer or an opener adds the public key of its office.
    pub fn new(name: &str, key: &SigningKey, issuer_key: Vec<u8>, opener_key: Vec<u8>) -> Self {
        let signing_key = key.verifying_key();
        let mut message = Message {
            name: name.to_owned(),
            signing_key: signing_key.encode().to_vec(),
            issuer_key,
            opener_key,
            signature: Vec::new(),
        };
        message.signature = key.sign(LABEL, &parts(&message)).encode().to_vec();
        Self { message, signing_key }
    }

    /// Reads a request and verifies it.
    ///
    /// # Errors
    /// [`FilesError`] naming the file.
    pub fn load(path: &Path) -> Result<Self, FilesError> {
        let invalid = |problem: String| FilesError::invalid(path, problem);
        let bytes = disk::read(path, MAX_LEN)?;
        let message: v1::ParticipantRequest = decode("participant's request", &bytes, MAX_LEN)
            .map_err(|error| invalid(error.to_string()))?;
        if !is_plain_name(&message.name) {
            return Err(invalid("has a name that is not 1 to 64 letters, digits, - and _".into()));
        }
        let signing_key = VerifyingKey::decode(&message.signing_key)
            .map_err(|error| invalid(error.to_string()))?;
        let signature =
            Signature::decode(&message.signature).map_err(|error| invalid(error.to_string()))?;
        signing_key
            .verify(LABEL, &parts(&message), &signature)
            .map_err(|_| invalid("was not signed with the key that it names".into()))?;
        Ok(Self { message, signing_key })
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// How it wants to be called.
    pub fn name(&self) -> &str {
        &self.message.name
    }

    /// The key that signs its statements.
    pub fn signing_key(&self) -> &VerifyingKey {
        &self.signing_key
    }

    /// Encoded key of a group's issuer; empty for everyone else.
    pub fn issuer_key(&self) -> &[u8] {
        &self.message.issuer_key
    }

    /// Encoded key of a group's opener; empty for everyone else.
    pub fn opener_key(&self) -> &[u8] {
        &self.message.opener_key
    }

    /// What the one who asks reads out.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(FINGERPRINT_LABEL)
            .chain_update(self.encode())
            .finalize()
            .into();
        Fingerprint(digest.first_chunk().copied().unwrap_or_default())
    }
}

fn parts(message: &Message) -> [&[u8]; 4] {
    let Message { name, signing_key, issuer_key, opener_key, .. } = message;
    [name.as_bytes(), signing_key, issuer_key, opener_key]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn a_request_is_read_as_it_was_made_and_every_changed_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("request.bin");
        let key = SigningKey::generate(&mut OsRng);
        let request = ParticipantRequest::new("insurer", &key, vec![1; 96], Vec::new());
        let bytes = request.encode();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(ParticipantRequest::load(&path).unwrap(), request);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            std::fs::write(&path, &changed).unwrap();
            assert!(ParticipantRequest::load(&path).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_one_request_and_is_known_however_it_is_written() {
        let key = SigningKey::generate(&mut OsRng);
        let request = ParticipantRequest::new("insurer", &key, Vec::new(), Vec::new());
        let text = request.fingerprint().to_string();
        assert!(request.fingerprint().is(&text.to_uppercase().replace('-', " ")));
        let other = ParticipantRequest::new("insurers", &key, Vec::new(), Vec::new());
        assert!(!other.fingerprint().is(&text));
    }
}

//! A participant's request to be admitted to sharing.

use std::path::Path;

use consilium_crypto::signature::{SigningKey, VerifyingKey};
use consilium_proto::v1::ParticipantRequest as Message;
use prost::Message as _;

use crate::{
    FilesError,
    request::{self, Fingerprint},
};

const LABEL: &str = "consilium/v1/participant-request";
const FINGERPRINT_LABEL: &[u8] = b"consilium/v1/participant-fingerprint";

/// A request whose signature holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticipantRequest {
    message: Message,
    signing_key: VerifyingKey,
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
        let message: Message =
            request::read(path, "participant's request", |message: &Message| &message.name)?;
        let Message { signing_key, signature, .. } = &message;
        let signing_key = request::verify(path, LABEL, &parts(&message), signing_key, signature)?;
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
        Fingerprint::of(FINGERPRINT_LABEL, &self.encode())
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

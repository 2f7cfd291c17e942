//! The request of an institution that wants to take part in the rounds, or of the coordinator that is to order them.

use std::path::Path;

use consilium_crypto::{
    EvaluationKey,
    signature::{SigningKey, VerifyingKey},
};
use consilium_proto::v1::{PartyRequest as Message, PartyRole};
use prost::Message as _;

use crate::{
    FilesError, TlsKey,
    layout::REQUEST,
    request::{self, Fingerprint},
};

const LABEL: &str = "consilium/v1/party-request";
const FINGERPRINT_LABEL: &[u8] = b"consilium/v1/party-fingerprint";

/// A request whose signatures hold.
#[derive(Debug, Clone, PartialEq)]
pub struct PartyRequest {
    message: Message,
    signing_key: VerifyingKey,
    tls_key: VerifyingKey,
    evaluation_key: Option<VerifyingKey>,
}

impl PartyRequest {
    /// An institution asks.
    pub fn of_institution(name: &str, signing: &SigningKey, tls: &TlsKey) -> Self {
        Self::sign(name, PartyRole::Institution, signing, tls, None)
    }

    /// A coordinator asks.
    pub fn of_coordinator(
        name: &str,
        signing: &SigningKey,
        tls: &TlsKey,
        evaluation: &EvaluationKey,
    ) -> Self {
        Self::sign(name, PartyRole::Coordinator, signing, tls, Some(evaluation))
    }

    fn sign(
        name: &str,
        role: PartyRole,
        signing: &SigningKey,
        tls: &TlsKey,
        evaluation: Option<&EvaluationKey>,
    ) -> Self {
        let signing_key = signing.verifying_key();
        let tls_key = tls.public();
        let evaluation_key = evaluation.map(EvaluationKey::verifying_key);
        let mut message = Message {
            name: name.to_owned(),
            role: role.into(),
            signing_key: signing_key.encode().to_vec(),
            tls_key: tls_key.encode().to_vec(),
            evaluation_key: evaluation_key.map(|key| key.encode().to_vec()).unwrap_or_default(),
            signatures: Vec::new(),
        };
        let unsigned = message.encode_to_vec();
        // The evaluation key signs sums and nothing else: its place in the request is vouched for by the signing key.
        let signatures = [signing, tls.signing()].map(|key| key.sign(LABEL, &[&unsigned]));
        message.signatures = signatures.iter().map(|signed| signed.encode().to_vec()).collect();
        Self { message, signing_key, tls_key, evaluation_key }
    }

    /// Reads a request of a party in this role, and verifies it.
    ///
    /// # Errors
    /// [`FilesError::Request`] naming the file.
    pub fn load(path: &Path, role: PartyRole) -> Result<Self, FilesError> {
        let invalid = |problem: String| FilesError::request(path, problem);
        let message: Message = request::read(path, "request", |message: &Message| &message.name)?;
        if message.role() != role {
            let other = match message.role() {
                PartyRole::Institution => "is an institution's",
                PartyRole::Coordinator => "is a coordinator's",
                PartyRole::Unspecified => "says not whose it is",
            };
            return Err(invalid(format!("{other}: another request was expected here")));
        }
        let unsigned = Message { signatures: Vec::new(), ..message.clone() }.encode_to_vec();
        let [by_signing_key, by_tls_key] = message.signatures.as_slice() else {
            return Err(invalid("has not the two signatures of its keys".to_owned()));
        };
        let verified =
            |key: &[u8], signature| request::verify(path, LABEL, &[&unsigned], key, signature);
        let signing_key = verified(&message.signing_key, by_signing_key)?;
        let tls_key = verified(&message.tls_key, by_tls_key)?;
        // Else whoever takes a socket's key takes the party's signature with it.
        if signing_key == tls_key {
            return Err(invalid("has one key for two purposes".to_owned()));
        }
        let evaluation_key = match role {
            PartyRole::Coordinator => Some(
                VerifyingKey::decode(&message.evaluation_key)
                    .map_err(|error| invalid(error.to_string()))?,
            ),
            _ if message.evaluation_key.is_empty() => None,
            _ => return Err(invalid("has a key that is a coordinator's".to_owned())),
        };
        Ok(Self { message, signing_key, tls_key, evaluation_key })
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// How it wants to be called.
    pub fn name(&self) -> &str {
        &self.message.name
    }

    /// The key that signs its transactions.
    pub fn signing_key(&self) -> &VerifyingKey {
        &self.signing_key
    }

    /// The key of its transport.
    pub fn tls_key(&self) -> &VerifyingKey {
        &self.tls_key
    }

    /// vk, of a coordinator.
    pub fn evaluation_key(&self) -> Option<&VerifyingKey> {
        self.evaluation_key.as_ref()
    }

    /// What to do with it, for whoever has made it in `folder` with `program`. The fingerprint is a line of its own.
    pub fn instructions(&self, folder: &Path, program: &str) -> String {
        let path = folder.join(REQUEST);
        let path = path.display();
        let folder = folder.display();
        let fingerprint = self.fingerprint();
        format!(
            "send {path} to the authority, by any way: nothing in it is secret\n\
             read this fingerprint to the authority by another way, on the telephone for example:\n\
             {fingerprint}\n\
             put what it sends beside the keys: {program} install --ceremony {folder} --from FOLDER\n"
        )
    }

    /// What the one who asks reads out.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(FINGERPRINT_LABEL, &self.encode())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rand_core::OsRng;

    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_made_and_every_changed_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("request.bin");
        let signing = SigningKey::generate(&mut OsRng);
        let tls = TlsKey::generate(&mut OsRng);
        let evaluation = EvaluationKey::generate(&mut OsRng);
        for (request, role) in [
            (PartyRequest::of_institution("clinic", &signing, &tls), PartyRole::Institution),
            (
                PartyRequest::of_coordinator("hub", &signing, &tls, &evaluation),
                PartyRole::Coordinator,
            ),
        ] {
            let bytes = request.encode();
            fs::write(&path, &bytes).unwrap();
            assert_eq!(PartyRequest::load(&path, role).unwrap(), request);
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                fs::write(&path, &changed).unwrap();
                assert!(PartyRequest::load(&path, role).is_err(), "byte {place}");
            }
        }
    }

    #[test]
    fn a_request_with_keys_that_its_author_does_not_hold_or_with_one_key_twice_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("request.bin");
        let signing = SigningKey::generate(&mut OsRng);
        let tls = TlsKey::generate(&mut OsRng);
        let refused = |request: &Message, says: &str| {
            fs::write(&path, request.encode_to_vec()).unwrap();
            let error = PartyRequest::load(&path, PartyRole::Institution).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        };
        let signed = |mut message: Message, keys: [&SigningKey; 2]| {
            message.signatures = Vec::new();
            let unsigned = message.encode_to_vec();
            let signatures = keys.map(|key| key.sign(LABEL, &[&unsigned]).encode().to_vec());
            message.signatures = signatures.to_vec();
            message
        };
        let request = PartyRequest::of_institution("clinic", &signing, &tls).message;
        let stranger = SigningKey::generate(&mut OsRng);
        refused(&signed(request.clone(), [&stranger, tls.signing()]), "not signed with the key");
        refused(&signed(request.clone(), [&signing, &stranger]), "not signed with the key");
        let same = Message { tls_key: request.signing_key.clone(), ..request.clone() };
        refused(&signed(same, [&signing, &signing]), "one key for two purposes");
        let role = PartyRole::Coordinator.into();
        refused(&Message { role, ..request }, "is a coordinator's");
    }

    #[test]
    fn a_fingerprint_is_of_the_whole_request() {
        let signing = SigningKey::generate(&mut OsRng);
        let tls = TlsKey::generate(&mut OsRng);
        let fingerprint = PartyRequest::of_institution("clinic", &signing, &tls).fingerprint();
        assert!(fingerprint.is(&fingerprint.to_string().to_uppercase().replace('-', " ")));
        let other_tls = TlsKey::generate(&mut OsRng);
        for other in [
            PartyRequest::of_institution("clinics", &signing, &tls),
            PartyRequest::of_institution("clinic", &signing, &other_tls),
        ] {
            assert!(!other.fingerprint().is(&fingerprint.to_string()));
        }
    }
}

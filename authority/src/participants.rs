//! Participants in sharing: whom the authority has admitted, and the group in whose name requests are signed.
//!
//! A participant makes its keys itself. The authority gives it a pseudonym from its name and the authority's nonce, as
//! it does for institutions, and writes both into participants.toml before it says anything on the ledger.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use consilium_contract::{certificate::pseudonym, transaction::sign};
use consilium_exchange::group_signature::{IssuerPublicKey, OpenerPublicKey};
use consilium_hash::Pseudonym;
use consilium_identity::{FilesError, ParticipantRequest, disk};
use consilium_proto::v1::{AdmitParticipant, FoundGroup, SignedTransaction, transaction::Action};
use serde::Deserialize;

use crate::{AuthorityError, AuthorityFiles};

const PARTICIPANTS: &str = "participants.toml";

/// At most so many bytes of participants.toml are read.
const MAX_REGISTER_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    pseudonym: String,
    signing_key: String,
}

/// An admission: under which pseudonym, and the authority's word for the ledger.
#[derive(Debug)]
pub struct Admitted {
    /// The name on the ledger.
    pub pseudonym: Pseudonym,
    /// What is to be sent.
    pub signed: SignedTransaction,
}

impl AuthorityFiles {
    /// Admits whoever has sent this request, if its fingerprint is the one that was read out, and writes it into
    /// participants.toml. The same request can be admitted again: the ledger takes it once.
    ///
    /// # Errors
    /// [`AuthorityError::Participant`] for another fingerprint, or a name that somebody else has;
    /// [`FilesError`] where the register cannot be read or written.
    pub fn admit_participant(
        &self,
        dir: &Path,
        request: &ParticipantRequest,
        fingerprint: &str,
    ) -> Result<Admitted, AuthorityError> {
        let name = request.name();
        let refused =
            |problem: String| AuthorityError::Participant { name: name.to_owned(), problem };
        let computed = request.fingerprint();
        if !computed.is(fingerprint) {
            return Err(refused(format!(
                "the request has the fingerprint {computed}, not the one that was read out; get the file from its author again"
            )));
        }
        let key = hex::encode(request.signing_key().encode());
        let mut register = read(dir)?;
        if self.register.has(name) {
            return Err(refused("an institution has this name; ask for another one".to_owned()));
        }
        // Other bytes than an institution's name can have, so that no two of both kinds get one pseudonym.
        let pseudonym = pseudonym(&format!("participant {name}"), &self.pseudonym_nonce);
        match register.get(name) {
            Some(registered) if registered.signing_key != key => {
                return Err(refused(
                    "somebody else has been admitted under this name; ask for another one"
                        .to_owned(),
                ));
            }
            Some(_) => {}
            None => {
                let registered = Registered { pseudonym: pseudonym.to_string(), signing_key: key };
                register.insert(name.to_owned(), registered);
                // Durable before the ledger knows the pseudonym: otherwise nobody could say whose it is.
                disk::replace_file(dir, PARTICIPANTS, to_toml(&register).as_bytes())?;
            }
        }
        let action = Action::AdmitParticipant(AdmitParticipant {
            pseudonym: pseudonym.to_vec(),
            signing_key: request.signing_key().encode().to_vec(),
        });
        Ok(Admitted { pseudonym, signed: self.say(action) })
    }

    /// Founds the group of those who may ask for records, with the keys that its issuer and its opener have made.
    ///
    /// # Errors
    /// [`AuthorityError::Participant`] for a request that has no such key.
    pub fn found_group(
        &self,
        issuer: &ParticipantRequest,
        opener: &ParticipantRequest,
    ) -> Result<SignedTransaction, AuthorityError> {
        let lacks = |request: &ParticipantRequest, office: &str| AuthorityError::Participant {
            name: request.name().to_owned(),
            problem: format!(
                "its request has no {office}'s key; make it with `consilium-records init --role {office}`"
            ),
        };
        IssuerPublicKey::decode(issuer.issuer_key()).map_err(|_| lacks(issuer, "issuer"))?;
        OpenerPublicKey::decode(opener.opener_key()).map_err(|_| lacks(opener, "opener"))?;
        Ok(self.say(Action::FoundGroup(FoundGroup {
            issuer_key: issuer.issuer_key().to_vec(),
            opener_key: opener.opener_key().to_vec(),
        })))
    }

    fn say(&self, action: Action) -> SignedTransaction {
        sign(&self.signing, &self.parameters.chain_id, None, action)
    }
}

fn read(dir: &Path) -> Result<BTreeMap<String, Registered>, FilesError> {
    let path = dir.join(PARTICIPANTS);
    if path.symlink_metadata().is_err() {
        return Ok(BTreeMap::new());
    }
    let bytes = disk::read_private(&path, MAX_REGISTER_BYTES)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| FilesError::invalid(&path, error.to_string()))?;
    toml::from_str(text).map_err(|error| FilesError::invalid(&path, error.message().to_owned()))
}

fn to_toml(register: &BTreeMap<String, Registered>) -> String {
    let mut text = String::new();
    for (name, Registered { pseudonym, signing_key }) in register {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "[{name}]\npseudonym = \"{pseudonym}\"\nsigning_key = \"{signing_key}\"\n"
        );
    }
    text
}

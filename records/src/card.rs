//! Cards: how a participant is reached, and with which keys, signed with the key that the ledger has.
//!
//! A card is handed on as a file or beside a grant. Whoever uses one verifies it against the ledger first, so that nobody
//! puts another key or address under somebody's name.

use std::path::Path;

use consilium_crypto::{Signature, VerifyingKey, dkg::SealingKey};
use consilium_exchange::records::PublicKey;
use consilium_hash::{ChainId, Pseudonym};
use consilium_identity::disk;
use consilium_proto::{decode, v1::Card as Message};
use prost::Message as _;

use crate::{RecordsError, error::Result, ledger::Ledger, party::Party, transport::check_address};

const LABEL: &str = "consilium/v1/records/card";

/// Longest card, in bytes.
const MAX_LEN: usize = 1024;

/// A card under the key that the ledger has of its owner.
#[derive(Debug, Clone)]
pub struct Card {
    /// Whose it is.
    pub name: Pseudonym,
    /// Its static key, if its role has one.
    pub exchange_key: Option<PublicKey>,
    /// What is for it alone is sealed to this key.
    pub sealing_key: SealingKey,
    /// Where it serves; empty where it does not.
    pub address: String,
    message: Message,
}

impl Card {
    /// A party's own card, under the pseudonym that the ledger has.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] where its keys cannot be a card.
    pub fn of(party: &Party, name: Pseudonym) -> Result<Self> {
        let exchange_key = party.exchange().ok().map(|key| key.public().encoding().to_vec());
        let mut message = Message {
            pseudonym: name.to_vec(),
            exchange_key: exchange_key.unwrap_or_default(),
            sealing_key: party.opening.sealing_key().encode().to_vec(),
            address: party.address.clone(),
            signature: Vec::new(),
        };
        message.signature = sign(party, &message);
        Self::verify(message, party.chain_id(), |_| Some(party.signing.verifying_key()))
    }

    /// Reads a file and verifies it against the ledger.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] naming the file.
    pub fn load(path: &Path, ledger: &Ledger) -> Result<Self> {
        let named = |error: &dyn std::fmt::Display| {
            RecordsError::Unusable(format!("{}: {error}", path.display()))
        };
        let bytes = disk::read(path, MAX_LEN)?;
        let message = decode("card", &bytes, MAX_LEN).map_err(|error| named(&error))?;
        Self::on(ledger, message).map_err(|error| named(&error))
    }

    /// Verifies a card against the ledger.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`].
    pub fn on(ledger: &Ledger, message: Message) -> Result<Self> {
        Self::verify(message, ledger.chain_id(), |name| ledger.key_of(name))
    }

    fn verify(
        message: Message,
        chain_id: &ChainId,
        key_of: impl FnOnce(&Pseudonym) -> Option<VerifyingKey>,
    ) -> Result<Self> {
        let name: Pseudonym =
            message.pseudonym.as_slice().try_into().map_err(RecordsError::unusable)?;
        let key = key_of(&name).ok_or_else(|| {
            RecordsError::Unusable(format!(
                "the card is of {}, of whom the ledger knows nothing",
                name.short()
            ))
        })?;
        let signature = Signature::decode(&message.signature)?;
        key.verify(LABEL, &parts(chain_id, &message), &signature).map_err(|_| {
            RecordsError::unusable("the card was not signed with the key that the ledger has of its owner; ask for it again")
        })?;
        let exchange_key = match message.exchange_key.as_slice() {
            [] => None,
            bytes => Some(PublicKey::decode(bytes)?),
        };
        let sealing_key = SealingKey::decode(&message.sealing_key)?;
        check_address(&message.address)?;
        let address = message.address.clone();
        Ok(Self { name, exchange_key, sealing_key, address, message })
    }

    /// The static key.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] where its role has none.
    pub fn exchange_key(&self) -> Result<&PublicKey> {
        self.exchange_key.as_ref().ok_or_else(|| {
            let name = self.name.short();
            RecordsError::Unusable(format!(
                "{name} is neither an owner nor a custodian: its card has no exchange key"
            ))
        })
    }

    /// The card as it is handed on.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The bytes of a file.
    pub fn encode(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }
}

fn parts<'a>(chain_id: &'a ChainId, message: &'a Message) -> [&'a [u8]; 5] {
    let Message { pseudonym, exchange_key, sealing_key, address, .. } = message;
    [chain_id.as_slice(), pseudonym, exchange_key, sealing_key, address.as_bytes()]
}

fn sign(party: &Party, message: &Message) -> Vec<u8> {
    party.signing.sign(LABEL, &parts(party.chain_id(), message)).encode().to_vec()
}

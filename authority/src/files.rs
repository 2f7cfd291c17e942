//! What the authority keeps: its keys, the nonce of the pseudonyms, whom it has registered, and the genesis.

use std::{fmt, path::Path};

use consilium_contract::{
    certificate::pseudonym, parameters::Parameters, transaction::sign as sign_transaction,
};
use consilium_crypto::signature::SigningKey;
use consilium_identity::{
    FilesError, MAX_DICTIONARY_BYTES, PublicFiles, TlsKey, disk,
    layout::{DICTIONARY, GENESIS, INITIAL_MODEL, TLS_KEY},
};
use consilium_proto::v1::{SignedTransaction, transaction::Action};
use consilium_transport::Presented;
use zeroize::Zeroizing;

use crate::{
    barred::Barred,
    register::{MAX_REGISTER_BYTES, Register, Registered},
};

const AUTHORITY_KEY: &str = "authority.key";
const NONCE: &str = "nonce";
pub(crate) const PSEUDONYMS: &str = "pseudonyms.toml";
const REVOKED: &str = "revoked.toml";

/// What the authority keeps: its key, the nonce of the pseudonyms, whom it has registered, and the genesis.
pub struct AuthorityFiles {
    /// Signs certificates, revocations and changes of the committee.
    pub signing: SigningKey,
    /// The key of its transport, for the calls that it makes itself.
    pub tls: TlsKey,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The blob of the initial model.
    pub initial_model: Vec<u8>,
    /// The text of the data dictionary that the run has agreed on, for the folders of institutions that join.
    pub dictionary: Option<Vec<u8>>,
    /// The genesis, checked.
    pub parameters: Parameters,
    pub(crate) pseudonym_nonce: Zeroizing<[u8; 32]>,
    pub(crate) register: Register,
    pub(crate) barred: Barred,
}

impl fmt::Debug for AuthorityFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorityFiles").field("register", &self.register).finish_non_exhaustive()
    }
}

impl AuthorityFiles {
    /// Reads the `authority` folder of a ceremony.
    ///
    /// # Errors
    /// [`FilesError`] naming the file that is missing, readable by others, damaged, or of another ceremony.
    pub fn load(dir: &Path) -> Result<Self, FilesError> {
        let PublicFiles { genesis_entry, initial_model, parameters } = PublicFiles::load(dir)?;
        let path = dir.join(AUTHORITY_KEY);
        let signing = SigningKey::from_bytes(&disk::read_key(&path)?);
        if signing.verifying_key() != parameters.authority {
            let problem = "is not the key that the genesis names as the authority's";
            return Err(FilesError::invalid(path, problem));
        }
        let tls = TlsKey::from_bytes(&disk::read_key(&dir.join(TLS_KEY))?);
        let pseudonym_nonce = disk::read_key(&dir.join(NONCE))?;
        let path = dir.join(PSEUDONYMS);
        let register = Register::from_toml(&disk::read_private(&path, MAX_REGISTER_BYTES)?)
            .map_err(|problem| FilesError::invalid(&path, problem))?;
        if register.len() < parameters.institutions as usize {
            let problem = format!(
                "has fewer than the {} institutions that the run began with",
                parameters.institutions
            );
            return Err(FilesError::invalid(path, problem));
        }
        // The nonce is as good as the pseudonyms that were made with it.
        let is_other = |(name, registered): (&String, &Registered)| {
            registered.pseudonym != pseudonym(name, &pseudonym_nonce).to_string()
        };
        if register.iter().any(is_other) {
            let problem = format!("is not what the pseudonyms of {PSEUDONYMS} follow from");
            return Err(FilesError::invalid(dir.join(NONCE), problem));
        }
        let path = dir.join(REVOKED);
        let barred = disk::read_if_there(&path, MAX_REGISTER_BYTES)?.unwrap_or_default();
        let barred =
            Barred::from_toml(&barred).map_err(|problem| FilesError::invalid(&path, problem))?;
        let dictionary = disk::read_if_there(&dir.join(DICTIONARY), MAX_DICTIONARY_BYTES)?;
        Ok(Self {
            signing,
            tls,
            genesis_entry,
            initial_model,
            dictionary,
            parameters,
            pseudonym_nonce,
            register,
            barred,
        })
    }

    /// Writes the folder, which must not exist. What writes several folders has them appear together.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_into(&self, dir: &Path) -> Result<(), FilesError> {
        let key = self.signing.to_bytes();
        let tls = self.tls.to_bytes();
        let names = self.register.to_toml();
        let barred = self.barred.to_toml();
        let mut files: Vec<(&str, &[u8])> = vec![
            (AUTHORITY_KEY, &*key),
            (TLS_KEY, &*tls),
            (NONCE, &*self.pseudonym_nonce),
            (PSEUDONYMS, names.as_bytes()),
            (GENESIS, &self.genesis_entry),
            (INITIAL_MODEL, &self.initial_model),
        ];
        files.extend(self.dictionary.iter().map(|text| (DICTIONARY, text.as_slice())));
        files.extend((!self.barred.is_empty()).then_some((REVOKED, barred.as_bytes())));
        disk::write_folder(dir, &files)
    }

    /// Writes the register anew into the authority's folder, durably: the old one or the new one is there.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn record(&self, dir: &Path) -> Result<(), FilesError> {
        disk::replace_file(dir, PSEUDONYMS, self.register.to_toml().as_bytes())
    }

    /// What the authority presents where it connects.
    pub fn presented(&self) -> Presented {
        Presented::authority(&self.signing, &self.tls, &self.parameters.chain_id)
    }

    pub(crate) fn sign(&self, action: Action) -> SignedTransaction {
        sign_transaction(&self.signing, &self.parameters.chain_id, None, action)
    }
}

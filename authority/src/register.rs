//! The authority after the ceremony: whom it has registered, and what it has to say while a run goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    path::Path,
};

use consilium_contract::{
    certificate::{Certificate, pseudonym},
    parameters::Parameters,
    transaction::sign,
};
use consilium_crypto::{dkg::Shape, signature::SigningKey};
use consilium_hash::Pseudonym;
use consilium_identity::{
    FilesError, InstitutionFiles, MAX_DICTIONARY_BYTES, PublicFiles, disk,
    layout::{DICTIONARY, GENESIS, INITIAL_MODEL},
};
use consilium_proto::v1::{ChangeCommittee, Revoke, SignedTransaction, transaction::Action};
use rand_core::CryptoRngCore;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::AuthorityError;

const AUTHORITY_KEY: &str = "authority.key";
const NONCE: &str = "nonce";
const PSEUDONYMS: &str = "pseudonyms.toml";

/// Longest name of an institution, in bytes.
const MAX_NAME: usize = 64;

/// The register holds at most 2^16 institutions of less than 256 bytes each.
const MAX_REGISTER_BYTES: usize = 16 << 20;

/// What the register says of an institution.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    /// In hex.
    pseudonym: String,
    trustee_index: u32,
    rows: u64,
}

/// Which institution stands behind which pseudonym. Every institution that ever had a number stays in it.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Register(BTreeMap<String, Registered>);

impl Register {
    /// TOML, one table an institution, in the order of their numbers.
    pub(crate) fn to_toml(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, registered)| registered.trustee_index);
        for (name, Registered { pseudonym, trustee_index, rows }) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[{name}]\npseudonym = \"{pseudonym}\"\ntrustee_index = {trustee_index}\nrows = {rows}\n"
            );
        }
        text
    }

    /// Reads [`to_toml`](Self::to_toml)'s text; what is wrong with it otherwise.
    fn from_toml(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let rows: BTreeMap<String, Registered> =
            toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut numbers = BTreeSet::new();
        let mut pseudonyms = BTreeSet::new();
        for (name, Registered { pseudonym, trustee_index, .. }) in &rows {
            if parse_pseudonym(pseudonym).is_none() {
                return Err(format!("{name} has no pseudonym of 32 bytes in hex"));
            }
            if !numbers.insert(*trustee_index) || !pseudonyms.insert(pseudonym.as_str()) {
                return Err(format!(
                    "{name} has the number or the pseudonym of another institution"
                ));
            }
        }
        Ok(Self(rows))
    }

    /// Whether an institution has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn next_number(&self) -> u32 {
        self.0
            .values()
            .map(|registered| registered.trustee_index)
            .max()
            .unwrap_or(0)
            .saturating_add(1)
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Register({} institutions, redacted)", self.0.len())
    }
}

fn parse_pseudonym(text: &str) -> Option<Pseudonym> {
    Pseudonym::try_from(hex::decode(text).ok()?.as_slice()).ok()
}

/// What the authority keeps: its key, the nonce of the pseudonyms, whom it has registered, and the genesis.
pub struct AuthorityFiles {
    /// Signs certificates, revocations and changes of the committee.
    pub signing: SigningKey,
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
        let pseudonym_nonce = disk::read_key(&dir.join(NONCE))?;
        let path = dir.join(PSEUDONYMS);
        let register = Register::from_toml(&disk::read_private(&path, MAX_REGISTER_BYTES)?)
            .map_err(|problem| FilesError::invalid(&path, problem))?;
        if register.0.len() < parameters.institutions as usize {
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
        if register.0.iter().any(is_other) {
            let problem = format!("is not what the pseudonyms of {PSEUDONYMS} follow from");
            return Err(FilesError::invalid(dir.join(NONCE), problem));
        }
        let dictionary = disk::read_if_there(&dir.join(DICTIONARY), MAX_DICTIONARY_BYTES)?;
        Ok(Self {
            signing,
            genesis_entry,
            initial_model,
            dictionary,
            parameters,
            pseudonym_nonce,
            register,
        })
    }

    /// Writes the folder, which must not exist. What writes several folders has them appear together.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn write_into(&self, dir: &Path) -> Result<(), FilesError> {
        let key = self.signing.to_bytes();
        let names = self.register.to_toml();
        let mut files: Vec<(&str, &[u8])> = vec![
            (AUTHORITY_KEY, &*key),
            (NONCE, &*self.pseudonym_nonce),
            (PSEUDONYMS, names.as_bytes()),
            (GENESIS, &self.genesis_entry),
            (INITIAL_MODEL, &self.initial_model),
        ];
        files.extend(self.dictionary.iter().map(|text| (DICTIONARY, text.as_slice())));
        disk::write_folder(dir, &files)
    }

    /// Writes the register anew into the authority's folder, durably: the old one or the new one is there.
    ///
    /// # Errors
    /// [`FilesError::Io`] naming what cannot be written.
    pub fn record(&self, dir: &Path) -> Result<(), FilesError> {
        disk::replace_file(dir, PSEUDONYMS, self.register.to_toml().as_bytes())
    }

    /// Registers an institution under the next number, makes its signing key and certifies it. The register has to be
    /// [`record`](Self::record)ed before the institution gets its folder: numbers are never given again.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] where the name is taken or no name, [`AuthorityError::Certificate`] where there
    /// are no rows or more than the genesis allows, or no numbers left.
    pub fn admit(
        &mut self,
        name: &str,
        rows: u64,
        rng: &mut impl CryptoRngCore,
    ) -> Result<InstitutionFiles, AuthorityError> {
        let refused = |problem: &str| AuthorityError::Institution {
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_plain) {
            return Err(refused("a name has 1 to 64 letters, digits, - and _"));
        }
        if self.register.0.contains_key(name) {
            return Err(refused("is registered already; give another name"));
        }
        let signing = SigningKey::generate(rng);
        let identity = Certificate {
            pseudonym: pseudonym(name, &self.pseudonym_nonce),
            signing_key: signing.verifying_key(),
            tls_key: None,
            trustee_index: self.register.next_number(),
            rows,
        };
        let certificate = identity.issue(&self.signing, &self.parameters.nonce);
        self.parameters
            .verify_certificate(&certificate)
            .map_err(|source| AuthorityError::Certificate { name: name.to_owned(), source })?;
        let registered = Registered {
            pseudonym: identity.pseudonym.to_string(),
            trustee_index: identity.trustee_index,
            rows,
        };
        self.register.0.insert(name.to_owned(), registered);
        Ok(InstitutionFiles {
            signing,
            certificate,
            identity,
            genesis_entry: self.genesis_entry.clone(),
            initial_model: self.initial_model.clone(),
            dictionary: self.dictionary.clone(),
            parameters: self.parameters.clone(),
        })
    }

    /// The number that the next institution gets.
    pub fn next_number(&self) -> u32 {
        self.register.next_number()
    }

    /// The pseudonym of an institution: by its name in the register, or as it stands, 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`].
    pub fn pseudonym_of(&self, name: &str) -> Result<Pseudonym, AuthorityError> {
        let registered =
            self.register.0.get(name).map_or(name, |registered| registered.pseudonym.as_str());
        parse_pseudonym(registered).ok_or_else(|| AuthorityError::Institution {
            name: name.to_owned(),
            problem: format!(
                "is in no table of {PSEUDONYMS}, and no pseudonym of 64 hexadecimal digits"
            ),
        })
    }

    /// The name of an institution in the register; its pseudonym in hex where it has none.
    pub fn name_of(&self, pseudonym: &str) -> String {
        let mut registered = self.register.0.iter();
        let found = registered.find(|(_, registered)| registered.pseudonym == pseudonym);
        found.map_or_else(|| pseudonym.to_owned(), |(name, _)| name.clone())
    }

    /// Revokes an institution: its updates are taken no longer. A share of the key that it holds stays one, until a new
    /// committee has taken the key over.
    ///
    /// # Errors
    /// As [`AuthorityFiles::pseudonym_of`].
    pub fn revoke(&self, name: &str) -> Result<SignedTransaction, AuthorityError> {
        let pseudonym = self.pseudonym_of(name)?.to_vec();
        Ok(self.sign(Action::Revoke(Revoke { pseudonym })))
    }

    /// Asks for committee `number`, one more than that of the committee that holds the key: `members`, in the order of
    /// their places, of whom `threshold` open a sum. `request` is larger than that of every request before, and takes
    /// their place: milliseconds since the epoch serve.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] for a member that is unknown or named twice, [`AuthorityError::Spec`] for numbers
    /// that no committee of this run can have.
    pub fn change_committee(
        &self,
        number: u32,
        members: &[String],
        threshold: u32,
        request: u64,
    ) -> Result<SignedTransaction, AuthorityError> {
        let invalid = |field, actual: u32, expected: String| AuthorityError::Spec {
            field,
            actual: actual.to_string(),
            expected,
        };
        let mut named = BTreeSet::new();
        let mut places = Vec::with_capacity(members.len());
        for name in members {
            let pseudonym = self.pseudonym_of(name)?;
            if !named.insert(pseudonym) {
                let problem = "is named twice; a member has one place".to_owned();
                return Err(AuthorityError::Institution { name: name.clone(), problem });
            }
            places.push(pseudonym.to_vec());
        }
        if number == 0 {
            let expected = "1 or more: the first committee is made when the run begins".to_owned();
            return Err(invalid("number of the committee", number, expected));
        }
        let Parameters { institutions, min_updates, min_threshold, .. } = self.parameters;
        let size = u32::try_from(places.len()).unwrap_or(u32::MAX);
        if size > institutions {
            let expected = format!("at most {institutions}, as the genesis allows");
            return Err(invalid("number of members", size, expected));
        }
        if threshold < min_threshold {
            let expected = format!(
                "{min_threshold} or more: the genesis lets the key be passed on to no fewer"
            );
            return Err(invalid("threshold", threshold, expected));
        }
        if threshold >= min_updates {
            let expected = format!("less than {min_updates}, the updates that a sum needs");
            return Err(invalid("threshold", threshold, expected));
        }
        Shape::new(size, threshold)
            .map_err(|error| invalid("threshold", threshold, error.to_string()))?;
        let change = ChangeCommittee { committee: number, members: places, threshold, request };
        Ok(self.sign(Action::ChangeCommittee(change)))
    }

    fn sign(&self, action: Action) -> SignedTransaction {
        sign(&self.signing, &self.parameters.chain_id, None, action)
    }
}

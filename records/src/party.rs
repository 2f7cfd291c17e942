//! A party's folder: its keys, made at its site, and what it knows of the run.
//!
//! ```text
//! party.toml                      role, name, address
//! genesis.bin                     the run
//! request.bin                     for the authority; its fingerprint is read out
//! signing.key, sealing.key        statements and calls; what is sealed to this party
//! exchange.key                    owners and custodians: keyword tags
//! seed.key                        owners: one delegator key for each custodian, category and month
//! issuer.key, opener.key          the offices of the group
//! ledger/                         its own verified copy of the chain
//! ```
//! Private files have mode 0600, the folder 0700; nothing is overwritten.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::ValueEnum;
use consilium_contract::Parameters;
use consilium_crypto::{SigningKey, dkg::OpeningKey};
use consilium_exchange::{
    group_signature::{IssuerKey, OpenerKey},
    records::{OwnerSeed, SecretKey},
};
use consilium_hash::ChainId;
use consilium_identity::{
    Fingerprint, InstitutionFiles, MAX_FILE_BYTES, ParticipantRequest, disk, is_plain_name,
    layout::{GENESIS, SIGNING_KEY},
};
use rand_core::OsRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{RecordsError, error::Result, transport::check_address};

const PARTY: &str = "party.toml";
const REQUEST: &str = "request.bin";
const SEALING_KEY: &str = "sealing.key";
const EXCHANGE_KEY: &str = "exchange.key";
const SEED: &str = "seed.key";
const ISSUER_KEY: &str = "issuer.key";
const OPENER_KEY: &str = "opener.key";

/// What a party does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Whom records are about.
    Owner,
    /// Who makes and keeps records.
    Custodian,
    /// Who asks for records.
    Requester,
    /// Who re-encrypts for requesters.
    Proxy,
    /// Who certifies the group's members and revokes them.
    Issuer,
    /// Who can say which member has signed.
    Opener,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Custodian => "custodian",
            Self::Requester => "requester",
            Self::Proxy => "proxy",
            Self::Issuer => "issuer",
            Self::Opener => "opener",
        })
    }
}

impl Role {
    fn has_exchange_key(self) -> bool {
        matches!(self, Self::Owner | Self::Custodian)
    }
}

/// party.toml.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    role: Role,
    name: String,
    address: String,
}

/// What a new party is to be.
#[derive(Debug)]
pub struct Founding<'a> {
    /// What it does.
    pub role: Role,
    /// How the authority calls it.
    pub name: &'a str,
    /// Where others reach it; empty where it does not serve.
    pub address: &'a str,
    /// The run's genesis.bin.
    pub genesis: &'a Path,
    /// The folder of an institution whose signing key it speaks with.
    pub institution: Option<&'a Path>,
}

/// A party with its keys.
#[derive(Debug)]
pub struct Party {
    /// Its folder.
    pub dir: PathBuf,
    /// What it does.
    pub role: Role,
    /// How the authority calls it.
    pub name: String,
    /// Where others reach it; empty where it does not serve.
    pub address: String,
    /// Signs its statements and calls.
    pub signing: SigningKey,
    /// Opens what is sealed to it.
    pub opening: OpeningKey,
    /// The entry of block 0.
    pub genesis_entry: Vec<u8>,
    /// The genesis, checked.
    pub parameters: Arc<Parameters>,
    exchange: Option<SecretKey>,
    seed: Option<OwnerSeed>,
    issuer: Option<IssuerKey>,
    opener: Option<OpenerKey>,
}

impl Party {
    /// Makes keys and writes the folder, whole or not at all; what its author reads to the authority.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] for a name or address that is none, [`RecordsError::Files`].
    pub fn found(dir: &Path, founding: &Founding<'_>) -> Result<Fingerprint> {
        let Founding { role, name, address, genesis, institution } = founding;
        if !is_plain_name(name) {
            return Err(RecordsError::unusable("a name has 1 to 64 letters, digits, - and _"));
        }
        check_address(address)?;
        let genesis_entry = disk::read(genesis, MAX_FILE_BYTES)?;
        let parameters = Parameters::from_genesis_entry(&genesis_entry)
            .map_err(|error| RecordsError::Unusable(format!("{}: {error}", genesis.display())))?;
        let signing = match institution {
            None => SigningKey::generate(&mut OsRng),
            Some(folder) => {
                let files = InstitutionFiles::load(folder)?;
                if files.parameters.chain_id != parameters.chain_id {
                    return Err(RecordsError::unusable("the institution is one of another run"));
                }
                files.signing
            }
        };
        let mut issuer_key = Vec::new();
        let mut opener_key = Vec::new();
        let mut secrets = vec![
            (SIGNING_KEY, signing.to_bytes()),
            (SEALING_KEY, OpeningKey::generate(&mut OsRng).to_bytes()),
        ];
        if role.has_exchange_key() {
            secrets.push((EXCHANGE_KEY, SecretKey::generate(&mut OsRng).to_bytes()));
        }
        match role {
            Role::Owner => secrets.push((SEED, OwnerSeed::generate(&mut OsRng).to_bytes())),
            Role::Issuer => {
                let key = IssuerKey::generate(&mut OsRng);
                issuer_key = key.public().encode().to_vec();
                secrets.push((ISSUER_KEY, key.to_bytes()));
            }
            Role::Opener => {
                let key = OpenerKey::generate(&mut OsRng);
                opener_key = key.public().encode().to_vec();
                secrets.push((OPENER_KEY, key.to_bytes()));
            }
            Role::Custodian | Role::Requester | Role::Proxy => {}
        }
        let request = ParticipantRequest::new(name, &signing, issuer_key, opener_key);
        let described =
            Described { role: *role, name: (*name).to_owned(), address: (*address).to_owned() };
        let described = toml::to_string(&described).map_err(RecordsError::unusable)?;
        let encoded = request.encode();
        let mut files: Vec<(&str, &[u8])> =
            secrets.iter().map(|(name, key)| (*name, &key[..])).collect();
        files.push((PARTY, described.as_bytes()));
        files.push((REQUEST, &encoded));
        files.push((GENESIS, &genesis_entry));
        disk::appear(dir, |partial| disk::write_folder(partial, &files))?;
        Ok(request.fingerprint())
    }

    /// Reads a folder that [`found`](Self::found) has written.
    ///
    /// # Errors
    /// [`RecordsError::Files`] naming the file that is missing, readable by others or damaged.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(PARTY);
        let text = fs::read_to_string(&path).map_err(|error| {
            RecordsError::Unusable(format!(
                "{}: {error}; give a folder that `consilium-records init` has made",
                path.display()
            ))
        })?;
        let Described { role, name, address } = toml::from_str(&text)
            .map_err(|error| RecordsError::Unusable(format!("{}: {error}", path.display())))?;
        let path = dir.join(GENESIS);
        let genesis_entry = disk::read(&path, MAX_FILE_BYTES)?;
        let parameters = Parameters::from_genesis_entry(&genesis_entry)
            .map_err(|error| RecordsError::Unusable(format!("{}: {error}", path.display())))?;
        let key = |name: &str| disk::read_key(&dir.join(name));
        let optional = |name: &str, has: bool| -> Result<Option<Zeroizing<[u8; 32]>>> {
            Ok(if has { Some(key(name)?) } else { None })
        };
        let exchange = optional(EXCHANGE_KEY, role.has_exchange_key())?;
        let seed = optional(SEED, role == Role::Owner)?;
        let issuer = optional(ISSUER_KEY, role == Role::Issuer)?;
        let opener = optional(OPENER_KEY, role == Role::Opener)?;
        Ok(Self {
            signing: SigningKey::from_bytes(&key(SIGNING_KEY)?),
            opening: OpeningKey::from_bytes(&key(SEALING_KEY)?),
            exchange: exchange.as_ref().map(SecretKey::from_bytes).transpose()?,
            seed: seed.as_ref().map(OwnerSeed::from_bytes),
            issuer: issuer.as_ref().map(IssuerKey::from_bytes).transpose()?,
            opener: opener.as_ref().map(|key| OpenerKey::from_bytes(1, key)).transpose()?,
            dir: dir.to_owned(),
            role,
            name,
            address,
            genesis_entry,
            parameters: Arc::new(parameters),
        })
    }

    /// As [`load`](Self::load), for one who must have this role.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] for another role.
    pub fn load_as(dir: &Path, role: Role) -> Result<Self> {
        let party = Self::load(dir)?;
        if party.role != role {
            let problem = format!(
                "{} is the folder of a party that is {}, not {role}",
                dir.display(),
                party.role
            );
            return Err(RecordsError::Unusable(problem));
        }
        Ok(party)
    }

    /// The ledger.
    pub fn chain_id(&self) -> &ChainId {
        &self.parameters.chain_id
    }

    /// Its static key.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] where its role has none; so for the others.
    pub fn exchange(&self) -> Result<&SecretKey> {
        self.exchange.as_ref().ok_or_else(|| self.lacks("exchange key"))
    }

    /// The seed of its delegator keys.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`].
    pub fn seed(&self) -> Result<&OwnerSeed> {
        self.seed.as_ref().ok_or_else(|| self.lacks("seed"))
    }

    /// γ.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`].
    pub fn issuer(&self) -> Result<&IssuerKey> {
        self.issuer.as_ref().ok_or_else(|| self.lacks("issuer's key"))
    }

    /// ζ.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`].
    pub fn opener(&self) -> Result<&OpenerKey> {
        self.opener.as_ref().ok_or_else(|| self.lacks("opener's key"))
    }

    fn lacks(&self, what: &str) -> RecordsError {
        RecordsError::Unusable(format!("a party that is {} has no {what}", self.role))
    }
}

//! The parties of an earlier run, for the next one to be founded on: nobody makes a key again, or reads out a fingerprint.
//!
//! The next run has the keys of its parties and its authority in common with the earlier one, and nothing else: its chain, its
//! certificates, its pseudonyms and the nonce that they follow from are its own, and everything that is signed or proven in it names
//! its chain.

use std::fmt;

use consilium_crypto::signature::{SigningKey, VerifyingKey};
use consilium_hash::TlsKeyHash;
use consilium_identity::TlsKey;
use rand_core::CryptoRngCore;

use crate::{
    AuthorityError, AuthorityFiles, barred::Barred, founding::CoordinatorKeys, register::Registered,
};

/// What the authority signs and connects with.
pub(crate) struct AuthorityKeys {
    pub(crate) signing: SigningKey,
    pub(crate) tls: TlsKey,
}

impl AuthorityKeys {
    pub(crate) fn generate(rng: &mut impl CryptoRngCore) -> Self {
        Self { signing: SigningKey::generate(rng), tls: TlsKey::generate(rng) }
    }
}

/// An institution whose keys were compared with their fingerprint in an earlier run.
#[derive(Debug, Clone)]
pub(crate) struct KnownInstitution {
    pub(crate) name: String,
    pub(crate) signing_key: VerifyingKey,
    pub(crate) tls_key: TlsKeyHash,
    pub(crate) rows: u64,
}

/// Whom an earlier run knows, and the authority's keys of it.
pub struct Known {
    pub(crate) keys: AuthorityKeys,
    pub(crate) coordinator: CoordinatorKeys,
    pub(crate) institutions: Vec<KnownInstitution>,
    pub(crate) barred: Barred,
}

impl Known {
    /// Everyone whom this run has certified and not revoked, in the order of their numbers; or those with these names, in the
    /// order given.
    ///
    /// # Errors
    /// [`AuthorityError::Institution`] for a name that is not registered, or revoked.
    pub fn of(earlier: &AuthorityFiles, only: &[String]) -> Result<Self, AuthorityError> {
        let AuthorityFiles { signing, tls, parameters, register, barred, .. } = earlier;
        let chosen: Vec<(&String, &Registered)> = if only.is_empty() {
            let everyone = register.by_number().into_iter();
            everyone.filter(|(_, registered)| !registered.revoked).collect()
        } else {
            let named = only.iter().map(|name| match register.get(name) {
                Some(registered) if registered.revoked => {
                    Err(refused(name, "is revoked in the run that this one is founded on"))
                }
                Some(registered) => Ok((name, registered)),
                None => {
                    Err(refused(name, "is not registered in the run that this one is founded on"))
                }
            });
            named.collect::<Result<_, _>>()?
        };
        let institutions = chosen.into_iter().map(|(name, registered)| known(name, registered));
        Ok(Self {
            keys: AuthorityKeys {
                signing: SigningKey::from_bytes(&signing.to_bytes()),
                tls: TlsKey::from_bytes(&tls.to_bytes()),
            },
            coordinator: CoordinatorKeys {
                signing_key: parameters.coordinator,
                evaluation_key: parameters.evaluation_key,
            },
            institutions: institutions.collect::<Result<_, _>>()?,
            barred: barred.clone().with(register.iter()),
        })
    }

    /// Their names, in the order of the numbers that they will have.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.institutions.iter().map(|institution| institution.name.as_str())
    }

    /// Names of those who were revoked in the earlier run, or in those that it was founded on.
    pub fn revoked(&self) -> impl Iterator<Item = &str> {
        self.barred.names()
    }

    /// Rows that each trains on in the earlier run, in the same order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = u64> {
        self.institutions.iter().map(|institution| institution.rows)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({} institutions, redacted)", self.institutions.len())
    }
}

fn known(name: &str, registered: &Registered) -> Result<KnownInstitution, AuthorityError> {
    let decode = || {
        let signing_key = hex::decode(&registered.signing_key).ok()?;
        let tls_key = hex::decode(&registered.tls_key).ok()?;
        Some(KnownInstitution {
            name: name.to_owned(),
            signing_key: VerifyingKey::decode(&signing_key).ok()?,
            tls_key: TlsKeyHash::try_from(tls_key.as_slice()).ok()?,
            rows: registered.rows,
        })
    };
    decode().ok_or_else(|| refused(name, "has keys in pseudonyms.toml that are none"))
}

fn refused(name: &str, problem: &str) -> AuthorityError {
    AuthorityError::Institution { name: name.to_owned(), problem: problem.to_owned() }
}

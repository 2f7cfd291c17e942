//! The registry: which F is whose, from the joins on the ledger.

use std::collections::BTreeMap;

use blstrs::G1Affine;
use consilium_hash::Pseudonym;

use super::curve::G1_LEN;
use super::{GroupError, VerifiedJoin};

/// F → pseudonym. Entries stay when a member is revoked: what it signed before can still be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry(BTreeMap<[u8; G1_LEN], Pseudonym>);

impl Registry {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a join; refuses an F that is there, whoever has it.
    pub fn enrol(&mut self, join: &VerifiedJoin) -> Result<(), GroupError> {
        let key = join.f.to_compressed();
        if self.0.contains_key(&key) {
            return Err(GroupError::SecretTaken);
        }
        self.0.insert(key, join.member);
        Ok(())
    }

    /// Encodings of F with their pseudonyms, in ascending order, as a state root covers them.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8; G1_LEN], &Pseudonym)> {
        self.0.iter()
    }

    pub(super) fn member(&self, f: &G1Affine) -> Option<Pseudonym> {
        self.0.get(&f.to_compressed()).copied()
    }
}

//! The registry: which F is whose, from the joins on the ledger.

use std::collections::BTreeMap;

use blstrs::G1Affine;
use consilium_crypto::building_blocks::Reader;
use consilium_hash::Pseudonym;

use super::curve::{G1_LEN, read_proper_g1};
use super::{GroupError, VerifiedJoin};

/// F → pseudonym. Entries stay when a member is revoked: what it signed before can still be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry(BTreeMap<[u8; G1_LEN], Pseudonym>);

impl Registry {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// The registry of these [`entries`](Self::entries), from where they are trusted: a snapshot under a state root.
    ///
    /// # Errors
    /// [`GroupError`] where one is no point.
    pub fn of<'a>(
        entries: impl IntoIterator<Item = (&'a [u8], Pseudonym)>,
    ) -> Result<Self, GroupError> {
        const WHAT: &str = "registry";
        let entry = |(f, member): (&[u8], Pseudonym)| {
            let f = read_proper_g1(WHAT, &mut Reader::new(WHAT, f, G1_LEN)?)?;
            Ok((f.to_compressed(), member))
        };
        entries.into_iter().map(entry).collect::<Result<_, _>>().map(Self)
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

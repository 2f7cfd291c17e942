//! Whom the authority has registered: the only map from pseudonyms to names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use consilium_hash::Pseudonym;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The register holds at most 2^16 institutions of less than 512 bytes each.
pub(crate) const MAX_REGISTER_BYTES: usize = 32 << 20;

/// What the register says of an institution.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registered {
    /// In hex.
    pub(crate) pseudonym: String,
    pub(crate) trustee_index: u32,
    pub(crate) rows: u64,
    /// In hex: the key of its transactions, and the hash of that of its transport which was certified last.
    pub(crate) signing_key: String,
    pub(crate) tls_key: String,
    /// Whether the authority has signed its revocation.
    #[serde(default)]
    pub(crate) revoked: bool,
}

/// Which institution stands behind which pseudonym. Every institution that ever had a number stays in it.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Register(BTreeMap<String, Registered>);

impl Register {
    /// TOML, one table an institution, in the order of their numbers.
    pub(crate) fn to_toml(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for (name, registered) in self.by_number() {
            let Registered { pseudonym, trustee_index, rows, signing_key, tls_key, revoked } =
                registered;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[{name}]\npseudonym = \"{pseudonym}\"\ntrustee_index = {trustee_index}\nrows = {rows}\n\
                 signing_key = \"{signing_key}\"\ntls_key = \"{tls_key}\""
            );
            if *revoked {
                text.push_str("revoked = true\n");
            }
            text.push('\n');
        }
        text
    }

    /// Reads [`to_toml`](Self::to_toml)'s text; what is wrong with it otherwise.
    pub(crate) fn from_toml(bytes: &[u8]) -> Result<Self, String> {
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

    /// Everyone, in the order of their numbers.
    pub(crate) fn by_number(&self) -> Vec<(&String, &Registered)> {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|(_, registered)| registered.trustee_index);
        rows
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Everyone, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Registered)> {
        self.0.iter()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.0.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Registered> {
        self.0.get_mut(name)
    }

    pub(crate) fn insert(&mut self, name: &str, registered: Registered) {
        self.0.insert(name.to_owned(), registered);
    }

    /// Whether an institution has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn next_number(&self) -> u32 {
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

pub(crate) fn parse_pseudonym(text: &str) -> Option<Pseudonym> {
    Pseudonym::try_from(hex::decode(text).ok()?.as_slice()).ok()
}

//! Who was revoked in the runs that this one follows: who is revoked in one takes part in none that is founded on it.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::register::Registered;

/// Keys under which somebody is not taken in again, in hex as the register has them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    signing_key: String,
    tls_key: String,
}

/// Names and keys that were revoked in earlier runs.
#[derive(Default, Clone, PartialEq, Eq)]
pub(crate) struct Barred(BTreeMap<String, Keys>);

impl Barred {
    /// With whoever of these is revoked.
    pub(crate) fn with<'a>(
        mut self,
        everyone: impl Iterator<Item = (&'a String, &'a Registered)>,
    ) -> Self {
        let revoked = everyone.filter(|(_, registered)| registered.revoked);
        self.0.extend(revoked.map(|(name, Registered { signing_key, tls_key, .. })| {
            let keys = Keys { signing_key: signing_key.clone(), tls_key: tls_key.clone() };
            (name.clone(), keys)
        }));
        self
    }

    /// Why whoever asks under this name, with these keys, is not taken in; `None` where nothing speaks against it.
    pub(crate) fn objection(&self, name: &str, asks: &Registered) -> Option<String> {
        let is_one = |former: &str, keys: &Keys| {
            former == name || keys.signing_key == asks.signing_key || keys.tls_key == asks.tls_key
        };
        let (former, _) = self.0.iter().find(|(former, keys)| is_one(former, keys))?;
        Some(format!(
            "was revoked as {former} in a run that this one was founded on; have it ask under another name, with new keys"
        ))
    }

    /// Under which names they were revoked.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether nobody was revoked.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// TOML, one table for each.
    pub(crate) fn to_toml(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for (name, Keys { signing_key, tls_key }) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "[{name}]\nsigning_key = \"{signing_key}\"\ntls_key = \"{tls_key}\"\n"
            );
        }
        text
    }

    /// Reads [`to_toml`](Self::to_toml)'s text; what is wrong with it otherwise.
    pub(crate) fn from_toml(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        toml::from_str(text).map(Self).map_err(|error| error.message().to_owned())
    }
}

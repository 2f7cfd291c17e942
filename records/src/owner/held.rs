//! Consents that were given, and whose letters are not in the outbox yet: on disk before they are said on the ledger.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use consilium_audit::files::{self, create_folder, failed, sync_folder_of};
use consilium_exchange::records::GivenConsent;
use consilium_hash::ConsentHash;
use consilium_proto::{decode, v1::HeldConsent};
use prost::Message as _;
use zeroize::Zeroizing;

use super::consent::Recipients;
use crate::{RecordsError, card::Card, error::Result, ledger::Ledger, party::Party};

/// What cards of eighteen parties take at most, in bytes.
const CARDS: usize = 32 << 10;
/// The longest file, in bytes.
const MAX_LEN: usize = GivenConsent::MAX_LEN + CARDS;

/// See the module.
#[derive(Debug)]
pub struct Held(PathBuf);

impl Held {
    /// In a party's folder, whose subfolder is made.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn of(party: &Path) -> Result<Self> {
        let folder = party.join("given");
        create_folder(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, consent: &ConsentHash) -> PathBuf {
        self.0.join(consent.to_string())
    }

    /// Keeps a consent with those whom it is for; on disk when it returns.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn put(&self, given: &GivenConsent, recipients: &Recipients) -> Result<()> {
        let Recipients { requester, custodian, proxies } = recipients;
        let held = HeldConsent {
            given: given.encode().to_vec(),
            requester: Some(requester.message().clone()),
            custodian: Some(custodian.message().clone()),
            proxies: proxies.iter().map(|proxy| proxy.message().clone()).collect(),
        };
        let encoded = Zeroizing::new(held.encode_to_vec());
        // As secret as the grants in it.
        drop(Zeroizing::new(held.given));
        Ok(files::replace(&self.path(given.hash()), &[&encoded])?)
    }

    /// Forgets a consent whose letters are in the outbox, or that is in force no more.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn remove(&self, consent: &ConsentHash) -> Result<()> {
        let path = self.path(consent);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error).into())
            }
            _ => Ok(sync_folder_of(&path)?),
        }
    }

    /// All of them, with their recipients as the ledger knows them.
    ///
    /// # Errors
    /// [`RecordsError::File`], [`RecordsError::Unusable`] naming the file.
    pub fn all(&self, party: &Party, ledger: &Ledger) -> Result<Vec<(GivenConsent, Recipients)>> {
        let entries = fs::read_dir(&self.0).map_err(failed("list", &self.0))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(failed("list", &self.0))?;
        paths.retain(|path| path.extension().is_none());
        paths.sort();
        let read = |path: &PathBuf| {
            read(path, party, ledger)
                .map_err(|error| RecordsError::Unusable(format!("{}: {error}", path.display())))
        };
        paths.iter().map(read).collect()
    }
}

fn read(path: &Path, party: &Party, ledger: &Ledger) -> Result<(GivenConsent, Recipients)> {
    let bytes = Zeroizing::new(files::read(path, MAX_LEN as u64)?.unwrap_or_default());
    let held: HeldConsent = decode("consent that was given", &bytes, MAX_LEN)?;
    let HeldConsent { given, requester, custodian, proxies } = held;
    let given = GivenConsent::decode(party.chain_id(), &Zeroizing::new(given))?;
    let (Some(requester), Some(custodian)) = (requester, custodian) else {
        return Err(RecordsError::unusable("it names no requester or no custodian"));
    };
    let proxies = proxies.into_iter().map(|card| Card::on(ledger, card));
    let recipients = Recipients {
        requester: Card::on(ledger, requester)?,
        custodian: Card::on(ledger, custodian)?,
        proxies: proxies.collect::<Result<_>>()?,
    };
    Ok((given, recipients))
}

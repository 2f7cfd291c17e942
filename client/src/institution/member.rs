//! An institution as a member of committees: what it keeps secret while one is made, and its shares of the key.
//!
//! In the state directory: `ceremony.key`, the secrets of the attempt in progress, written before anything that follows
//! from them is sent; and `share-N.key`, the share as a member of committee N. Once a committee stands, the secrets and
//! the shares of all other committees are overwritten and removed: what is not there cannot be taken.

use consilium_hash::Pseudonym;
use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_contract::{
    Committee, Keygen,
    keygen::member::{Member, MemberError, Oath, Secrets},
};
use consilium_crypto::KeyShare;
use consilium_proto::v1::Contribute;
use rand_core::CryptoRngCore;
use tracing::warn;
use zeroize::Zeroizing;

use consilium_audit::files;

use crate::{ClientError, state::memory::Memory};

/// The secrets of the attempt in progress.
const SECRETS: &str = "ceremony.key";
const SHARE_PREFIX: &str = "share-";
const SHARE_SUFFIX: &str = ".key";

/// No secret file is longer, in bytes.
const MAX_SECRET_BYTES: u64 = 256;

/// One institution's part in the committees of a run.
#[derive(Debug)]
pub struct Membership {
    directory: PathBuf,
    name: Pseudonym,
    member: Option<Member>,
    /// By number of the committee.
    shares: BTreeMap<u32, Arc<KeyShare>>,
}

impl Membership {
    /// Reads what the state directory holds.
    ///
    /// # Errors
    /// [`ClientError::DamagedState`], naming the file.
    pub fn open(directory: &Path, name: Pseudonym) -> Result<Self, ClientError> {
        let path = directory.join(SECRETS);
        let damaged = |path: &Path, what: &str| ClientError::DamagedState {
            path: path.to_owned(),
            detail: format!(
                "is not {what}; restore it from a backup, or remove it and sit the ceremony out"
            ),
        };
        let secrets = match files::read(&path, MAX_SECRET_BYTES)?.map(Zeroizing::new) {
            Some(bytes) => Some(
                Secrets::from_bytes(&bytes)
                    .ok_or_else(|| damaged(&path, "the secrets of a ceremony"))?,
            ),
            None => None,
        };
        let mut shares = BTreeMap::new();
        for (number, path) in share_files(directory)? {
            let bytes = Zeroizing::new(files::read(&path, MAX_SECRET_BYTES)?.unwrap_or_default());
            let share =
                KeyShare::from_bytes(&bytes).map_err(|_| damaged(&path, "a share of the key"))?;
            shares.insert(number, Arc::new(share));
        }
        let member = secrets.map(|secrets| Member::new(name, secrets));
        Ok(Self { directory: directory.to_owned(), name, member, shares })
    }

    /// This institution's share as a member of the committee, where it holds one that the committee's commitments confirm.
    pub fn share(&self, committee: &Committee) -> Option<&Arc<KeyShare>> {
        let share = self.shares.get(&committee.number)?;
        let is_own = committee.place_of(&self.name) == Some(share.index());
        (is_own && share.verify(&committee.public_key, &committee.dealing).is_ok()).then_some(share)
    }

    /// What this institution has to say in the ceremony's present stage, where the run is at `step`. Secrets, oaths and the
    /// share are on disk before what follows from them exists.
    ///
    /// # Errors
    /// [`ClientError::Memory`] where it has sworn something else before, [`ClientError::State`] where the disk fails.
    pub fn next(
        &mut self,
        keygen: &Keygen,
        step: u64,
        memory: &mut Memory,
        rng: &mut impl CryptoRngCore,
    ) -> Result<Option<Contribute>, ClientError> {
        let takes_part =
            keygen.place_of(&self.name).or(keygen.dealer_place_of(&self.name)).is_some();
        if !takes_part {
            return Ok(None);
        }
        let is_current =
            self.member.as_ref().is_some_and(|member| member.secrets().belong_to(keygen));
        if !is_current {
            let secrets = Secrets::generate(keygen.number(), keygen.attempt(), rng);
            files::replace(&self.directory.join(SECRETS), &[&secrets.to_bytes()])?;
            self.member = Some(Member::new(self.name, secrets));
        }
        let old = keygen.old().and_then(|old| self.shares.get(&old.number)).cloned();
        let Some(member) = &mut self.member else { return Ok(None) };
        let directory = &self.directory;
        let shares = &mut self.shares;
        let said = member.next(keygen, old.as_deref(), rng, |oath| match oath {
            Oath::Dealings { number, attempt, qualified } => {
                memory.swear_dealings(number, attempt, &qualified)
            }
            Oath::Committee { number, confirmation, share } => {
                memory.swear_committee(number, step, &confirmation)?;
                let Some(share) = share else { return Ok(()) };
                let bytes = share.to_bytes();
                files::replace(&share_file(directory, number), &[&bytes])?;
                if let Ok(share) = KeyShare::from_bytes(&bytes) {
                    shares.insert(number, Arc::new(share));
                }
                Ok(())
            }
        });
        match said {
            Ok(said) => Ok(said),
            Err(MemberError::Oath(error)) => Err(error),
            // The chain holds something that this member cannot work with: it leaves the ceremony to the others.
            Err(MemberError::Ceremony(error)) => {
                warn!(%error, "no part in this stage of the ceremony");
                Ok(None)
            }
        }
    }

    /// A committee stands: whatever opens less than its key is removed.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn settle(&mut self, committee: &Committee) -> Result<(), ClientError> {
        self.member = None;
        wipe(&self.directory.join(SECRETS))?;
        for (number, path) in share_files(&self.directory)? {
            if number != committee.number {
                wipe(&path)?;
            }
        }
        self.shares.retain(|number, _| *number == committee.number);
        Ok(())
    }
}

fn share_file(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{SHARE_PREFIX}{number}{SHARE_SUFFIX}"))
}

/// The files of shares, with the numbers of their committees.
fn share_files(directory: &Path) -> Result<Vec<(u32, PathBuf)>, ClientError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(files::failed("list", directory))? {
        let path = entry.map_err(files::failed("list", directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number =
            name.strip_prefix(SHARE_PREFIX).and_then(|name| name.strip_suffix(SHARE_SUFFIX));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            files.push((number, path));
        }
    }
    Ok(files)
}

/// Overwrites a file and removes it. What a disk keeps of it elsewhere is beyond a program's reach.
fn wipe(path: &Path) -> Result<(), ClientError> {
    let Ok(length) = fs::metadata(path).map(|file| file.len()) else { return Ok(()) };
    let overwrite = || {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        file.write_all(&vec![
            0;
            usize::try_from(length.min(MAX_SECRET_BYTES)).unwrap_or_default()
        ])?;
        file.sync_all()?;
        fs::remove_file(path)
    };
    Ok(overwrite().map_err(files::failed("remove", path))?)
}

#[cfg(test)]
mod tests;

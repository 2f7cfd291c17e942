//! An institution as a member of committees: what it keeps secret while one is made, and its shares of the key.
//!
//! In the state directory: `ceremony.key`, the secrets of the attempt in progress, written before anything that follows
//! from them is sent; and `share-N.key`, the share as a member of committee N. Once a committee stands, the secrets and
//! the shares of all other committees are overwritten and removed: what is not there cannot be taken.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use consilium_contract::{
    Committee, Keygen,
    keygen::{
        Made, Stage,
        member::{Member, MemberError, Oath, Secrets},
    },
};
use consilium_crypto::KeyShare;
use consilium_disk::{Step, step};
use consilium_hash::Pseudonym;
use consilium_proto::v1::Contribute;
use rand_core::CryptoRngCore;
use tracing::warn;
use zeroize::Zeroizing;

use consilium_audit::files;

use crate::{
    ClientError,
    state::memory::{Memory, MemoryError, Place},
};

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
        remove_incomplete(directory)?;
        let secrets = match read(&path)? {
            Some(bytes) => Some(
                Secrets::from_bytes(&bytes)
                    .ok_or_else(|| damaged(&path, "the secrets of a ceremony"))?,
            ),
            None => None,
        };
        let mut shares = BTreeMap::new();
        for (number, path) in share_files(directory)? {
            let bytes = read(&path)?.unwrap_or_default();
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
        let place = Place { number: keygen.number(), attempt: keygen.attempt() };
        let has_part = keygen.place_of(&self.name).or(keygen.dealer_place_of(&self.name)).is_some();
        if !has_part || !memory.takes_part_in(place) {
            return Ok(None);
        }
        if !self.member.as_ref().is_some_and(|member| member.is_of(keygen)) {
            self.begin(keygen, place, memory, rng)?;
        }
        self.swear_secrets(place, memory)?;
        let Some(member) = &mut self.member else { return Ok(None) };
        let hands_over = keygen.old().is_none_or(|old| !memory.has_lost(old.number));
        let old = keygen.old().and_then(|old| self.shares.get(&old.number)).cloned();
        let directory = &self.directory;
        let shares = &mut self.shares;
        let said = member.next(keygen, old.as_deref(), hands_over, rng, |oath| match oath {
            Oath::Dealings { number, attempt, qualified } => {
                memory.swear_dealings(Place { number, attempt }, &qualified)
            }
            Oath::Committee { number, attempt, confirmation, share } => {
                memory.swear_committee(Place { number, attempt }, step, &confirmation)?;
                share.map_or(Ok(()), |share| keep(directory, shares, number, share))
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

    /// Secrets for an attempt: new ones where nothing has been said in it, and none where they are lost. Whoever deals
    /// twice in one attempt answers for a dealing that the chain may not hold.
    fn begin(
        &mut self,
        keygen: &Keygen,
        place: Place,
        memory: &mut Memory,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(), ClientError> {
        let is_early = matches!(keygen.stage(), Stage::Offering { .. } | Stage::Dealing(_));
        if memory.has_secrets_of(place) || keygen.has_taken_part(&self.name) || !is_early {
            if self.member.is_none() {
                warn!(
                    committee = place.number,
                    attempt = place.attempt,
                    "no secrets of this attempt: no share of the key from it"
                );
            }
            self.member = Some(Member::without_secrets(self.name));
            return Ok(());
        }
        let secrets = Secrets::generate(place.number, place.attempt, rng);
        let path = self.directory.join(SECRETS);
        wipe(&path)?;
        files::replace(&path, &[&secrets.to_bytes()])?;
        self.member = Some(Member::new(self.name, secrets));
        Ok(())
    }

    /// The secrets on disk are the only ones of their attempt. Where the memory knows of others, they are a copy of an
    /// earlier time's, and not used.
    fn swear_secrets(&mut self, place: Place, memory: &mut Memory) -> Result<(), ClientError> {
        let Some(secrets) = self.member.as_ref().and_then(Member::secrets) else { return Ok(()) };
        match memory.keep_secrets(place, &secrets.name()) {
            Err(ClientError::Memory(error @ MemoryError::OtherOath { .. })) => {
                warn!(%error, "the secrets on disk are not those of this attempt");
                self.member = Some(Member::without_secrets(self.name));
                Ok(())
            }
            kept => kept,
        }
    }

    /// A committee stands, and answers from `step` on: a member that was not there when it was confirmed works its share
    /// out from what it has been dealt. Then whatever opens less than the committee's key is removed.
    ///
    /// # Errors
    /// [`ClientError::State`]; [`ClientError::Memory`] where it has confirmed another committee of that number.
    pub fn settle(
        &mut self,
        made: &Made,
        step: u64,
        memory: &mut Memory,
    ) -> Result<(), ClientError> {
        let committee = &made.committee;
        let number = committee.number;
        let attempt = made.settled.dealt.ceremony.context().attempt;
        let place = Place { number, attempt };
        let is_missing = !self.shares.contains_key(&number) && memory.takes_part_in(place);
        if let Some(member) = self.member.as_mut().filter(|_| is_missing)
            && member.secrets().is_some_and(|secrets| secrets.attempt() == (number, attempt))
        {
            match member.share(&made.settled, committee) {
                Ok(Some(share)) => {
                    let confirmation = made
                        .settled
                        .qualified
                        .confirmation(&committee.public_key, &committee.dealing);
                    memory.swear_committee(place, step, &confirmation)?;
                    keep(&self.directory, &mut self.shares, number, &share)?;
                }
                Ok(None) => {}
                Err(error) => warn!(%error, "no share of the key from this ceremony"),
            }
        }
        // An earlier committee than the one whose secrets these are: the chain is being read again.
        let is_over = |member: &Member| {
            member.secrets().is_none_or(|secrets| secrets.attempt() <= (number, u32::MAX))
        };
        if self.member.as_ref().is_none_or(is_over) {
            self.forget()?;
        }
        for (held, path) in share_files(&self.directory)? {
            if held < number {
                wipe(&path)?;
            }
        }
        self.shares.retain(|held, _| *held >= number);
        Ok(())
    }

    /// No committee is being made: the secrets of the last attempt are removed.
    ///
    /// # Errors
    /// [`ClientError::State`].
    pub fn forget(&mut self) -> Result<(), ClientError> {
        self.member = None;
        wipe(&self.directory.join(SECRETS))
    }

    /// Whether it keeps something of an attempt at making a committee.
    pub fn has_secrets(&self) -> bool {
        self.member.is_some()
    }
}

/// Puts a share on disk.
fn keep(
    directory: &Path,
    shares: &mut BTreeMap<u32, Arc<KeyShare>>,
    number: u32,
    share: &KeyShare,
) -> Result<(), ClientError> {
    let bytes = share.to_bytes();
    files::replace(&share_file(directory, number), &[&bytes])?;
    if let Ok(share) = KeyShare::from_bytes(&bytes) {
        shares.insert(number, Arc::new(share));
    }
    Ok(())
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

/// Whether a file of this name in a state directory holds a share, or the secrets of a ceremony.
pub(crate) fn is_secret(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    name == SECRETS || (name.starts_with(SHARE_PREFIX) && name.ends_with(SHARE_SUFFIX))
}

/// A secret file, read into one place that is wiped.
fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, ClientError> {
    let Ok(file) = File::open(path) else {
        // Whatever else is wrong with it than that it is not there, says so.
        return Ok(files::read(path, MAX_SECRET_BYTES)?.map(Zeroizing::new));
    };
    // Longer than anything that is read into it: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * MAX_SECRET_BYTES as usize));
    let read = file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(files::failed("read", path))?;
    Ok(Some(bytes))
}

/// Removes what a crash has left of secret files that were being written.
fn remove_incomplete(directory: &Path) -> Result<(), ClientError> {
    for entry in fs::read_dir(directory).map_err(files::failed("list", directory))? {
        let path = entry.map_err(files::failed("list", directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if (name.starts_with(SHARE_PREFIX) || name.starts_with("ceremony"))
            && name.ends_with(".incomplete")
        {
            wipe(&path)?;
        }
    }
    Ok(())
}

/// Overwrites a file and removes it. What a disk keeps of it elsewhere is beyond a program's reach.
fn wipe(path: &Path) -> Result<(), ClientError> {
    let Ok(length) = fs::metadata(path).map(|file| file.len()) else { return Ok(()) };
    let overwrite = || {
        let mut file = fs::OpenOptions::new().write(true).open(path)?;
        let zeros = vec![0; usize::try_from(length.min(MAX_SECRET_BYTES)).unwrap_or_default()];
        step(Step::Write(path), || file.write_all(&zeros))?;
        step(Step::Flush(path), || file.sync_all())
    };
    overwrite().map_err(files::failed("remove", path))?;
    Ok(files::remove(path)?)
}

#[cfg(test)]
mod tests;

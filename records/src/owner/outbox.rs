//! Letters that are to be delivered: on disk, sealed, until their recipients have taken them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use consilium_audit::files::{self, create_folder, failed};
use consilium_hash::{ConsentHash, Pseudonym};
use consilium_proto::{
    decode,
    v1::{Delivery, Outgoing},
};
use prost::Message as _;
use tokio::time::{Instant, sleep};

use crate::{
    RecordsError, call::MAX_CALL_BYTES, card::Card, error::Result, ledger::Following, peer::Peer,
};

const PAUSE: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub struct Outbox(PathBuf);

impl Outbox {
    /// In a party's folder, whose subfolder is made.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn of(party: &Path) -> Result<Self> {
        let folder = party.join("outbox");
        create_folder(&folder)?;
        Ok(Self(folder))
    }

    /// Keeps a letter; on disk when it returns.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn put(&self, consent: &ConsentHash, to: &Card, delivery: Delivery) -> Result<()> {
        let name = format!("{consent}-{}-{}", delivery.kind, to.name);
        let outgoing = Outgoing { to: Some(to.message().clone()), delivery: Some(delivery) };
        Ok(files::replace(&self.0.join(name), &[&outgoing.encode_to_vec()])?)
    }

    /// Files of letters: grants before notices, since a notice is of use once the grants are there.
    fn listed(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.0).map_err(failed("list", &self.0))?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()));
        let mut paths =
            paths.collect::<std::io::Result<Vec<_>>>().map_err(failed("list", &self.0))?;
        paths.retain(|path| path.extension().is_none());
        paths.sort();
        Ok(paths)
    }

    /// Delivers what there is; how many letters were, and what still waits with why.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub async fn deliver(
        &self,
        following: &Following,
        me: &Pseudonym,
        patience: Duration,
    ) -> Result<(usize, Vec<String>)> {
        let until = Instant::now() + patience;
        let mut delivered = 0;
        loop {
            let mut waiting = Vec::new();
            for path in self.listed()? {
                match deliver_one(following, me, &path).await {
                    Ok(()) => {
                        fs::remove_file(&path).map_err(failed("remove", &path))?;
                        delivered += 1;
                    }
                    Err(error) => waiting.push(error),
                }
            }
            // A party that is down, or has not read the consent's block yet, may take it in a moment.
            let may_help = waiting
                .iter()
                .any(|error| error.is_transient() || matches!(error, RecordsError::Refused { .. }));
            if !may_help || Instant::now() >= until {
                return Ok((delivered, waiting.iter().map(ToString::to_string).collect()));
            }
            sleep(PAUSE).await;
        }
    }
}

async fn deliver_one(following: &Following, me: &Pseudonym, path: &Path) -> Result<()> {
    let bytes = files::read(path, MAX_CALL_BYTES as u64)?.unwrap_or_default();
    let Outgoing { to, delivery } = decode("letter", &bytes, MAX_CALL_BYTES)?;
    let (Some(to), Some(delivery)) = (to, delivery) else {
        return Err(RecordsError::Unusable(format!("{} is no letter", path.display())));
    };
    let card = Card::on(&following.ledger(), to)?;
    let peer = Peer::connect(following.party(), me, &card, "the recipient").await?;
    peer.deliver(delivery).await
}

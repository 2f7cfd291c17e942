//! Copies of what an institution has on its disk.

use std::path::PathBuf;

use clap::Args;
use consilium_cli::Failure;
use consilium_client::backup::{self, BackupError};
use consilium_identity::InstitutionFiles;

use super::{failure, state::files};

pub(crate) const BACKUP: &str = "\
What is copied: the chain, the state that a restart goes on from, what this institution has said, its model, its last
update, its account, and files of evidence. What is not: bodies of updates, because they are fetched again; shares of the
key, because no copy of one may outlive its committee; and the keys in the folder of the ceremony, which never change, so
keep a copy of that folder once.";

pub(crate) const RESTORE: &str = "\
What follows: the chain holds what this institution has said since the backup, and a coordinator could show it the chain
without that. So it goes on training at once, and is silent as a trustee until it has helped to make another committee
(`consilium-authority change-committee` asks for one). Start it here and nowhere else: two processes of one institution are
two memories.

To move an institution whose disk is whole, do not use a backup: stop it, move its state directory, start it there.";

#[derive(Args)]
pub(crate) struct Backup {
    /// This institution's folder of the ceremony.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Its state directory, whether its program runs or not.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder of the backup: an earlier one of this institution, in whose place it comes, or a new one.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

impl Backup {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let files = files(&self.ceremony, &self.state)?;
        let blocks = backup::backup(&files, &self.state, &self.to).map_err(refused)?;
        let to = self.to.display();
        Ok(format!("a state of {blocks} blocks is in {to}\n"))
    }
}

#[derive(Args)]
pub(crate) struct Restore {
    /// This institution's folder of the ceremony.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Folder of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where its state directory is to be. It holds nothing yet.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

impl Restore {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let files = InstitutionFiles::load(&self.ceremony).map_err(Failure::unusable)?;
        let blocks = backup::restore(&files, &self.from, &self.state).map_err(refused)?;
        let state = self.state.display();
        Ok(format!(
            "a state of {blocks} blocks is in {state}: start this institution on it, and nowhere else; it goes on training, and is \
             silent as a trustee until it has helped to make another committee\n"
        ))
    }
}

fn refused(error: BackupError) -> Failure {
    match error {
        BackupError::State(error) => failure(error),
        error => Failure::unusable(error),
    }
}

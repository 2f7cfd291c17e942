//! The issuer's commands.

use std::path::PathBuf;

use clap::Subcommand;
use consilium_cli::Failure;
use consilium_hash::Pseudonym;
use consilium_records::{
    issuer::{certify, revoke},
    party::Role,
};

use super::session::{Place, hash, run};

#[derive(Debug, Subcommand)]
pub(crate) enum Issuer {
    /// Certifies a member whose join is on the ledger, and delivers the certificate: the member has to `serve`.
    Certify {
        #[command(flatten)]
        place: Place,
        /// The member's card.
        #[arg(long, value_name = "CARD")]
        member: PathBuf,
    },
    /// Revokes a member: it can sign no request any more. What it has signed before stays anonymous.
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The member's pseudonym.
        #[arg(value_parser = hash)]
        member: [u8; 32],
    },
}

impl Issuer {
    pub(crate) fn run(self) -> Result<String, Failure> {
        run(async {
            let role = Some(Role::Issuer);
            match self {
                Self::Certify { place, member } => {
                    let session = place.open(role).await?;
                    let member = session.card(&member)?;
                    certify(&session.following, &session.name, &member).await?;
                    Ok(format!("{} is certified\n", member.name))
                }
                Self::Revoke { place, member } => {
                    let session = place.open(role).await?;
                    let member = Pseudonym(member);
                    let (following, name) = (&session.following, &session.name);
                    let epoch = revoke(following, name, &member, session.patience).await?;
                    Ok(format!("{member} is revoked; the group is in epoch {epoch}\n"))
                }
            }
        })
    }
}

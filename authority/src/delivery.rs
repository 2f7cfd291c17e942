//! Whose folder the authority speaks from, and what becomes of what the authority has signed: a file, or the coordinator.

use std::path::PathBuf;

use clap::Args;
use consilium_authority::{AuthorityError, AuthorityFiles, send};
use consilium_cli::Failure;
use consilium_identity::write_file;
use consilium_proto::v1::SignedTransaction;
use prost::Message as _;

/// The authority's folder.
#[derive(Args)]
pub(crate) struct Authority {
    /// The `authority` folder of the ceremony.
    #[arg(long = "authority", value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// What becomes of a signed transaction.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Delivery {
    /// File to write the signed transaction to, for whoever reaches the coordinator; it must not exist.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Address of the coordinator to send it to, http://HOST:PORT.
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
}

/// The coordinator was not reached, or did not take it.
const NOT_SENT: u8 = 3;

pub(crate) fn refused(error: AuthorityError) -> Failure {
    match error {
        AuthorityError::NotSent { .. } | AuthorityError::NotEnrolled { .. } => {
            Failure::new(NOT_SENT, error.to_string())
        }
        _ => Failure::unusable(error),
    }
}

/// Writes the transaction to its file, and sends it, as was asked for.
pub(crate) fn hand_over(
    signed: SignedTransaction,
    delivery: &Delivery,
    authority: &AuthorityFiles,
) -> Result<String, Failure> {
    let mut done = Vec::new();
    if let Some(path) = &delivery.out {
        write_file(path, &signed.encode_to_vec()).map_err(Failure::unusable)?;
        done.push(format!("written to {}", path.display()));
    }
    if let Some(coordinator) = &delivery.coordinator {
        done.push(deliver(signed, coordinator, Some(authority))?);
    }
    Ok(done.join("\n"))
}

/// Sends it; `authority` knows the names of those whom the answer is about.
pub(crate) fn deliver(
    signed: SignedTransaction,
    coordinator: &str,
    authority: Option<&AuthorityFiles>,
) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::failed)?;
    let sent = runtime.block_on(send(coordinator, signed));
    sent.map_err(|error| match (error, authority) {
        (AuthorityError::NotEnrolled { coordinator, members }, Some(authority)) => {
            let members = members.iter().map(|member| authority.name_of(member)).collect();
            refused(AuthorityError::NotEnrolled { coordinator, members })
        }
        (error, _) => refused(error),
    })?;
    Ok(format!("accepted by {coordinator}"))
}

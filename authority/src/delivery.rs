//! Whose folder the authority speaks from, and what becomes of what the authority has signed: a file, or the coordinator.

use std::path::{Path, PathBuf};

use clap::Args;
use consilium_authority::{AuthorityError, AuthorityFiles, Route, read_transaction, send_by};
use consilium_cli::Failure;
use consilium_contract::Parameters;
use consilium_identity::{InstitutionFiles, write_file};
use consilium_proto::v1::SignedTransaction;
use consilium_transport::{Presented, check_choice};
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
pub(crate) struct Delivery {
    /// File to write the signed transaction to, for whoever reaches the coordinator; it must not exist.
    #[arg(long, value_name = "FILE", required_unless_present = "coordinator")]
    out: Option<PathBuf>,
    /// Address of the coordinator to send it to.
    #[arg(long, value_name = "https://HOST:PORT")]
    coordinator: Option<String>,
    /// Speak plain TCP with a coordinator on this machine that does so too, for simulations.
    #[arg(long, requires = "coordinator")]
    plain: bool,
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
        let presented = || Ok((authority.parameters.clone(), authority.presented()));
        let route = route(coordinator, delivery.plain, presented)?;
        done.push(deliver(signed, coordinator, &route, Some(authority))?);
    }
    Ok(done.join("\n"))
}

/// Sends what was written to a file, by the authority's folder or an institution's.
pub(crate) fn send_file(
    file: &Path,
    coordinator: &str,
    plain: bool,
    folder: Option<&Path>,
) -> Result<String, Failure> {
    let signed = read_transaction(file).map_err(Failure::unusable)?;
    let presented = || {
        let folder = folder.ok_or_else(|| {
            Failure::unusable("--as: give the authority's folder, or an institution's, whose certificate is shown")
        })?;
        let authority = AuthorityFiles::load(folder);
        if let Ok(authority) = authority {
            return Ok((authority.parameters.clone(), authority.presented()));
        }
        let files = InstitutionFiles::load(folder).map_err(Failure::unusable)?;
        Ok((files.parameters.clone(), Presented::institution(&files)))
    };
    let route = route(coordinator, plain, presented)?;
    deliver(signed, coordinator, &route, None)
}

/// How the coordinator is reached, as was asked for.
fn route(
    coordinator: &str,
    plain: bool,
    presented: impl FnOnce() -> Result<(Parameters, Presented), Failure>,
) -> Result<Route, Failure> {
    check_choice(coordinator, plain)
        .map_err(|problem| Failure::unusable(format!("--coordinator: {problem}")))?;
    if plain {
        return Route::plain(coordinator).map_err(refused);
    }
    let (parameters, presented) = presented()?;
    Route::secure(coordinator, &parameters, &presented).map_err(refused)
}

/// Sends it; `authority` knows the names of those whom the answer is about.
fn deliver(
    signed: SignedTransaction,
    coordinator: &str,
    route: &Route,
    authority: Option<&AuthorityFiles>,
) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::failed)?;
    let sent = runtime.block_on(send_by(route, signed));
    sent.map_err(|error| match (error, authority) {
        (AuthorityError::NotEnrolled { coordinator, members }, Some(authority)) => {
            let members = members.iter().map(|member| authority.name_of(member)).collect();
            refused(AuthorityError::NotEnrolled { coordinator, members })
        }
        (error, _) => refused(error),
    })?;
    Ok(format!("accepted by {coordinator}"))
}

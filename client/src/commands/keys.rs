//! Keys that are made here: asking the authority with them, and putting its answer beside them.

use std::path::PathBuf;

use clap::Args;
use consilium_cli::Failure;
use consilium_client::agreed_dictionary;
use consilium_identity::{
    InstitutionFiles, install_institution, install_institution_again, is_plain_name,
    request_as_institution, request_renewal,
};
use rand_core::OsRng;

use super::failure;

/// What is asked for.
#[derive(Args)]
pub(crate) struct Request {
    /// How the institution is to be called in the authority's tables: 1 to 64 letters, digits, - and _. The others do not see
    /// it.
    #[arg(long)]
    name: String,
    /// Folder to create for the keys; it must not exist. Back it up, and let nobody else read it.
    #[arg(long, value_name = "FOLDER", required_unless_present = "renew")]
    out: Option<PathBuf>,
    /// Instead of a new folder: ask for a certificate of another key of the transport, which is made in this one.
    #[arg(long, value_name = "FOLDER", conflicts_with = "out")]
    renew: Option<PathBuf>,
}

/// What the authority has answered.
#[derive(Args)]
pub(crate) struct Install {
    /// The folder in which `request` has made the keys; with --keys-of one to create, for the next run.
    #[arg(long, value_name = "FOLDER")]
    ceremony: PathBuf,
    /// The folder that the authority has sent.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// This institution's folder of an earlier run, whose keys it has in this one too. Refused where another authority has signed this
    /// run, or the certificate is for other keys.
    #[arg(long, value_name = "FOLDER")]
    keys_of: Option<PathBuf>,
}

impl Request {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let Self { name, out, renew } = self;
        if !is_plain_name(name) {
            let problem = "a name has 1 to 64 letters, digits, - and _";
            return Err(Failure::unusable(format!("--name {name}: {problem}")));
        }
        let (folder, request) = match (out, renew) {
            (_, Some(folder)) => (folder, request_renewal(folder, name, &mut OsRng)),
            (Some(folder), None) => (folder, request_as_institution(folder, name, &mut OsRng)),
            (None, None) => return Err(Failure::unusable("--out: give a folder to create")),
        };
        let request = request.map_err(Failure::unusable)?;
        Ok(request.instructions(folder, "consilium-client"))
    }
}

impl Install {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let Self { ceremony, from, keys_of } = self;
        let files = match keys_of {
            Some(known) => install_institution_again(ceremony, from, known),
            None => install_institution(ceremony, from),
        };
        let files = files.map_err(Failure::unusable)?;
        agreed_dictionary(&files).map_err(failure)?;
        let vouched = match keys_of {
            Some(_) => {
                "signed by the authority of the earlier run; give this run a --state of its own"
            }
            None => "compare it with the others before you take part",
        };
        let InstitutionFiles { identity, parameters, .. } = files;
        let chain = parameters.chain_id;
        let pseudonym = identity.pseudonym;
        let number = identity.trustee_index;
        let rows = identity.rows;
        Ok(format!(
            "number {number}, pseudonym {pseudonym}, {rows} rows\n\
             chain {chain}: {vouched}\n"
        ))
    }
}

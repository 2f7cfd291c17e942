//! What the program does besides being a node: the coordinator's keys, the genesis beside them, and where a run stands.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use consilium_cli::{Failure, preflight::report};
use consilium_coordinator::{status_of_ledger, status_of_node};
use consilium_identity::{
    CoordinatorFiles, install_coordinator, install_coordinator_again, is_plain_name,
    request_as_coordinator,
};
use rand_core::OsRng;

/// Makes the keys, and says what to do with the request.
pub(crate) fn request(name: &str, out: &Path) -> Result<String, Failure> {
    if !is_plain_name(name) {
        let problem = "a name has 1 to 64 letters, digits, - and _";
        return Err(Failure::unusable(format!("--name {name}: {problem}")));
    }
    let request = request_as_coordinator(out, name, &mut OsRng).map_err(Failure::unusable)?;
    Ok(request.instructions(out, "consilium-coordinator"))
}

/// Puts the genesis beside the keys.
pub(crate) fn install(
    ceremony: &Path,
    from: &Path,
    keys_of: Option<&Path>,
) -> Result<String, Failure> {
    let (files, vouched) = match keys_of {
        Some(known) => (
            install_coordinator_again(ceremony, from, known),
            "signed by the authority of the earlier run; serve it by a process of its own, with a --ledger and a --listen of its own",
        ),
        None => (
            install_coordinator(ceremony, from),
            "compare it with the others before you serve them",
        ),
    };
    let chain = files.map_err(Failure::unusable)?.parameters.chain_id;
    Ok(format!("chain {chain}: {vouched}\n"))
}

#[derive(Args)]
pub(crate) struct Status {
    /// The address at which a running coordinator shows what it does: that of its --metrics.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7421")]
    metrics: SocketAddr,
    /// The ledger of a coordinator that is stopped. It is verified and executed in a copy, as at a start, and stays as it is.
    #[arg(long, value_name = "DIR", requires = "ceremony", conflicts_with = "metrics")]
    ledger: Option<PathBuf>,
    /// Folder of the ceremony that belongs to the ledger.
    #[arg(long, value_name = "DIR", requires = "ledger")]
    ceremony: Option<PathBuf>,
    /// Where the copy is made, and removed again.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    scratch: PathBuf,
    /// Print JSON, as /status.json has it.
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Says where a run stands.
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        let (Some(ledger), Some(ceremony)) = (&self.ledger, &self.ceremony) else {
            return status_of_node(self.metrics, self.json).map_err(Failure::failed);
        };
        let files = CoordinatorFiles::load(ceremony).map_err(Failure::unusable)?;
        status_of_ledger(files, ledger, &self.scratch, self.json).map_err(Failure::failed)
    }
}

pub(crate) const PREFLIGHT: &str = "\
What is looked at: the folder with the keys, the certificate that is made of them, the ledger and whether it is this run's and whole, the
disk, the addresses, the clock, file descriptors, and the folder of the backup. Nothing is founded, sealed or made; a ledger that is there
is opened and closed again, as at a start. Run it as the user that the coordinator runs as, while the coordinator does not run.

Exit codes:
  0  a coordinator can be started
  1  something is not as it should be: the report says what to do
  2  a value given is not usable";

#[derive(Args)]
pub(crate) struct Preflight {
    /// The coordinator's folder, in which the genesis is installed.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Folder of the ledger, as for the coordinator itself.
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
    /// Address to listen on, as for the coordinator itself.
    #[arg(long, default_value = "127.0.0.1:7420")]
    listen: SocketAddr,
    /// Address of --metrics, as for the coordinator itself.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:7421")]
    metrics: Option<SocketAddr>,
    /// Folder that `backup` writes to.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl Preflight {
    /// Says what is there and what is not.
    pub(crate) fn execute(self) -> Result<String, Failure> {
        let Self { ceremony, ledger, listen, metrics, backup, json } = self;
        let looked = consilium_coordinator::Preflight { ceremony, ledger, listen, metrics, backup };
        report(&looked.look(), json)
    }
}

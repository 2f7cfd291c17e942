//! Whether this site is ready for a run, from its own files and with a look at the coordinator.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use consilium_audit::history::History;
use consilium_cli::{
    Failure,
    preflight::{Finding, free_bytes, report},
};
use consilium_client::{agreed_dictionary, policy::Policy, preflight::way};
use consilium_contract::Parameters;
use consilium_identity::InstitutionFiles;

use super::{
    reach::PlainTcp,
    rows::{Rows, rows},
};

pub(crate) const PREFLIGHT: &str = "\
What is looked at: the folder with the keys, the site's policy, the rows under the run's dictionary, --state and room on its disk, the
coordinator's name, port, certificate, chain and clock. Nothing is enrolled or sent but a question for the newest block.

Exit codes:
  0  a run can begin
  1  something is not as it should be: the report says what to do
  2  a value given is not usable";

/// Room for the chain and what else a state directory gathers, besides the bodies of updates.
const ROOM: u64 = 256 << 20;

#[derive(Args)]
pub(crate) struct Preflight {
    /// This institution's folder, in which its certificate is installed.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Where `run` will keep its state.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The coordinator. Without it only the own files are looked at.
    #[arg(long, value_name = "https://HOST:PORT")]
    coordinator: Option<String>,
    #[command(flatten)]
    plain: PlainTcp,
    /// This institution's rows, as for `run`.
    #[arg(long, value_name = "FILE.toml")]
    data: Option<String>,
    /// Agreed statistics, as for `run`.
    #[arg(long, value_name = "FILE.toml", requires = "data")]
    statistics: Option<PathBuf>,
    /// This site's policy, as for `run`.
    #[arg(long, value_name = "FILE.toml")]
    policy: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

impl Preflight {
    pub(crate) fn execute(&self) -> Result<String, Failure> {
        report(&self.findings()?, self.json)
    }

    fn findings(&self) -> Result<Vec<Finding>, Failure> {
        let files = match InstitutionFiles::load(&self.ceremony) {
            Ok(files) => files,
            Err(error) => {
                let advice = "make keys with `request`, and put what the authority answers beside them with `install`";
                return Ok(vec![Finding::bad("folder", error.to_string(), advice)]);
            }
        };
        let mut findings = vec![folder(&self.ceremony, &files)];
        findings.extend(self.rows_and_policy(&files));
        if let Some(state) = &self.state {
            findings.push(of_this_run(state, &files.parameters));
            findings.push(disk(state, &files.parameters));
        }
        if let Some(address) = &self.coordinator {
            let plain = self.plain.or_of(&self.ceremony, address);
            let connector = plain.connector(address, &files)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(Failure::failed)?;
            let way = way(address, connector.as_ref(), &files.parameters);
            findings.extend(runtime.block_on(way));
        }
        Ok(findings)
    }

    /// Rows are read as `run` reads them, so that what is refused there is refused here.
    fn rows_and_policy(&self, files: &InstitutionFiles) -> Vec<Finding> {
        let read =
            self.data.as_ref().map(|data| rows(&self.ceremony, data, self.statistics.as_deref()));
        let columns = match &read {
            Some(Ok(rows)) => Some(rows.columns.as_slice()),
            _ => None,
        };
        let mut findings = Vec::new();
        if let Some(path) = &self.policy {
            findings.push(policy(path, files, columns));
        }
        match &read {
            None => findings.push(Finding::skipped("rows", "not named: --data")),
            Some(Err(failure)) => {
                let advice = "`check-data` names every fault of a file under a dictionary";
                findings.push(Finding::bad("rows", failure.message.clone(), advice));
            }
            Some(Ok(rows)) => findings.push(certified(rows, files)),
        }
        findings
    }
}

fn folder(path: &Path, files: &InstitutionFiles) -> Finding {
    let pseudonym = files.identity.pseudonym.short();
    let found = format!(
        "institution {pseudonym} of chain {}, certified for {} rows",
        files.parameters.chain_id.short(),
        files.identity.rows
    );
    match fs::metadata(path).map(|metadata| metadata.permissions().mode()) {
        Ok(mode) if mode & 0o077 != 0 => Finding::doubtful(
            "folder",
            format!("{found}; others on this machine may read it"),
            format!("chmod 700 {}", path.display()),
        ),
        _ => Finding::good("folder", found),
    }
}

fn policy(path: &Path, files: &InstitutionFiles, columns: Option<&[String]>) -> Finding {
    let policy = match Policy::load(path) {
        Ok(policy) => policy,
        Err(error) => return Finding::bad("policy", error.to_string(), "mend the file"),
    };
    let dictionary = match agreed_dictionary(files) {
        Ok(dictionary) => dictionary.map(|dictionary| dictionary.hash()),
        Err(error) => {
            return Finding::bad(
                "policy",
                error.to_string(),
                "install the authority's folder again",
            );
        }
    };
    // Columns that are not known are no objection yet: `run` knows them.
    let columns = Some(columns.unwrap_or_default());
    let objections = policy.objections(&files.parameters, dictionary.as_ref(), columns);
    if objections.is_empty() {
        return Finding::good("policy", "takes this run");
    }
    let objections: Vec<String> = objections.iter().map(ToString::to_string).collect();
    let advice = "ask the authority for another run, or those who answer for the policy";
    Finding::bad("policy", objections.join("; "), advice)
}

fn certified(rows: &Rows, files: &InstitutionFiles) -> Finding {
    let (number, certified) = (rows.number, files.identity.rows);
    if number as u64 != certified {
        return Finding::bad(
            "rows",
            format!("{number} rows, and the certificate says {certified}"),
            "give the rows that were certified, or ask the authority for another certificate",
        );
    }
    let positive =
        rows.positive.map_or_else(String::new, |positive| format!(", {positive} of them positive"));
    Finding::good("rows", format!("{number} rows{positive}"))
}

/// A state directory is of one run.
fn of_this_run(state: &Path, parameters: &Parameters) -> Finding {
    let at = state.display();
    match History::check_run(state, parameters) {
        Err(error) => {
            Finding::bad("state", error.to_string(), "give this run a --state of its own")
        }
        Ok(()) if state.exists() => Finding::good("state", format!("{at} is there")),
        Ok(()) => Finding::good("state", format!("{at}: none yet; `run` makes it")),
    }
}

/// Room for the bodies of two rounds, and for the chain.
fn disk(state: &Path, parameters: &Parameters) -> Finding {
    let bodies = (parameters.longest_body() as u64).saturating_mul(parameters.institutions.into());
    let needed = bodies.saturating_mul(2).saturating_add(ROOM);
    let mb = |bytes: u64| bytes >> 20;
    match free_bytes(state) {
        Err(error) => Finding::bad("disk", error, "give another --state"),
        Ok((free, there)) => {
            let found = format!("{} MB free under {}", mb(free), there.display());
            if free < needed {
                let advice = format!("a run of this size should have {} MB", mb(needed));
                return Finding::bad("disk", found, advice);
            }
            Finding::good("disk", found)
        }
    }
}

//! Whether everything that a node needs is there, before it is started: each thing by itself, with what to do where it is not.
//!
//! Nothing is founded, sealed or made. A ledger that is there is opened and closed again, as at a start.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use consilium_cli::preflight::{Finding, free_bytes, nearest};
use consilium_contract::Parameters;
use consilium_identity::{
    CoordinatorFiles, is_of_local_ceremony,
    layout::{GENESIS, TLS_KEY},
};
use consilium_ledger::Store;
use consilium_transport::{Guests, Presented, server_config};
use rustix::fs::{Access, access};

use crate::{
    CoordinatorError, Limits, descriptors,
    founding::compare,
    last_sealed::{Block, LastSealed},
    raise_descriptor_limit,
};

/// Room for the chain and what else lies beside it, besides the bodies of updates.
const ROOM: u64 = 256 << 20;

/// Connections besides one for each institution: the authority's, and those that have broken and were not missed yet.
const MORE_CONNECTIONS: usize = 16;

/// What a node is to be started with.
#[derive(Debug, Clone)]
pub struct Preflight {
    /// The coordinator's folder of the ceremony.
    pub ceremony: PathBuf,
    /// Folder of the ledger.
    pub ledger: PathBuf,
    /// Address that it will listen on.
    pub listen: SocketAddr,
    /// Address at which it will show what it does.
    pub metrics: Option<SocketAddr>,
    /// Folder of the backup.
    pub backup: Option<PathBuf>,
}

impl Preflight {
    /// What is found. Without a folder of the ceremony that can be used there is nothing to compare the rest with.
    pub fn look(&self) -> Vec<Finding> {
        let files = match CoordinatorFiles::load(&self.ceremony) {
            Ok(files) => files,
            Err(error) => {
                let advice = "make keys with `request`, and put what the authority answers beside them with `install`";
                return vec![Finding::bad("folder", error.to_string(), advice)];
            }
        };
        let parameters = &files.parameters;
        let (ledger, newest_ms) = self.ledger(&files);
        let (port, held) = self.port();
        let mut findings =
            vec![self.folder(parameters), certificate(&files), ledger, self.disk(parameters), port];
        findings.extend(self.metrics.map(metrics));
        drop(held);
        findings.push(self.clock(newest_ms));
        findings.push(connections(parameters));
        findings.extend(self.backup.as_ref().map(|backup| self.backup(backup, &files)));
        findings
    }

    fn folder(&self, parameters: &Parameters) -> Finding {
        let folder = &self.ceremony;
        let (chain, institutions) = (parameters.chain_id.short(), parameters.institutions);
        let found = format!("coordinator of chain {chain}, for {institutions} institutions");
        if access(folder, Access::WRITE_OK).is_err() {
            let found = format!("{found}; this user cannot write there");
            let advice =
                "have it belong to this user: what the key has sealed last is remembered there";
            return Finding::bad("folder", found, advice);
        }
        match fs::metadata(folder).map(|metadata| metadata.permissions().mode()) {
            Ok(mode) if mode & 0o077 != 0 => Finding::doubtful(
                "folder",
                format!("{found}; others on this machine may read it"),
                format!("chmod 700 {}", folder.display()),
            ),
            _ => Finding::good("folder", found),
        }
    }

    /// Whose ledger there is, and the time of its newest block, in milliseconds since the epoch.
    fn ledger(&self, files: &CoordinatorFiles) -> (Finding, Option<u64>) {
        let at = self.ledger.display();
        let bad = |error: &CoordinatorError, advice: &str| {
            (Finding::bad("ledger", error.to_string(), advice), None)
        };
        // Not made where there is none.
        let memory = match LastSealed::open_if_there(&self.ceremony) {
            Ok(memory) => memory,
            Err(error @ CoordinatorError::InUse { .. }) => {
                return bad(&error, "or ask it how it stands: `consilium-coordinator status`");
            }
            Err(error) => return bad(&error, "mend what the line says"),
        };
        let sealed = memory.as_ref().and_then(LastSealed::last);
        if !Store::exists(&self.ledger) {
            return match sealed {
                None => (
                    Finding::good("ledger", format!("{at}: none yet; the first start founds it")),
                    None,
                ),
                Some(Block { height, .. }) => (
                    Finding::bad(
                        "ledger",
                        format!(
                            "{at} holds none, and the key has sealed blocks up to height {height}"
                        ),
                        "give the folder of that ledger, or bring it back with `consilium-coordinator restore`",
                    ),
                    None,
                ),
            };
        }
        match held(&self.ledger, files, memory.as_ref()) {
            Ok(Held { blocks, newest_ms }) => {
                let found = format!("{at}: {blocks} blocks of this run");
                (Finding::good("ledger", found), Some(newest_ms))
            }
            Err(error) => bad(&error, "mend what the line says before the node is started"),
        }
    }

    fn disk(&self, parameters: &Parameters) -> Finding {
        let (free, there) = match free_bytes(&self.ledger) {
            Ok(found) => found,
            Err(error) => return Finding::bad("disk", error, "give another --ledger"),
        };
        let round = round_bytes(parameters);
        let least = round.saturating_mul(2).saturating_add(ROOM);
        let whole = round.saturating_mul(parameters.steps).saturating_add(ROOM);
        let mb = |bytes: u64| bytes >> 20;
        let found = format!("{} MB free under {}", mb(free), there.display());
        if free < least {
            let advice = format!("two rounds of this size alone take {} MB", mb(least));
            return Finding::bad("disk", found, advice);
        }
        if free < whole {
            let advice = format!(
                "the whole run takes up to {} MB: have room made in time, and an alert for it (docs/observing.md)",
                mb(whole)
            );
            return Finding::doubtful("disk", found, advice);
        }
        if device(&self.ledger) == device(&self.ceremony) {
            let found = format!("{found}, on the disk of the keys");
            let advice =
                "better on another one: what is lost with the ledger is then known beside the keys";
            return Finding::doubtful("disk", found, advice);
        }
        Finding::good("disk", found)
    }

    /// Whether the address can be listened on; held until the other one has been tried.
    fn port(&self) -> (Finding, Option<TcpListener>) {
        let listener = match bind("port", "--listen", self.listen) {
            Ok(listener) => listener,
            Err(finding) => return (finding, None),
        };
        let listen = self.listen;
        let finding = if listen.port() == 0 {
            let advice = "institutions are given an address that stays: name a port";
            Finding::doubtful("port", format!("{listen} is any free port"), advice)
        } else if listen.ip().is_loopback() && !is_of_local_ceremony(&self.ceremony) {
            let advice = "give --listen 0.0.0.0:PORT, or the address at which institutions reach this machine";
            let found = format!("{listen} can be listened on, and reached from this machine alone");
            Finding::doubtful("port", found, advice)
        } else {
            Finding::good("port", format!("{listen} can be listened on"))
        };
        (finding, Some(listener))
    }

    /// There is no clock to compare with: but nothing here can be of a later time than now.
    fn clock(&self, newest_ms: Option<u64>) -> Finding {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let installed = fs::metadata(self.ceremony.join(GENESIS)).and_then(|file| file.modified());
        let installed = installed.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        compare_clock(now, newest_ms.map(Duration::from_millis), installed)
    }

    fn backup(&self, backup: &Path, files: &CoordinatorFiles) -> Finding {
        const WHAT: &str = "backup";
        let at = backup.display();
        let there = nearest(backup);
        if access(there, Access::WRITE_OK).is_err() {
            let found = format!("{at}: this user cannot write under {}", there.display());
            return Finding::bad(WHAT, found, "give a folder that it can create or write");
        }
        let holds = if Store::exists(backup) {
            match held(backup, files, None) {
                Ok(Held { blocks, .. }) => format!("{at} holds {blocks} blocks of this run"),
                Err(error) => {
                    return Finding::bad(
                        WHAT,
                        format!("{at}: {error}"),
                        "give each run a folder of its own",
                    );
                }
            }
        } else {
            format!("{at}: none yet; the first `backup` makes it")
        };
        if device(backup) == device(&self.ledger) {
            let found = format!("{holds}, on the disk of the ledger");
            return Finding::doubtful(
                WHAT,
                found,
                "give one on another disk: what takes this one takes both",
            );
        }
        match free_bytes(backup) {
            Ok((free, _)) if free >= round_bytes(&files.parameters).saturating_add(ROOM) => {
                Finding::good(WHAT, holds)
            }
            Ok((free, there)) => {
                let found = format!("{holds}; {} MB free under {}", free >> 20, there.display());
                Finding::bad(WHAT, found, "make room: it takes what the ledger takes")
            }
            Err(error) => Finding::bad(WHAT, error, "give another --backup"),
        }
    }
}

/// What a ledger of this run holds.
struct Held {
    blocks: u64,
    newest_ms: u64,
}

/// Opens a ledger, compares it with the run and with what the key has sealed, and closes it.
fn held(
    ledger: &Path,
    files: &CoordinatorFiles,
    memory: Option<&LastSealed>,
) -> Result<Held, CoordinatorError> {
    let store = Store::open(ledger)?;
    let looked = look_into(&store, files, memory);
    store.close()?;
    looked
}

fn look_into(
    store: &Store,
    files: &CoordinatorFiles,
    memory: Option<&LastSealed>,
) -> Result<Held, CoordinatorError> {
    let first = store.get_block(0)?.ok_or(CoordinatorError::OtherRun)?;
    if first.entries != [files.genesis_entry.as_slice()] {
        return Err(CoordinatorError::OtherRun);
    }
    if let Some(memory) = memory {
        compare(store, memory)?;
    }
    let height = store.head().map_or(0, |head| head.height);
    let newest_ms = store.get_header(height)?.map_or(0, |newest| newest.header.time_ms);
    Ok(Held { blocks: height + 1, newest_ms })
}

/// Bodies of one round, in bytes.
fn round_bytes(parameters: &Parameters) -> u64 {
    (parameters.longest_body() as u64).saturating_mul(parameters.institutions.into())
}

/// The disk that a path is on, or will be.
fn device(path: &Path) -> Option<u64> {
    fs::metadata(nearest(path)).ok().map(|metadata| metadata.dev())
}

fn certificate(files: &CoordinatorFiles) -> Finding {
    let made = server_config(&files.parameters, &Presented::coordinator(files), Guests::Refused);
    match made {
        Ok(_) => {
            let hash = files.tls.hash();
            let found = format!("keys are those of the genesis; {TLS_KEY} is {}", hash.short());
            Finding::good("certificate", found)
        }
        Err(error) => {
            let advice = "bring the folder back from its backup";
            Finding::bad("certificate", error.to_string(), advice)
        }
    }
}

fn metrics(address: SocketAddr) -> Finding {
    const WHAT: &str = "metrics";
    match bind(WHAT, "--metrics", address) {
        Err(finding) => finding,
        Ok(_) if !address.ip().is_loopback() => {
            let found = format!("{address} can be listened on, and read by whoever reaches it");
            Finding::doubtful(
                WHAT,
                found,
                "see that only your own network does: it asks nobody who he is",
            )
        }
        Ok(_) => Finding::good(WHAT, format!("{address} can be listened on")),
    }
}

fn bind(what: &'static str, option: &str, address: SocketAddr) -> Result<TcpListener, Finding> {
    use std::io::ErrorKind;
    TcpListener::bind(address).map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                format!("another program listens there, or a coordinator that runs already: stop it, or give another {option}")
            }
            ErrorKind::AddrNotAvailable => {
                format!("this machine has no such address: give {option} one that it has, or 0.0.0.0")
            }
            ErrorKind::PermissionDenied => {
                format!("this user may not listen there: give {option} a port from 1024 on")
            }
            _ => format!("give another {option}"),
        };
        Finding::bad(what, format!("{address}: {error}"), advice)
    })
}

fn compare_clock(now: Duration, newest: Option<Duration>, installed: Option<Duration>) -> Finding {
    const WHAT: &str = "clock";
    let advice = "let the machine follow a time server (NTP): rounds wait by this clock";
    let behind =
        |past: Option<Duration>| past.filter(|past| *past > now).map(|past| (past - now).as_secs());
    match (behind(newest), behind(installed)) {
        (Some(seconds), _) => {
            let found = format!("{seconds} s before the ledger's newest block");
            Finding::doubtful(WHAT, found, advice)
        }
        (None, Some(seconds)) => {
            let found = format!("{seconds} s before {GENESIS} was installed");
            Finding::doubtful(WHAT, found, advice)
        }
        (None, None) => Finding::good(WHAT, "nothing here is of a later time"),
    }
}

fn connections(parameters: &Parameters) -> Finding {
    const WHAT: &str = "descriptors";
    raise_descriptor_limit();
    let (most, wanted) = (descriptors::for_connections(), Limits::default().connections);
    let least = parameters.institutions as usize + MORE_CONNECTIONS;
    let found = format!("{} connections at once", most.min(wanted));
    let advice = format!(
        "let the process have {} file descriptors (`ulimit -n`, or LimitNOFILE in the unit): connections may take half of them",
        2 * wanted
    );
    if most < least {
        return Finding::bad(WHAT, format!("{found}, and {least} are needed"), advice);
    }
    if most < wanted {
        return Finding::doubtful(WHAT, found, advice);
    }
    Finding::good(WHAT, found)
}

#[cfg(test)]
mod tests {
    use consilium_cli::preflight::Standing;

    use super::*;

    #[test]
    fn a_clock_that_is_behind_what_lies_here_is_said() {
        let at = |newest, installed| {
            let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
            compare_clock(Duration::from_secs(100), seconds(newest), seconds(installed))
        };
        assert_eq!(at(None, None).standing, Standing::Good);
        assert_eq!(at(Some(99), Some(100)).standing, Standing::Good);
        let behind = at(Some(160), Some(130));
        assert!(
            behind.standing == Standing::Doubtful
                && behind.found.starts_with("60 s before the ledger")
        );
        assert!(at(Some(90), Some(130)).found.starts_with("30 s before genesis.bin"));
    }

    #[test]
    fn an_address_that_is_taken_or_that_this_machine_lacks_is_told_apart() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let finding = bind("port", "--listen", taken.local_addr().unwrap()).unwrap_err();
        assert!(finding.advice.contains("listens there"), "{finding}");
        let finding = bind("port", "--listen", "192.0.2.1:7420".parse().unwrap()).unwrap_err();
        assert!(finding.advice.contains("no such address"), "{finding}");
    }
}

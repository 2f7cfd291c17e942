//! A run with a coordinator on a socket, and the parties of an exchange as processes.

mod calls;
mod cast;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener as Socket,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use consilium_authority::{AuthorityFiles, send};
use consilium_contract::transaction::sign;
use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_hash::Pseudonym;
use consilium_identity::{CoordinatorFiles, InstitutionFiles, ParticipantRequest};
use consilium_proto::v1::{
    Enrol, Reason, federation_client::FederationClient, transaction::Action,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};
use tonic::transport::Endpoint;

pub use calls::{
    Issue, accept_and_kill, ask_proxy_as, reencrypt, search_without_ledger, show_pass,
};
pub use cast::Cast;

/// The program of this package.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium-records");

/// A run with its coordinator.
pub struct World {
    pub root: TempDir,
    pub runtime: Runtime,
    pub coordinator: String,
    authority: AuthorityFiles,
    running: Option<Running>,
}

/// A port that is free, below those that a system gives to whoever connects or asks for any: a card names it before its party
/// listens there, and meanwhile only another test of this kind could take it.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 10_000 + (std::process::id() % 1_000) as u16 * 20;
    let port = || start + NEXT.fetch_add(1, Ordering::Relaxed);
    std::iter::repeat_with(port).find(|port| Socket::bind(("127.0.0.1", *port)).is_ok()).unwrap()
}

/// A party that is admitted and has a card.
pub struct Member {
    pub dir: PathBuf,
    pub card: PathBuf,
    pub name: Pseudonym,
    listen: String,
}

impl Member {
    pub fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    pub fn card(&self) -> &str {
        self.card.to_str().unwrap()
    }
}

/// A party that serves, until it is dropped.
pub struct Server(pub Child);

impl Server {
    /// SIGKILL.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    pub fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let ceremony = root.path().join("ceremony");
        consilium_testkit::ceremony(rand_core::RngCore::next_u64(&mut rand_core::OsRng), |_| {})
            .write(&ceremony)
            .unwrap();
        let runtime = Runtime::new().unwrap();
        let folder = ceremony.join("coordinator");
        let config = Config {
            hearing: Duration::ZERO,
            block_age: Duration::ZERO,
            linger: Linger::Forever,
            ..Config::new(CoordinatorFiles::load(&folder).unwrap(), root.path().join("ledger"))
        };
        let running = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            Coordinator::start(config, listener).await.unwrap()
        });
        let coordinator = format!("http://{}", running.address());
        let authority = AuthorityFiles::load(&ceremony.join("authority")).unwrap();
        Self { root, runtime, coordinator, authority, running: Some(running) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn request(&self, name: &str) -> ParticipantRequest {
        ParticipantRequest::load(&self.path(name).join("request.bin")).unwrap()
    }

    /// A party with keys of its own, admitted, and with a card.
    pub fn admit(&self, role: &str, name: &str) -> Member {
        let dir = self.path(name);
        let listen = format!("127.0.0.1:{}", free_port());
        let genesis = self.path("ceremony/genesis.bin");
        let address = format!("http://{listen}");
        let printed = ok(&[
            "init",
            "--role",
            role,
            "--name",
            name,
            "--genesis",
            genesis.to_str().unwrap(),
            "--address",
            &address,
            "--out",
            dir.to_str().unwrap(),
        ]);
        let request = self.request(name);
        let fingerprint = printed.rsplit("fingerprint ").next().unwrap().trim();
        let folder = self.path("ceremony/authority");
        let admitted = self.authority.admit_participant(&folder, &request, fingerprint).unwrap();
        self.runtime.block_on(send(&self.coordinator, admitted.signed)).unwrap();
        let card = self.path(&format!("{name}.card"));
        self.run(&dir, &["card", "--out", card.to_str().unwrap()]);
        Member { dir, card, name: admitted.pseudonym, listen }
    }

    /// Enrols the first institution of the ceremony.
    pub fn enrol(&self) -> InstitutionFiles {
        let files = InstitutionFiles::load(&self.path("ceremony/institution-01")).unwrap();
        let enrol = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
        let chain_id = &files.parameters.chain_id;
        let signed = sign(&files.signing, chain_id, Some(&files.identity.pseudonym), enrol);
        self.runtime.block_on(async {
            let endpoint = Endpoint::from_shared(self.coordinator.clone()).unwrap();
            let mut federation = FederationClient::new(endpoint.connect().await.unwrap());
            let receipt = federation.enrol(signed).await.unwrap().into_inner();
            assert_eq!(receipt.reason(), Reason::Accepted);
        });
        files
    }

    pub fn found_group(&self, issuer: &str, opener: &str) {
        let signed =
            self.authority.found_group(&self.request(issuer), &self.request(opener)).unwrap();
        self.runtime.block_on(send(&self.coordinator, signed)).unwrap();
    }

    /// A command of a party.
    pub fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        self.command_through(&self.coordinator, dir, arguments)
    }

    /// The address of a relay to the coordinator that passes so many connections on and swallows what comes after.
    pub fn relay(&self, most: usize) -> String {
        format!(
            "http://{}",
            consilium_testkit::relay(
                self.coordinator.trim_start_matches("http://").parse().unwrap(),
                most
            )
        )
    }

    /// A command of a party that reaches the coordinator at another address.
    pub fn command_through(&self, address: &str, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .args(["--party", dir.to_str().unwrap(), "--plain", "--coordinator", address])
            .args(["--give-up-after", "60"]);
        command
    }

    /// What a command prints that must do its work.
    pub fn run(&self, dir: &Path, arguments: &[&str]) -> String {
        said(&self.command(dir, arguments).output().unwrap(), arguments)
    }

    /// As [`run`](Self::run), with --json.
    pub fn json(&self, dir: &Path, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["--json"]].concat();
        serde_json::from_str(&self.run(dir, &arguments)).unwrap()
    }

    /// The one line that a command says which must be refused with this code.
    pub fn refused(&self, dir: &Path, arguments: &[&str], code: i32) -> String {
        let output = self.command(dir, arguments).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        message
    }

    pub fn serve(&self, member: &Member) -> Server {
        let mut command = self.command(&member.dir, &["serve", "--listen", &member.listen]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert_eq!(address.trim(), member.listen);
        Server(child)
    }

    /// Bytes in a file.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl World {
    /// Nobody sees what is new on the ledger any more.
    pub fn stop_coordinator(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = self.runtime.block_on(running.stop());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop_coordinator();
    }
}

fn said(output: &Output, arguments: &[&str]) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {message}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What the program prints that must do its work.
pub fn ok(arguments: &[&str]) -> String {
    said(&Command::new(PROGRAM).args(arguments).output().unwrap(), arguments)
}

/// Bytes that look like nothing.
pub fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand_core::RngCore::fill_bytes(&mut rand_core::OsRng, &mut bytes);
    bytes
}

/// Names of files in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

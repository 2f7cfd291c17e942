//! A run with a coordinator on a socket, institutions that are enrolled, and the program as they use it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use consilium_authority::AuthorityFiles;
use consilium_contract::{
    CandidateTransaction,
    transaction::{parse_entry, sign},
};
use consilium_coordinator::Running;
use consilium_exchange::quantity::{Deposit, DepositRequest};
use consilium_identity::InstitutionFiles;
use consilium_proto::{
    ENTRY_BYTES, decode,
    v1::{
        Enrol, Reason, Receipt, SignedTransaction, federation_client::FederationClient,
        transaction::Action,
    },
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

use crate::coordinator;

const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium-client");

/// A run with its coordinator. Institutions are called by their places, from 0.
pub struct World {
    root: TempDir,
    pub runtime: Runtime,
    address: SocketAddr,
    running: Option<Running>,
}

impl World {
    /// The first so many of four institutions are enrolled.
    pub fn enrolled(institutions: usize) -> Self {
        let root = tempfile::tempdir().unwrap();
        let ceremony = root.path().join("ceremony");
        let seed = rand_core::RngCore::next_u64(&mut rand_core::OsRng);
        consilium_testkit::ceremony(seed, |_| {}).write(&ceremony).unwrap();
        let (runtime, running) = coordinator::start(root.path());
        let address = running.address();
        let world = Self { root, runtime, address, running: Some(running) };
        for place in 0..institutions {
            let files = world.files(place);
            let enrol = Action::Enrol(Enrol { certificate: Some(files.certificate.clone()) });
            let signed = world.signed(place, enrol);
            let answer = world.runtime.block_on(async {
                world.federation().await.enrol(signed).await.unwrap().into_inner()
            });
            assert_eq!(answer.reason(), Reason::Accepted);
        }
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn ceremony(&self, place: usize) -> PathBuf {
        self.path(&format!("ceremony/institution-{:02}", place + 1))
    }

    pub fn state(&self, place: usize) -> PathBuf {
        self.path(&format!("state-{place}"))
    }

    pub fn files(&self, place: usize) -> InstitutionFiles {
        InstitutionFiles::load(&self.ceremony(place)).unwrap()
    }

    pub fn name(&self, place: usize) -> String {
        self.files(place).identity.pseudonym.to_string()
    }

    pub fn signed(&self, place: usize, action: Action) -> SignedTransaction {
        let files = self.files(place);
        let name = Some(&files.identity.pseudonym);
        sign(&files.signing, &files.parameters.chain_id, name, action)
    }

    async fn federation(&self) -> FederationClient<Channel> {
        let endpoint = Endpoint::from_shared(self.coordinator()).unwrap();
        FederationClient::new(endpoint.connect().await.unwrap())
    }

    /// Says something without any program of ours.
    pub fn say(&self, signed: SignedTransaction) -> Receipt {
        self.runtime
            .block_on(async { self.federation().await.say(signed).await.unwrap().into_inner() })
    }

    pub fn coordinator(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of a relay to the coordinator that passes so many connections on and swallows what comes after.
    pub fn relay(&self, most: usize) -> String {
        format!("http://{}", consilium_testkit::relay(self.address, most))
    }

    /// An `account` command of an institution.
    pub fn command(&self, place: usize, coordinator: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("account").args(arguments).args(["--plain", "--coordinator", coordinator]);
        command.arg("--ceremony").arg(self.ceremony(place));
        command.arg("--state").arg(self.state(place));
        command
    }

    fn output(&self, place: usize, arguments: &[&str]) -> Output {
        self.command(place, &self.coordinator(), arguments).output().unwrap()
    }

    /// What a command prints that must do its work.
    pub fn run(&self, place: usize, arguments: &[&str]) -> String {
        let output = self.output(place, arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {message}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The one line that a command says which must be refused with this code.
    pub fn refused(&self, place: usize, arguments: &[&str], code: i32) -> String {
        let output = self.output(place, arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        message
    }

    pub fn status(&self, place: usize) -> Value {
        serde_json::from_str(&self.run(place, &["status", "--json"])).unwrap()
    }

    /// Balance, and what waits.
    pub fn holds(&self, place: usize) -> (u64, u64) {
        let account = &self.status(place)["account"];
        (account["balance"].as_u64().unwrap(), account["pending"].as_u64().unwrap())
    }

    pub fn authority(&self) -> AuthorityFiles {
        AuthorityFiles::load(&self.path("ceremony/authority")).unwrap()
    }

    /// Asks for a deposit; the request's bytes.
    pub fn ask(&self, place: usize, amount: u32) -> Vec<u8> {
        let file = self.path("request.bin");
        let _ = fs::remove_file(&file);
        let amount = amount.to_string();
        self.run(place, &["deposit", "--amount", &amount, "--out", file.to_str().unwrap()]);
        fs::read(file).unwrap()
    }

    /// A deposit that the authority has signed.
    pub fn approved(&self, place: usize, amount: u32) -> Deposit {
        let request = DepositRequest::decode(&self.ask(place, amount)).unwrap();
        self.authority().approve_deposit(&self.name(place), amount, request).unwrap()
    }

    /// A file with these bytes, for --approved.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// An account with so many units in its balance.
    pub fn fund(&self, place: usize, amount: u32) {
        let file = self.file("approved.bin", &self.approved(place, amount).encode());
        self.run(place, &["deposit", "--approved", &file]);
        self.run(place, &["roll"]);
    }

    /// What an institution has on disk of an order in progress: the bytes of the file, and its statement.
    pub fn stated(&self, place: usize) -> Option<(Vec<u8>, SignedTransaction)> {
        let bytes = fs::read(self.statement(place)).ok()?;
        let signed = decode("statement", &bytes[37..], ENTRY_BYTES).unwrap();
        Some((bytes, signed))
    }

    pub fn statement(&self, place: usize) -> PathBuf {
        self.state(place).join("account/statement.bin")
    }

    /// Begins a command that is killed with SIGKILL once its statement is on disk: nothing of it reaches the coordinator.
    /// The statement's file, and what is signed in it.
    pub fn kill_before_sending(
        &self,
        place: usize,
        arguments: &[&str],
    ) -> (Vec<u8>, SignedTransaction) {
        let mut command = self.command(place, &self.relay(1), arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let stated = (0..2_000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            self.stated(place)
        });
        child.kill().unwrap();
        child.wait().unwrap();
        stated.unwrap()
    }

    /// The transactions on an institution's own copy of the chain.
    pub fn chain(&self, place: usize) -> Vec<CandidateTransaction> {
        let blocks = consilium_audit::history::blocks(&self.state(place).join("account")).unwrap();
        let entries = blocks.iter().flat_map(|block| &block.entries);
        entries.map(|entry| parse_entry(entry).unwrap().0).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            let _ = self.runtime.block_on(running.stop());
        }
    }
}

/// Whether a file is for its owner only.
pub fn is_private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}

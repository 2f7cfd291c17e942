//! Four institutions and a coordinator that have made their keys themselves, and the runs that they take part in.

use std::{
    fs,
    io::ErrorKind,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use consilium_authority::{Asked, AuthorityFiles, CeremonySpec, Founding, Known, Route, send_by};
use consilium_coordinator::{Config, Coordinator, Ended, Guests, Linger, Running, Transport};
use consilium_identity::{
    CoordinatorFiles, PartyRequest, install_coordinator, install_coordinator_again,
    request_as_coordinator,
};
use consilium_proto::{
    training::Layers,
    v1::{PartyRole, SignedTransaction},
};
use rand_core::OsRng;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime, time::sleep};

pub const NAMES: [&str; 4] = ["north", "east", "south", "west"];
const ROWS: u64 = 40;
pub const STEPS: u64 = 2;

/// One run.
pub struct World {
    pub root: Arc<TempDir>,
    pub authority: AuthorityFiles,
    pub runtime: Arc<Runtime>,
    pub running: Running,
    /// What its folders end with.
    suffix: &'static str,
}

pub fn program(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-client")).args(arguments).output().unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn spec() -> CeremonySpec {
    CeremonySpec {
        steps: STEPS,
        collection_timeout_ms: 20_000,
        ..CeremonySpec::new(Layers::dense(2, vec![]), vec![0.0; 3], vec![ROWS; NAMES.len()])
    }
}

pub fn world() -> World {
    world_with(|_| ())
}

/// Asks and installs with the program itself, and founds in between: a run with some changes of the usual one.
pub fn world_with(change: impl FnOnce(&mut CeremonySpec)) -> World {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let mut institutions = Vec::new();
    for name in NAMES {
        let folder = at(name);
        let asked = program(&["request", "--name", name, "--out", text(&folder)]);
        assert!(asked.status.success());
        let path = folder.join("request.bin");
        let request = PartyRequest::load(&path, PartyRole::Institution).unwrap();
        let said = String::from_utf8(asked.stdout).unwrap();
        let read_out = said.lines().find(|line| request.fingerprint().is(line));
        let fingerprint = read_out.expect("the fingerprint is a line of its own").to_owned();
        institutions.push(Asked { request, fingerprint });
    }
    let request = request_as_coordinator(&at("hub"), "hub", &mut OsRng).unwrap();
    let coordinator = Asked { fingerprint: request.fingerprint().to_string(), request };
    let mut spec = spec();
    change(&mut spec);
    let founding = Founding::hold(&spec, &coordinator, &institutions, &mut OsRng).unwrap();
    founding.write(&at("run")).unwrap();
    for name in NAMES {
        let from = at("run/institutions").join(name);
        installs(&founding, &["--ceremony", text(&at(name)), "--from", text(&from)]);
    }
    let files = install_coordinator(&at("hub"), &at("run/coordinator")).unwrap();
    let rows: String = (0..ROWS).map(|i| format!("{},{},{}\n", i % 7, i % 5, i % 2)).collect();
    fs::write(at("rows.csv"), format!("a,b,ill\n{rows}")).unwrap();
    let schema = "name='t'\nfile='rows.csv'\ntarget={column='ill', positive=1, negative=0}\n";
    fs::write(at("rows.toml"), schema).unwrap();
    let runtime = Arc::new(Runtime::new().unwrap());
    let running = serve(&runtime, files, at("ledger"), any(), TLS);
    World { root: Arc::new(root), authority: founding.authority, runtime, running, suffix: "" }
}

pub const TLS: Transport = Transport::Tls { guests: Guests::Refused };

/// Any free port of this machine.
pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A coordinator that waits for nobody, and stays.
pub fn serve(
    runtime: &Runtime,
    files: CoordinatorFiles,
    ledger: PathBuf,
    listen: SocketAddr,
    transport: Transport,
) -> Running {
    let config = Config {
        transport,
        hearing: Duration::ZERO,
        block_age: Duration::ZERO,
        linger: Linger::Forever,
        ..Config::new(files, ledger)
    };
    runtime.block_on(async {
        // One that has listened there may not have ended yet.
        let listener = loop {
            match TcpListener::bind(listen).await {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    sleep(Duration::from_millis(50)).await;
                }
                listener => break listener.unwrap(),
            }
        };
        Coordinator::start(config, listener).await.unwrap()
    })
}

fn installs(founding: &Founding, arguments: &[&str]) {
    let installed = program(&[&["install"], arguments].concat());
    let said = String::from_utf8([installed.stdout, installed.stderr].concat()).unwrap();
    let chain = founding.authority.parameters.chain_id.to_string();
    assert!(installed.status.success() && said.contains(&chain), "{said}");
}

impl World {
    /// The next run of the same parties, each with one command; it is served beside this one.
    pub fn next(&self) -> Self {
        let suffix = "-next";
        let known = Known::of(&self.authority, &[]).unwrap();
        let founding = Founding::again(&spec(), known, None, &[], &mut OsRng).unwrap();
        founding.write(&self.at("run-next")).unwrap();
        for name in NAMES {
            let from = self.at("run-next/institutions").join(name);
            let folder = self.at(&format!("{name}{suffix}"));
            let known = self.folder(name);
            let known = text(&known);
            let arguments =
                ["--ceremony", text(&folder), "--from", text(&from), "--keys-of", known];
            installs(&founding, &arguments);
        }
        let (hub, from) = (self.at("hub-next"), self.at("run-next/coordinator"));
        let files = install_coordinator_again(&hub, &from, &self.at("hub")).unwrap();
        let running = serve(&self.runtime, files, self.at("ledger-next"), any(), TLS);
        Self {
            root: Arc::clone(&self.root),
            authority: founding.authority,
            runtime: Arc::clone(&self.runtime),
            running,
            suffix,
        }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A party's folder of this run.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.at(&format!("{name}{}", self.suffix))
    }

    /// Where an institution keeps its state of this run.
    pub fn state(&self, name: &str) -> PathBuf {
        self.at(&format!("state-{name}{}", self.suffix))
    }

    /// Where an institution's log of this run is.
    pub fn log(&self, name: &str) -> PathBuf {
        self.at(&format!("{name}{}.log", self.suffix))
    }

    pub fn run(&self, folder: &Path, state: &str, address: &str) -> Command {
        self.run_for(folder, state, address, "60")
    }

    /// With so many seconds of patience.
    pub fn run_for(&self, folder: &Path, state: &str, address: &str, patience: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consilium-client"));
        command.args(["run", "--seed", "1", "--give-up-after", patience, "--coordinator", address]);
        command.arg("--ceremony").arg(folder).arg("--state").arg(self.at(state));
        command.arg("--data").arg(self.at("rows.toml"));
        command
    }

    pub fn address(&self) -> String {
        format!("https://{}", self.running.address())
    }

    /// Starts an institution, with a new log.
    pub fn start(&self, name: &str) -> Child {
        self.start_for(name, "60")
    }

    /// With so many seconds of patience.
    pub fn start_for(&self, name: &str, patience: &str) -> Child {
        let log = fs::File::create(self.log(name)).unwrap();
        let (folder, state) = (self.folder(name), self.state(name));
        let mut command = self.run_for(&folder, text(&state), &self.address(), patience);
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Stops the coordinator; one with another folder and ledger listens in its place.
    pub fn serve_instead(&mut self, hub: &str, ledger: &str) {
        let address = self.running.address();
        self.runtime.block_on(self.running.stopper().stop());
        let files = CoordinatorFiles::load(&self.at(hub)).unwrap();
        self.running = serve(&self.runtime, files, self.at(ledger), address, TLS);
    }

    /// Stops the coordinator.
    pub fn stop(self) -> Ended {
        self.runtime.block_on(self.running.stop()).unwrap()
    }

    pub fn start_all(&self) -> Vec<Child> {
        NAMES.iter().map(|name| self.start(name)).collect()
    }

    /// Waits until all of them have ended, and well.
    pub fn all_end(&self, children: Vec<Child>) {
        for (name, mut child) in NAMES.iter().zip(children) {
            let status = child.wait().unwrap();
            let log = fs::read_to_string(self.log(name)).unwrap();
            assert!(status.success(), "{name}: {log}");
        }
    }

    /// Has the coordinator take what the authority has signed.
    pub fn decree(&self, signed: SignedTransaction) {
        let parameters = &self.authority.parameters;
        let route = Route::secure(&self.address(), parameters, &self.authority.presented());
        self.runtime.block_on(send_by(&route.unwrap(), signed)).unwrap();
    }
}

/// Waits until a file holds a text.
pub fn wait_for(path: &Path, says: &str) {
    wait_until(path, &format!("say {says}"), |text| text.contains(says));
}

/// Waits until a file is as it should be.
pub fn wait_until(path: &Path, what: &str, is_so: impl Fn(&str) -> bool) {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if is_so(&text) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{text} should {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

//! The program against files that do not hold, and against the features that it must not link.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
};

use consilium_authority::Ceremony;
use consilium_contract::transaction::entry;
use consilium_hash::StateRoot;
use consilium_ledger::{Block, HeaderChain, NO_STATE, Store};
use consilium_testkit::Parties as _;
use ed25519_dalek::SigningKey;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_consilium-audit")).args(arguments).output().unwrap()
}

/// The exit code, and what is said on either stream.
fn said(arguments: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } = run(arguments);
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code().unwrap(), text)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A process that is being started holds every file that another test has open, the lock of a ledger among them, until it
/// has become its program. So the tests that write ledgers or start programs take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Run {
    directory: tempfile::TempDir,
    ceremony: Ceremony,
}

impl Run {
    fn new() -> Self {
        Self::of(1)
    }

    /// The run of this seed: another one founds another chain.
    fn of(seed: u64) -> Self {
        let ceremony = consilium_testkit::ceremony(seed, |_| ());
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("genesis.bin"), &ceremony.genesis_entry).unwrap();
        Self { directory, ceremony }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.ceremony.coordinator.signing.to_bytes())
    }

    /// The entry by which the first institution enrols.
    fn enrolment(&self) -> Vec<u8> {
        entry(self.ceremony.enrolment(0), false)
    }

    fn seal(
        &self,
        chain: &mut HeaderChain,
        entry: Vec<u8>,
        root: StateRoot,
        time_ms: u64,
    ) -> Block {
        let entries = vec![entry];
        let header = chain.propose(&entries, root, time_ms).unwrap();
        let block = Block { sealed: self.ceremony.seal_header(header), entries };
        chain.append_block(&block).unwrap();
        block
    }

    /// A chain of the genesis and an enrolment, sealed at this time; `root` is said to be the state before it.
    fn chain(&self, time_ms: u64, root: Option<StateRoot>) -> (HeaderChain, Vec<Block>) {
        let mut contract = self.ceremony.contract();
        let mut chain = self.ceremony.empty_chain();
        let genesis = self.ceremony.genesis_entry.clone();
        let first = self.seal(&mut chain, genesis, NO_STATE, 1);
        contract.end_block(chain.head().unwrap().into());
        let root = root.unwrap_or_else(|| contract.state_root());
        let second = self.seal(&mut chain, self.enrolment(), root, time_ms);
        (chain, vec![first, second])
    }

    fn ledger(&self, name: &str, blocks: &[Block]) -> PathBuf {
        let path = self.path(name);
        let store = Store::open(&path).unwrap();
        for (block, blob) in blocks.iter().zip([Some(self.ceremony.initial_model.as_slice()), None])
        {
            store.append_block(block, blob.as_slice()).unwrap();
        }
        store.close().unwrap();
        path
    }
}

#[test]
fn a_ledger_holds_or_fails_with_exit_code_1_and_evidence_that_convicts_by_the_genesis_alone() {
    let _turn = turn();
    let run = Run::new();
    let genesis = run.path("genesis.bin");
    let (_, blocks) = run.chain(2, None);
    let honest = run.ledger("honest", &blocks);
    let audit = |ledger: &Path| {
        let evidence = run.path("evidence.bin");
        let files = ["--ledger", text(ledger), "--genesis", text(&genesis)];
        said(&[&["audit"], &files[..], &["--evidence", text(&evidence)]].concat())
    };
    let (code, report) = audit(&honest);
    assert!(code == 0 && report.contains("everything holds"), "{report}");

    let (_, blocks) = run.chain(2, Some(StateRoot([7; 32])));
    let (code, message) = audit(&run.ledger("false", &blocks));
    assert!(code == 1 && message.contains("evidence"), "{message}");
    let evidence = run.path("evidence.bin");
    let (code, verdict) =
        said(&["evidence", "verify", "--genesis", text(&genesis), text(&evidence)]);
    assert!(code == 0 && verdict.contains("it convicts the coordinator"), "{verdict}");
    let (code, claim) = said(&["evidence", "show", text(&evidence)]);
    assert!(code == 0 && claim.contains("claims"), "{claim}");
    let stranger = Run::of(2);
    let theirs = stranger.path("genesis.bin");
    let (code, _) = said(&["evidence", "verify", "--genesis", text(&theirs), text(&evidence)]);
    assert_eq!(code, 1);
}

#[test]
fn heads_of_two_histories_exit_with_3_and_the_evidence_convicts_also_where_there_is_no_ledger() {
    let _turn = turn();
    let run = Run::new();
    let genesis = run.path("genesis.bin");
    let head = |name: &str, time_ms: u64| {
        let (chain, blocks) = run.chain(time_ms, None);
        let note = chain.checkpoint(2).unwrap().sign(&run.key());
        let path = run.path(name);
        fs::write(&path, note.encode()).unwrap();
        (path, blocks)
    };
    let (one, blocks) = head("one", 2);
    let (other, _) = head("other", 3);
    let ledger = run.ledger("ledger", &blocks);
    let evidence = run.path("evidence.bin");
    let fixed = ["head", "compare", "--genesis", text(&genesis), "--evidence", text(&evidence)];
    let compare = |rest: &[&str]| said(&[&fixed[..], rest].concat());

    let (code, message) = compare(&[text(&one)]);
    assert!(code == 0 && message.contains("with the other heads alone"), "{message}");
    let (code, message) = compare(&["--ledger", text(&ledger), text(&one)]);
    assert!(code == 0 && message.contains("block for block"), "{message}");
    for rest in [&[text(&one), text(&other)][..], &["--ledger", text(&ledger), text(&other)]] {
        fs::remove_file(&evidence).unwrap_or_default();
        let (code, message) = compare(rest);
        assert_eq!(code, 3, "{message}");
        let (code, verdict) =
            said(&["evidence", "verify", "--genesis", text(&genesis), text(&evidence)]);
        assert!(code == 0 && verdict.contains("two histories"), "{verdict}");
    }
    let (code, message) = compare(&[text(&genesis)]);
    assert!(code == 2 && message.contains("genesis.bin"), "{message}");
}

#[test]
fn whoever_verifies_links_neither_tensors_nor_tables_nor_a_transport() {
    let _turn = turn();
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none"])
        .args(["-p", "consilium-audit"])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("consilium-contract"), "{tree}");
    for unwanted in ["burn", "polars", "tonic", "hyper", "consilium-authority", "consilium-client"]
    {
        let linked = tree.lines().find(|line| line.starts_with(unwanted));
        assert_eq!(linked, None, "{unwanted} is linked");
    }
}

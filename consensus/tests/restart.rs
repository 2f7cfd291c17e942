//! One validator, three others played by this file: whatever it has said, it contradicts nothing of it after a crash at any
//! byte of its log; and it would without its log.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::{cell::RefCell, io, rc::Rc};

use consilium_consensus::{
    Application, Bft, Binding, ConsensusError, Conviction, Decision, Event, Judgement, Kind, Log,
    LogError, Message, Ordering, Output, Pace, Place, Seat, Settings, SignatureBytes, Signed,
    Standing, Statement, Storage, ValidatorSet,
};
use consilium_hash::{BlockHash, ChainId, MerkleRoot, StateRoot};
use consilium_ledger::{HEADER_VERSION, Header};
use ed25519_dalek::{Signer, SigningKey};

const CHAIN: ChainId = ChainId([9; 32]);
const HEIGHT: u64 = 5;

fn keys() -> Vec<SigningKey> {
    let mut keys: Vec<_> = (1..5).map(|byte| SigningKey::from_bytes(&[byte; 32])).collect();
    keys.sort_by_key(|key| key.verifying_key().to_bytes());
    keys
}

fn validators() -> ValidatorSet {
    ValidatorSet::new(keys().iter().map(SigningKey::verifying_key).collect()).unwrap()
}

fn header(variant: u8) -> Header {
    Header {
        version: HEADER_VERSION,
        height: HEIGHT,
        previous: BlockHash([1; 32]),
        time_ms: 2,
        history_root: MerkleRoot([3; 32]),
        entries_root: MerkleRoot([variant; 32]),
        state_root: StateRoot([4; 32]),
        count: 1,
    }
}

fn say(seat: usize, kind: Kind, round: u32, value: Option<BlockHash>) -> Signed {
    let statement =
        Statement { place: Place { height: HEIGHT, round, kind }, value, valid_round: None };
    let signature = keys()[seat].sign(&statement.signed_bytes(&CHAIN));
    Signed { statement, seat: Seat(seat as u8), signature: SignatureBytes(signature.to_bytes()) }
}

/// Finds everything valid, and proposes another header each time it is asked.
struct Agreeable(u8);

impl Application for Agreeable {
    type Error = String;

    fn has_work(&self) -> bool {
        true
    }

    fn propose(&mut self, _height: u64, _now_ms: u64) -> Result<Option<Header>, String> {
        self.0 += 1;
        Ok(Some(header(self.0)))
    }

    fn judge(&mut self, _header: &Header, _now_ms: u64) -> Result<Judgement, String> {
        Ok(Judgement::Valid)
    }

    fn commit(&mut self, _decision: &Decision) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Disk(Rc<RefCell<(Vec<u8>, usize, bool)>>);

impl Disk {
    fn of(bytes: &[u8]) -> Self {
        Self(Rc::new(RefCell::new((bytes.to_vec(), bytes.len(), false))))
    }
}

impl Storage for Disk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.borrow().0.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().0.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        if inner.2 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.1 = inner.0.len();
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().0 = bytes.to_vec();
        self.flush()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.borrow_mut().0.truncate(length as usize);
        self.flush()
    }
}

fn binding(seat: usize) -> Binding {
    Binding { chain_id: CHAIN, validator: keys()[seat].verifying_key() }
}

fn start(seat: usize, log: Option<Log<Disk>>, height: u64) -> Result<Bft<Disk>, ConsensusError> {
    let settings = Settings {
        chain_id: CHAIN,
        validators: validators(),
        key: Some(keys()[seat].clone()),
        pace: Pace::default(),
    };
    Bft::start(settings, log, height, 0)
}

fn said(outputs: &[Output], to: &mut Vec<Signed>) {
    for output in outputs {
        if let Output::Send(Message::Vote(signed) | Message::Proposal(signed, _)) = output {
            to.push(*signed);
        }
    }
}

/// What the others say: two rounds, the first without a decision.
fn script(seat: usize) -> Vec<Event> {
    let others: Vec<usize> = (0..4).filter(|other| *other != seat).collect();
    let hear = |message| Event::Message(Seat(0), message);
    let mut events = vec![Event::Ready];
    for round in 0..2 {
        let proposer = ((HEIGHT + u64::from(round)) % 4) as usize;
        let value = header(100 + round as u8);
        if proposer != seat {
            let proposal = say(proposer, Kind::Proposal, round, Some(value.hash()));
            events.push(hear(Message::Proposal(proposal, value)));
        }
        let voted = (proposer != seat).then(|| value.hash());
        for kind in [Kind::Prevote, Kind::Precommit] {
            for (place, other) in others.iter().enumerate() {
                // In the first round one precommit short of a decision.
                let missing = kind == Kind::Precommit && round == 0 && place > 0;
                let value = voted.filter(|_| !missing);
                events.push(hear(Message::Vote(say(*other, kind, round, value))));
            }
            events.push(Event::Time);
        }
    }
    events
}

/// Plays the first `length` events, with a disk on which flushes are counted.
fn play(seat: usize, length: usize) -> (Disk, Vec<Signed>, bool) {
    let disk = Disk::default();
    let log = Log::found(disk.clone(), binding(seat), HEIGHT).unwrap();
    let mut bft = start(seat, Some(log), HEIGHT).unwrap();
    let (mut application, mut heard) = (Agreeable(0), Vec::new());
    for (place, event) in script(seat).into_iter().take(length).enumerate() {
        let outputs = bft.handle(event, &mut application, place as u64 * 2_000).unwrap();
        said(&outputs, &mut heard);
        if Ordering::<Agreeable>::height(&bft) > HEIGHT {
            return (disk, heard, true);
        }
    }
    (disk, heard, false)
}

/// What a node says that begins with this log, has other headers to propose, and hears nothing.
fn again(seat: usize, log: Log<Disk>) -> Vec<Signed> {
    let mut heard = Vec::new();
    let mut bft = start(seat, Some(log), HEIGHT).unwrap();
    let mut application = Agreeable(50);
    for step in 0..12 {
        let outputs = bft.handle(Event::Time, &mut application, step * 5_000).unwrap();
        said(&outputs, &mut heard);
    }
    heard
}

fn contradictions(one: &[Signed], other: &[Signed]) -> usize {
    let contradicts = |a: &Signed| other.iter().any(|b| Conviction::new(*a, *b).is_some());
    one.iter().filter(|signed| contradicts(signed)).count()
}

#[test]
fn a_crash_at_any_byte_of_the_log_leads_to_no_contradiction() {
    let mut compared = 0;
    for seat in 0..4 {
        for length in 1..=script(seat).len() {
            let (disk, before, decided) = play(seat, length);
            if decided {
                break;
            }
            let (bytes, durable, _) = disk.0.borrow().clone();
            // Every byte for one of them, which takes long enough.
            let stride = if seat == 1 { 1 } else { 17 };
            for left in (durable..=bytes.len()).step_by(stride) {
                let disk = Disk::of(&bytes[..left]);
                let log = Log::open(disk, binding(seat)).unwrap().unwrap();
                let after = again(seat, log);
                assert_eq!(
                    contradictions(&before, &after),
                    0,
                    "seat {seat}, event {length}, byte {left}"
                );
                compared += before.len();
            }
        }
    }
    assert!(compared > 100);
}

#[test]
fn a_forgotten_log_convicts_an_honest_node() {
    for seat in 0..4 {
        let (_, before, _) = play(seat, 2);
        let forgotten = Log::found(Disk::default(), binding(seat), HEIGHT).unwrap();
        let after = again(seat, forgotten);
        assert!(contradictions(&before, &after) > 0, "seat {seat}");
    }
}

#[test]
fn the_log_says_whether_a_node_may_vote() {
    let founded = |height| Log::found(Disk::default(), binding(0), height).unwrap();
    let standing = |log, height| start(0, log, height).map(|bft| bft.standing());
    assert_eq!(standing(Some(founded(5)), 5).unwrap(), Standing::Votes);
    // A crash between a block and its log.
    assert_eq!(standing(Some(founded(4)), 5).unwrap(), Standing::Votes);
    assert_eq!(standing(Some(founded(3)), 5).unwrap(), Standing::LogOld { log: 3 });
    assert_eq!(standing(None, 5).unwrap(), Standing::LogMissing);
    assert!(matches!(
        standing(Some(founded(6)), 5),
        Err(ConsensusError::Log(LogError::LedgerBehind { log: 6, ledger: 5 }))
    ));
}

#[test]
fn a_node_whose_disk_is_full_says_nothing_more() {
    let disk = Disk::default();
    let log = Log::found(disk.clone(), binding(1), HEIGHT).unwrap();
    let mut bft = start(1, Some(log), HEIGHT).unwrap();
    disk.0.borrow_mut().2 = true;
    // It would propose.
    let full = bft.handle(Event::Ready, &mut Agreeable(0), 0);
    assert!(matches!(full, Err(ConsensusError::Log(LogError::Io(_)))), "{full:?}");
    disk.0.borrow_mut().2 = false;
    let after = bft.handle(Event::Time, &mut Agreeable(0), 10_000);
    assert!(matches!(after, Err(ConsensusError::Failed)));
}

#[test]
fn a_node_that_hears_its_own_key_falls_silent_and_stays_so() {
    let disk = Disk::default();
    let log = Log::found(disk.clone(), binding(0), HEIGHT).unwrap();
    let mut bft = start(0, Some(log), HEIGHT).unwrap();
    bft.handle(Event::Ready, &mut Agreeable(0), 0).unwrap();
    let usurper = say(0, Kind::Prevote, 0, Some(header(7).hash()));
    let event = Event::Message(Seat(3), Message::Vote(usurper));
    let mut heard = Vec::new();
    said(&bft.handle(event, &mut Agreeable(0), 10).unwrap(), &mut heard);
    assert_eq!(bft.standing(), Standing::Usurped);
    for step in 1..10 {
        said(&bft.handle(Event::Time, &mut Agreeable(0), step * 5_000).unwrap(), &mut heard);
    }
    assert_eq!(heard, []);
    assert!(Log::open(disk, binding(0)).unwrap().is_none());
}

use super::*;
use crate::testing::{CHAIN, keys};

/// Bytes in memory, of which those that were flushed survive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) durable: usize,
}

impl Storage for Memory {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.bytes.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.durable = self.bytes.len();
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes = bytes.to_vec();
        self.flush()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.truncate(length as usize);
        self.flush()
    }
}

pub(crate) fn binding(seat: usize) -> Binding {
    Binding { chain_id: CHAIN, validator: keys(4)[seat].verifying_key() }
}

fn open(bytes: &[u8]) -> Result<Option<Log<Memory>>, LogError> {
    Log::open(Memory { bytes: bytes.to_vec(), durable: bytes.len() }, binding(0))
}

const RECORDS: [&[u8]; 4] = [b"first", b"", b"third, somewhat longer", b"last"];

/// A log of four records, flushed after the second.
fn written() -> Vec<u8> {
    let mut log = Log::found(Memory::default(), binding(0), 7).unwrap();
    for (place, record) in RECORDS.iter().enumerate() {
        log.append(record).unwrap();
        if place == 1 {
            log.flush().unwrap();
        }
    }
    log.storage.bytes
}

/// Where each record ends, the binding first.
fn ends() -> Vec<usize> {
    let mut at = FRAME + LABEL.len() + 32 + 32 + 8;
    let mut ends = vec![at];
    for record in RECORDS {
        at += FRAME + record.len();
        ends.push(at);
    }
    ends
}

#[test]
fn what_was_written_is_read_and_a_new_height_begins_with_nothing() {
    let mut log = open(&written()).unwrap().unwrap();
    assert_eq!(log.height(), 7);
    assert_eq!(log.take_records(), RECORDS);
    log.begin(8).unwrap();
    let mut again = open(&log.storage.bytes).unwrap().unwrap();
    assert_eq!((again.height(), again.take_records().len()), (8, 0));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_written_over() {
    let bytes = written();
    let ends = ends();
    assert_eq!(ends.last(), Some(&bytes.len()));
    for length in 0..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count();
        let opened = open(&bytes[..length]).unwrap();
        let Some(mut log) = opened else {
            assert_eq!(whole, 0, "torn at {length}");
            continue;
        };
        assert_eq!(log.take_records(), &RECORDS[..whole - 1], "torn at {length}");
        assert_eq!(log.storage.bytes.len(), ends[whole - 1]);
        log.append(b"after the crash").unwrap();
        let mut again = open(&log.storage.bytes).unwrap().unwrap();
        assert_eq!(again.take_records().last().unwrap(), b"after the crash");
    }
}

#[test]
fn pages_written_out_of_order_without_a_flush_are_a_torn_tail() {
    let mut bytes = written();
    bytes[ends()[2] + FRAME] ^= 1;
    assert_eq!(open(&bytes).unwrap().unwrap().take_records(), &RECORDS[..2]);
    let zeros = [&written()[..ends()[2]], &[0; 5000]].concat();
    assert_eq!(open(&zeros).unwrap().unwrap().take_records(), &RECORDS[..2]);
}

#[test]
fn damage_to_what_was_durable_is_not_taken_for_a_torn_tail() {
    for place in 0..ends()[2] {
        let mut bytes = written();
        bytes[place] ^= 1;
        assert!(matches!(open(&bytes), Err(LogError::Damaged { .. })), "byte {place}");
    }
}

#[test]
fn a_log_serves_its_own_validator_and_chain_alone_and_is_founded_once() {
    let storage = || Memory { bytes: written(), durable: 0 };
    assert!(matches!(Log::open(storage(), binding(1)), Err(LogError::Foreign)));
    let other = Binding { chain_id: ChainId([1; 32]), ..binding(0) };
    assert!(matches!(Log::open(storage(), other), Err(LogError::Foreign)));
    assert!(matches!(Log::found(storage(), binding(0), 0), Err(LogError::Exists)));
    assert!(Log::open(Memory::default(), binding(0)).unwrap().is_none());
}

#[test]
fn no_bytes_are_a_panic_and_lengths_are_not_believed() {
    let huge = [u32::MAX.to_be_bytes().as_slice(), &[0; 40]].concat();
    assert!(open(&huge).unwrap().is_none());
    let mut log = open(&written()).unwrap().unwrap();
    assert!(matches!(log.append(&[0; MAX_RECORD_BYTES + 1]), Err(LogError::TooLong(_))));
}

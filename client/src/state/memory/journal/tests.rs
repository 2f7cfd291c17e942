//! A disk that fails at every place, and what is left of a log after a crash there.

use std::sync::{Arc, Mutex};

use super::*;

/// What is on a disk, and how long it goes on working.
#[derive(Debug, Default)]
struct Disk {
    log: Vec<u8>,
    /// What of the log was flushed last.
    flushed: Vec<u8>,
    mark: Option<Vec<u8>>,
    /// Calls that succeed before one fails.
    fuse: Option<u32>,
}

#[derive(Debug, Clone, Default)]
struct Fragile(Arc<Mutex<Disk>>);

impl Fragile {
    fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }

    fn open(&self) -> Opened {
        Journal::open(Box::new(self.clone())).unwrap()
    }

    /// One that holds these records, all of them acknowledged.
    fn holding(records: u8) -> Self {
        let disk = Self::default();
        let mut journal = disk.open().journal;
        (0..records).for_each(|record| journal.append(&payload(record)).unwrap());
        disk
    }

    /// A failed call, where the time has come.
    fn burn(&self) -> Result<(), FileError> {
        let mut disk = self.disk();
        match &mut disk.fuse {
            Some(0) => {
                Err(failed("write", Path::new("log"))(std::io::ErrorKind::StorageFull.into()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Medium for Fragile {
    fn log(&mut self) -> Result<Vec<u8>, FileError> {
        Ok(self.disk().log.clone())
    }

    fn mark(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        Ok(self.disk().mark.clone())
    }

    fn cut(&mut self, length: u64) -> Result<(), FileError> {
        self.burn()?;
        self.disk().log.truncate(length as usize);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), FileError> {
        let burnt = self.burn();
        let mut disk = self.disk();
        disk.log.truncate(at as usize);
        // What fails has written half of it.
        let written = if burnt.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        disk.log.extend_from_slice(written);
        burnt
    }

    fn sync(&mut self) -> Result<(), FileError> {
        self.burn()?;
        let mut disk = self.disk();
        disk.flushed = disk.log.clone();
        Ok(())
    }

    fn replace_mark(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.burn()?;
        self.disk().mark = Some(bytes.to_vec());
        Ok(())
    }

    fn path(&self) -> &Path {
        Path::new("log")
    }
}

fn payload(record: u8) -> Payload {
    [record + 1; PAYLOAD]
}

#[test]
fn records_are_read_again_as_they_were_written() {
    for records in 0..4 {
        let opened = Fragile::holding(records).open();
        assert!(!opened.has_lost);
        assert_eq!(opened.records, (0..records).map(payload).collect::<Vec<_>>());
    }
}

#[test]
fn whatever_write_fails_and_whatever_a_crash_leaves_nothing_acknowledged_is_lost_and_the_log_opens()
{
    for fuse in 0..12 {
        let disk = Fragile::holding(1);
        disk.disk().fuse = Some(fuse);
        let mut journal = disk.open().journal;
        let mut acknowledged = 1;
        let mut asked = 1;
        while asked < 4 {
            asked += 1;
            match journal.append(&payload(asked - 1)) {
                Ok(()) => acknowledged = asked,
                // Nothing more is taken after a failure: what is on disk is not known.
                Err(_) => {
                    disk.disk().fuse = None;
                    assert!(journal.append(&payload(9)).is_err());
                    break;
                }
            }
        }
        assert_eq!(acknowledged < 4, fuse < 9, "each record is three calls");
        disk.disk().fuse = None;
        let (written, flushed) = {
            let disk = disk.disk();
            (disk.log.clone(), disk.flushed.clone())
        };
        // A crash keeps what was flushed, and of the rest any part, or zeros in its place.
        for cut in flushed.len().min(written.len())..=written.len() {
            let torn = written[..cut].to_vec();
            let zeros = [torn.clone(), vec![0; written.len() - cut]].concat();
            let more = [torn.clone(), vec![0; 4096]].concat();
            let garbage = [torn.clone(), vec![7; RECORD / 2]].concat();
            for left in [torn, zeros, more, garbage] {
                disk.disk().log = left;
                let opened = disk.open();
                assert!(!opened.has_lost, "fuse {fuse}, cut {cut}");
                assert!(opened.records.len() >= acknowledged as usize, "fuse {fuse}, cut {cut}");
                let kept: Vec<_> = (0..opened.records.len() as u8).map(payload).collect();
                assert_eq!(opened.records, kept);
                // It goes on from there.
                let mut journal = opened.journal;
                let mark = disk.disk().mark.clone();
                journal.append(&payload(opened.records.len() as u8)).unwrap();
                let again = disk.open();
                assert!(!again.has_lost);
                assert_eq!(again.records.len(), opened.records.len() + 1);
                disk.disk().mark = mark;
            }
        }
    }
}

#[test]
fn records_that_were_acknowledged_and_are_gone_are_noticed_at_every_byte() {
    let whole = Fragile::holding(3).disk().log.clone();
    for cut in 0..whole.len() {
        let torn = whole[..cut].to_vec();
        let zeros = [torn.clone(), vec![0; whole.len() - cut]].concat();
        for left in [torn, zeros] {
            let disk = Fragile::holding(3);
            disk.disk().log = left;
            match Journal::open(Box::new(disk.clone())) {
                Ok(opened) => {
                    let is_whole = disk.disk().log == whole;
                    assert_eq!(opened.has_lost, !is_whole, "cut at {cut}");
                    assert!(opened.records.len() <= cut / RECORD || is_whole);
                    // Until something is written, it is found again.
                    assert_eq!(disk.open().has_lost, !is_whole);
                    let mut journal = opened.journal;
                    journal.append(&payload(8)).unwrap();
                    assert!(!disk.open().has_lost, "cut at {cut}");
                }
                Err(error) => panic!("cut at {cut}: {error}"),
            }
        }
    }
    for lost in 1..=3 {
        let disk = Fragile::holding(3);
        disk.disk().log.truncate(whole.len() - lost * RECORD);
        let mut journal = disk.open().journal;
        // The first record after a loss is on disk, its mark is not: the loss is still found.
        disk.disk().fuse = Some(2);
        assert!(journal.append(&payload(8)).is_err());
        disk.disk().fuse = None;
        assert!(disk.open().has_lost, "{lost} lost");
    }
}

#[test]
fn a_log_and_a_mark_of_different_times_are_a_loss() {
    let logs: Vec<_> = (0..5).map(|records| Fragile::holding(records).disk().log.clone()).collect();
    let marks: Vec<_> =
        (0..5).map(|records| Fragile::holding(records).disk().mark.clone()).collect();
    for (held, log) in logs.iter().enumerate() {
        for (counted, mark) in marks.iter().enumerate() {
            let disk = Fragile::default();
            (disk.disk().log, disk.disk().mark) = (log.clone(), mark.clone());
            // One record more is what a crash leaves before the mark is replaced.
            let is_possible = held == counted || held == counted + 1;
            assert_eq!(disk.open().has_lost, !is_possible, "{held} records, {counted} counted");
        }
    }
    // As many records, and others.
    let disk = Fragile::holding(2);
    let mut other = Fragile::holding(1).open().journal;
    other.append(&payload(7)).unwrap();
    disk.disk().mark = Fragile::holding(3).disk().mark.clone();
    assert!(disk.open().has_lost);
}

#[test]
fn a_changed_record_before_others_is_an_error() {
    let whole = Fragile::holding(3).disk().log.clone();
    for position in 0..2 * RECORD {
        let disk = Fragile::holding(3);
        disk.disk().log[position] ^= 1;
        let refused = Journal::open(Box::new(disk));
        assert!(matches!(refused, Err(FileError::Damaged { .. })), "byte {position}");
    }
    assert_eq!(whole.len(), 3 * RECORD);
}

#[test]
fn the_files_of_a_log_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut journal = Journal::open(Box::new(Files::open(&path).unwrap())).unwrap().journal;
    journal.append(&payload(1)).unwrap();
    let opened = Journal::open(Box::new(Files::open(&path).unwrap())).unwrap();
    assert_eq!((opened.records, opened.has_lost), (vec![payload(1)], false));
    #[cfg(unix)]
    for file in ["log", "log.mark"] {
        let mode = std::fs::metadata(dir.path().join(file)).unwrap().permissions();
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600, "{file}");
    }
}

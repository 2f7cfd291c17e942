//! A disk that forgets, in a crash, what was not flushed, but for as much of it as it likes.

use std::{cell::RefCell, io, rc::Rc};

use consilium_consensus::Storage;

#[derive(Debug, Clone, Default)]
pub struct Disk(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    durable: usize,
}

impl Disk {
    /// Bytes that a crash may take.
    pub fn at_risk(&self) -> usize {
        let inner = self.0.borrow();
        inner.bytes.len() - inner.durable
    }

    /// A crash that leaves so many of them.
    pub fn crash(&self, left: usize) {
        let mut inner = self.0.borrow_mut();
        let length = inner.durable + left;
        inner.bytes.truncate(length);
        inner.durable = inner.bytes.len();
    }

    /// Somebody removes the file.
    pub fn lose(&self) {
        *self.0.borrow_mut() = Inner::default();
    }
}

impl Storage for Disk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.0.borrow().bytes.clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().bytes.extend(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.durable = inner.bytes.len();
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        *self.0.borrow_mut() = Inner { bytes: bytes.to_vec(), durable: bytes.len() };
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        inner.bytes.truncate(length as usize);
        inner.durable = inner.bytes.len();
        Ok(())
    }
}

//! Places for streams: so many in all, and so many for one peer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::peer::Peer;
use crate::{Limits, error::CallError};

/// The places that are taken.
#[derive(Debug)]
pub(crate) struct Streams {
    most: usize,
    most_of_a_peer: usize,
    taken: Mutex<HashMap<Peer, usize>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Arc<Streams>,
    peer: Peer,
}

impl Streams {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let taken = Mutex::default();
        Arc::new(Self { most: limits.streams, most_of_a_peer: limits.streams_of_a_peer, taken })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Peer, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for this peer.
    pub(crate) fn take(self: &Arc<Self>, peer: Peer) -> Result<Place, CallError> {
        let mut taken = self.taken();
        let in_all: usize = taken.values().sum();
        let of_peer = taken.entry(peer).or_default();
        if *of_peer >= self.most_of_a_peer || in_all >= self.most {
            return Err(CallError::TooMany { what: "streams" });
        }
        *of_peer += 1;
        drop(taken);
        Ok(Place { streams: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.streams.taken();
        if let Some(of_peer) = taken.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

//! Places for calls: so many in all, so many for one peer, and so many for all guests together.
//!
//! A call has its place from its first byte until its answer has ended, since that is how long it holds memory: what has come of
//! its message, or what its peer has not read yet. Guests have few, so that any number of strangers leaves institutions theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::peer::Peer;
use crate::{Limits, error::CallError};

/// The places that are taken.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    taken: Mutex<HashMap<Peer, usize>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    peer: Peer,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { limits: *limits, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<Peer, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of_a_peer(&self, peer: Peer) -> usize {
        match peer {
            Peer::Address(_) => self.limits.calls_of_an_address,
            Peer::Guest(_) => self.limits.calls_of_a_guest,
            Peer::Institution(_) | Peer::Authority => self.limits.calls_of_an_institution,
        }
    }

    /// A place for a call of this peer.
    ///
    /// # Errors
    /// [`CallError::TooMany`].
    pub(crate) fn take(self: &Arc<Self>, peer: Peer) -> Result<Place, CallError> {
        let is_guest = |peer: &Peer| matches!(peer, Peer::Guest(_));
        let mut taken = self.taken();
        let of_peer = taken.get(&peer).copied().unwrap_or(0);
        let in_all: usize = taken.values().sum();
        let of_guests: usize =
            taken.iter().filter(|(peer, _)| is_guest(peer)).map(|(_, count)| count).sum();
        let too_many = of_peer >= self.of_a_peer(peer)
            || in_all >= self.limits.calls
            || (is_guest(&peer) && of_guests >= self.limits.calls_of_guests);
        if too_many {
            return Err(CallError::TooMany { what: "calls" });
        }
        taken.insert(peer, of_peer + 1);
        Ok(Place { places: Arc::clone(self), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        if let Some(of_peer) = taken.get_mut(&self.peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use consilium_hash::Pseudonym;

    use super::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    #[test]
    fn all_guests_together_leave_institutions_their_places() {
        let limits = Limits {
            calls: 10,
            calls_of_an_institution: 3,
            calls_of_a_guest: 2,
            calls_of_guests: 5,
            ..Limits::default()
        };
        let places = Places::new(&limits);
        let guests: Vec<_> =
            (0..9).filter_map(|i| places.take(Peer::Guest(address(i / 3))).ok()).collect();
        assert_eq!(guests.len(), 5);
        let institution = |i| Peer::Institution(Pseudonym([i; 32]));
        let own: Vec<_> = (0..9).filter_map(|i| places.take(institution(i / 5)).ok()).collect();
        assert_eq!(own.len(), 5, "three of the one and two of the other, then all ten are taken");
        drop(guests);
        assert!(places.take(institution(1)).is_ok());
        assert!(places.take(institution(0)).is_err(), "it has its three");
        drop(own);
        assert!(places.taken().is_empty());
    }
}

//! Who calls, and for whom that one may speak.

use std::net::{IpAddr, Ipv4Addr};

use consilium_hash::Pseudonym;
use tonic::codegen::http::Extensions;

use crate::error::CallError;

/// Who calls, which is also whose quota a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Peer {
    /// Plain TCP on this machine, which says nothing of who is there.
    Address(IpAddr),
    /// TLS without a certificate, where guests are welcome.
    Guest(IpAddr),
    /// An institution, by its certificate.
    Institution(Pseudonym),
    /// The authority, by its certificate.
    Authority,
}

impl Peer {
    /// The peer of a call, which [`Calls`](super::calls::Calls) has noted. Of whom nothing was noted may say nothing.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::Guest(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// Whether this peer may bring what an institution has signed, or what names it.
    ///
    /// # Errors
    /// [`CallError::OtherCaller`].
    pub(crate) fn speaks_for(self, author: &Pseudonym) -> Result<(), CallError> {
        let caller = match self {
            Self::Address(_) => return Ok(()),
            Self::Institution(own) if own == *author => return Ok(()),
            Self::Institution(own) => format!("institution {}", own.short()),
            Self::Authority => "the authority".to_owned(),
            Self::Guest(_) => "nobody".to_owned(),
        };
        Err(CallError::OtherCaller { caller, author: *author })
    }

    /// As [`speaks_for`](Self::speaks_for), of a statement about sharing: guests bring these, since participants that are no
    /// institutions have no certificate. Whose a statement is, its signature says.
    ///
    /// # Errors
    /// [`CallError::OtherCaller`].
    pub(crate) fn says_for(self, author: &Pseudonym) -> Result<(), CallError> {
        match self {
            Self::Guest(_) => Ok(()),
            _ => self.speaks_for(author),
        }
    }
}

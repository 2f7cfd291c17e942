//! Who calls, as far as quotas care.

use std::net::{IpAddr, Ipv4Addr};

use tonic::codegen::http::Extensions;

use super::connections::Caller;

/// Whose quota a call counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Peer {
    /// Somebody of whom nothing is known but the address.
    Address(IpAddr),
}

impl Peer {
    /// The peer of a call, which [`Calls`](super::calls::Calls) has noted.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or(Self::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }

    /// The peer at the other end of a connection.
    pub(super) fn identify(caller: &Caller) -> Self {
        Self::Address(caller.address())
    }
}

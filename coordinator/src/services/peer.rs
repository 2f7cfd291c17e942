//! Who is at the other end of a connection, and for whom it may speak.

use consilium_contract::Parameters;
use consilium_hash::Pseudonym;
use consilium_transport::{Peer, read};
use tonic::{
    Extensions,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};

use crate::error::CallError;

/// What a connection has below TLS.
type Below = TcpConnectInfo;

/// Who calls, as far as the connection says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Plain TCP on this machine, which says nothing.
    Unknown,
    /// TLS without a certificate, where guests are welcome.
    Guest,
    /// Whoever the certificate is of.
    Known(Peer),
}

/// Who calls: the handshake has verified the certificate, and it is read here as it was there.
pub(crate) fn caller(extensions: &Extensions, parameters: &Parameters) -> Caller {
    let Some(connection) = extensions.get::<TlsConnectInfo<Below>>() else {
        return Caller::Unknown;
    };
    let certificates = connection.peer_certs();
    let certificate = certificates.as_ref().and_then(|certificates| certificates.first());
    // A certificate that reads otherwise than in the handshake gives nobody more than a guest has.
    certificate
        .and_then(|certificate| read(parameters, certificate).ok())
        .map_or(Caller::Guest, Caller::Known)
}

impl Caller {
    /// Whether this connection may bring what an institution or participant has signed, or what names it.
    ///
    /// # Errors
    /// [`CallError::OtherCaller`].
    pub(crate) fn speaks_for(self, author: &Pseudonym) -> Result<(), CallError> {
        match self {
            Self::Unknown => Ok(()),
            Self::Known(Peer::Institution(own)) if own == *author => Ok(()),
            Self::Known(other) => {
                Err(CallError::OtherCaller { caller: other.to_string(), author: *author })
            }
            Self::Guest => {
                Err(CallError::OtherCaller { caller: "a guest".to_owned(), author: *author })
            }
        }
    }

    /// As [`speaks_for`](Self::speaks_for), of a statement about sharing: guests bring these, since participants that are no
    /// institutions have no certificate. Whose a statement is, its signature says.
    ///
    /// # Errors
    /// [`CallError::OtherCaller`].
    pub(crate) fn says_for(self, author: &Pseudonym) -> Result<(), CallError> {
        match self {
            Self::Guest => Ok(()),
            _ => self.speaks_for(author),
        }
    }
}

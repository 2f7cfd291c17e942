//! Who is at the other end of a connection: decided here and nowhere else.

use consilium_contract::Parameters;
use consilium_transport::{Peer as Party, read};
use tonic::{codegen::http::Extensions, transport::server::TlsConnectInfo};

use super::{connections::Caller, peer::Peer};

/// The connection of a call, and the peer at its other end. The handshake has verified the certificate; it is read once more
/// for each connection, for what it says.
pub(super) fn identify(extensions: &Extensions, parameters: &Parameters) -> Option<(Caller, Peer)> {
    if let Some(caller) = extensions.get::<Caller>() {
        return Some((caller.clone(), Peer::Address(caller.address())));
    }
    let connection = extensions.get::<TlsConnectInfo<Caller>>()?;
    let caller = connection.get_ref().clone();
    let peer = caller.peer(|| {
        let certificates = connection.peer_certs();
        let certificate = certificates.as_ref().and_then(|certificates| certificates.first());
        match certificate.map(|certificate| read(parameters, certificate)) {
            Some(Ok(Party::Institution(pseudonym))) => Peer::Institution(pseudonym),
            Some(Ok(Party::Authority)) => Peer::Authority,
            // The handshake lets no coordinator in, and what reads otherwise than in the handshake gives nobody more.
            Some(Ok(Party::Coordinator) | Err(_)) | None => Peer::Guest(caller.address()),
        }
    });
    Some((caller, peer))
}

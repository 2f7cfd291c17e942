//! Mutual TLS 1.3 between parties that the genesis knows.
//!
//! A party presents a key of the transport, in an X.509 certificate that says in one extension whose the key is. That word is
//! verified against the genesis and nothing else: the authority's certificate of an institution, or the signature of a key that
//! stands in the genesis. There is no certificate authority beside it, no name, no date and no file to keep in step.
//! docs/decisions/transport.md says why.
//!
//! It must not be used as a place to trust: what comes over a connection is verified as before, whoever sends it.
//!
//! | file | concept |
//! | --- | --- |
//! | `owner` | whose a key is, and how the genesis confirms it |
//! | `certificate` | the X.509 certificate around both |
//! | `verifier` | how the two ends of a handshake judge each other |
//! | `connect` | connecting (feature `client`) |
//! | `refusal` | why there is no connection, and what to do (feature `client`) |
//! | `accept` | accepting (feature `server`) |

#[cfg(feature = "server")]
mod accept;
mod certificate;
#[cfg(feature = "client")]
mod connect;
mod owner;
#[cfg(feature = "client")]
mod refusal;
mod verifier;

#[cfg(feature = "server")]
pub use accept::secured;
pub use certificate::read;
#[cfg(feature = "client")]
pub use connect::{Secure, check_choice, is_loopback, is_secure};
pub use owner::{Peer, PeerError, Presented};
#[cfg(feature = "client")]
pub use refusal::Refusal;
pub use tokio_rustls::rustls::{ClientConfig, ServerConfig};
pub use verifier::{Guests, client_config, server_config};

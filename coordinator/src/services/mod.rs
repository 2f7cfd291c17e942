//! What peers call: the gRPC services, and what every call is held to.
//!
//! | file | concept |
//! | --- | --- |
//! | `federation`, `ledger` | the two services |
//! | `upload`, `stream` | a body in; blocks and blobs out |
//! | `connections` | the listening socket, and who makes room on it |
//! | `both` | TLS and plain TCP on one socket of this machine |
//! | `calls` | what every call is held to before its message is read |
//! | `identify` | who is at the other end of a connection |
//! | `peer` | who calls, and for whom that one may speak |
//! | `rate_limit`, `places` | how often a peer may call or an address connect, and how many calls a peer may have open |
//! | `pace` | how fast guests read |
//! | `refusals` | what was turned away, counted by the limit that it met |
//! | `status` | one function from an error to a gRPC status |

mod both;
mod calls;
pub(crate) mod connections;
mod federation;
mod identify;
mod ledger;
mod pace;
pub(crate) mod peer;
mod places;
mod presence;
mod rate_limit;
pub(crate) mod refusals;
mod status;
mod stream;
mod upload;

use std::{sync::Arc, time::Duration};

use consilium_crypto::signature::SigningKey;
use consilium_proto::{
    CHUNK_BYTES, DESCRIPTORS,
    v1::{federation_server::FederationServer, ledger_server::LedgerServer},
};
use consilium_transport::secured;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};
use tonic::{
    service::Routes,
    transport::{Server, server::Connected as _},
};

use self::{
    both::divided,
    calls::Calls,
    connections::{Connection, Incoming},
    federation::Federation,
    ledger::Ledger,
};
use crate::{CoordinatorError, config::Security, inbox::NodeHandle, shared::Shared};

/// A message carries a chunk or a transaction, and a few bytes around it.
const MAX_MESSAGE_BYTES: usize = CHUNK_BYTES + 1024;

/// The two services.
pub(crate) fn routes(shared: Arc<Shared>, node: NodeHandle, signing: Arc<SigningKey>) -> Routes {
    let federation = FederationServer::new(Federation::new(Arc::clone(&shared), node, signing))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let ledger = LedgerServer::new(Ledger(shared)).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Routes::new(federation).add_service(ledger)
}

/// Serves on `listener` until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    node: NodeHandle,
    signing: Arc<SigningKey>,
    security: Security,
    stopped: oneshot::Receiver<()>,
) -> Result<(), CoordinatorError> {
    let limits = shared.limits;
    let parameters = Arc::new(shared.parameters.clone());
    let connections = Arc::clone(&shared.connections);
    let refusals = Arc::clone(&shared.refusals);

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<FederationServer<Federation>>().await;
    health.set_serving::<LedgerServer<Ledger>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| CoordinatorError::Server(error.to_string()))?;

    let routes = routes(shared, node, signing).add_service(health_service).add_service(reflection);
    let calls = Calls::new(routes, &limits, parameters, refusals);
    let incoming = Incoming::new(listener, connections);
    let server = Server::builder()
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)));
    let stopped = async {
        // Either the word to stop, or nobody left to give it.
        let _ = stopped.await;
    };
    let name = |connection: &Connection| connection.connect_info().address().to_string();
    match security {
        Security::Plain => server.serve_with_incoming_shutdown(calls, incoming, stopped).await,
        Security::Tls(config) => {
            let secured = secured(config, incoming, name);
            server.serve_with_incoming_shutdown(calls, secured, stopped).await
        }
        Security::Both(config) => {
            let (secure, plain) = divided(incoming);
            let (stop, stopping) = watch::channel(());
            let wait = async |mut stopping: watch::Receiver<()>| {
                // It ends with its sender.
                while stopping.changed().await.is_ok() {}
            };
            let in_the_plain = server.clone().serve_with_incoming_shutdown(
                calls.clone(),
                plain,
                wait(stopping.clone()),
            );
            let secured = secured(config, secure, name);
            let secured = server.serve_with_incoming_shutdown(calls, secured, wait(stopping));
            let told = async {
                stopped.await;
                drop(stop);
                Ok(())
            };
            tokio::try_join!(in_the_plain, secured, told).map(|_| ())
        }
    }
    .map_err(|error| CoordinatorError::Server(error.to_string()))
}

//! What peers call: the gRPC services, and what every call is held to.
//!
//! | file | concept |
//! | --- | --- |
//! | `federation`, `ledger` | the two services |
//! | `upload`, `stream` | a body in; blocks and blobs out |
//! | `peer` | who is at the other end of a connection, and for whom it may speak |
//! | `rate_limit` | how often one address may call |
//! | `status` | one function from an error to a gRPC status |

mod federation;
mod ledger;
mod peer;
mod rate_limit;
mod status;
mod stream;
mod upload;

use std::{sync::Arc, time::Duration};

use consilium_crypto::signature::SigningKey;
use consilium_proto::{
    CHUNK_BYTES, DESCRIPTORS,
    v1::{federation_server::FederationServer, ledger_server::LedgerServer},
};
use consilium_transport::{ServerConfig, secured};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Server, server::TcpIncoming},
};

use self::{federation::Federation, ledger::Ledger, rate_limit::RateLimit, status::status};
use crate::{CoordinatorError, SystemClock, clock::Clock as _, inbox::NodeHandle, shared::Shared};

/// A message carries a chunk or a transaction, and a few bytes around it.
const MAX_MESSAGE_BYTES: usize = CHUNK_BYTES + 1024;

/// Refuses calls of an address that calls too often.
#[derive(Clone)]
struct RateLimiter {
    limit: Arc<RateLimit>,
    clock: SystemClock,
}

impl Interceptor for RateLimiter {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(address) = request.remote_addr() {
            self.limit.take(address.ip(), self.clock.now_ms()).map_err(status)?;
        }
        Ok(request)
    }
}

/// Serves on `listener` until it is told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    node: NodeHandle,
    signing: Arc<SigningKey>,
    security: Option<Arc<ServerConfig>>,
    stopped: oneshot::Receiver<()>,
) -> Result<(), CoordinatorError> {
    let limits = shared.limits;
    let limiter =
        RateLimiter { limit: Arc::new(RateLimit::new(&limits)), clock: SystemClock::new() };
    let federation = FederationServer::new(Federation::new(Arc::clone(&shared), node, signing))
        .max_decoding_message_size(MAX_MESSAGE_BYTES);
    let ledger = LedgerServer::new(Ledger(shared)).max_decoding_message_size(MAX_MESSAGE_BYTES);

    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<FederationServer<Federation>>().await;
    health.set_serving::<LedgerServer<Ledger>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| CoordinatorError::Server(error.to_string()))?;

    // Small answers must not wait for an acknowledgement of the ones before; the builder's own setting does not reach
    // sockets that it has not bound.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .add_service(InterceptedService::new(federation, limiter.clone()))
        .add_service(InterceptedService::new(ledger, limiter))
        .add_service(health_service)
        .add_service(reflection);
    let stopped = async {
        // Either the word to stop, or nobody left to give it.
        let _ = stopped.await;
    };
    match security {
        None => server.serve_with_incoming_shutdown(incoming, stopped).await,
        Some(config) => {
            let name = |connection: &TcpStream| match connection.peer_addr() {
                Ok(address) => address.to_string(),
                Err(error) => error.to_string(),
            };
            server.serve_with_incoming_shutdown(secured(config, incoming, name), stopped).await
        }
    }
    .map_err(|error| CoordinatorError::Server(error.to_string()))
}

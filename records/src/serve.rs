//! Serving: what a party of each role answers, for as long as its process runs.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use consilium_hash::Pseudonym;
use consilium_proto::v1::{
    custodian_server::CustodianServer, delivery::Kind, mailbox_server::MailboxServer,
    proxy_server::ProxyServer,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot, watch},
    time::sleep,
};
use tonic::transport::{Server, server::TcpIncoming};

use crate::{
    RecordsError,
    call::MAX_CALL_BYTES,
    custodian::{publish::publish, service::Custodian, store::Store},
    error::Result,
    ledger::{Following, blocking},
    mailbox::{Mailbox, MailboxService, Screen},
    party::Role,
    proxy::{Proxy, screen},
    stream::Streams,
};

/// Calls that are open at once on one connection.
const STREAMS_PER_CONNECTION: u32 = 64;
/// How long answers may take to their end once the process is told to stop.
const GRACE: Duration = Duration::from_secs(5);
/// A call is short, or it is a letter.
const MAX_MESSAGE_BYTES: usize = MAX_CALL_BYTES + 1024;

/// A server that has its address and does not answer yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Bound {
    /// Listens at an address.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`].
    pub async fn at(listen: SocketAddr) -> Result<Self> {
        let unusable =
            |error| RecordsError::Unusable(format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok(Self { listener, address })
    }

    /// Serves as a custodian, a proxy or a requester until it is told to stop, or the ledger convicts its coordinator.
    /// `ready` is called once everything on the disk is in order.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] for a role that does not serve; what has ended the following.
    pub async fn serve(
        self,
        following: Arc<Following>,
        name: Pseudonym,
        ready: impl FnOnce() + Send,
        stop: oneshot::Receiver<()>,
    ) -> Result<()> {
        let party = following.party();
        let mut router = Server::builder()
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .http2_keepalive_timeout(Some(Duration::from_secs(20)));
        let streams = Streams::default();
        let router = match party.role {
            Role::Custodian => {
                let dir = party.dir.clone();
                let store = Arc::new(blocking(move || Store::open(&dir)).await??);
                let accepted = Arc::new(Notify::new());
                tokio::spawn(publish(
                    Arc::clone(&following),
                    Arc::clone(&store),
                    name,
                    Arc::clone(&accepted),
                ));
                let following = Arc::clone(&following);
                let service = Custodian { following, store, name, accepted, streams };
                router.add_service(
                    CustodianServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES),
                )
            }
            Role::Proxy => {
                let mailbox = Mailbox::of(&party.dir)?;
                let proxy = Proxy::new(Arc::clone(&following), name, mailbox, streams);
                router
                    .add_service(
                        ProxyServer::new(proxy).max_decoding_message_size(MAX_MESSAGE_BYTES),
                    )
                    .add_service(letters(&following, name, &[Kind::Grant], screen(name))?)
            }
            // What is in it, a command verifies; a requester gets notices and certificates.
            Role::Requester => {
                let accept: Arc<Screen> = Arc::new(|_, _| Ok(()));
                router.add_service(letters(
                    &following,
                    name,
                    &[Kind::Notice, Kind::Certificate],
                    accept,
                )?)
            }
            role @ (Role::Owner | Role::Issuer | Role::Opener) => {
                return Err(RecordsError::Unusable(format!(
                    "a party that is {role} does not serve: it only calls others"
                )));
            }
        };
        // Small answers must not wait for an acknowledgement of the ones before.
        let incoming = TcpIncoming::from(self.listener).with_nodelay(Some(true));
        let watched = Arc::clone(&following);
        let (end, mut ended) = watch::channel(false);
        let mut over = ended.clone();
        tokio::spawn(async move {
            let convicted = async {
                while watched.stopped().is_none() {
                    watched.changed().await;
                }
            };
            tokio::select! {
                _ = stop => {}
                () = convicted => {}
            }
            let _ = end.send(true);
        });
        ready();
        let serving = router.serve_with_incoming_shutdown(incoming, async move {
            let _ = ended.wait_for(|ended| *ended).await;
        });
        // Answers that are being sent may come to their end; nobody keeps this process from ending by not reading them.
        let no_longer = async move {
            let _ = over.wait_for(|ended| *ended).await;
            sleep(GRACE).await;
        };
        tokio::select! {
            served = serving => served.map_err(|error| RecordsError::Interrupted(error.to_string()))?,
            () = no_longer => {}
        }
        // Whoever acts on a coordinator's history must not go on with one that has been convicted.
        following.stopped().map_or(Ok(()), Err)
    }
}

fn letters(
    following: &Arc<Following>,
    name: Pseudonym,
    kinds: &'static [Kind],
    screen: Arc<Screen>,
) -> Result<MailboxServer<MailboxService>> {
    let mailbox = Mailbox::of(&following.party().dir)?;
    let service = MailboxService { following: Arc::clone(following), name, mailbox, kinds, screen };
    Ok(MailboxServer::new(service).max_decoding_message_size(MAX_MESSAGE_BYTES))
}

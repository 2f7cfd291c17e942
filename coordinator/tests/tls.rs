//! Who reaches a node over TLS, and who is refused with what words. Every connection is a real socket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use consilium_authority::{Ceremony, CeremonySpec};
use consilium_contract::transaction::sign;
use consilium_coordinator::{Config, Coordinator, Guests, Limits, Linger, Running, Transport};
use consilium_identity::{CoordinatorFiles, InstitutionFiles, TlsKey};
use consilium_proto::{
    training::Layers,
    v1::{
        Enrol, GetHeadRequest, Reason, SignedTransaction, SubscribeRequest,
        federation_client::FederationClient, ledger_client::LedgerClient, transaction::Action,
    },
};
use consilium_testkit::next_ceremony;
use consilium_transport::{Presented, Refusal, Secure, secured, server_config};
use rand_core::OsRng;
use rustls::{
    AlertDescription, ClientConfig, RootCertStore, pki_types::ServerName, version::TLS12,
};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::{StreamExt as _, wrappers::TcpListenerStream};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

/// A run of four institutions.
struct Founded {
    root: TempDir,
    ceremony: Ceremony,
}

fn founded() -> Founded {
    let root = tempfile::tempdir().unwrap();
    let spec = CeremonySpec::new(Layers::dense(2, vec![3]), vec![0.5; 13], vec![7, 8, 9, 10]);
    let ceremony = Ceremony::hold(&spec, &mut OsRng).unwrap();
    ceremony.write(&root.path().join("ceremony")).unwrap();
    Founded { root, ceremony }
}

/// The next run of the same parties.
fn next_run(earlier: &Founded) -> Founded {
    let root = tempfile::tempdir().unwrap();
    let ceremony = next_ceremony(&earlier.ceremony, &mut OsRng, |_| ());
    ceremony.write(&root.path().join("ceremony")).unwrap();
    Founded { root, ceremony }
}

impl Founded {
    fn path(&self) -> &Path {
        self.root.path()
    }

    fn coordinator(&self) -> CoordinatorFiles {
        CoordinatorFiles::load(&self.path().join("ceremony/coordinator")).unwrap()
    }

    fn institution(&self, number: usize) -> InstitutionFiles {
        let name = format!("ceremony/institution-{number:02}");
        InstitutionFiles::load(&self.path().join(name)).unwrap()
    }

    async fn serve(&self, transport: Transport) -> Running {
        self.serve_on("127.0.0.1:0", transport).await
    }

    async fn serve_on(&self, listen: &str, transport: Transport) -> Running {
        let config = Config {
            transport,
            hearing: Duration::ZERO,
            block_age: Duration::ZERO,
            linger: Linger::Forever,
            ..Config::new(self.coordinator(), self.path().join("ledger"))
        };
        let listener = TcpListener::bind(listen).await.unwrap();
        Coordinator::start(config, listener).await.unwrap()
    }

    /// A way to the address for one who knows this run, and presents this.
    fn way(&self, address: SocketAddr, presented: Option<&Presented>) -> Secure {
        let address = format!("https://{address}");
        let secure =
            Secure::to(&address, &self.ceremony.parameters, presented, |endpoint| endpoint);
        secure.unwrap().unwrap()
    }

    fn enrolment(&self, number: usize) -> SignedTransaction {
        let files = self.institution(number);
        let enrol = Action::Enrol(Enrol { certificate: Some(files.certificate) });
        let author = Some(&files.identity.pseudonym);
        sign(&files.signing, &files.parameters.chain_id, author, enrol)
    }
}

const CLOSED: Transport = Transport::Tls { guests: Guests::Refused };

async fn refused(way: &Secure) -> Refusal {
    way.connect().await.expect_err("nobody is let in")
}

async fn head(channel: Channel) -> Result<(), tonic::Status> {
    LedgerClient::new(channel).get_head(GetHeadRequest { size: 0 }).await.map(drop)
}

/// The same over plain TCP.
async fn plain_head(address: SocketAddr) -> Result<(), String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.map_err(|error| error.to_string())?;
    head(channel).await.map_err(|status| status.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_institution_and_the_authority_are_let_in_with_their_certificates() {
    let run = founded();
    let node = run.serve(CLOSED).await;
    let own = Presented::institution(&run.institution(1));
    let channel = run.way(node.address(), Some(&own)).connect().await.unwrap();
    head(channel.clone()).await.unwrap();
    let receipt = FederationClient::new(channel).enrol(run.enrolment(1)).await.unwrap();
    assert_eq!(receipt.into_inner().reason(), Reason::Accepted);

    let authority = run.ceremony.authority.presented();
    let channel = run.way(node.address(), Some(&authority)).connect().await.unwrap();
    let revoked = run.ceremony.authority.revoke("institution-04").unwrap();
    let receipt = FederationClient::new(channel).administer(revoked).await.unwrap();
    assert_eq!(receipt.into_inner().reason(), Reason::Accepted);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_without_a_certificate_or_with_one_of_another_run_or_another_key() {
    let run = founded();
    let other = founded();
    let node = run.serve(CLOSED).await;
    let address = node.address();
    let none = refused(&run.way(address, None)).await;
    assert_eq!(none, Refusal::NoCertificate);
    assert!(
        none.to_string().contains("give the folder in which this party's certificate"),
        "{none}"
    );

    let foreign = Presented::institution(&other.institution(1));
    let foreign = refused(&run.way(address, Some(&foreign))).await;
    assert_eq!(foreign, Refusal::OtherRun);
    assert!(foreign.to_string().contains("install the one"), "{foreign}");

    // The certificate of another institution, which is public, with a key of one's own.
    let mut stolen = run.institution(2);
    stolen.tls = TlsKey::generate(&mut OsRng);
    let stolen = refused(&run.way(address, Some(&Presented::institution(&stolen)))).await;
    assert_eq!(stolen, Refusal::OtherKey);
    assert!(stolen.to_string().contains("renew"), "{stolen}");

    // The coordinator listens, and has no business to connect.
    let coordinator = Presented::coordinator(&run.coordinator());
    let coordinator = refused(&run.way(address, Some(&coordinator))).await;
    assert!(matches!(coordinator, Refusal::Certificate(_)), "{coordinator}");
    assert!([none, foreign, stolen].iter().all(Refusal::is_final));

    // And the others are served meanwhile.
    let own = Presented::institution(&run.institution(1));
    head(run.way(address, Some(&own)).connect().await.unwrap()).await.unwrap();
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_set_of_keys_each_run_has_connections_of_its_own() {
    let run = founded();
    let next = next_run(&run);
    let node = run.serve(CLOSED).await;
    let address = node.address();
    // Whoever follows the next run meets the coordinator of this one, which is the same: it says itself which run it serves.
    let own = Presented::institution(&next.institution(1));
    let met = refused(&next.way(address, Some(&own))).await;
    assert_eq!(met, Refusal::AnotherRun(run.ceremony.parameters.chain_id));
    assert!(met.to_string().contains("serves another one there"), "{met}");
    assert!(!met.is_final());
    // The key of the transport is the same, and its certificate of the next run lets nobody into this one.
    let elsewhere = refused(&run.way(address, Some(&own))).await;
    assert_eq!(elsewhere, Refusal::OtherRun);
    let authority = next.ceremony.authority.presented();
    assert_eq!(refused(&run.way(address, Some(&authority))).await, Refusal::OtherRun);

    let second = next.serve(CLOSED).await;
    for (run, node) in [(&run, &node), (&next, &second)] {
        let own = Presented::institution(&run.institution(1));
        let channel = run.way(node.address(), Some(&own)).connect().await.unwrap();
        let mut federation = FederationClient::new(channel);
        let follows = SubscribeRequest {
            institution: run.institution(1).identity.pseudonym.to_vec(),
            process: vec![node.address().port() as u8; 16],
            ..SubscribeRequest::default()
        };
        federation.subscribe(follows).await.unwrap();
        let receipt = federation.enrol(run.enrolment(1)).await.unwrap();
        assert_eq!(receipt.into_inner().reason(), Reason::Accepted);
    }
    node.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_does_not_speak_under_anothers_pseudonym() {
    let run = founded();
    let node = run.serve(CLOSED).await;
    let own = Presented::institution(&run.institution(1));
    let channel = run.way(node.address(), Some(&own)).connect().await.unwrap();
    let mut federation = FederationClient::new(channel);
    let refused = |status: tonic::Status| {
        assert_eq!(status.code(), Code::PermissionDenied, "{status}");
        let says = "connect with the certificate of whoever has signed";
        assert!(status.message().contains(says), "{status}");
    };
    refused(federation.enrol(run.enrolment(2)).await.unwrap_err());
    let subscribe = |number| SubscribeRequest {
        from_height: 0,
        head: Vec::new(),
        institution: run.institution(number).identity.pseudonym.to_vec(),
        process: Vec::new(),
    };
    refused(federation.subscribe(subscribe(2)).await.unwrap_err());
    federation.subscribe(subscribe(1)).await.unwrap();
    let receipt = federation.enrol(run.enrolment(1)).await.unwrap();
    assert_eq!(receipt.into_inner().reason(), Reason::Accepted);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_with_another_certificate_than_the_coordinators_gets_nothing() {
    let run = founded();
    let other = founded();
    let own = Presented::institution(&run.institution(1));
    let node = other.serve(CLOSED).await;
    let wrong = refused(&run.way(node.address(), Some(&own))).await;
    assert!(matches!(wrong, Refusal::NotTheCoordinator(_)), "{wrong}");
    assert!(wrong.to_string().contains("its certificate is of another run"), "{wrong}");
    assert!(wrong.to_string().contains("check the address"), "{wrong}");
    assert!(!wrong.is_final(), "a stranger who listens there must not end a run");
    node.stop().await.unwrap();

    // A member of the run that listens in the coordinator's place.
    let member = Presented::institution(&run.institution(2));
    let config = server_config(&run.ceremony.parameters, &member, Guests::Welcome).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    let mut connections =
        Box::pin(secured(Arc::new(config), incoming, |_: &TcpStream| String::new()));
    let listens = tokio::spawn(async move { connections.next().await });
    let wrong = refused(&run.way(address, Some(&own))).await;
    assert!(matches!(wrong, Refusal::NotTheCoordinator(_)), "{wrong}");
    assert!(wrong.to_string().contains("the coordinator was expected"), "{wrong}");
    listens.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_is_not_spoken() {
    let run = founded();
    let node = run.serve(CLOSED).await;
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
    let tcp = TcpStream::connect(node.address()).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let error = connector.connect(name, tcp).await.unwrap_err();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let expected = rustls::Error::AlertReceived(AlertDescription::ProtocolVersion);
    assert_eq!(inner, Some(&expected), "{error}");
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_tcp_and_tls_do_not_meet_and_plain_tcp_stays_on_one_machine() {
    let run = founded();
    let own = Presented::institution(&run.institution(1));
    let node = run.serve(Transport::Plain).await;
    let error = refused(&run.way(node.address(), Some(&own))).await;
    assert!(matches!(error, Refusal::NotTls13(_)), "{error}");
    assert!(error.to_string().contains("without --plain"), "{error}");
    node.stop().await.unwrap();

    let node = run.serve(CLOSED).await;
    assert!(plain_head(node.address()).await.is_err());
    node.stop().await.unwrap();

    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let config = Config::new(run.coordinator(), run.path().join("second"));
    let error = Coordinator::start(config, listener).await.unwrap_err().to_string();
    assert!(error.contains("leave out --plain"), "{error}");
    assert!(!run.path().join("second").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_local_ceremony_takes_both_on_one_machine_and_tls_alone_from_others() {
    let run = founded();
    let own = Presented::institution(&run.institution(1));
    let node = run.serve(Transport::Both).await;
    plain_head(node.address()).await.unwrap();
    head(run.way(node.address(), Some(&own)).connect().await.unwrap()).await.unwrap();
    // One that says nothing holds up neither.
    let _silent = TcpStream::connect(node.address()).await.unwrap();
    plain_head(node.address()).await.unwrap();
    assert_eq!(refused(&run.way(node.address(), None)).await, Refusal::NoCertificate);
    node.stop().await.unwrap();

    let node = run.serve_on("0.0.0.0:0", Transport::Both).await;
    let here = SocketAddr::from(([127, 0, 0, 1], node.address().port()));
    head(run.way(here, Some(&own)).connect().await.unwrap()).await.unwrap();
    assert!(plain_head(here).await.is_err());
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_read_the_ledger_where_they_are_welcome_and_are_nobody_there() {
    let run = founded();
    let node = run.serve(Transport::Tls { guests: Guests::Welcome }).await;
    let channel = run.way(node.address(), None).connect().await.unwrap();
    head(channel.clone()).await.unwrap();
    let mut federation = FederationClient::new(channel);
    let follows = SubscribeRequest::default();
    federation.subscribe(follows.clone()).await.unwrap();
    let institution = run.institution(1).identity.pseudonym.to_vec();
    let error = federation.subscribe(SubscribeRequest { institution, ..follows }).await;
    assert_eq!(error.unwrap_err().code(), Code::PermissionDenied);
    let error = federation.enrol(run.enrolment(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");

    // A certificate that does not hold is worse than none.
    let foreign = Presented::institution(&founded().institution(1));
    assert_eq!(refused(&run.way(node.address(), Some(&foreign))).await, Refusal::OtherRun);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_hold_streams_take_no_place_of_an_institution() {
    let world = founded();
    let running = world.serve(Transport::Tls { guests: Guests::Welcome }).await;
    let limits = Limits::default();
    let subscribe = |channel: Channel| async move {
        FederationClient::new(channel).subscribe(SubscribeRequest::default()).await
    };
    let guest = world.way(running.address(), None);
    let mut held = Vec::new();
    let mut refused = 0;
    // More connections than one, each with fewer calls than it may have.
    for _ in 0..4 {
        let channel = guest.connect().await.unwrap();
        for _ in 0..limits.calls_of_a_guest / 2 {
            match subscribe(channel.clone()).await {
                Ok(stream) => held.push((channel.clone(), stream)),
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((held.len(), refused), (limits.calls_of_a_guest, limits.calls_of_a_guest));
    let files = world.institution(1);
    let presented = Presented::institution(&files);
    let institution = world.way(running.address(), Some(&presented)).connect().await.unwrap();
    let mut own = Vec::new();
    for _ in 0..limits.calls_of_an_institution / 2 {
        own.push(subscribe(institution.clone()).await.unwrap());
    }
    // A guest that hangs up leaves its places to the next one.
    drop(held);
    tokio::time::timeout(Duration::from_secs(10), async {
        let channel = guest.connect().await.unwrap();
        while subscribe(channel.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    running.stop().await.unwrap();
}

//! The authority holds a run and lets it go on, over real sockets and across a restart.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::time::Duration;

use common::{World, found, open, submit_all};
use consilium_authority::{AuthorityFiles, send};
use consilium_contract::Phase;
use consilium_proto::v1::{Reason, SignedTransaction};
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn no_round_opens_while_the_authority_holds_the_run_also_after_a_restart() {
    let world = World::new(|spec| spec.steps = 2);
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;

    let authority = AuthorityFiles::load(&world.root.path().join("ceremony/authority")).unwrap();
    let (pause, resume) = (authority.pause(10), authority.resume(11));
    let sends = async |address: &str, signed: &SignedTransaction| {
        send(address, signed.clone()).await.map_err(|error| error.to_string())
    };
    let address = format!("http://{}", running.address());
    sends(&address, &pause).await.unwrap();
    // The round that is open goes on to its end, and no other follows.
    assert_eq!(submit_all(&peer, &institutions, &round).await, [Reason::Accepted; 4]);
    open(&peer, &mut follower, &institutions).await;
    follower.closed(&peer, 0).await;
    sleep(Duration::from_millis(500)).await;
    follower.sync(&peer).await;
    assert!(matches!(follower.contract.phase(), Phase::Idle));
    assert!(follower.contract.pausing().is_paused());
    running.stop().await.unwrap();

    let (running, peer) = world.start(|_| {}).await;
    let address = format!("http://{}", running.address());
    sleep(Duration::from_millis(500)).await;
    follower.sync(&peer).await;
    assert!(matches!(follower.contract.phase(), Phase::Idle));
    sends(&address, &resume).await.unwrap();
    follower.collecting(&peer, 1, 0).await;
    // An old word, which anyone may have kept, pauses nothing.
    let again = peer.administer(authority.pause(9)).await.unwrap();
    assert_eq!(again.reason(), Reason::Duplicate);
    assert!(!follower.contract.pausing().is_paused());
    running.stop().await.unwrap();
}

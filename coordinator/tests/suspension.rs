//! Rounds stop waiting for an institution that has gone, and wait for it again once it says that it is there: over real
//! sockets, with the clock of the machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::time::{Duration, Instant};

use common::{World, found, open, submit_all};
use consilium_proto::v1::{Reason, Rejoin, transaction::Action};
use tokio::time::sleep;

const TIMEOUT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn rounds_stop_waiting_for_one_that_has_gone_and_wait_again_once_it_is_there() {
    let world = World::new(|spec| {
        (spec.steps, spec.suspend_after) = (4, 1);
        spec.collection_timeout_ms = TIMEOUT.as_millis() as u64;
    });
    let (running, peer) = world.start(|_| {}).await;
    let institutions = world.institutions();
    let present = &institutions[..3];
    let gone = &institutions[3];
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    for (step, waits) in [(0, true), (1, false)] {
        let round = follower.collecting(&peer, step, 0).await;
        let start = Instant::now();
        assert_eq!(submit_all(&peer, present, &round).await, [Reason::Accepted; 3]);
        follower.sealed(&peer, step).await;
        assert_eq!(start.elapsed() >= TIMEOUT * 3 / 4, waits, "{:?}", start.elapsed());
        open(&peer, &mut follower, present).await;
    }
    assert!(follower.contract.roster().get(&gone.pseudonym()).unwrap().is_suspended(1));

    let round = follower.collecting(&peer, 2, 0).await;
    let again = gone.sign(Action::Rejoin(Rejoin { step: 2 }));
    assert_eq!(peer.enrol(again).await.unwrap().reason(), Reason::Accepted);
    assert_eq!(submit_all(&peer, present, &round).await, [Reason::Accepted; 3]);
    sleep(Duration::from_millis(500)).await;
    follower.sync(&peer).await;
    assert_eq!(follower.contract.phase().name(), "collecting", "it is waited for");
    let last = std::slice::from_ref(gone);
    assert_eq!(submit_all(&peer, last, &round).await, [Reason::Accepted]);
    open(&peer, &mut follower, &institutions).await;
    running.stop().await.unwrap();
}

//! What an operator sees of a node, over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is how a test fails"
)]

mod common;

use std::{net::SocketAddr, process::Output, time::Duration};

use common::{Institution, PROGRAM, Peer, World, found, open, submit_all};
use consilium_coordinator::{Running, status_of_node};
use consilium_proto::v1::{BlockMessage, Reason, SubscribeRequest};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep},
};
use tonic::Streaming;

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// The status once it is as a test expects it.
async fn status(address: SocketAddr, is_so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let status = serde_json::from_str(&get(address, "/status.json").await).unwrap();
        if is_so(&status) {
            return status;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{status:#}");
        sleep(Duration::from_millis(100)).await;
    }
}

async fn start(world: &World) -> (Running, Peer, SocketAddr) {
    let (running, peer) =
        world.start(|config| config.metrics = Some("127.0.0.1:0".parse().unwrap())).await;
    let metrics = running.metrics_address().unwrap();
    (running, peer, metrics)
}

async fn follow(peer: &Peer, institution: &Institution) -> Streaming<BlockMessage> {
    let institution = institution.pseudonym().to_vec();
    let request =
        SubscribeRequest { from_height: 0, head: Vec::new(), institution, process: Vec::new() };
    peer.federation.clone().subscribe(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_seen_as_it_goes_and_the_one_who_is_awaited_by_name() {
    let world = World::new(|spec| spec.steps = 2);
    let (running, peer, metrics) = start(&world).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let reasons = submit_all(&peer, &institutions[..3], &round).await;
    assert_eq!(reasons, [Reason::Accepted; 3]);

    let late = institutions[3].pseudonym().to_string();
    let followed = follow(&peer, &institutions[0]).await;
    let seen = status(metrics, |status| {
        status["waiting"]["absent"] == Value::from(vec![late.clone()])
            && status["institutions"]
                .as_array()
                .unwrap()
                .iter()
                .any(|one| one["is_connected"] == true)
    })
    .await;
    assert_eq!(seen["run"]["phase"], "collecting");
    assert_eq!(seen["waiting"]["what"], "updates");
    let one = |name: String| {
        let all = seen["institutions"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name.as_str()).unwrap().clone()
    };
    let first = one(institutions[0].pseudonym().to_string());
    assert_eq!((&first["standing"], &first["is_connected"]), (&"accepted".into(), &true.into()));
    assert_eq!(one(late)["standing"], "awaited");
    assert_eq!(one(institutions[1].pseudonym().to_string())["is_connected"], false);

    drop(followed);
    submit_all(&peer, &institutions[3..], &round).await;
    open(&peer, &mut follower, &institutions).await;
    let seen = status(metrics, |status| {
        status["run"]["step"] == 1 && status["rounds"].as_array().is_some_and(|all| all.len() == 1)
    })
    .await;
    assert_eq!(seen["rounds"][0]["accepted"], 4);
    assert_eq!(seen["counts"]["updates_accepted"], 4);
    assert_eq!(seen["head"]["countersigned"]["step"], 0);
    status(metrics, |status| {
        status["institutions"].as_array().unwrap().iter().all(|one| one["is_connected"] == false)
    })
    .await;

    let text = get(metrics, "/metrics").await;
    for line in ["consilium_rounds 1", "consilium_updates_accepted_total 4", "consilium_enrolled 4"]
    {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let flushes = text.lines().find(|line| line.starts_with("consilium_flush_seconds_count "));
    assert!(flushes.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 4);
    assert!(get(metrics, "/").await.contains("<script src=\"/page.js\""));
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_is_shown_with_its_author_and_reason() {
    let world = World::new(|_| {});
    let (running, peer, metrics) = start(&world).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    let mut update = institutions[1].update(&round);
    update.body.truncate(update.body.len() - 1);
    assert_eq!(peer.submit(&update).await.unwrap().reason(), Reason::IncompleteBody);
    let seen = status(metrics, |status| status["counts"]["rejected"]["incomplete_body"] == 1).await;
    let rejection = &seen["rejections"][0];
    assert_eq!(rejection["author"], institutions[1].pseudonym().to_string().as_str());
    assert_eq!(
        (&rejection["reason"], &rejection["culprit"]),
        (&"incomplete_body".into(), &Value::Null)
    );
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_callers_of_the_page_hold_neither_it_nor_the_round() {
    let world = World::new(|_| {});
    let (running, peer, metrics) = start(&world).await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(metrics).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        silent.push(stream);
    }
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    let round = follower.collecting(&peer, 0, 0).await;
    submit_all(&peer, &institutions, &round).await;
    open(&peer, &mut follower, &institutions).await;
    let text = get(metrics, "/metrics").await;
    assert!(text.contains("\nconsilium_run_finished 1\n"), "{text}");
    let open_files = text.lines().find_map(|line| line.strip_prefix("process_open_fds ")).unwrap();
    // The tests' own ends of them are in the same process.
    assert!(open_files.parse::<u64>().unwrap() < 300 + 200, "{open_files}");
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_node_is_that_of_its_ledger_once_it_is_stopped() {
    let world = World::new(|_| {});
    let (running, peer, metrics) = start(&world).await;
    let institutions = world.institutions();
    let mut follower = world.follower();
    found(&peer, &mut follower, &institutions).await;
    follower.collecting(&peer, 0, 0).await;
    let seen = status(metrics, |status| status["run"]["phase"] == "collecting").await;
    let asked = tokio::task::spawn_blocking(move || status_of_node(metrics, false)).await.unwrap();
    assert!(asked.unwrap().contains("waiting      for updates"));
    running.stop().await.unwrap();

    let unreachable = tokio::task::spawn_blocking(move || status_of_node(metrics, true)).await;
    assert!(unreachable.unwrap().unwrap_err().to_string().contains("--metrics"));
    let mut command = std::process::Command::new(PROGRAM);
    command.arg("status").arg("--ceremony").arg(world.coordinator_folder());
    command.arg("--ledger").arg(world.ledger()).arg("--json");
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let stopped: Value = serde_json::from_slice(&stdout).unwrap();
    for key in ["chain", "committee", "institutions"] {
        assert_eq!(stopped[key], seen[key], "{key}");
    }
    assert_eq!(stopped["run"]["phase"], "collecting");
}

//! A coordinator on a socket, for the programs of a test.

use std::{path::Path, time::Duration};

use consilium_coordinator::{Config, Coordinator, Linger, Running};
use consilium_identity::CoordinatorFiles;
use tokio::{net::TcpListener, runtime::Runtime};

/// Starts the coordinator of the ceremony in `root`, with its ledger beside that. It waits for nobody, and stays.
pub fn start(root: &Path) -> (Runtime, Running) {
    let runtime = Runtime::new().unwrap();
    let files = CoordinatorFiles::load(&root.join("ceremony/coordinator")).unwrap();
    let config = Config {
        hearing: Duration::ZERO,
        block_age: Duration::ZERO,
        linger: Linger::Forever,
        ..Config::new(files, root.join("ledger"))
    };
    let running = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Coordinator::start(config, listener).await.unwrap()
    });
    (runtime, running)
}

//! The program as a child process.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::{Peer, World};

/// The program of this package.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_consilium-coordinator");

/// The program on this world's ledger.
pub fn command(world: &World) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("--ceremony").arg(world.coordinator_folder()).arg("--ledger").arg(world.ledger());
    command
}

/// The program as a child process.
pub struct Node {
    pub child: Child,
    pub peer: Peer,
}

impl Node {
    pub async fn start(world: &World) -> Self {
        Self::start_with(world, &["--hearing", "0"]).await
    }

    pub async fn start_with(world: &World, arguments: &[&str]) -> Self {
        Self::start_logging(world, arguments, Stdio::null()).await
    }

    /// What it says goes to `log`.
    pub async fn start_logging(world: &World, arguments: &[&str], log: impl Into<Stdio>) -> Self {
        let mut child = command(world)
            .args(["--plain", "--listen", "127.0.0.1:0", "--block-age", "0", "--linger", "2"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let peer = Peer::connect(address.trim()).await;
        Self { child, peer }
    }

    /// SIGKILL, and a new process on the same ledger.
    pub async fn kill_and_restart(mut self, world: &World) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::start(world).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Tells the bench which compiler and which arithmetic it was built with.

use std::env;
use std::process::Command;

fn main() {
    let compiler = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(compiler)
        .arg("--version")
        .output()
        .ok()
        .filter(|output| output.status.success());
    if let Some(version) = version.and_then(|output| String::from_utf8(output.stdout).ok()) {
        println!("cargo::rustc-env=CONSILIUM_RUSTC={}", version.trim());
    }
    if let Ok(backend) = env::var("CARGO_CFG_CURVE25519_DALEK_BACKEND") {
        println!("cargo::rustc-env=CONSILIUM_DALEK_BACKEND={backend}");
    }
    println!("cargo::rerun-if-changed=build.rs");
}

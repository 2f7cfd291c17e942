//! What a program cannot be handed, because nothing here has it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::process::Command;

#[test]
fn whoever_starts_programs_links_neither_keys_nor_an_institutions_state() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "-e", "normal", "--prefix", "none"])
        .args(["-p", "consilium-trainer"])
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    assert!(tree.contains("consilium-learning"), "{tree}");
    for unwanted in ["identity", "crypto", "contract", "ledger", "audit", "authority", "client"] {
        let unwanted = format!("consilium-{unwanted}");
        let linked = tree.lines().find(|line| line.starts_with(&unwanted));
        assert_eq!(linked, None, "{unwanted} is linked");
    }
}
